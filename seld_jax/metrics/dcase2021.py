"""DCASE 2021, 2022 and 2023: tracks in segments of one second."""

import dataclasses

import numpy as np

from seld_jax.metrics import batches, matching


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """Sums over the segments of one or more recordings.

  The number of tracks of a class in a segment is the largest number of
  directions that it has in one frame.

  Attributes:
    edition: The edition whose rules were used.
    reference: Tracks of the reference, `[classes]`.
    true_positives: Tracks matched within the threshold angle, `[classes]`.
    too_far: Tracks matched at a larger angle, `[classes]`.
    false_positives: Predicted tracks in excess of the reference, `[classes]`.
    false_negatives: Reference tracks in excess of the prediction, `[classes]`.
    located: Tracks matched at any angle, `[classes]`.
    angles: Sum of the mean angles of these tracks in degrees, `[classes]`.
    class_errors: Substitutions, deletions and insertions of the class alone,
      `[classes]`.
    errors: Substitutions, deletions and insertions over all classes.
    all_reference: Tracks of the reference over all classes.
    as_published: Whether they were counted as the published code does.
  """

  edition: str
  reference: np.ndarray
  true_positives: np.ndarray
  too_far: np.ndarray
  false_positives: np.ndarray
  false_negatives: np.ndarray
  located: np.ndarray
  angles: np.ndarray
  class_errors: np.ndarray
  errors: int
  all_reference: int
  as_published: bool = False


@dataclasses.dataclass(frozen=True)
class Scores2021:
  """The scores of 2021, over all classes together.

  Attributes:
    seld_score: Mean of ER20, 1 - F20, LE_CD / 180 and 1 - LR_CD; lower is
      better.
    ER20: Error rate of detections within 20 degrees; lower is better.
    F20: F-score of detections within 20 degrees.
    LE_CD: Mean angle of the matched tracks, in degrees; 180 without any.
    LR_CD: Recall: share of the reference matched at any angle.
  """

  seld_score: float
  ER20: float
  F20: float
  LE_CD: float
  LR_CD: float


@dataclasses.dataclass(frozen=True)
class Scores2022:
  """The scores of 2022 and 2023: means over classes, and micro averages.

  Attributes:
    seld_score: Mean of ER20, 1 - F20, LE_CD / 180 and 1 - LR_CD; lower is
      better.
    ER20: Error rate of detections within 20 degrees. As in the published code,
      it is over all classes together. Lower is better.
    F20: Mean over classes of the F-score of detections within 20 degrees.
    LE_CD: Mean over classes of the mean angle of the matched tracks, in
      degrees; 180 for a class without any.
    LR_CD: Mean over classes of the share matched at any angle.
    seld_score_micro: Like `seld_score`, from the scores over all classes
      together.
    F20_micro: Like `F20`, over all classes together.
    LE_CD_micro: Like `LE_CD`, over all classes together.
    LR_CD_micro: Like `LR_CD`, over all classes together.
  """

  seld_score: float
  ER20: float
  F20: float
  LE_CD: float
  LR_CD: float
  seld_score_micro: float
  F20_micro: float
  LE_CD_micro: float
  LR_CD_micro: float


