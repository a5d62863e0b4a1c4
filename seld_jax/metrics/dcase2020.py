"""DCASE 2020: a class counts once a second, or not at all."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from seld_jax.metrics import matching


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


def count_each(
  references: Sequence[Any],
  predictions: Sequence[Any],
  rules: Sequence[matching.Rules],
) -> list[Counts]:
  """Counts segments of one second of recordings; see `metrics.counts_each`.

  Where a class has several directions in a frame, the least sum of the angles
  of all pairs is the angle of that frame. A class that is too far away is a
  miss, and not a false alarm as well.
  """
  if not rules:
    return []
  # The recordings follow each other, each a whole number of segments: what is
  # done for all at once costs little more than for one.
  one = rules[0]
  num_classes, segment_frames = one.num_classes, one.segment_frames
  sizes = [each.num_segments for each in rules]
  first = np.cumsum([0, *sizes])
  reference_key, reference_xyz = _joined(references, rules, first)
  predicted_key, predicted_xyz = _joined(predictions, rules, first)
  by_frame = (int(first[-1]), segment_frames, num_classes)

  def frames_with(key: np.ndarray) -> np.ndarray:
    """In how many frames of each segment a class has one of these keys."""
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


def _joined(
  recordings: Sequence[Any], rules: Sequence[matching.Rules], first: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Keys and directions of the events of recordings that follow each other."""
  keys, vectors = [np.zeros(0, np.int64)], [np.zeros((0, 3))]
  for events, each, start in zip(recordings, rules, first, strict=False):
    key = each.key(events)
    end = each.num_segments * each.segment_frames * each.num_classes
    kept = slice(None) if key.max(initial=0) < end else key < end
    keys.append(key[kept] + start * each.segment_frames * each.num_classes)
    vectors.append(np.asarray(events.xyz)[kept])
  return np.concatenate(keys), np.concatenate(vectors)


def _dtype(values: np.ndarray) -> Any:
  """Of a sum: numbers of segments are counted, not added as truth values."""
  return np.int64 if values.dtype.kind in 'bi' else values.dtype
