"""The masks of SpecAugment, element by element, and their random draws."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import CROP, distinct_features
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import augment


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_mask_bands_replaces_exactly_the_given_intervals(data):
  axis = data.draw(st.integers(0, 1))
  channels = data.draw(st.sampled_from([1, CROP[2]]))
  size = CROP[axis]
  pairs = st.lists(
    st.tuples(st.integers(0, size), st.integers(0, size)),
    min_size=2 * channels,
    max_size=2 * channels,
  )
  starts, widths = np.array(data.draw(pairs)).T.reshape(2, 2, channels)
  fill = np.arange(CROP[2], dtype=np.float32) - 5
  expected = distinct_features().copy()
  for mask, channel in np.ndindex(2, CROP[2]):
    column = channel if channels > 1 else 0
    start = starts[mask, column]
    inside = slice(start, start + widths[mask, column])
    where = (inside, slice(None)) if axis == 0 else (slice(None), inside)
    expected[(*where, channel)] = fill[channel]
  actual = augment.mask_bands(
    jnp.asarray(distinct_features()),
    jnp.asarray(starts),
    jnp.asarray(widths),
    axis=axis,
    fill=jnp.asarray(fill),
  )
  np.testing.assert_array_equal(actual, expected)


@functools.cache
def masking(**options):
  return jit(functools.partial(augment.spec_augment, **options))


def masked_cells(key, *, shape=CROP, **options):
  """The elements that one draw replaced by the mean of their channel."""
  before = distinct_features(shape)
  after = np.asarray(masking(**options)(key, jnp.asarray(before)))
  assert after.shape == before.shape
  masked = after != before
  mean = np.broadcast_to(before.mean(axis=(0, 1), dtype=np.float64), shape)
  np.testing.assert_allclose(after[masked], mean[masked], rtol=1e-5)
  return masked


def lines(masked):
  """The masked frames and bands of each channel: `[frames, c], [mels, c]`."""
  frames, bands = masked.all(axis=1), masked.all(axis=0)
  # Masks are whole frames and whole bands.
  np.testing.assert_array_equal(masked, frames[:, None] | bands[None])
  return frames, bands


@pytest.mark.parametrize('seed', range(10))
def test_paper_masks_are_whole_frames_and_bands_in_bounds(seed):
  frames, bands = lines(masked_cells(jax.random.key(seed)))
  for masked in frames, bands:
    # Two masks of 0 to 9: at most 18 lines in at most two intervals.
    assert masked.sum(axis=0).max() <= 18
    edges = np.diff(masked.astype(int), axis=0, prepend=0) == 1
    assert edges.sum(axis=0).max() <= 2


def many_draws(count=3000, size=16, width=5, share_channels=False):
  """Frames masked by one time mask in many draws: `[count, size, 3]`."""
  before = jnp.asarray(distinct_features((size, 2, 3)))
  keys = jax.random.split(jax.random.key(3), count)
  draw = functools.partial(
    augment.spec_augment,
    num_time_masks=1,
    max_time_width=width,
    num_band_masks=0,
    share_channels=share_channels,
  )
  after = jit(jax.vmap(draw, (0, None)))(keys, before)
  masked = np.asarray(after != before)
  np.testing.assert_array_equal(masked[:, :, 0], masked[:, :, 1])
  return masked[:, :, 0]


def test_widths_and_positions_are_uniform_and_reach_both_ends():
  count, size, width = 3000, 16, 5
  masked = many_draws(count, size, width)
  widths = masked.sum(axis=1)
  starts = masked.argmax(axis=1)
  for channel in range(3):
    numbers = np.bincount(widths[:, channel], minlength=width + 1)
    assert len(numbers) == width + 1
    expected = count / (width + 1)
    assert (abs(numbers - expected) < 5 * np.sqrt(expected)).all()
    for one in range(1, width + 1):
      at = starts[widths[:, channel] == one, channel]
      numbers = np.bincount(at, minlength=size - one + 1)
      # All positions where the mask fits, including the last one, and no other.
      assert len(numbers) == size - one + 1
      expected = len(at) / len(numbers)
      assert (abs(numbers - expected) < 5 * np.sqrt(expected)).all()
  # Each mask is one interval.
  rises = np.diff(masked.astype(int), axis=1, prepend=0) == 1
  np.testing.assert_array_equal(rises.sum(axis=1), widths > 0)


def test_channels_have_own_masks_or_share_them():
  own = many_draws(500)
  shared = many_draws(500, share_channels=True)
  assert np.mean((own[..., 0] != own[..., 1]).any(axis=1)) > 0.9
  np.testing.assert_array_equal(shared[..., 0], shared[..., 1])
  np.testing.assert_array_equal(shared[..., 0], shared[..., 2])
  assert shared.any()
  # Independent channels: no correlation.
  widths = own.sum(axis=1)
  assert abs(np.corrcoef(widths[:, 0], widths[:, 1])[0, 1]) < 0.2


def test_times_and_bands_are_drawn_independently():
  keys = jax.random.split(jax.random.key(5), 2000)
  before = jnp.asarray(distinct_features((20, 20, 1)))
  draw = lambda key: augment.spec_augment(
    key, before, num_time_masks=1, num_band_masks=1
  )
  masked = np.asarray(jit(jax.vmap(draw))(keys) != before)[..., 0]
  frames, bands = masked.all(axis=2).sum(axis=1), masked.all(axis=1).sum(axis=1)
  assert abs(np.corrcoef(frames, bands)[0, 1]) < 0.12


@pytest.mark.parametrize('axis', [0, 1])
def test_masks_can_be_restricted_to_one_axis(axis):
  names = 'num_time_masks', 'num_band_masks'
  masked = masked_cells(jax.random.key(1), **{names[1 - axis]: 0})
  both = lines(masked)
  assert both[axis].any()
  assert not both[1 - axis].any()


def test_masks_wider_than_the_features_still_fit():
  shape = (3, 2, 4)
  largest = 0
  for seed in range(20):
    masked = masked_cells(jax.random.key(seed), shape=shape)
    largest = max(largest, masked.all(axis=(0, 1)).sum())
  assert largest > 0


def test_no_masks_change_nothing():
  same = augment.spec_augment(
    jax.random.key(0),
    jnp.asarray(distinct_features()),
    num_time_masks=0,
    num_band_masks=0,
  )
  np.testing.assert_array_equal(same, distinct_features())


def test_masks_depend_on_the_key_only_and_jit_equals_eager():
  before = jnp.asarray(distinct_features())
  jitted = jit(augment.spec_augment)
  results = [np.asarray(jitted(jax.random.key(k), before)) for k in range(8)]
  again = augment.spec_augment(jax.random.key(3), before)
  np.testing.assert_array_equal(results[3] != before, again != before)
  np.testing.assert_allclose(results[3], again, rtol=1e-6)
  assert len({result.tobytes() for result in results}) == 8
