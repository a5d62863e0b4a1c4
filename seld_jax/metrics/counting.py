"""DCASE scores: counts per recording -> merge -> scores. NumPy and SciPy only.

    per_recording = [metrics.counts(r, p, num_frames=600) for r, p in pairs]
    metrics.scores(metrics.merge(per_recording)).seld_score
    metrics.jackknife(per_recording)['seld_score']

Events are anything with the attributes `frame`, `class_index` (integers with
shape `[n]`), `xyz` (vectors with shape `[n, 3]`) and, for 2024, `distance`
(with shape `[n]`), such as `labels.Events`.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.metrics import matching
from seld_jax.metrics.dcase2020 import Counts, Scores
from seld_jax.metrics.editions import EDITIONS, edition_of
from seld_jax.metrics.matching import ANGLE_TOLERANCE

__all__ = [
  'ANGLE_TOLERANCE',
  'DEFAULT_NUM_FRAMES',
  'EDITIONS',
  'Counts',
  'Scores',
  'counts',
  'counts_each',
  'jackknife',
  'merge',
  'of_class',
  'scores',
]


# Until 2021 all recordings were one minute long.
DEFAULT_NUM_FRAMES = {'2019': 600, '2020': 600, '2021': 600}


def counts(
  reference: Any,
  predictions: Any,
  *,
  edition: str = '2020',
  num_frames: int | None = None,
  num_classes: int = 14,
  doa_threshold: float = 20.0,
  distance_threshold: float = 1.0,
  segment_frames: int = 10,
) -> Any:
  """Compares the predictions for one recording with its reference.

  What each edition counts:

  - 2019: classes by the second (ER, F) and, whatever their class, directions by
    the frame (DOA error, frame recall), as the paper defines them; the
    published code left the last frame of each second out, and its frames were
    of 20 ms.
  - 2020: classes by the second, once each; as repaired on 2020-04-29.
  - 2021: tracks by the second; one too far away is half an error in F20; as
    repaired on 2021-05-29.
  - 2022, 2023: the same with a whole error, and means over classes; as repaired
    on 2022-04-30.
  - 2024: rows by the frame, with their distance; as repaired on 2024-06-18.

  Args:
    reference: Events of the reference.
    predictions: Events of the system. Those after the end (of the last segment,
      where segments count) are left out, as the published code does; a last
      segment that is not whole counts whole.
    edition: One of `EDITIONS`.
    num_frames: Label frames of the recording; events do not tell its length.
      600 when None, up to 2021; it must be given after.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error of a true positive, in
      2024.
    segment_frames: Label frames of a segment of one second.

  Returns:
    The counts of this recording, a dataclass of the edition; `Counts` in 2020.

  Raises:
    InputError: The edition is unknown, a frame or class is out of range, or a
      direction is not finite.

  References:
    Politis et al., `Overview and Evaluation of Sound Event Localization and
    Detection in DCASE 2019 <https://arxiv.org/abs/2009.02792>`_, 2020
  """
  (one,) = counts_each(
    [(reference, predictions)],
    edition=edition,
    num_frames=num_frames,
    num_classes=num_classes,
    doa_threshold=doa_threshold,
    distance_threshold=distance_threshold,
    segment_frames=segment_frames,
  )
  return one


def counts_each(
  pairs: Iterable[tuple[Any, Any]],
  *,
  names: Sequence[str] | None = None,
  edition: str = '2020',
  num_frames: int | Sequence[int] | None = None,
  num_classes: int = 14,
  doa_threshold: float = 20.0,
  distance_threshold: float = 1.0,
  segment_frames: int = 10,
) -> list[Any]:
  """`counts` of many recordings, those of 2020 all at once, which is faster.

  Args:
    pairs: Reference and predictions of each.
    names: Their names, for errors.
    edition: As in `counts`, like all options that follow.
    num_frames: Label frames of all, or of each.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error, in 2024.
    segment_frames: Label frames of a segment of one second.

  Returns:
    The counts of each.

  Raises:
    InputError: As `counts`, and with the name of the recording.
  """
  count_each = edition_of(edition).count_each
  if num_frames is None:
    if edition not in DEFAULT_NUM_FRAMES:
      raise InputError(
        f'The scores of {edition} need the length of each recording '
        '(num_frames), as recordings differ since 2022.'
      )
    num_frames = DEFAULT_NUM_FRAMES[edition]
  pairs = list(pairs)
  lengths = num_frames
  if not isinstance(lengths, Sequence):
    lengths = [lengths] * len(pairs)
  rules = []
  for index, (pair, length) in enumerate(zip(pairs, lengths, strict=True)):
    try:
      _check(*pair, num_frames=length, num_classes=num_classes)
    except InputError as error:
      if names is None:
        raise
      raise InputError(f'{names[index]}: {error}') from error
    rules.append(
      matching.Rules(
        edition=edition,
        num_frames=length,
        num_classes=num_classes,
        doa_threshold=doa_threshold,
        distance_threshold=distance_threshold,
        segment_frames=segment_frames,
      )
    )
  references = [reference for reference, _ in pairs]
  return count_each(references, [found for _, found in pairs], rules)


def merge(counts: Iterable[Any]) -> Any:
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
  parts = [_sums(one) for one in counts]
  return dataclasses.replace(
    counts[0],
    **{name: sum(part[name] for part in parts) for name in parts[0]},
  )


def of_class(counts: Any, class_index: int) -> Any:
  """The counts as if there was no class but this one."""
  chosen = {
    name: value[class_index : class_index + 1]
    for name, value in _sums(counts).items()
    if isinstance(value, np.ndarray)
  }
  alone = dataclasses.replace(counts, **chosen)
  return dataclasses.replace(
    alone, **edition_of(counts.edition).errors_alone(alone)
  )


def scores(counts: Any) -> Any:
  """The scores of an edition from its counts.

  Args:
    counts: Of one recording, or merged.

  Returns:
    A dataclass of the edition, `Scores` in 2020; all have `seld_score`.
  """
  return edition_of(counts.edition).score(counts)


def jackknife(
  counts: Sequence[Any], *, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
  """Confidence intervals, by leaving out one recording at a time.

  The interval lies around the estimate freed of its bias and uses Student's
  t-distribution, as the challenge publishes it. It may reach beyond the range
  of its score.

  Args:
    counts: The counts of each recording.
    confidence: Probability of the interval.

  Returns:
    For each score of the edition the low and the high end; NaN with fewer than
    two recordings, or where a score without one of them is NaN.
  """
  # Here, since it is wanted long after the start of a training.
  from scipy import special

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


def _check(
  reference: Any, predictions: Any, *, num_frames: int, num_classes: int
) -> None:
  """Refuses a recording that cannot be counted."""
  if num_frames < 1 or num_classes < 1:
    raise InputError(
      f'Counting needs at least one frame and one class, got {num_frames} '
      f'frames and {num_classes} classes.'
    )
  matching.check_events('reference', reference, num_frames, num_classes)
  matching.check_events('prediction', predictions, None, num_classes)


def _sums(counts: Any) -> dict[str, Any]:
  """The fields that add up, by name."""
  return {
    name: value for name, value in vars(counts).items() if name != 'edition'
  }


def _without(whole: Any, one: Any) -> Any:
  parts = _sums(one)
  rest = {name: value - parts[name] for name, value in _sums(whole).items()}
  return dataclasses.replace(whole, **rest)
