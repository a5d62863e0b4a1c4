"""Features on disk have the same values as features in memory."""

import numpy as np
import pytest

from seld_jax.dataset import cache, stored
from seld_jax.errors import InputError

POOL = 5


@pytest.fixture
def joined(tmp_path):
  """Three recordings on disk, and the padded whole in memory."""
  rng = np.random.default_rng(0)
  lengths, offsets = [23, 40, 7], np.array([0, 25, 65, 80])
  arrays, whole = [], []
  for index, length in enumerate(lengths):
    array = rng.standard_normal((length, 3, 2)).astype(np.float32)
    path = tmp_path / f'{index}.npy'
    cache.write(path, array)
    arrays.append(stored.open_array(path))
    rest = offsets[index + 1] - offsets[index] - length
    whole += [array, np.repeat(array[-1:], rest, axis=0)]
  return stored.Joined(arrays, offsets), np.concatenate(whole)


def test_crops_have_the_values_of_the_whole(joined):
  on_disk, whole = joined
  assert on_disk.shape == whole.shape
  for first, end in zip(on_disk.offsets, on_disk.offsets[1:], strict=False):
    for start in range(first, end):
      for length in {1, min(6, end - start), end - start}:
        found = on_disk.crop(start, length)
        np.testing.assert_array_equal(found, whole[start : start + length])
  starts = np.array([30, 0, 70, 30])
  np.testing.assert_array_equal(
    stored.crops(on_disk, starts, 10), stored.crops(whole, starts, 10)
  )


def test_selected_recordings_are_joined(joined):
  on_disk, whole = joined
  chosen = on_disk.select([2, 0])
  expected = np.concatenate([whole[65:80], whole[0:25]])
  assert chosen.shape == expected.shape
  np.testing.assert_array_equal(chosen.crop(0, 15), expected[:15])
  np.testing.assert_array_equal(chosen.crop(15, 25), expected[15:])


@pytest.mark.parametrize(
  'array',
  [
    np.zeros((0, 16, 7), np.float32),
    np.zeros((20, 16), np.float32),
    np.zeros((20, 16, 7), np.int32),
    np.array([None] * 3),
  ],
  ids=range(4),
)
def test_files_that_hold_no_features_are_refused(tmp_path, array):
  path = tmp_path / 'a.npy'
  np.save(path, array, allow_pickle=True)
  with pytest.raises(
    InputError, match=r'a\.npy must hold features.* delete it'
  ):
    stored.open_array(path)


def test_a_file_that_is_shorter_than_its_header_says_is_refused(tmp_path):
  """Before memory is taken for what it says."""
  path = tmp_path / 'a.npy'
  with path.open('wb') as file:
    header = {'descr': '<f4', 'fortran_order': False, 'shape': (2**40, 64, 7)}
    np.lib.format.write_array_header_1_0(file, header)
  with pytest.raises(InputError, match=r'it has the shape \(1099511627776, 64'):
    stored.open_array(path)
