"""Counts of recordings, their sums, and scores with confidence intervals.

Events are any object with the attributes `frame` and `class_index` (integers
with shape `[n]`), `xyz` (vectors with shape `[n, 3]`) and, for 2024, `distance`
(with shape `[n]`). `labels.Events` is one.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.metrics import matching
from seld_jax.metrics.editions import edition_of

# Label frames of a recording. Until 2021 every recording lasted one minute.
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

  Each edition counts something else:

  - 2019: classes per segment (ER, F), and directions per frame whatever their
    class (DOA error, frame recall), as the paper defines them. The published
    code leaves the last frame of each segment out and has frames of 20 ms.
  - 2020: each class at most once per segment; as corrected on 2020-04-29.
  - 2021: tracks per segment. A track that is too far away adds 1/2 to the
    denominator of F20. As corrected on 2021-05-29.
  - 2022, 2023: like 2021, but a track that is too far away adds 1, and scores
    are means over classes. As corrected on 2022-04-30.
  - 2024: rows per frame, with their distance; as corrected on 2024-06-18.

  Args:
    reference: Events of the reference.
    predictions: Events that a system predicted. Like the published code, this
      ignores events after the end of the recording. In 2020 to 2023 this is the
      end of the last segment: a last segment that is cut short counts as a
      full one.
    edition: A key of `EDITIONS`.
    num_frames: Label frames of the recording. None means 600 up to 2021; later
      editions need a number.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error of a true positive. Only
      2024 uses it.
    segment_frames: Label frames per segment of one second.

  Returns:
    The counts of this recording, a dataclass of the edition; `Counts` in 2020.

  Raises:
    InputError: The edition is unknown, it needs `num_frames` or distances that
      are missing, a frame or class is out of range, or a direction is not
      finite.

  References:
    Politis et al., `Overview and Evaluation of Sound Event Localization and
    Detection in DCASE 2019 <https://arxiv.org/abs/2009.02792>`_, 2020

  See Also: `counts_each` for many recordings, which is faster.

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> one = metrics.counts(front, front, num_frames=20, num_classes=1)
    >>> one.true_positives  # segments with class 0
    array([1])
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
  """Compares the predictions for many recordings with their references.

  The result is the same as calling `counts` for each recording. In 2020 all
  recordings are counted at once, which is much faster.

  Args:
    pairs: Reference and predictions of each recording.
    names: Name of each recording, for error messages.
    edition: As for `counts`, like all options that follow.
    num_frames: Label frames of every recording, or one number for each.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error of a true positive.
    segment_frames: Label frames per segment of one second.

  Returns:
    The counts of each recording.

  Raises:
    InputError: As for `counts`; the message begins with the recording's name.

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> pairs = [(front, front), (front, labels.no_events())]
    >>> found = metrics.counts_each(pairs, num_frames=10, num_classes=1)
    >>> [int(one.true_positives.sum()) for one in found]
    [1, 0]
  """
  count_each = edition_of(edition).count_each
  if num_frames is None:
    if edition not in DEFAULT_NUM_FRAMES:
      raise InputError(
        f'The scores of {edition} need the length of each recording '
        '(num_frames), because since 2022 recordings differ in length.'
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

  Args:
    counts: Counts of one edition, with the same number of classes.

  Returns:
    Their sum, of the same type.

  Raises:
    InputError: There are no counts, or they differ in edition or in the number
      of classes.

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> one = metrics.counts(front, front, num_frames=10, num_classes=1)
    >>> metrics.merge([one, one]).reference
    array([2])
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
  """The counts that a single class would have if there were no others.

  Args:
    counts: Counts of any edition.
    class_index: The class to keep.

  Returns:
    Counts of the same type with one class.

  Example:
    >>> from seld_jax import labels, metrics
    >>> both = labels.from_dense(np.ones((10, 2)), np.full((10, 2, 3), 1.0))
    >>> found = metrics.counts(both, both, num_frames=10, num_classes=2)
    >>> metrics.scores(metrics.of_class(found, 1)).ER20
    0.0
  """
  chosen = {
    name: value[class_index : class_index + 1]
    for name, value in _sums(counts).items()
    if isinstance(value, np.ndarray)
  }
  alone = dataclasses.replace(counts, **chosen)
  return dataclasses.replace(
    alone, **edition_of(counts.edition).totals_alone(alone)
  )


def scores(counts: Any) -> Any:
  """Computes the scores of an edition from its counts.

  Args:
    counts: Counts of one recording, or merged counts of several.

  Returns:
    A dataclass of the edition, `Scores` in 2020. All of them have
    `seld_score`.

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> found = metrics.counts(front, front, num_frames=10, num_classes=1)
    >>> round(metrics.scores(found).F20, 6)
    1.0
  """
  return edition_of(counts.edition).score(counts)


def jackknife(
  counts: Sequence[Any], *, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
  """Confidence intervals of the scores: the leave-one-out jackknife.

  As in the challenge, the centre of an interval is the bias-corrected estimate
  and its width comes from Student's t-distribution. An interval can therefore
  exceed the range of its score.

  Args:
    counts: The counts of each recording.
    confidence: Probability that the interval covers the score, from 0 to 1.

  Returns:
    The lower and the upper end for each score of the edition. Both are NaN with
    fewer than two recordings, or where the score is NaN without one of them.

  References:
    Efron and Stein, `The Jackknife Estimate of Variance
    <https://doi.org/10.1214/aos/1176345462>`_, 1981

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> pairs = [(front, front), (front, labels.no_events())]
    >>> found = metrics.counts_each(pairs, num_frames=10, num_classes=1)
    >>> low, high = metrics.jackknife(found)['ER20']
    >>> round(low, 2), round(high, 2)
    (-5.85, 6.85)
  """
  # Importing SciPy is slow; a training needs it only when it validates.
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
  """Raises InputError if a recording cannot be counted."""
  if num_frames < 1 or num_classes < 1:
    raise InputError(
      f'Counting needs at least one frame and one class, got {num_frames} '
      f'frames and {num_classes} classes.'
    )
  matching.check_events('reference', reference, num_frames, num_classes)
  matching.check_events('prediction', predictions, None, num_classes)


def _sums(counts: Any) -> dict[str, Any]:
  """The fields that are added up, by name."""
  return {
    name: value for name, value in vars(counts).items() if name != 'edition'
  }


def _without(whole: Any, one: Any) -> Any:
  """The merged counts minus those of one recording."""
  parts = _sums(one)
  rest = {name: value - parts[name] for name, value in _sums(whole).items()}
  return dataclasses.replace(whole, **rest)
