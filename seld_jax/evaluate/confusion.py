"""The confusion matrix of classes. NumPy only."""

from collections.abc import Iterable

import numpy as np

from seld_jax import labels
from seld_jax.metrics import matching


def confusion_matrix(
  recordings: Iterable[tuple[labels.Events, labels.Events]],
  *,
  num_classes: int,
  segment_frames: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
  """Counts the classes detected in segments with one reference class.

  Only segments in which the reference has exactly one class count, even if it
  is active in one frame only. Where several classes overlap, it is unclear
  which of them was taken for another one. Directions are ignored.

  Args:
    recordings: Reference events and predicted events of each recording.
    num_classes: Number of classes.
    segment_frames: Label frames per segment; 10 are one second.

  Returns:
    First, the number of segments by reference class (row) and detected class
    (column), int64 with shape `[classes, classes + 1]`. A segment with several
    detected classes counts in each of their columns, and a segment without any
    in the last column. Second, the number of segments of each row, int64 with
    shape `[classes]`.

  Raises:
    InputError: A frame or class is out of range.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> vectors = np.full((30, 2, 3), 1.0)  # 3 seconds, 2 classes
    >>> truth = labels.from_dense(np.tile([1, 0], (30, 1)), vectors)
    >>> wrong = labels.from_dense(np.tile([0, 1], (30, 1)), vectors)
    >>> counts, segments = evaluate.confusion_matrix(
    ...   [(truth, wrong)], num_classes=2
    ... )
    >>> counts
    array([[0, 3, 0],
           [0, 0, 0]])
    >>> segments
    array([3, 0])
  """
  counts = np.zeros((num_classes, num_classes + 1), np.int64)
  alone = np.zeros(num_classes, np.int64)
  for reference, prediction in recordings:
    matching.check_events('reference', reference, None, num_classes)
    matching.check_events('prediction', prediction, None, num_classes)
    last = max(one.frame.max(initial=0) for one in (reference, prediction))
    active, detected = (
      _active(one, int(last) // segment_frames + 1, num_classes, segment_frames)
      for one in (reference, prediction)
    )
    rows = np.flatnonzero(active.sum(axis=-1) == 1)
    truth, found = active[rows].argmax(axis=-1), detected[rows]
    columns = np.column_stack([found, ~found.any(axis=-1)])
    np.add.at(counts, truth, columns.astype(np.int64))
    np.add.at(alone, truth, 1)
  return counts, alone


def _active(
  events: labels.Events, segments: int, num_classes: int, segment_frames: int
) -> np.ndarray:
  """Whether each class occurs in each segment, shape `[segments, classes]`."""
  active = np.zeros((segments, num_classes), bool)
  active[events.frame // segment_frames, events.class_index] = True
  return active
