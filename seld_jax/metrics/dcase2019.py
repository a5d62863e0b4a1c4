"""DCASE 2019: classes per segment, and directions per frame."""

import dataclasses
from typing import Any

import numpy as np

from seld_jax.metrics import matching


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """Sums over the segments and frames of one or more recordings.

  The scores compare directions of all classes together. The fields `class_...`
  compare the directions of one class only; `metrics.of_class` needs them.

  Attributes:
    edition: The edition whose rules were used.
    reference: Segments in which the reference has the class, `[classes]`.
    predicted: Segments in which the prediction has the class, `[classes]`.
    true_positives: Segments in which both have the class, `[classes]`.
    class_errors: Segments in which only one of them has it, `[classes]`.
    class_directions: Number of predicted directions, `[classes]`.
    class_angles: Sum of the angles of pairs in degrees, `[classes]`.
    class_good_frames: Frames with the right number of directions, `[classes]`.
    class_frames: Number of frames, `[classes]`.
    errors: Substitutions, deletions and insertions over all classes.
    directions: Number of predicted directions of all classes.
    angles: Sum of the angles of pairs in degrees, over all classes.
    good_frames: Frames with the right number of directions of all classes.
    frames: Number of frames.
  """

  edition: str
  reference: np.ndarray
  predicted: np.ndarray
  true_positives: np.ndarray
  class_errors: np.ndarray
  class_directions: np.ndarray
  class_angles: np.ndarray
  class_good_frames: np.ndarray
  class_frames: np.ndarray
  errors: int
  directions: int
  angles: float
  good_frames: int
  frames: int


@dataclasses.dataclass(frozen=True)
class Scores:
  """The scores of 2019, over all classes together.

  Attributes:
    seld_score: Mean of ER, 1 - F, DOA_error / 180 and 1 - frame_recall; lower
      is better.
    ER: Error rate of the classes detected per segment; lower is better.
    F: F-score of the classes detected per segment.
    DOA_error: Sum of the angles of paired directions divided by the number of
      predicted directions, in degrees; 180 if nothing was predicted.
    frame_recall: Share of frames in which as many directions were predicted as
      the reference has.
  """

  seld_score: float
  ER: float
  F: float
  DOA_error: float
  frame_recall: float


def count(reference: Any, predictions: Any, rules: matching.Rules) -> Counts:
  """Counts classes per segment, directions per frame; see `metrics.counts`.

  The directions of a frame are paired so that the sum of their angles is
  smallest, whatever their class. Directions without a partner add no angle.
  """
  num_frames, num_classes = rules.num_frames, rules.num_classes
  kept = predictions.frame < num_frames
  keys = (rules.key(reference), rules.key(predictions)[kept])
  frames, classes = zip(*(np.divmod(k, num_classes) for k in keys), strict=True)
  directions = (reference.xyz, predictions.xyz[kept])

  present = []
  for frame, class_index in zip(frames, classes, strict=True):
    there = np.zeros((rules.num_segments, num_classes), bool)
    there[frame // rules.segment_frames, class_index] = True
    present.append(there)
  miss, alarm = present[0] & ~present[1], present[1] & ~present[0]

  def compare(
    size: int, keys: tuple[np.ndarray, np.ndarray]
  ) -> tuple[Any, ...]:
    """Angles, and whether both have as many directions, for each key."""
    rows, _, angle = matching.paired(
      keys[0], directions[0], keys[1], directions[1]
    )
    counts = [np.bincount(key, minlength=size) for key in keys]
    angles = matching.add_at((size,), (keys[0][rows],), values=angle)
    return angles, counts[0] == counts[1]

  angles, good = compare(num_frames, frames)
  class_angles, class_good = (
    array.reshape(num_frames, num_classes)
    for array in compare(num_frames * num_classes, keys)
  )
  return Counts(
    edition=rules.edition,
    reference=present[0].sum(axis=0),
    predicted=present[1].sum(axis=0),
    true_positives=(present[0] & present[1]).sum(axis=0),
    class_errors=(miss | alarm).sum(axis=0),
    class_directions=np.bincount(classes[1], minlength=num_classes),
    class_angles=class_angles.sum(axis=0),
    class_good_frames=class_good.sum(axis=0),
    class_frames=np.full(num_classes, num_frames),
    errors=int(np.maximum(miss.sum(axis=1), alarm.sum(axis=1)).sum()),
    directions=len(frames[1]),
    angles=float(angles.sum()),
    good_frames=int(good.sum()),
    frames=num_frames,
  )


def score(counts: Counts) -> Scores:
  """Computes the scores of 2019 from counts."""
  reference, predicted = counts.reference.sum(), counts.predicted.sum()
  error_rate = counts.errors / (reference + matching.EPSILON)
  f = matching.f_score(counts.true_positives.sum(), predicted, reference)
  angle = counts.angles / counts.directions if counts.directions else 180.0
  recall = counts.good_frames / (counts.frames + matching.EPSILON)
  return Scores(
    seld_score=float((error_rate + 1 - f + angle / 180 + 1 - recall) / 4),
    ER=float(error_rate),
    F=float(f),
    DOA_error=float(angle),
    frame_recall=float(recall),
  )


def totals_alone(counts: Counts) -> dict[str, int | float]:
  """The totals over all classes if there is only one class."""
  return {
    'errors': int(counts.class_errors.sum()),
    'directions': int(counts.class_directions.sum()),
    'angles': float(counts.class_angles.sum()),
    'good_frames': int(counts.class_good_frames.sum()),
    'frames': int(counts.class_frames.sum()),
  }