def count(batch: batches.Batch) -> list[Counts]:
  """Counts tracks in segments of one second; see `metrics.counts`.

  In each frame the directions of a class are paired so that the sum of their
  angles is smallest. The angle of a reference track is the mean over the frames
  of the segment in which it has a partner.

  Two rules follow the published code. The first row of a class in a frame
  belongs to its first track, the second row to its second track, and so on,
  whatever the track column says. And where a class is in both, but never in the
  same frame, the number of misses is the number of predicted tracks.
  """
  num_classes = batch.rules.num_classes
  keys = batch.key(batch.reference), batch.key(batch.predictions)

  def tracks(key: np.ndarray) -> np.ndarray:
    distinct, size = np.unique(key, return_counts=True)
    frame, class_index = np.divmod(distinct, num_classes)
    most = np.zeros(batch.shape, np.int64)
    segment = frame // batch.rules.segment_frames
    np.maximum.at(most, (segment, class_index), size)
    return most

  num_reference, num_predicted = map(tracks, keys)
  rows, _, angle = batch.paired(keys)
  # Tracks that have a partner in some frame: of segment, class and number.
  cell = np.ravel_multi_index(
    batch.segments(batch.reference.chosen(rows)), batch.shape
  )
  number = matching.occurrence(keys[0])[rows]
  most = int(number.max(initial=0)) + 1
  track, place = np.unique(cell * most + number, return_inverse=True)
  mean = np.bincount(place, angle, minlength=len(track))
  mean = mean / np.bincount(place, minlength=len(track))
  where = np.unravel_index(track // most, batch.shape)
  near = mean <= batch.rules.largest_angle
  located = matching.add_at(batch.shape, where)
  hits = matching.add_at(batch.shape, tuple(index[near] for index in where))

  apart = (num_reference > 0) & (num_predicted > 0) & (located == 0)
  misses = np.where(
    apart, num_predicted, np.maximum(num_reference - num_predicted, 0)
  )
  alarms = np.where(apart, 0, np.maximum(num_predicted - num_reference, 0))
  too_far = located - hits
  # S + D + I = min(FP, FN) + |FP - FN| = max(FP, FN) in each segment.
  sums = {
    'reference': num_reference,
    'true_positives': hits,
    'too_far': too_far,
    'false_positives': alarms,
    'false_negatives': misses,
    'located': located,
    'angles': matching.add_at(batch.shape, where, values=mean),
    'class_errors': np.maximum(alarms + too_far, misses),
    'errors': np.maximum((alarms + too_far).sum(axis=1), misses.sum(axis=1)),
    'all_reference': num_reference.sum(axis=1),
  }
  return batch.split(
    Counts, {name: batch.sums(values) for name, values in sums.items()}
  )


def score_2021(counts: Counts) -> Scores2021:
  """Computes the scores of 2021; a track too far away weighs 1/2 in F20."""
  return Scores2021(*_together(counts, weight=0.5))


def score_2022(counts: Counts) -> Scores2022:
  """Computes the scores of 2022 and 2023; a track too far away weighs 1.

  As in the published code, the means include classes without any reference.
  """
  seld, error_rate, f20, angle, recall = _together(counts, weight=1.0)
  f20s, angles, recalls = _each(counts, weight=1.0)
  means = float(f20s.mean()), float(angles.mean()), float(recalls.mean())
  return Scores2022(
    seld_score=_mean(error_rate, *means),
    ER20=error_rate,
    F20=means[0],
    LE_CD=means[1],
    LR_CD=means[2],
    seld_score_micro=seld,
    F20_micro=f20,
    LE_CD_micro=angle,
    LR_CD_micro=recall,
  )


def totals_alone(counts: Counts) -> dict[str, int]:
  """The totals over all classes if there is only one class.

  The published code of 2022 and 2023 repeats the error rate over all classes
  for each class, which leaves the totals as they are.
  """
  if counts.as_published and counts.edition != '2021':
    return {}
  return {
    'errors': int(counts.class_errors.sum()),
    'all_reference': int(counts.reference.sum()),
  }


def _together(counts: Counts, *, weight: float) -> tuple[float, ...]:
  """SELD score, ER20, F20, LE_CD and LR_CD over all classes together."""
  total = dataclasses.replace(
    counts,
    **{
      name: np.sum(value, keepdims=True)
      for name, value in vars(counts).items()
      if isinstance(value, np.ndarray)
    },
  )
  error_rate = float(counts.errors / (counts.all_reference + matching.EPSILON))
  f20, angle, recall = (float(x[0]) for x in _each(total, weight=weight))
  return _mean(error_rate, f20, angle, recall), error_rate, f20, angle, recall


def _each(
  counts: Counts, *, weight: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """F20, LE_CD and LR_CD of each class."""
  half = 0.5 * (counts.false_positives + counts.false_negatives)
  hits = counts.true_positives
  f20 = hits / (matching.EPSILON + hits + weight * counts.too_far + half)
  located = counts.located
  angle = np.where(located > 0, counts.angles / np.maximum(located, 1), 180.0)
  recall = located / (matching.EPSILON + located + counts.false_negatives)
  return f20, angle, recall


def _mean(error_rate: float, f20: float, angle: float, recall: float) -> float:
  return float((error_rate + 1 - f20 + angle / 180 + 1 - recall) / 4)
