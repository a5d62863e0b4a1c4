"""The mean of several outputs, with loops and NumPy alone beside it."""

import itertools

import numpy as np
import pytest
from helpers import perfect_outputs
from helpers.perfect_outputs import FORMATS
from hypothesis import given, settings
from hypothesis import strategies as st

WITH_TRACKS = [name for name in FORMATS if FORMATS[name].num_tracks > 1]
WITHOUT = [name for name in FORMATS if FORMATS[name].num_tracks == 1]


def random_parts(format, count, *, frames=4, seed=0):
  """Random numbers in the shapes of the outputs."""
  rng = np.random.default_rng(seed)
  return [
    {
      name: rng.uniform(-1, 1, (frames, *shape)).astype(np.float32)
      for name, shape in format.shapes.items()
    }
    for _ in range(count)
  ]


def slots_of(format, part):
  """Each frame (and class) by itself: all numbers of each track in it.

  Returns [places, tracks, numbers], and which of the numbers are compared.
  """
  if format.name == 'tracks':
    columns = [part['sed'], part['doa']]
    counts = [True] * sum(one.shape[-1] for one in columns)
    if format.distance:
      columns.append(part['distance'][..., None])
      counts.append(False)
    return np.concatenate(columns, axis=-1), np.array(counts)
  every = part['accdoa'].swapaxes(1, 2)  # [frames, classes, tracks, numbers]
  counts = np.arange(every.shape[-1]) < format.axes
  return every.reshape(-1, *every.shape[2:]), counts


def best(part, reference, compared):
  """The tracks of one place in their best order, and its cost."""
  orders = itertools.permutations(range(len(part)))
  costs = {
    order: np.square(part[list(order)] - reference)[:, compared].sum()
    for order in orders
  }
  order = min(costs, key=costs.__getitem__)
  return part[list(order)], costs[order]


def by_hand(format, parts):
  every = [slots_of(format, part) for part in parts]
  values = np.stack([one.astype(np.float64) for one, _ in every])
  compared = every[0][1]
  means = []
  for place in values.swapaxes(0, 1):
    totals = [sum(best(a, b, compared)[1] for a in place) for b in place]
    middle = place[int(np.argmin(totals))]
    mean = np.mean([best(a, middle, compared)[0] for a in place], axis=0)
    means.append(best(mean, place[0], compared)[0])
  return np.stack(means)


@pytest.mark.parametrize('count', [2, 3, 5])
@pytest.mark.parametrize('name', WITH_TRACKS)
def test_tracks_are_matched_before_they_are_averaged(name, count):
  format = FORMATS[name]
  parts = random_parts(format, count)
  found, _ = slots_of(format, format.average(parts))
  np.testing.assert_allclose(found, by_hand(format, parts), atol=1e-6)
  plain = [slots_of(format, part)[0] for part in parts]
  assert np.abs(found - np.mean(plain, axis=0)).max() > 0.1


@pytest.mark.parametrize('name', WITHOUT)
def test_without_tracks_every_number_is_a_mean(name):
  format = FORMATS[name]
  parts = random_parts(format, 3)
  found = format.average(parts)
  assert list(found) == list(format.predicted)
  for one, array in found.items():
    expected = sum(part[one].astype(np.float64) for part in parts) / 3
    np.testing.assert_allclose(array, expected, atol=1e-7)
    assert array.dtype == np.float32


@pytest.mark.parametrize('name', FORMATS)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 5), data=st.data())
def test_the_order_of_parts_and_of_tracks_does_not_matter(
  name, seed, count, data
):
  format, rng = FORMATS[name], np.random.default_rng(seed)
  parts = random_parts(format, count, seed=seed)
  mean = format.average(parts)
  others = [
    perfect_outputs.shuffled(rng, format, parts[index])
    for index in data.draw(st.permutations(range(count)))
  ]
  again = format.match(format.average(others), mean)
  for one, array in mean.items():
    np.testing.assert_allclose(again[one], array, atol=1e-6)


@pytest.mark.parametrize('name', FORMATS)
def test_the_mean_of_equal_outputs_is_each_of_them(name):
  format, rng = FORMATS[name], np.random.default_rng(3)
  (part,) = random_parts(format, 1)
  shuffled = [perfect_outputs.shuffled(rng, format, part) for _ in range(3)]
  for others in [part], [part, part], [part, *shuffled]:
    for one, array in format.average(others).items():
      np.testing.assert_array_equal(array, part[one])


def test_nothing_has_no_mean():
  with pytest.raises(ValueError, match='mean of no outputs'):
    FORMATS[WITHOUT[0]].average([])
