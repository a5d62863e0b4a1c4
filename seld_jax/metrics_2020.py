"""DCASE 2020: a class counts once a second, or not at all."""

import dataclasses
from typing import Any

import numpy as np

from seld_jax import matching


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """Sums over the segments of one or more recordings.

  Attributes:
    edition: The edition that tells how to count.
    reference: Segments in which the reference has the class, `[classes]`.
    predicted: Segments in which the prediction has the class, `[classes]`.
    true_positives: Segments found, and near enough, `[classes]`.
    false_positives: Segments predicted without reference, `[classes]`.
    false_negatives: Segments not found, or too far away, `[classes]`.
    located: Segments found at any distance, `[classes]`.
    angles: Sum of the mean angles of those, in degrees, `[classes]`.
    substitutions: Errors of one class taken for another, over all classes.
    deletions: Misses left over, over all classes.
    insertions: False alarms left over, over all classes.
  """

  edition: str
  reference: np.ndarray
  predicted: np.ndarray
  true_positives: np.ndarray
  false_positives: np.ndarray
  false_negatives: np.ndarray
  located: np.ndarray
  angles: np.ndarray
  substitutions: int
  deletions: int
  insertions: int


@dataclasses.dataclass(frozen=True)
class Scores:
  """The scores of an edition, over all classes together.

  Attributes:
    seld_score: Mean of ER20, 1 - F20, LE_CD / 180 and 1 - LR_CD; lower is
      better.
    ER20: Error rate of detections within 20 degrees; lower is better.
    F20: F-score of detections within 20 degrees.
    LE_CD: Angle of the classes found, in degrees; 180 if none was.
    LR_CD: F-score of classes found at any angle, which the 2020 edition
      publishes under this name.
    LR_CD_recall: The share of the reference found at any angle, which later
      editions call LR_CD.
  """

  seld_score: float
  ER20: float
  F20: float
  LE_CD: float
  LR_CD: float
  LR_CD_recall: float


def count(reference: Any, predictions: Any, rules: matching.Rules) -> Counts:
  """Counts segments of one second; see `metrics.counts`.

  Where a class has several directions in a frame, the least sum of the angles
  of all pairs is the angle of that frame. A class that is too far away is a
  miss, and not a false alarm as well.
  """
  num_classes, segment_frames = rules.num_classes, rules.segment_frames
  kept = predictions.frame < rules.num_segments * segment_frames
  reference_key = rules.key(reference)
  predicted_key = rules.key(predictions)[kept]
  by_frame = (rules.num_segments, segment_frames, num_classes)

  def frames_with(key: np.ndarray) -> np.ndarray:
    """In how many frames of each segment a class has one of these keys."""
    has = np.zeros(by_frame, bool)
    has.reshape(-1)[key] = True
    return has.sum(axis=1)

  rows, _, angle = matching.paired(
    reference_key, reference.xyz, predicted_key, predictions.xyz[kept]
  )
  in_reference = frames_with(reference_key) > 0
  in_prediction = frames_with(predicted_key) > 0
  common = frames_with(reference_key[rows])
  frame, class_index = np.divmod(reference_key[rows], num_classes)
  total = matching.add_at(
    in_reference.shape, (frame // segment_frames, class_index), values=angle
  )
  mean = total / np.maximum(common, 1)

  located = common > 0
  hit = located & (mean <= rules.doa_threshold + matching.ANGLE_TOLERANCE)
  miss = in_reference & ~hit
  alarm = in_prediction & ~in_reference
  misses, alarms = miss.sum(axis=1), alarm.sum(axis=1)
  return Counts(
    edition=rules.edition,
    reference=in_reference.sum(axis=0),
    predicted=in_prediction.sum(axis=0),
    true_positives=hit.sum(axis=0),
    false_positives=alarm.sum(axis=0),
    false_negatives=miss.sum(axis=0),
    located=located.sum(axis=0),
    angles=mean.sum(axis=0),
    substitutions=int(np.minimum(misses, alarms).sum()),
    deletions=int(np.maximum(misses - alarms, 0).sum()),
    insertions=int(np.maximum(alarms - misses, 0).sum()),
  )


def score(counts: Counts) -> Scores:
  """The scores of the counts."""
  reference, predicted = counts.reference.sum(), counts.predicted.sum()
  located = counts.located.sum()
  errors = counts.substitutions + counts.deletions + counts.insertions
  error_rate = errors / (reference + matching.EPSILON)
  f20 = matching.f_score(counts.true_positives.sum(), predicted, reference)
  angle = counts.angles.sum() / located if located else 180.0
  localisation = matching.f_score(located, predicted, reference)
  mean = (error_rate + 1 - f20 + angle / 180 + 1 - localisation) / 4
  return Scores(
    seld_score=float(mean),
    ER20=float(error_rate),
    F20=float(f20),
    LE_CD=float(angle),
    LR_CD=float(localisation),
    LR_CD_recall=float(located / (reference + matching.EPSILON)),
  )


def errors_alone(counts: Counts) -> dict[str, int]:
  """The errors when there is one class: never a miss and a false alarm."""
  return {
    'substitutions': 0,
    'deletions': int(counts.false_negatives.sum()),
    'insertions': int(counts.false_positives.sum()),
  }
