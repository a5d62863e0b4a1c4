"""DCASE 2020: each class counts at most once per segment of one second."""

import dataclasses

import numpy as np

from seld_jax.metrics import batches, matching


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """Sums over the segments of one or more recordings.

  Attributes:
    edition: The edition whose rules were used.
    reference: Segments in which the reference has the class, `[classes]`.
    predicted: Segments in which the prediction has the class, `[classes]`.
    true_positives: Segments in which the class was found within the threshold
      angle, `[classes]`.
    false_positives: Segments in which only the prediction has the class,
      `[classes]`.
    false_negatives: Segments in which the class was not found, or too far away,
      `[classes]`.
    located: Segments in which the class was found at any angle, `[classes]`.
    angles: Sum of the mean angles of these segments in degrees, `[classes]`.
    substitutions: Pairs of a miss and a false alarm in the same segment.
    deletions: Misses that are not part of a substitution.
    insertions: False alarms that are not part of a substitution.
    as_published: Whether they were counted as the published code does.

  Example:
    >>> from seld_jax import labels, metrics
    >>> none = metrics.counts(labels.no_events(), labels.no_events())
    >>> isinstance(none, metrics.Counts), none.reference.shape
    (True, (14,))
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
  as_published: bool = False


@dataclasses.dataclass(frozen=True)
class Scores:
  """The scores of 2020, over all classes together.

  Attributes:
    seld_score: Mean of ER20, 1 - F20, LE_CD / 180 and 1 - LR_CD; lower is
      better.
    ER20: Error rate of detections within 20 degrees; lower is better.
    F20: F-score of detections within 20 degrees.
    LE_CD: Mean angle of the classes found, in degrees; 180 if none was found.
    LR_CD: F-score of the classes found at any angle. The 2020 edition publishes
      it under this name.
    LR_CD_recall: Share of the reference found at any angle. Later editions call
      this LR_CD.

  Example:
    >>> from seld_jax import metrics
    >>> perfect = metrics.Scores(
    ...   seld_score=0, ER20=0, F20=1, LE_CD=0, LR_CD=1, LR_CD_recall=1
    ... )
    >>> perfect.F20
    1
  """

  seld_score: float
  ER20: float
  F20: float
  LE_CD: float
  LR_CD: float
  LR_CD_recall: float


def count(batch: batches.Batch) -> list[Counts]:
  """Counts the segments of recordings; see `metrics.counts`.

  Where a class has several directions in a frame, they are paired so that the
  sum of their angles is smallest; this sum is the angle of the frame. A class
  that is too far away is a miss, but not a false alarm as well.
  """
  num_classes = batch.rules.num_classes
  present = []
  for rows in (batch.reference, batch.predictions):
    there = np.zeros(batch.shape, bool)
    there[batch.segments(rows)] = True
    present.append(there)
  in_reference, in_prediction = present

  reference_key = batch.key(batch.reference)
  rows, _, angle = batch.paired((reference_key, batch.key(batch.predictions)))
  # First the sum of each frame, then that of its segment.
  key, place = np.unique(reference_key[rows], return_inverse=True)
  frame, class_index = np.divmod(key, num_classes)
  where = frame // batch.rules.segment_frames, class_index
  common = matching.add_at(batch.shape, where)
  total = matching.add_at(
    batch.shape, where, values=np.bincount(place, angle, minlength=len(key))
  )
  mean = total / np.maximum(common, 1)

  located = common > 0
  hit = located & (mean <= batch.rules.largest_angle)
  miss = in_reference & ~hit
  alarm = in_prediction & ~in_reference
  misses, alarms = miss.sum(axis=1), alarm.sum(axis=1)
  sums = {
    'reference': in_reference,
    'predicted': in_prediction,
    'true_positives': hit,
    'false_positives': alarm,
    'false_negatives': miss,
    'located': located,
    'angles': mean,
    'substitutions': np.minimum(misses, alarms),
    'deletions': np.maximum(misses - alarms, 0),
    'insertions': np.maximum(alarms - misses, 0),
  }
  return batch.split(
    Counts, {name: batch.sums(values) for name, values in sums.items()}
  )


def score(counts: Counts) -> Scores:
  """Computes the scores of 2020 from counts."""
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


def totals_alone(counts: Counts) -> dict[str, int]:
  """The errors if there is only one class.

  A single class is never missed and a false alarm in the same segment, so that
  there are no substitutions.
  """
  return {
    'substitutions': 0,
    'deletions': int(counts.false_negatives.sum()),
    'insertions': int(counts.false_positives.sum()),
  }
