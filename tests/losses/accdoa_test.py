"""ADPIT against brute force over all mappings of tracks to sources."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.loss_examples import CLASSES, sources
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import losses


def targets_of(given, number):
  """All sets of three targets of one class with so many sources."""
  if not number:
    return [np.zeros((3, given.shape[-1]))]
  every = itertools.product(range(number), repeat=3)
  return [given[list(one)] for one in every if set(one) == set(range(number))]


def brute_force(predictions, given, count):
  """Losses, and the target that is chosen for each class, in float64."""
  chosen = np.zeros_like(predictions)
  shape = count.shape
  errors = np.zeros(shape)
  for index in np.ndindex(*shape):
    frame, class_index = index[:-1], index[-1]
    predicted = predictions[frame][:, class_index]
    candidates = targets_of(given[frame][:, class_index], count[index])
    assert len(candidates) == {0: 1, 1: 1, 2: 6, 3: 6}[count[index]]
    all_errors = [((predicted - one) ** 2).mean() for one in candidates]
    errors[index] = min(all_errors)
    chosen[frame][:, class_index] = candidates[int(np.argmin(all_errors))]
  return errors.mean(axis=-1), chosen


def example(shape=(3, 4), *, size=3, seed=0):
  given, count = sources(shape, size=size, seed=seed)
  noise = np.random.default_rng(seed + 1).standard_normal(given.shape)
  return noise, given, count


def single(*arrays):
  return [jnp.asarray(array, jnp.float32) for array in arrays]


compiled = jit(losses.adpit_mse)


@jit
def with_gradients(predictions, given, count):
  """Losses, and the gradients of their sum to predictions and sources."""

  def total(predictions, given):
    found = losses.adpit_mse(predictions, given, count)
    return found.sum(), found

  gradients, found = jax.grad(total, argnums=(0, 1), has_aux=True)(
    predictions, given
  )
  return found, gradients


@pytest.mark.parametrize(('shape', 'size'), [((), 4), ((20,), 2), ((3, 4), 3)])
def test_the_loss_equals_brute_force(shape, size):
  predictions, given, count = example(shape, size=size)
  expected, _ = brute_force(predictions, given, count)
  with jax.enable_x64(True):
    wide = map(jnp.asarray, (predictions, given, count))
    found = compiled(*wide)
    assert found.shape == shape
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_gradient_is_that_of_the_chosen_target():
  predictions, given, count = example()
  assert set(np.unique(count)) == {0, 1, 2, 3}
  _, chosen = brute_force(predictions, given, count)
  _, (slope, _) = with_gradients(*single(predictions, given), count)
  expected = 2 * (predictions - chosen) / (3 * 3 * CLASSES)
  np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(
  seed=st.integers(0, 1000),
  tracks=st.permutations(range(3)),
  slots=st.permutations(range(3)),
)
def test_the_order_of_tracks_and_sources_does_not_matter(seed, tracks, slots):
  predictions, given, count = example((8,), seed=seed)
  count = np.where(count == 2, 3, count)  # then all slots may change places
  given[..., 1:, :, :] *= (count == 3)[:, None, :, None]
  expected = compiled(*single(predictions, given), count)
  moved = given[:, list(slots)]
  # A source that is alone stays in the first slot.
  moved = np.where((count == 3)[:, None, :, None], moved, given)
  found = compiled(*single(predictions[:, list(tracks)], moved), count)
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_order_of_two_sources_does_not_matter():
  predictions, given, count = example((8,))
  count = np.full_like(count, 2)
  given = np.random.default_rng(5).standard_normal(given.shape)
  expected = compiled(*single(predictions, given), count)
  swapped = given[:, [1, 0, 2]]
  found = compiled(*single(predictions, swapped), count)
  np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize('number', [0, 1, 2, 3])
def test_every_complete_placement_of_the_sources_has_no_loss(number):
  given = np.random.default_rng(0).standard_normal((3, 1, 4))
  count = jnp.array([number])
  targets = targets_of(given[:, 0], number)
  for target in targets:
    value, (slope, _) = with_gradients(*single(target[:, None], given), count)
    assert value == 0
    np.testing.assert_array_equal(slope, 0)
  if number > 1:
    # Not every source has a track.
    missing = np.repeat(given[:1], 3, axis=0)
    assert compiled(*single(missing, given), count) > 0.01


def test_one_source_is_the_mean_of_accdoa_over_the_tracks():
  predictions, given, _ = example((8,))
  given = np.random.default_rng(4).standard_normal(given.shape)
  one = np.ones((8, CLASSES), int)
  for count, target in (one, given[:, 0]), (0 * one, 0 * given[:, 0]):
    expected = [
      losses.accdoa_mse(*single(predictions[:, track], target))
      for track in range(3)
    ]
    found = compiled(*single(predictions, given), count)
    np.testing.assert_allclose(found, np.mean(expected, axis=0), rtol=1e-5)


def test_slots_behind_the_count_are_ignored():
  predictions, given, count = example()
  spoilt = np.where(
    (np.arange(3)[:, None] < count[..., None, :])[..., None], given, np.nan
  )
  expected = with_gradients(*single(predictions, given), count)
  found = with_gradients(*single(predictions, spoilt), count)
  jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize('dtype', [jnp.int32, jnp.float32, jnp.bfloat16])
def test_counts_may_be_of_any_type(dtype):
  predictions, given, count = example()
  expected = compiled(*single(predictions, given), count)
  found = compiled(*single(predictions, given), jnp.asarray(count, dtype))
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('number', [2, 3])
def test_equal_errors_give_one_finite_gradient(number):
  """Of all tracks at the same place, one is chosen for each source."""
  given = np.eye(3)[:, None]
  value, (slope, _) = with_gradients(
    jnp.zeros((3, 1, 3)), *single(given), jnp.array([number])
  )
  np.testing.assert_allclose(value, 1 / 3, rtol=1e-6)
  pulled = np.asarray(-slope[:, 0] * 9 / 2)
  assert {tuple(row) for row in pulled} == {
    tuple(row) for row in np.eye(3)[:number]
  }


def test_a_network_that_gives_nan_has_no_finite_loss():
  predictions, given, count = example((8,))
  predictions[0, 1, 2, 0] = np.nan
  found = compiled(*single(predictions, given), count)
  assert jnp.isnan(found[0]) and jnp.isfinite(found[1:]).all()


def test_large_batches_of_bfloat16_choose_as_float32_does():
  predictions, given, count = example((200,))
  half = [x.astype(jnp.bfloat16) for x in single(predictions, given)]
  expected = compiled(*[x.astype(jnp.float32) for x in half], count)
  found = compiled(*half, count)
  assert found.dtype == jnp.bfloat16
  np.testing.assert_allclose(np.asarray(found, np.float32), expected, rtol=0.02)


@pytest.mark.parametrize('shape', [(2, 4, 3), (4, 3), (5, 2, 4, 3)])
def test_other_numbers_of_tracks_are_refused(shape):
  good = jnp.zeros((3, 4, 3))
  bad, count = jnp.zeros(shape), jnp.zeros(4)
  with pytest.raises(ValueError, match=r'predictions.*\[\.\.\., 3, classes'):
    losses.adpit_mse(bad, good, count)
  with pytest.raises(ValueError, match=r'sources.*\[\.\.\., 3, classes'):
    losses.adpit_mse(good, bad, count)


@pytest.mark.parametrize('size', [2, 3, 4])
def test_accdoa_equals_numpy(size):
  rng = np.random.default_rng(0)
  predicted, target = rng.standard_normal((2, 4, 6, CLASSES, size))
  found = losses.accdoa_mse(*single(predicted, target))
  expected = ((predicted - target) ** 2).sum(axis=(2, 3)) / (CLASSES * size)
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_accdoa_is_zero_at_the_target_and_nowhere_else():
  target = jnp.zeros((4, 3)).at[1].set(jnp.array([0, 0.6, 0.8]))
  assert losses.accdoa_mse(target, target) == 0
  # A vector that is too short is an error, in the right direction, too.
  np.testing.assert_allclose(
    losses.accdoa_mse(0.5 * target, target), 0.25 / 12, rtol=1e-6
  )


def test_directions_alone_may_place_the_sources():
  """A distance that was predicted for the other source costs something then."""
  places = jnp.array([[1.0, 0.0], [0.0, 1.0]])
  far, near = jnp.array([[4.0], [1.0]])
  predictions = jnp.stack(
    [
      jnp.array([0.9, 0.0, 1.0]),  # the first direction, the other distance
      *[jnp.array([0.0, 0.9, 4.0])] * 2,
    ]
  )[:, None]
  sources = jnp.stack(
    [
      jnp.concatenate([places[0], far]),
      jnp.concatenate([places[1], near]),
      jnp.zeros(3),
    ]
  )[:, None]
  both = losses.adpit_mse(predictions, sources, jnp.array([2]))
  # By the distances, the first track has the second source: with errors of 0.9
  # and 1 in the components of the directions.
  np.testing.assert_allclose(both, (3 * (0.9**2 + 1)) / 9, rtol=1e-6)
  by_doa = losses.adpit_mse(predictions, sources, jnp.array([2]), doa_axes=2)
  np.testing.assert_allclose(by_doa, 3 * 0.1**2 / 6 + 3**2, rtol=1e-5)


def test_without_other_components_the_directions_are_all():
  predictions, given, count = map(jnp.asarray, example())
  np.testing.assert_array_equal(
    losses.adpit_mse(predictions, given, count, doa_axes=3),
    compiled(predictions, given, count),
  )
  with pytest.raises(ValueError, match='doa_axes must be 1 to 3'):
    losses.adpit_mse(predictions, given, count, doa_axes=4)
