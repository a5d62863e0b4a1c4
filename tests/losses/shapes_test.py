"""Arrays that would only broadcast are refused: the mean would be wrong."""

import jax.numpy as jnp
import pytest

from seld_jax import losses

FRAMES = jnp.full((4, 5, 3), 0.5)
VECTORS = jnp.ones((4, 5, 3, 2))


@pytest.mark.parametrize(
  'loss',
  [
    losses.sed_mse,
    losses.sed_cross_entropy,
    losses.sed_focal,
    losses.sed_soft_f1,
    losses.doa_mse,
    losses.accdoa_mse,
  ],
)
def test_predictions_and_targets_need_the_same_shape(loss):
  for targets in FRAMES[0], FRAMES[..., :1]:
    with pytest.raises(ValueError, match=r'same shape, got \[4, 5, 3\] and'):
      loss(FRAMES, targets)


@pytest.mark.parametrize(
  'loss',
  [
    losses.doa_masked_mse,
    losses.doa_masked_norm,
    losses.doa_cosine,
    losses.doa_angular,
  ],
)
def test_directions_need_an_activity_for_each(loss):
  loss(VECTORS, VECTORS, FRAMES)
  with pytest.raises(ValueError, match=r'same shape, got .* and \[5, 3, 2\]'):
    loss(VECTORS, VECTORS[0], FRAMES)
  for activity in FRAMES[0], FRAMES[..., :1], VECTORS:
    with pytest.raises(ValueError, match=r'need activity .* \[4, 5, 3\], got'):
      loss(VECTORS, VECTORS, activity)


@pytest.mark.parametrize(
  'loss', [losses.distance_mse, losses.distance_mspe, losses.distance_mape]
)
def test_distances_need_an_activity_for_each(loss):
  loss(FRAMES, FRAMES, FRAMES)
  with pytest.raises(ValueError, match=r'same shape, got .* and \[5, 3\]'):
    loss(FRAMES, FRAMES[0], FRAMES[0])
  with pytest.raises(ValueError, match=r'need activity .* \[4, 5, 3\], got'):
    loss(FRAMES, FRAMES, FRAMES[0])


def test_placements_need_a_count_for_each_class():
  tracks = jnp.zeros((2, 3, 4, 3))
  with pytest.raises(ValueError, match=r'same shape, got .* and \[3, 4, 3\]'):
    losses.adpit_mse(tracks, tracks[0], jnp.zeros((2, 4)))
  with pytest.raises(ValueError, match=r'count with the shape .* got \[4\]'):
    losses.adpit_mse(tracks, tracks, jnp.zeros(4))
