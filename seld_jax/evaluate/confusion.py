"""Which classes are taken for which. NumPy only."""

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
  """What is detected in the segments where one class sounds alone.

  Where several classes sound at once, nobody can tell which of them a wrong
  detection stands for; so only the segments count in which the reference has
  one class and no other, in however few of their frames. Directions do not
  matter here.

  Args:
    recordings: Events of the reference and of the prediction of each.
    num_classes: Number of classes.
    segment_frames: Label frames of a segment; those of a second.

  Returns:
    Segments in which the class of the column was detected while that of the
    row sounded alone, int64 with shape `[classes, classes + 1]`; the last
    column counts those in which nothing was detected. A segment with several
    detections counts in the column of each. And the segments of each row,
    int64 with shape `[classes]`.

  Raises:
    InputError: A frame or class is out of range.
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
  """Whether a class occurs in a segment, with shape `[segments, classes]`."""
  active = np.zeros((segments, num_classes), bool)
  active[events.frame // segment_frames, events.class_index] = True
  return active
