"""Errors of directions, and their bins over another quantity."""

import dataclasses
import itertools

import numpy as np
import pytest

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.evaluate import directions

CLASSES = 3


def make_events(rng: np.random.Generator, density: float) -> labels.Events:
  """Up to two sources of each class in each of 50 frames."""
  frame, class_index, track = np.nonzero(rng.random((50, CLASSES, 2)) < density)
  azimuth = rng.uniform(-180, 180, len(frame))
  elevation = np.rad2deg(np.arcsin(rng.uniform(-1, 1, len(frame))))
  order = rng.permutation(len(frame))
  return labels.Events(
    frame[order],
    class_index[order],
    track[order],
    geometry.to_cartesian(azimuth, elevation),
  )


def angle(a: np.ndarray, b: np.ndarray) -> float:
  return float(np.rad2deg(np.arccos(np.clip(a @ b, -1, 1))))


def expected_errors(
  reference: labels.Events, prediction: labels.Events
) -> np.ndarray:
  """Errors of the best of all pairings of each frame and class."""
  errors = np.full(len(reference.frame), np.nan)
  for key in set(zip(reference.frame, reference.class_index, strict=True)):
    rows, columns = (
      [
        number
        for number, pair in enumerate(
          zip(events.frame, events.class_index, strict=True)
        )
        if pair == key
      ]
      for events in (reference, prediction)
    )
    size = min(len(rows), len(columns))
    if size:
      ways = itertools.product(
        itertools.permutations(rows, size),
        itertools.permutations(columns, size),
      )
      angles = [
        {
          i: angle(reference.xyz[i], prediction.xyz[j])
          for i, j in zip(*way, strict=True)
        }
        for way in ways
      ]
      for row, value in min(angles, key=lambda one: sum(one.values())).items():
        errors[row] = value
  return errors


@pytest.mark.parametrize('seed', range(3))
def test_errors_equal_those_of_the_best_pairing(seed):
  rng = np.random.default_rng(seed)
  reference, prediction = make_events(rng, 0.4), make_events(rng, 0.5)
  errors = directions.direction_errors(
    reference, prediction, num_classes=CLASSES
  )
  expected = expected_errors(reference, prediction)
  np.testing.assert_allclose(errors, expected, atol=1e-5)
  assert np.isnan(errors).any() and np.isfinite(errors).any()


def test_a_rotation_of_everything_is_the_error_of_each_row():
  rng = np.random.default_rng(4)
  reference = make_events(rng, 0.1)
  azimuth, _ = geometry.to_polar(reference.xyz)
  flat, turned = (
    labels.Events(
      reference.frame,
      np.arange(len(azimuth)) % CLASSES,
      reference.track,
      geometry.to_cartesian(azimuth + by, 0 * azimuth),
    )
    for by in (0.0, 7.0)
  )
  errors = directions.direction_errors(flat, turned, num_classes=CLASSES)
  assert np.isfinite(errors).all()
  # Where a class occurs twice in a frame, other pairs may have smaller angles.
  key = flat.frame * CLASSES + flat.class_index
  keys, times = np.unique(key, return_counts=True)
  single = np.isin(key, keys[times == 1])
  assert single.any()
  np.testing.assert_allclose(errors[single], 7.0, atol=1e-9)


def test_each_row_is_in_exactly_one_bin():
  rng = np.random.default_rng(5)
  values = np.append(rng.uniform(-10, 10, 200), [-10, 10, 0, np.nan, 11])
  errors = np.where(rng.random(205) < 0.3, np.nan, rng.uniform(0, 180, 205))
  edges = [-10, -5, 0, 10]
  found = directions.profile(values, errors, edges=edges)
  inside = np.abs(values) <= 10
  assert found.rows.sum() == inside.sum() == 203
  assert found.found.sum() == (inside & np.isfinite(errors)).sum()
  for index, (low, high) in enumerate(itertools.pairwise(edges)):
    last = high == edges[-1]
    here = (values >= low) & ((values <= high) if last else (values < high))
    assert found.rows[index] == here.sum()
    np.testing.assert_allclose(found.value[index], values[here].mean())
    known = np.sort(errors[here & np.isfinite(errors)])
    quartile, middle, upper = found.quartiles[:, index]
    assert middle == np.median(known)
    for share, end in ((0.25, quartile), (0.75, upper)):
      assert abs(np.mean(known <= end) - share) <= 1 / len(known)


def test_empty_bins_are_nan():
  nothing = np.zeros(0)
  for errors in nothing, np.array([np.nan]):
    values = np.full(len(errors), 0.5)
    found = directions.profile(values, errors, edges=[0, 1, 2])
    np.testing.assert_array_equal(found.found, 0)
    assert np.isnan(found.quartiles).all()
    assert np.isnan(found.value[1])


def test_frames_may_have_any_integer_type():
  """In ten minutes, frames times classes exceed 16 bits."""
  frame = np.arange(6000)
  wide = labels.Events(frame, frame * 7 % 14, frame * 0, np.eye(3)[frame % 3])
  narrow = dataclasses.replace(wide, frame=frame.astype(np.int16))
  for pair in (narrow, wide), (wide, narrow):
    found = directions.direction_errors(*pair, num_classes=14)
    np.testing.assert_array_equal(found, 0)


def test_frames_and_classes_out_of_range_are_refused():
  events = make_events(np.random.default_rng(6), 0.3)
  with pytest.raises(InputError, match='class'):
    directions.direction_errors(events, events, num_classes=1)
