"""Segments: all of every recording, each once an epoch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax.dataset import sampling


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
  # Only the last segment of a recording is moved back over another.
  assert covered.max() <= 2


def test_an_epoch_takes_every_segment_once_in_a_new_order():
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
def test_the_last_incomplete_batch_is_dropped(sampler):
  offsets = np.arange(8) * 20  # seven recordings of one segment
  draw = sampling.SAMPLERS[sampler]
  starts = [
    draw(0, step, offsets=offsets, batch_size=3, crop_label_frames=20)
    for step in range(2)
  ]
  assert all(part.dtype == np.int32 and part.shape == (3,) for part in starts)
  assert len(set(np.concatenate(starts).tolist())) == 6
