"""Which events outputs stand for, against plain loops over frames."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.output_formats import (
  CLASSES,
  EACH,
  FORMATS,
  name_of,
  random_outputs,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import outputs
from seld_jax.errors import InputError


def angle(a, b):
  """Angle of two vectors in degrees."""
  cosine = np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
  return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


def unit(vector):
  """The vector with norm 1, as numbers."""
  return np.asarray(vector / np.linalg.norm(vector)).tolist()


def decode_class(vectors, distances, *, threshold, unify):
  """Events of a class in a frame, from its three tracks.

  Args:
    vectors: Three vectors.
    distances: Three distances.
    threshold: A track is active where its norm exceeds this.
    unify: Active tracks closer than this in degrees are similar.

  Returns:
    Pairs of a vector of any length and a distance.
  """
  active = [t for t in range(3) if np.linalg.norm(vectors[t]) > threshold]
  distances = [max(distance, 0.0) for distance in distances]
  similar = [
    (a, b)
    for a in active
    for b in active
    if a < b and angle(vectors[a], vectors[b]) < unify
  ]
  if not similar:
    groups = [[track] for track in active]
  elif len(similar) == 1:
    pair = list(similar[0])
    groups = [pair, *([track] for track in active if track not in pair)]
  else:
    groups = [[0, 1, 2]]
  return [
    (
      sum(vectors[track] for track in group) / len(group),
      sum(distances[track] for track in group) / len(group),
    )
    for group in groups
  ]


def assert_decodes(format, accdoa, *, threshold=0.5):
  """Compares the events of all frames and classes with `decode_class`."""
  found = format.events({'accdoa': accdoa}, threshold=threshold)
  accdoa = np.asarray(accdoa, np.float64)
  number = 0
  for frame in range(len(accdoa)):
    for class_index in range(format.num_classes):
      tracks = accdoa[frame, :, class_index]
      distances = tracks[:, -1] if format.distance else np.zeros(3)
      expected = decode_class(
        tracks[:, : format.axes],
        distances,
        threshold=threshold,
        unify=format.unify,
      )
      rows = range(number, number + len(expected))
      number += len(expected)
      left = [
        (*unit(vector), *[0] * (3 - format.axes), distance)
        for vector, distance in expected
      ]
      for track, row in enumerate(rows):
        assert found.frame[row] == frame
        assert found.class_index[row] == class_index
        assert found.track[row] == track
        distance = found.distance[row] if format.distance else 0.0
        event = (*found.xyz[row], distance)
        best = min(left, key=lambda one: np.abs(np.subtract(one, event)).max())
        np.testing.assert_allclose(event, best, atol=1e-6)
        left.remove(best)
  assert number == len(found.frame)
  return found


def on_the_circle(*azimuths, axes=3):
  """Vectors of norm 0.9 at azimuths; of norm 0.1 where the azimuth is None."""
  vectors = np.zeros((3, axes))
  for track, azimuth in enumerate(azimuths):
    length = 0.1 if azimuth is None else 0.9
    radians = math.radians(azimuth or 0)
    vectors[track, :2] = (
      length * math.cos(radians),
      length * math.sin(radians),
    )
  return vectors


@pytest.mark.parametrize(
  ('azimuths', 'expected'),
  [
    ((None, None, None), []),
    ((None, 30, None), [30]),
    # Two active tracks: apart, and one similar pair.
    ((0, None, 20), [0, 20]),
    ((0, None, 10), [5]),
    ((None, 170, -178), [176]),
    # Three active tracks without a similar pair.
    ((0, 20, 40), [0, 20, 40]),
    # One similar pair: the third track is an event of its own.
    ((0, 10, 40), [5, 40]),
    ((0, 40, 10), [5, 40]),
    ((40, 0, 10), [5, 40]),
    # A chain: the ends are not similar, but all three are averaged.
    ((0, 12, 24), [12]),
    ((12, 0, 24), [12]),
    ((0, 24, 12), [12]),
    # Three similar pairs.
    ((0, 4, 8), [4]),
    # Exactly 15 degrees are not closer than 15 degrees.
    ((0, 15.000001, None), [0, 15.000001]),
    ((0, 14.999999, None), [7.4999995]),
  ],
)
@pytest.mark.parametrize('axes', [3, 2])
def test_tracks_of_a_class_are_unified_as_defined(azimuths, expected, axes):
  format = outputs.make('multi_accdoa', num_classes=2, axes=axes)
  accdoa = np.zeros((1, 3, 2, axes))
  accdoa[0, :, 1] = on_the_circle(*azimuths, axes=axes)
  found = assert_decodes(format, accdoa)
  azimuth = np.degrees(np.arctan2(found.xyz[:, 1], found.xyz[:, 0]))
  np.testing.assert_allclose(np.sort(azimuth), expected, atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(
  axes=st.sampled_from([2, 3]),
  distance=st.booleans(),
  spread=st.sampled_from([0.05, 0.2, 0.5, 2.0]),
  threshold=st.sampled_from([0.3, 0.5, 0.9]),
  unify=st.sampled_from([0.0, 5.0, 15.0, 60.0, 180.0]),
  seed=st.integers(0, 2**32 - 1),
)
def test_multi_accdoa_is_decoded_as_defined(
  axes, distance, spread, threshold, unify, seed
):
  """Random tracks around a random direction of each class.

  Linear outputs may have negative distances.
  """
  rng = np.random.default_rng(seed)
  format = outputs.make(
    'multi_accdoa',
    num_classes=CLASSES,
    axes=axes,
    distance=distance,
    activation='linear',
    unify=unify,
  )
  middle = rng.standard_normal((5, 1, CLASSES, format.vector_size))
  shape = 5, 3, CLASSES, format.vector_size
  accdoa = 0.7 * middle + spread * rng.standard_normal(shape)
  assert_decodes(format, accdoa, threshold=threshold)


def test_unify_changes_which_tracks_are_one_event():
  accdoa = np.zeros((1, 3, 1, 3))
  accdoa[0, :, 0] = on_the_circle(0, 12, 40)
  for unify, count in (0.0, 3), (10.0, 3), (15.0, 2), (30.0, 1):
    format = outputs.make('multi_accdoa', num_classes=1, unify=unify)
    assert len(format.events({'accdoa': accdoa}).frame) == count


def test_raw_vectors_are_averaged_so_that_longer_ones_count_more():
  accdoa = np.zeros((1, 3, 1, 3))
  accdoa[0, :2, 0] = [1.0, 0, 0], 0.6 * np.array([0.98, 0.199, 0])
  (xyz,) = (
    outputs.make('multi_accdoa', num_classes=1).events({'accdoa': accdoa}).xyz
  )
  mean = accdoa[0, :2, 0].mean(axis=0)
  np.testing.assert_allclose(xyz, mean / np.linalg.norm(mean), atol=1e-12)


def test_a_distance_below_0_counts_as_0_in_an_average_too():
  format = outputs.make(
    'multi_accdoa', num_classes=1, distance=True, activation='linear'
  )
  accdoa = np.zeros((1, 3, 1, 4))
  accdoa[0, :, 0, 0] = 1, 1, -1
  accdoa[0, :, 0, 3] = 3.0, -1.0, -2.0
  found = format.events({'accdoa': accdoa})
  np.testing.assert_array_equal(found.distance, [1.5, 0.0])


@pytest.mark.parametrize(
  'format',
  [format for format in FORMATS if format.name != 'multi_accdoa'],
  ids=name_of,
)
def test_the_other_formats_are_decoded_as_defined(format):
  predictions = random_outputs(format, 20, seed=3, scale=1.5)
  if format.distance:
    negative = dict(predictions)
    last = 'accdoa' if 'accdoa' in negative else 'distance'
    negative[last] = negative[last].copy()
    if last == 'accdoa':
      negative[last][::2, ..., -1] -= 9
    else:
      negative[last][::2] -= 9
    predictions = negative
  threshold = 0.6
  rows = []
  for frame in range(20):
    at = {
      name: np.asarray(v[frame], np.float64) for name, v in predictions.items()
    }
    if format.name == 'accdoa':
      for c, vector in enumerate(at['accdoa'][0]):
        if np.linalg.norm(vector[: format.axes]) > threshold:
          rows.append((frame, c, vector[: format.axes], vector[-1]))
    elif format.name == 'class_wise':
      for c in range(CLASSES):
        if at['sed'][c] > threshold:
          distance = at['distance'][c] if format.distance else 0
          rows.append((frame, c, at['doa'][c], distance))
    else:
      found = []
      for track in range(format.num_tracks):
        c = int(np.argmax(at['sed'][track]))
        if at['sed'][track, c] > threshold:
          distance = at['distance'][track] if format.distance else 0
          found.append((frame, c, at['doa'][track], distance))
      rows += sorted(found, key=lambda row: row[1])  # stable
  events = format.events(predictions, threshold=threshold)
  assert 5 < len(rows) == len(events.frame)
  for row, (frame, c, vector, distance) in enumerate(rows):
    assert (events.frame[row], events.class_index[row]) == (frame, c)
    same = [one for one in rows[:row] if one[:2] == (frame, c)]
    assert events.track[row] == len(same)
    xyz = np.zeros(3)
    xyz[: format.axes] = vector / np.linalg.norm(vector)
    np.testing.assert_allclose(events.xyz[row], xyz, atol=1e-6)
    if format.distance:
      assert events.distance[row] == pytest.approx(max(distance, 0))


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_an_active_direction_or_distance_must_be_finite(format, value):
  shapes = random_outputs(format, 2)
  for name in shapes:
    if name.startswith('sed'):
      continue
    predictions = {key: np.zeros_like(values) for key, values in shapes.items()}
    # Inactive numbers may be anything.
    inactive = dict(predictions)
    inactive[name] = np.full_like(inactive[name], value)
    if name == 'accdoa':
      inactive[name][..., :3] = 0
    assert not len(format.events(inactive).frame)
    # One number of an active event is wrong.
    if 'sed' in predictions:
      predictions['sed'][1, ..., 1] = 0.9
      predictions[name][1] = value
    else:
      predictions[name][1, 0, 1] = 1, 0, 0, value
    with pytest.raises(InputError, match='finite.*class 1 in frame 1'):
      format.events(predictions)


def test_a_track_that_is_not_active_may_hold_anything():
  format = outputs.make('multi_accdoa', num_classes=1, distance=True)
  accdoa = np.zeros((1, 3, 1, 4))
  accdoa[0, 0, 0] = 0, 1, 0, 2
  accdoa[0, 1, 0] = np.nan, np.inf, -np.inf, 0  # the norm is NaN, too
  accdoa[0, 2, 0] = 0, 0, 0, np.inf
  found = format.events({'accdoa': accdoa})
  assert found.xyz.tolist() == [[0.0, 1.0, 0.0]]
  assert found.distance is not None
  assert found.distance.tolist() == [2.0]


def test_a_direction_that_is_not_finite_is_refused_without_a_warning():
  format = outputs.make('multi_accdoa', num_classes=2, activation='linear')
  accdoa = np.zeros((3, 3, 2, 3), np.float32)
  accdoa[2, :, 1, 0] = 1, 1, np.inf
  with pytest.raises(InputError, match='class 1 in frame 2'):
    format.events({'accdoa': accdoa})


@pytest.mark.parametrize('name', list(outputs.FORMATS))
def test_a_batch_and_outputs_of_another_format_are_not_decoded(name):
  near = outputs.make(name, num_classes=2, distance=True)
  plain = outputs.make(name, num_classes=2)
  made = {
    format: jax.device_get(format.activate(jnp.ones((4, 5, format.size))))
    for format in (near, plain)
  }
  with pytest.raises(ValueError, match=r'a recording .* shape \[frames, '):
    plain.events(made[plain])
  # The third number of a direction must not be taken for a distance.
  with pytest.raises(ValueError, match=f'with the format {name} need'):
    near.events({key: value[0] for key, value in made[plain].items()})
  assert len(near.events({k: v[0] for k, v in made[near].items()}).frame)
