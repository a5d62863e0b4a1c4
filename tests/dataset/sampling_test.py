"""Crops and segments of training steps stay in recordings and cover them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax.dataset import sampling
from seld_jax.errors import InputError

LENGTHS = (30, 20, 41, 20, 25, 33, 20)


def crops(step, *, seed=0, lengths=LENGTHS, batch_size=3):
  return sampling.crop_starts(
    seed,
    step,
    offsets=np.concatenate([[0], np.cumsum(lengths)]),
    batch_size=batch_size,
    crop_label_frames=20,
  )


def recording_of(starts, lengths=LENGTHS):
  return np.searchsorted(np.cumsum(lengths), starts, side='right')


def test_crops_depend_only_on_seed_and_step():
  for step in 0, 5, 1000:
    first = crops(step)
    crops(step + 1, seed=9)
    np.testing.assert_array_equal(crops(step), first)
  assert crops(0).dtype == np.int32
  assert not np.array_equal(crops(0), crops(0, seed=1))
  assert not np.array_equal(crops(0), crops(1))


@settings(deadline=None, max_examples=50)
@given(
  st.lists(st.integers(20, 60), min_size=1, max_size=9),
  st.integers(1, 9),
  st.integers(0, 2**31),
  st.integers(0, 50),
)
def test_epoch_uses_no_recording_twice(lengths, batch_size, seed, epoch):
  batch_size = min(batch_size, len(lengths))
  steps = len(lengths) // batch_size
  starts = np.concatenate(
    [
      crops(
        epoch * steps + step, seed=seed, lengths=lengths, batch_size=batch_size
      )
      for step in range(steps)
    ]
  )
  # The last incomplete batch is dropped.
  assert len(starts) == steps * batch_size > len(lengths) - batch_size
  used = recording_of(starts, lengths)
  assert len(set(used)) == len(used)
  ends = np.cumsum(lengths)
  assert (starts >= 0).all()
  assert (starts + 20 <= ends[used]).all(), 'crops stay in their recording'


def test_all_recordings_and_all_positions_occur():
  starts = np.concatenate([crops(step) for step in range(1500)])
  lengths = np.array(LENGTHS)
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  valid = np.concatenate(
    [
      np.arange(o, o + n - 20 + 1)
      for o, n in zip(offsets[:-1], lengths, strict=True)
    ]
  )
  assert set(starts) == set(valid), 'first, last and all others'
  share = np.bincount(recording_of(starts)) / len(starts)
  np.testing.assert_allclose(share, 1 / 7, atol=0.02)


def test_epochs_differ_in_order_and_position():
  epochs = [
    np.concatenate([crops(2 * epoch), crops(2 * epoch + 1)])
    for epoch in range(20)
  ]
  assert len({tuple(epoch) for epoch in epochs}) == 20
  orders = {tuple(recording_of(epoch)) for epoch in epochs}
  assert len(orders) == 20
  # In recording 2, crops can begin at 22 frames.
  places = [epoch[recording_of(epoch) == 2] for epoch in epochs]
  assert len(set(np.concatenate(places))) > 5


def test_take_crops_works_inside_jit():
  array = np.arange(60 * 2).reshape(60, 2)
  take = jax.jit(sampling.take_crops, static_argnums=2)
  starts = jnp.array([0, 55, 13, 13])
  result = take(array, starts, 5)
  assert result.shape == (4, 5, 2)
  for crop, start in zip(result, starts, strict=True):
    np.testing.assert_array_equal(crop, array[int(start) : int(start) + 5])


def epoch(offsets, *, batch_size, length, number=0, seed=0):
  count = len(sampling.all_segments(offsets, length)) // batch_size
  steps = [
    sampling.segment_starts(
      seed,
      number * count + step,
      offsets=offsets,
      batch_size=batch_size,
      crop_label_frames=length,
    )
    for step in range(count)
  ]
  return np.concatenate(steps)


@settings(deadline=None)
@given(st.lists(st.integers(10, 47), min_size=1, max_size=5))
def test_segments_cover_every_frame_and_stay_in_their_recording(lengths):
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  covered = np.zeros(offsets[-1], int)
  for start in sampling.all_segments(offsets, 10):
    covered[start : start + 10] += 1
    recording = np.searchsorted(offsets, start, side='right') - 1
    assert start + 10 <= offsets[recording + 1]
  assert covered.min() >= 1
  # Only the last segment of a recording may overlap another.
  assert covered.max() <= 2


def test_epoch_uses_every_segment_once_in_a_new_order():
  offsets = np.array([0, 60, 180, 300])
  every = sampling.all_segments(offsets, 20)
  first = epoch(offsets, batch_size=5, length=20)
  second = epoch(offsets, batch_size=5, length=20, number=1)
  np.testing.assert_array_equal(np.sort(first), every)
  np.testing.assert_array_equal(np.sort(second), every)
  assert (first != second).any()
  again = epoch(offsets, batch_size=5, length=20, number=1)
  np.testing.assert_array_equal(second, again)
  assert (epoch(offsets, batch_size=5, length=20, seed=1) != first).any()


@pytest.mark.parametrize('sampler', sampling.SAMPLERS)
def test_last_incomplete_batch_is_dropped(sampler):
  offsets = np.arange(8) * 20  # seven recordings of one segment each
  draw = sampling.SAMPLERS[sampler]
  starts = [
    draw(0, step, offsets=offsets, batch_size=3, crop_label_frames=20)
    for step in range(2)
  ]
  assert all(part.dtype == np.int32 and part.shape == (3,) for part in starts)
  assert len(set(np.concatenate(starts).tolist())) == 6


@pytest.mark.parametrize('sampler', sampling.SAMPLERS.values())
def test_crops_and_batches_that_are_too_large_are_refused(sampler):
  offsets = np.array([0, 30, 40])
  with pytest.raises(InputError, match='Crops of 20 .* the shortest has 10'):
    sampler(0, 0, offsets=offsets, batch_size=1, crop_label_frames=20)
  for size in (0, 9):
    with pytest.raises(InputError, match=f'A batch needs 1 to .* got {size}'):
      sampler(0, 0, offsets=offsets, batch_size=size, crop_label_frames=10)
