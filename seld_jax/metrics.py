"""DCASE scores: counts per recording -> merge -> scores. NumPy and SciPy only.

    per_recording = [metrics.counts(r, p, num_frames=600) for r, p in pairs]
    metrics.scores(metrics.merge(per_recording)).seld_score
    metrics.jackknife(per_recording)['seld_score']

Events are anything with the attributes `frame`, `class_index` (integers with
shape `[n]`) and `xyz` (vectors with shape `[n, 3]`), such as `labels.Events`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy import optimize, special

from seld_jax import geometry
from seld_jax.errors import InputError

# Labels are integer degrees and hit the threshold exactly; without this, the
# rounding of a sine would decide.
ANGLE_TOLERANCE = 1e-6

# Added to the denominators, as the published code does. It changes nothing but
# quotients by zero: an error rate without any reference becomes enormous.
_EPSILON = float(np.finfo(np.float64).eps)


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


def counts(
  reference: Any,
  predictions: Any,
  *,
  edition: str = '2020',
  num_frames: int = 600,
  num_classes: int = 14,
  doa_threshold: float = 20.0,
  segment_frames: int = 10,
) -> Counts:
  """Compares the predictions for one recording with its reference.

  Args:
    reference: Events of the reference.
    predictions: Events of the system. Those after the last segment are left
      out, as the published code does; a last segment that is not whole counts
      whole.
    edition: One of `EDITIONS`.
    num_frames: Label frames of the recording; events do not tell its length.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    segment_frames: Label frames of a segment of one second.

  Returns:
    The counts of this recording.

  Raises:
    InputError: The edition is unknown, a frame or class is out of range, or a
      direction is not finite.

  References:
    Politis et al., `Overview and Evaluation of Sound Event Localization and
    Detection in DCASE 2019 <https://arxiv.org/abs/2009.02792>`_, 2020; as
    repaired in the published code on 2020-04-29
  """
  count = _edition(edition).count
  if num_frames < 1 or num_classes < 1:
    raise InputError(
      f'Counting needs at least one frame and one class, got {num_frames} '
      f'frames and {num_classes} classes.'
    )
  _check('reference', reference, num_frames, num_classes)
  _check('prediction', predictions, None, num_classes)
  return count(
    reference,
    predictions,
    edition=edition,
    num_frames=num_frames,
    num_classes=num_classes,
    doa_threshold=doa_threshold,
    segment_frames=segment_frames,
  )


def merge(counts: Iterable[Counts]) -> Counts:
  """Adds up the counts of several recordings.

  Raises:
    InputError: There are none, or editions or numbers of classes differ.
  """
  counts = list(counts)
  if not counts:
    raise InputError('There are no counts to merge: no recording was scored.')
  for name, values in (
    ('edition', {one.edition for one in counts}),
    ('number of classes', {len(one.reference) for one in counts}),
  ):
    if len(values) > 1:
      raise InputError(
        f'Counts to merge need the same {name}, got '
        f'{" and ".join(map(str, sorted(values)))}.'
      )
  return dataclasses.replace(
    counts[0],
    **{name: sum(getattr(one, name) for one in counts) for name in _SUMS},
  )


def of_class(counts: Counts, class_index: int) -> Counts:
  """The counts as if there was no class but this one."""
  chosen = {
    name: value[class_index : class_index + 1]
    for name in _SUMS
    if isinstance(value := getattr(counts, name), np.ndarray)
  }
  # With one class a segment has a miss or a false alarm, never both.
  return dataclasses.replace(
    counts,
    **chosen,
    substitutions=0,
    deletions=int(chosen['false_negatives'][0]),
    insertions=int(chosen['false_positives'][0]),
  )


def scores(counts: Counts) -> Scores:
  """The scores of an edition from its counts."""
  return _edition(counts.edition).score(counts)


def jackknife(
  counts: Sequence[Counts], *, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
  """Confidence intervals, by leaving out one recording at a time.

  The interval lies around the estimate freed of its bias and uses Student's
  t-distribution, as the challenge publishes it. It may reach beyond the range
  of its score.

  Args:
    counts: The counts of each recording.
    confidence: Probability of the interval.

  Returns:
    For each field of `Scores` the low and the high end; NaN with fewer than
    two recordings.
  """
  whole = merge(counts)
  names = [field.name for field in dataclasses.fields(scores(whole))]
  if len(counts) < 2:
    return dict.fromkeys(names, (np.nan, np.nan))
  value = np.array(dataclasses.astuple(scores(whole)))
  left_out = np.array(
    [dataclasses.astuple(scores(_without(whole, one))) for one in counts]
  )
  freedom = len(counts) - 1
  bias = freedom * (left_out.mean(axis=0) - value)
  error = np.sqrt(freedom * left_out.var(axis=0))
  reach = special.stdtrit(freedom, 0.5 + confidence / 2) * error
  low, high = value - bias - reach, value - bias + reach
  return {
    name: (float(a), float(b))
    for name, a, b in zip(names, low, high, strict=True)
  }


def _count_2020(
  reference: Any,
  predictions: Any,
  *,
  edition: str,
  num_frames: int,
  num_classes: int,
  doa_threshold: float,
  segment_frames: int,
) -> Counts:
  """Segments of one second: each class counts once in each, or not at all."""
  num_segments = -(-num_frames // segment_frames)
  kept = predictions.frame < num_segments * segment_frames
  reference_key = reference.frame * num_classes + reference.class_index
  predicted_key = (predictions.frame * num_classes + predictions.class_index)[
    kept
  ]
  shape = (num_segments, num_classes)

  def place(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    frame, class_index = np.divmod(key, num_classes)
    return frame // segment_frames, class_index

  in_reference = np.zeros(shape, bool)
  in_reference[place(reference_key)] = True
  in_prediction = np.zeros(shape, bool)
  in_prediction[place(predicted_key)] = True

  key, angle = _angles(
    reference_key, reference.xyz, predicted_key, predictions.xyz[kept]
  )
  common = np.zeros(shape, np.int64)
  np.add.at(common, place(key), 1)
  total = np.zeros(shape)
  np.add.at(total, place(key), angle)
  mean = total / np.maximum(common, 1)

  located = common > 0
  hit = located & (mean <= doa_threshold + ANGLE_TOLERANCE)
  miss = in_reference & ~hit
  alarm = in_prediction & ~in_reference
  misses, alarms = miss.sum(axis=1), alarm.sum(axis=1)
  return Counts(
    edition=edition,
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


def _score_2020(counts: Counts) -> Scores:
  reference, predicted = counts.reference.sum(), counts.predicted.sum()
  located = counts.located.sum()
  errors = counts.substitutions + counts.deletions + counts.insertions
  error_rate = errors / (reference + _EPSILON)
  f_score = _f_score(counts.true_positives.sum(), predicted, reference)
  angle = counts.angles.sum() / located if located else 180.0
  localisation = _f_score(located, predicted, reference)
  mean = (error_rate + 1 - f_score + angle / 180 + 1 - localisation) / 4
  return Scores(
    seld_score=float(mean),
    ER20=float(error_rate),
    F20=float(f_score),
    LE_CD=float(angle),
    LR_CD=float(localisation),
    LR_CD_recall=float(located / (reference + _EPSILON)),
  )


@dataclasses.dataclass(frozen=True)
class _Edition:
  count: Callable[..., Counts]
  score: Callable[[Counts], Scores]


# How each edition of the challenge counts and scores.
EDITIONS = {
  '2020': _Edition(count=_count_2020, score=_score_2020),
}

_SUMS = tuple(
  field.name for field in dataclasses.fields(Counts) if field.name != 'edition'
)


def _edition(name: str) -> _Edition:
  if name not in EDITIONS:
    raise InputError(
      f'Scores of edition {name!r} are not known; the editions are '
      f'{", ".join(EDITIONS)}.'
    )
  return EDITIONS[name]


def _check(
  what: str, events: Any, num_frames: int | None, num_classes: int
) -> None:
  """Refuses events out of range."""
  for name, values, size in (
    ('frame', events.frame, num_frames),
    ('class', events.class_index, num_classes),
  ):
    high = np.inf if size is None else size
    outside = values[(values < 0) | (values >= high)]
    if outside.size:
      between = 'from 0' if size is None else f'from 0 to {size - 1}'
      raise InputError(
        f'The {what} has an event of {name} {outside[0]}, but expected '
        f'{between}.'
      )
  if not np.isfinite(events.xyz).all():
    raise InputError(f'The {what} has a direction that is NaN or infinite.')


def _angles(
  reference_key: np.ndarray,
  reference_xyz: np.ndarray,
  predicted_key: np.ndarray,
  predicted_xyz: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """The angle of every key that occurs in both, e.g. of each frame and class.

  Where a key occurs several times, directions are paired so that the sum of
  their angles is smallest, and that sum is the angle; what finds no partner
  adds nothing.
  """
  a_key, a_first, a_size, a_order = _groups(reference_key)
  b_key, b_first, b_size, b_order = _groups(predicted_key)
  key, a, b = np.intersect1d(
    a_key, b_key, assume_unique=True, return_indices=True
  )
  angle = np.zeros(len(key))
  sizes = np.stack([a_size[a], b_size[b]], axis=-1)
  for n, m in np.unique(sizes, axis=0):
    chosen = np.flatnonzero((sizes == (n, m)).all(axis=-1))
    rows = a_order[a_first[a[chosen], None] + np.arange(n)]
    columns = b_order[b_first[b[chosen], None] + np.arange(m)]
    costs = geometry.angular_distance(
      reference_xyz[rows][:, :, None], predicted_xyz[columns][:, None]
    )
    if min(n, m) == 1:
      angle[chosen] = costs.min(axis=(1, 2))
    else:
      angle[chosen] = [
        cost[optimize.linear_sum_assignment(cost)].sum() for cost in costs
      ]
  return key, angle


def _groups(
  key: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Distinct keys, their first places in `order`, their numbers, `order`."""
  order = np.argsort(key, kind='stable')
  distinct, first, size = np.unique(
    key[order], return_index=True, return_counts=True
  )
  return distinct, first, size, order


def _f_score(hits: float, predicted: float, reference: float) -> float:
  precision = hits / (predicted + _EPSILON)
  recall = hits / (reference + _EPSILON)
  return 2 * precision * recall / (precision + recall + _EPSILON)


def _without(whole: Counts, one: Counts) -> Counts:
  return dataclasses.replace(
    whole,
    **{name: getattr(whole, name) - getattr(one, name) for name in _SUMS},
  )
