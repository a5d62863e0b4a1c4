"""Scores in the order in which the published classes of an edition return them.

`SELDMetrics` counts dictionaries in memory, and `evaluate.ComputeSELDResults`
files. Both count events here as the published code does (`as_published` of
`counts`), with the additional thresholds and sums of 2024 and 2025.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.metrics import (
  batches,
  counting,
  dcase2021,
  dcase2024,
  matching,
  student,
)
from seld_jax.metrics.dcase2020 import count as count_2020

EDITIONS = ('2020', '2021', '2022', '2023', '2024', '2025')
# The editions whose classes average over classes, if asked to.
_AVERAGED = ('2022', '2023', '2024', '2025')
AVERAGES = ('macro', 'micro')


@dataclasses.dataclass(frozen=True)
class Options:
  """What the published classes are told, in one place.

  Attributes:
    edition: One of `EDITIONS`.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Its largest distance error, in the unit of the
      distances. Only frames use it, with distances.
    relative_threshold: Its largest relative distance error, likewise.
    average: `'macro'` for means over classes and `'micro'` for all classes
      together, since 2022.
    with_distances: Whether distances are evaluated, in 2024.
    by_segment: Whether 2024 counts tracks in segments, as 2023 does, instead of
      frames.
    require_onscreen: Whether a true positive of 2025 must be right about what
      is on screen.
    polar: Whether angles are computed from azimuth and elevation up to 2023;
      otherwise from vectors, as in 2024.
    segment_frames: Label frames in a segment of one second.

  Raises:
    InputError: A value is not possible.
  """

  edition: str
  num_classes: int
  doa_threshold: float = 20.0
  distance_threshold: float = np.inf
  relative_threshold: float = np.inf
  average: str = 'macro'
  with_distances: bool = True
  by_segment: bool = False
  require_onscreen: bool = False
  polar: bool = True
  segment_frames: int = 10

  def __post_init__(self) -> None:
    if self.edition not in EDITIONS:
      raise InputError(
        f'There is no published results class of edition {self.edition!r}; the '
        f'editions are {", ".join(EDITIONS)}.'
      )
    if self.average not in AVERAGES:
      raise InputError(
        f'average must be one of {", ".join(AVERAGES)}, got {self.average!r}.'
      )
    if self.num_classes < 1:
      raise InputError(
        f'The number of classes must be at least 1, got {self.num_classes}.'
      )

  @property
  def has_frames(self) -> bool:
    """Whether rows are counted frame by frame, not tracks in segments."""
    return self.edition >= '2024' and not self.by_segment

  @property
  def names(self) -> tuple[str, ...]:
    """Names of the scores that are returned, in the published order."""
    if self.edition == '2025':
      return 'F', 'AngE', 'DistE', 'RelDistE', 'OnscreenAq'
    if self.edition == '2024' and self.has_frames and self.with_distances:
      return 'ER', 'F', 'AngE', 'DistE', 'RelDistE', 'LR', 'SELD'
    if self.edition == '2024':
      return 'ER', 'F', 'AngE', 'LR', 'SELD'
    return 'ER', 'F', 'LE', 'LR', 'SELD'

  @property
  def has_classes(self) -> bool:
    """Whether the scores of each class are returned as well."""
    return self.edition in _AVERAGED


@dataclasses.dataclass(frozen=True, eq=False)
class FrameSums:
  """Sums over the frames of recordings, for 2024 and 2025.

  Attributes:
    edition: The edition whose rules were used.
    reference: Rows of the reference, `[classes]`.
    true_positives: Pairs within all thresholds, `[classes]`.
    too_far: All other pairs, `[classes]`.
    false_positives: Predicted rows without a partner, `[classes]`.
    false_negatives: Rows of the reference without a partner, `[classes]`.
    angles: Sum of the angles of the pairs in degrees, `[classes]`.
    distances: Sum of their distance errors, `[classes]`.
    relative: Sum of their relative distance errors, `[classes]`.
    onscreen: Pairs that agree in what is on screen, `[classes]`.
    errors: Substitutions, deletions and insertions in each frame, over all
      classes.
    as_published: True: they are counted as the published code does.
  """

  edition: str
  reference: np.ndarray
  true_positives: np.ndarray
  too_far: np.ndarray
  false_positives: np.ndarray
  false_negatives: np.ndarray
  angles: np.ndarray
  distances: np.ndarray
  relative: np.ndarray
  onscreen: np.ndarray
  errors: int
  as_published: bool = True


def count_each(
  pairs: Sequence[tuple[Any, Any]],
  num_frames: Sequence[int],
  options: Options,
  *,
  names: Sequence[str] | None = None,
) -> list[Any]:
  """Counts recordings as the published class does.

  Args:
    pairs: Reference and predictions of each recording, events as for `counts`.
    num_frames: Label frames of each recording.
    options: What the class was told.
    names: Name of each recording, for error messages.

  Returns:
    The counts of each recording, for `returned`.

  Raises:
    InputError: A frame or class is out of range, a direction is not finite, or
      distances or flags of what is on screen are needed and missing.
  """
  is_polar = options.polar and options.edition != '2024'
  rules = batches.Rules(
    edition=_rules_of(options),
    num_classes=options.num_classes,
    doa_threshold=options.doa_threshold,
    distance_threshold=options.relative_threshold,
    segment_frames=options.segment_frames,
    as_published=True,
    angles_of='' if is_polar else '2024',
  )
  needs_distances = options.edition == '2025' or (
    options.has_frames and options.with_distances
  )
  for index, (pair, length) in enumerate(zip(pairs, num_frames, strict=True)):
    try:
      counting.check_recording(
        *pair, length, rules, with_distances=needs_distances
      )
      if options.require_onscreen:
        _check_onscreen(*pair)
    except InputError as error:
      if names is None:
        raise
      raise InputError(f'{names[index]}: {error}') from error
  found: list[Any] = []
  for batch in batches.batches(pairs, num_frames, rules):
    if options.has_frames:
      found += _count_frames(batch, options)
    elif options.edition == '2020':
      found += count_2020(batch)
    else:
      found += dcase2021.count(batch)
  return found


def returned(sums: Any, options: Options) -> tuple[Any, ...]:
  """What the published class returns for counts.

  Args:
    sums: Counts of one recording, or merged counts of several.
    options: What the class was told.

  Returns:
    The scores named by `options.names`. Since 2022 an array of them follows
    with shape `[scores, classes]`, or an empty list for `average='micro'`.
  """
  if options.has_frames:
    return _of_frames(sums, options)
  scores = counting.scores(sums)
  if options.edition in ('2020', '2021'):
    return (
      scores.ER20,
      scores.F20,
      scores.LE_CD,
      scores.LR_CD,
      scores.seld_score,
    )
  if options.average == 'micro':
    return (
      scores.ER20,
      scores.F20_micro,
      scores.LE_CD_micro,
      scores.LR_CD_micro,
      scores.seld_score_micro,
      [],
    )
  each = [
    counting.scores(counting.of_class(sums, index))
    for index in range(options.num_classes)
  ]
  table = [
    (one.ER20, one.F20, one.LE_CD, one.LR_CD, one.seld_score) for one in each
  ]
  return (
    scores.ER20,
    scores.F20,
    scores.LE_CD,
    scores.LR_CD,
    scores.seld_score,
    np.array(table).T,
  )


def with_intervals(counts: Sequence[Any], options: Options) -> tuple[Any, ...]:
  """What the published class returns with `is_jackknife`.

  The published code overwrites the scores with those that leave out one
  recording, the one that happens to be listed last, and returns these beside
  the intervals. Here they are the scores of all recordings.

  Args:
    counts: The counts of each recording.
    options: What the class was told.

  Returns:
    For each entry of `returned`, a list of it and its confidence interval of
    95 %: an array `[2]` with the lower and the upper end. The interval of the
    array of classes has shape `[scores, classes, 2]`; that of an empty list is
    an empty list. The ends are NaN with fewer than two recordings.
  """
  whole = counting.merge(counts)
  values = returned(whole, options)
  ends = np.full((len(_flat(values)), 2), np.nan)
  if len(counts) > 1:
    left_out = np.array(
      [_flat(returned(counting.without(whole, one), options)) for one in counts]
    )
    freedom = len(counts) - 1
    bias = freedom * (left_out.mean(axis=0) - _flat(values))
    error = np.sqrt(freedom * left_out.var(axis=0))
    reach = student.reach(0.95, freedom) * error
    centre = _flat(values) - bias
    ends = np.stack([centre - reach, centre + reach], axis=-1)
  size = len(options.names)
  pairs = [
    [value, end] for value, end in zip(values[:size], ends[:size], strict=True)
  ]
  if options.has_classes:
    table: Any = []
    if len(values[-1]):
      table = ends[size:].reshape(size, options.num_classes, 2)
    pairs.append([values[-1], table])
  return tuple(pairs)


def _flat(values: tuple[Any, ...]) -> np.ndarray:
  """All numbers that are returned, in one array."""
  return np.concatenate([np.ravel(value) for value in values]).astype(float)


def _rules_of(options: Options) -> str:
  """The edition whose rules are used: 2024 has segments of 2023, too."""
  if options.edition == '2024' and options.by_segment:
    return '2023'
  return options.edition


def _check_onscreen(reference: Any, predictions: Any) -> None:
  """Refuses rows that do not say what is on screen."""
  for what, events in ('reference', reference), ('prediction', predictions):
    if len(events.frame) and getattr(events, 'onscreen', None) is None:
      raise InputError(
        f'The {what} does not say what is on screen, which lad_req_onscreen '
        'requires: set lad_req_onscreen to False.'
      )


def _count_frames(batch: batches.Batch, options: Options) -> list[FrameSums]:
  """Counts rows frame by frame, with the thresholds of the class."""
  found = dcase2024.pair(batch)
  partners = found.reference
  distances = np.abs(partners.distance - found.predictions.distance)
  relative = found.relative
  agree = partners.onscreen == found.predictions.onscreen
  wrong = found.angle > options.doa_threshold
  if options.edition == '2025' or options.with_distances:
    wrong = found.wrong | (distances > options.distance_threshold)
  else:
    distances = relative = np.zeros(len(distances))
  if options.require_onscreen:
    wrong = wrong | ~agree
  in_reference, in_prediction, in_both, far = map(
    batch.by_class,
    (batch.reference, batch.predictions, partners, partners.chosen(wrong)),
  )
  size = batch.shape[0] * batch.rules.segment_frames

  def by_frame(rows: batches.Rows) -> np.ndarray:
    return np.bincount(rows.frame, minlength=size)

  pairs = by_frame(partners)
  alarms = by_frame(batch.predictions) - pairs
  alarms += by_frame(partners.chosen(wrong))
  errors = np.maximum(alarms, by_frame(batch.reference) - pairs)
  starts = batch.first[:-1] * batch.rules.segment_frames
  return batch.split(
    FrameSums,
    {
      'reference': in_reference,
      'true_positives': in_both - far,
      'too_far': far,
      'false_positives': in_prediction - in_both,
      'false_negatives': in_reference - in_both,
      'angles': batch.by_class(partners, values=found.angle),
      'distances': batch.by_class(partners, values=distances),
      'relative': batch.by_class(partners, values=relative),
      'onscreen': batch.by_class(partners.chosen(agree)),
      'errors': np.add.reduceat(errors, starts),
    },
  )


def _of_frames(sums: FrameSums, options: Options) -> tuple[Any, ...]:
  """What the classes of 2024 and 2025 return for frames."""
  small = matching.EPSILON
  error_rate = float(sums.errors / (sums.reference.sum() + small))
  is_macro = options.average == 'macro'
  if not is_macro:
    sums = dcase2024.over_classes(sums)
  half = 0.5 * (sums.false_positives + sums.false_negatives)
  pairs = sums.true_positives + sums.too_far
  found = pairs > 0

  def mean(total: np.ndarray) -> np.ndarray:
    return np.where(found, total / np.maximum(pairs, 1), np.nan)

  columns = {
    'ER': np.full(len(pairs), error_rate),
    'F': sums.true_positives / (small + pairs + half),
    'AngE': mean(sums.angles),
    'DistE': mean(sums.distances),
    'RelDistE': mean(sums.relative),
    'LR': pairs / (small + pairs + sums.false_negatives),
    'OnscreenAq': mean(sums.onscreen),
  }
  parts = [1 - columns['F'], columns['AngE'] / 180]
  if options.with_distances:
    parts.append(columns['RelDistE'])
  else:
    parts += [columns['ER'], 1 - columns['LR']]
  # A class that was never found has no angle and no distance.
  columns['SELD'] = np.nanmean(parts, axis=0)
  table = np.array([columns[name] for name in options.names])
  return *map(_mean_of_known, table), table if is_macro else []


def _mean_of_known(values: np.ndarray) -> float:
  """The mean of the values that are not NaN; NaN if there are none."""
  known = values[~np.isnan(values)]
  return float(known.mean()) if len(known) else float('nan')
