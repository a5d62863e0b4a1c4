"""The confusion matrix of classes."""

import numpy as np
import pytest

from seld_jax import labels
from seld_jax.errors import InputError
from seld_jax.evaluate import confusion

CLASSES = 5


def make_events(rng: np.random.Generator, density: float) -> labels.Events:
  """Random events in 95 frames, so that the last segment is cut short."""
  frame, class_index = np.nonzero(rng.random((95, CLASSES)) < density)
  xyz = rng.normal(size=(len(frame), 3))
  xyz /= np.linalg.norm(xyz, axis=-1, keepdims=True)
  return labels.Events(frame, class_index, np.zeros_like(frame), xyz)


def classes_by_segment(events: labels.Events) -> dict[int, set[int]]:
  found: dict[int, set[int]] = {}
  for frame, index in zip(events.frame, events.class_index, strict=True):
    found.setdefault(int(frame) // 10, set()).add(int(index))
  return found


@pytest.mark.parametrize('density', [0.0, 0.02, 0.05])
def test_counts_equal_those_of_python_sets(density):
  rng = np.random.default_rng(0)
  recordings = [
    (make_events(rng, density), make_events(rng, 0.03)) for _ in range(6)
  ]
  expected = np.zeros((CLASSES, CLASSES + 1), int)
  segments = np.zeros(CLASSES, int)
  for reference, prediction in recordings:
    detected = classes_by_segment(prediction)
    for segment, truth in classes_by_segment(reference).items():
      if len(truth) == 1:
        (row,) = truth
        segments[row] += 1
        for column in detected.get(segment, {CLASSES}):
          expected[row, column] += 1
  counts, alone = confusion.confusion_matrix(recordings, num_classes=CLASSES)
  np.testing.assert_array_equal(counts, expected)
  np.testing.assert_array_equal(alone, segments)
  assert (density > 0) == bool(alone.any())


def test_rows_and_recordings_add_up():
  rng = np.random.default_rng(1)
  recordings = [(make_events(rng, 0.03), make_events(rng, 0.03))]
  counts, alone = confusion.confusion_matrix(recordings, num_classes=CLASSES)
  assert alone.sum() > 0
  # A segment counts at most once in each column, and at least in one; it counts
  # as "nothing" only if no class is detected.
  assert (counts <= alone[:, None]).all()
  assert (counts.sum(axis=1) >= alone).all()
  assert (counts[:, :-1].max(axis=1) + counts[:, -1] <= alone).all()
  # Two recordings count twice as much as one.
  twice, both = confusion.confusion_matrix(recordings * 2, num_classes=CLASSES)
  np.testing.assert_array_equal(twice, 2 * counts)
  np.testing.assert_array_equal(both, 2 * alone)


def test_a_perfect_system_is_diagonal_and_a_silent_one_finds_nothing():
  rng = np.random.default_rng(2)
  events = make_events(rng, 0.02)
  counts, alone = confusion.confusion_matrix(
    [(events, events)], num_classes=CLASSES
  )
  expected = np.diag(np.append(alone, 0))[:CLASSES]
  np.testing.assert_array_equal(counts, expected)
  counts, _ = confusion.confusion_matrix(
    [(events, labels.no_events())], num_classes=CLASSES
  )
  np.testing.assert_array_equal(counts[:, :-1], 0)
  np.testing.assert_array_equal(counts[:, -1], alone)


def test_classes_out_of_range_are_refused():
  events = make_events(np.random.default_rng(3), 0.1)
  with pytest.raises(InputError, match='class'):
    confusion.confusion_matrix([(events, events)], num_classes=2)
