"""Features on disk give what the same features in memory give."""

import numpy as np
import pytest

from seld_jax.dataset import cache
from seld_jax.dataset import stored as streams

POOL = 5


@pytest.fixture
def joined(tmp_path):
  """Three recordings, each filled up with copies of its last frame."""
  rng = np.random.default_rng(0)
  lengths, offsets = [23, 40, 7], np.array([0, 25, 65, 80])
  arrays, whole = [], []
  for index, length in enumerate(lengths):
    array = rng.standard_normal((length, 3, 2)).astype(np.float32)
    path = tmp_path / f'{index}.npy'
    cache.write(path, array)
    arrays.append(streams.open_array(path))
    rest = offsets[index + 1] - offsets[index] - length
    whole += [array, np.repeat(array[-1:], rest, axis=0)]
  return streams.Joined(arrays, offsets), np.concatenate(whole)


def test_stretches_are_those_of_the_whole(joined):
  stored, whole = joined
  assert stored.shape == whole.shape
  for first, end in zip(stored.offsets, stored.offsets[1:], strict=False):
    for start in range(first, end):
      for length in {1, min(6, end - start), end - start}:
        found = stored.crop(start, length)
        np.testing.assert_array_equal(found, whole[start : start + length])
  starts = np.array([30, 0, 70, 30])
  np.testing.assert_array_equal(
    streams.crops(stored, starts, 10), streams.crops(whole, starts, 10)
  )


def test_selected_recordings_are_joined_anew(joined):
  stored, whole = joined
  chosen = stored.select([2, 0])
  expected = np.concatenate([whole[65:80], whole[0:25]])
  assert chosen.shape == expected.shape
  np.testing.assert_array_equal(chosen.crop(0, 15), expected[:15])
  np.testing.assert_array_equal(chosen.crop(15, 25), expected[15:])


def test_what_fits_is_kept_the_first_first():
  sizes = [int(4e8), int(7e8), None, int(5e8)]
  assert streams.fits(sizes, 1.0) == [True, False, False, True]
  assert streams.fits(sizes, 0.1) == [False] * 4
  assert streams.fits(sizes, 0.0) == [True, True, False, True]
