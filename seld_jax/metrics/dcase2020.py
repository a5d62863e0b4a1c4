"""DCASE 2020: each class counts at most once per segment of one second."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from seld_jax.metrics import matching


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


def count_each(
  references: Sequence[Any],
  predictions: Sequence[Any],
  rules: Sequence[matching.Rules],
) -> list[Counts]:
  """Counts the segments of many recordings; see `metrics.counts_each`.

  Where a class has several directions in a frame, they are paired so that the
  sum of their angles is smallest; this sum is the angle of the frame. A class
  that is too far away is a miss, but not a false alarm as well.
  """
  if not rules:
    return []
  # The recordings are placed one after the other, each padded to full segments.
  # Counting all of them at once costs little more than counting one.
  one = rules[0]
  num_classes, segment_frames = one.num_classes, one.segment_frames
  sizes = [each.num_segments for each in rules]
  first = np.cumsum([0, *sizes])
  reference_key, reference_xyz = _joined(references, rules, first)
  predicted_key, predicted_xyz = _joined(predictions, rules, first)
  by_frame = (int(first[-1]), segment_frames, num_classes)

  def frames_with(key: np.ndarray) -> np.ndarray:
    """Frames per segment and class that are among these keys."""
    has = np.zeros(by_frame, bool)
    has.reshape(-1)[key] = True
    return has.sum(axis=1)

  rows, _, angle = matching.paired(
    reference_key, reference_xyz, predicted_key, predicted_xyz
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
  hit = located & (mean <= one.doa_threshold + matching.ANGLE_TOLERANCE)
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
  by_recording = {
    name: np.add.reduceat(values, first[:-1], axis=0, dtype=_dtype(values))
    for name, values in sums.items()
  }
  counts = []
  for index in range(len(rules)):
    fields: dict[str, Any] = {
      name: values[index] if values.ndim > 1 else int(values[index])
      for name, values in by_recording.items()
    }
    counts.append(Counts(edition=one.edition, **fields))
  return counts


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


def _joined(
  recordings: Sequence[Any], rules: Sequence[matching.Rules], first: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Keys and directions of all recordings, placed one after the other."""
  keys, vectors = [np.zeros(0, np.int64)], [np.zeros((0, 3))]
  for events, each, start in zip(recordings, rules, first, strict=False):
    key = each.key(events)
    end = each.num_segments * each.segment_frames * each.num_classes
    kept = slice(None) if key.max(initial=0) < end else key < end
    keys.append(key[kept] + start * each.segment_frames * each.num_classes)
    vectors.append(np.asarray(events.xyz)[kept])
  return np.concatenate(keys), np.concatenate(vectors)


def _dtype(values: np.ndarray) -> Any:
  """The type of a sum: int64 for booleans and integers, else unchanged."""
  return np.int64 if values.dtype.kind in 'bi' else values.dtype
