"""Crops on devices have the values of the recordings, in memory or on disk."""

import json

import jax
import numpy as np
import pytest
from helpers.eight_devices import start
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import devices
from seld_jax.dataset import placement, stored

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=12)


@settings(deadline=None, max_examples=100)
@given(lengths, st.integers(1, 9))
def test_shares_hold_every_recording_undivided(lengths, count):
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  bounds = placement.share_bounds(offsets, count)
  assert bounds.shape == (count + 1,)
  assert bounds[0] == 0
  assert bounds[-1] == offsets[-1]
  assert (np.diff(bounds) >= 0).all()
  assert set(bounds) <= set(offsets)
  # No share exceeds the mean share by more than one recording.
  assert np.diff(bounds).max() <= offsets[-1] / count + max(lengths)


def test_recordings_of_equal_length_make_equal_shares():
  bounds = placement.share_bounds(np.arange(17) * 600, 8)
  np.testing.assert_array_equal(bounds, np.arange(9) * 1200)


def store(folder, array, offsets):
  """Writes the recordings to files and joins them."""
  arrays = []
  for index, (first, end) in enumerate(
    zip(offsets[:-1], offsets[1:], strict=True)
  ):
    path = folder / f'{index}.npy'
    np.save(path, array[first:end])
    arrays.append(stored.open_array(path))
  return stored.Joined(arrays, offsets)


@pytest.mark.parametrize('kind', ['memory', 'disk'])
@pytest.mark.parametrize('make', ['resident', 'streamed'])
def test_crops_have_the_values_of_the_array(kind, make, tmp_path):
  rng = np.random.default_rng(0)
  offsets = np.array([0, 30, 55, 80])
  whole = rng.standard_normal((80, 3, 2)).astype(np.float32)
  array = whole if kind == 'memory' else store(tmp_path, whole, offsets)
  mesh = devices.make_mesh(devices=jax.devices()[:1])
  source = {
    'resident': lambda: placement.resident(mesh, array, offsets),
    'streamed': lambda: placement.streamed(mesh, array),
  }[make]()
  starts = np.array([0, 20, 30, 45, 55, 70])
  for length in 1, 10:
    found = source(starts, length)
    assert found.shape == (6, length, 3, 2)
    for start_, crop in zip(starts, np.asarray(found), strict=True):
      np.testing.assert_array_equal(crop, whole[start_ : start_ + length])


_SCRIPT = """
import json
import jax
import numpy as np
from seld_jax import devices
from seld_jax.dataset import placement
assert len(jax.devices()) == 8
mesh = devices.make_mesh()
rng = np.random.default_rng(0)
result = {}
for count in 3, 8, 21:
  offsets = np.concatenate([[0], np.cumsum(rng.integers(12, 40, count))])
  array = rng.standard_normal((offsets[-1], 5)).astype(np.float32)
  source = placement.resident(mesh, array, offsets)
  of = rng.integers(0, count, 16)
  starts = rng.integers(offsets[of], offsets[of + 1] - 12 + 1)
  crops = source(starts, 12)
  expected = np.stack([array[s:s + 12] for s in starts])
  result[count] = {
    'equal': bool((np.asarray(crops) == expected).all()),
    'rows': [shard.data.shape[0] for shard in crops.addressable_shards],
  }
print(json.dumps(result))
"""


def test_eight_devices_exchange_crops():
  """With fewer recordings than devices, equally many, and more."""
  for count, found in json.loads(start(_SCRIPT).splitlines()[-1]).items():
    assert found == {'equal': True, 'rows': [2] * 8}, count


def test_first_arrays_that_fit_are_kept():
  sizes = [int(4e8), int(7e8), None, int(5e8)]
  assert placement.fits(sizes, 1.0) == [True, False, False, True]
  assert placement.fits(sizes, 0.1) == [False] * 4
  assert placement.fits(sizes, 0.0) == [True, True, False, True]
