"""Counts of recordings, their sums, and scores with confidence intervals.

Events are any object with the attributes `frame` and `class_index` (integers
with shape `[n]`), `xyz` (vectors with shape `[n, 3]`) and, for 2024 and 2025,
`distance` (with shape `[n]`). For 2025 they may have `onscreen` (flags with
shape `[n]`) and `track`. `labels.Events` is one.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.metrics import batches, dcase2024, matching, published, student
from seld_jax.metrics.editions import CLASSLESS, WITH_DISTANCES, edition_of

# Label frames of a recording, where all have the same length: one minute until
# 2021, and five seconds in 2025.
DEFAULT_NUM_FRAMES = {'2019': 600, '2020': 600, '2021': 600, '2025': 50}

# More classes than there are.
_ANY = 2**62


def counts(
  reference: Any,
  predictions: Any,
  *,
  edition: str = '2020',
  num_frames: int | None = None,
  num_classes: int = 14,
  doa_threshold: float = 20.0,
  distance_threshold: float = 1.0,
  segment_frames: int | None = None,
  as_published: bool = False,
) -> Any:
  """Compares the predictions for one recording with its reference.

  Each edition counts something else:

  - 2019: classes per segment (ER, F), and directions per frame whatever their
    class (DOA error, frame recall), as the paper defines them.
  - 2020: each class at most once per segment; as corrected on 2020-04-29.
  - 2021: tracks per segment. A track that is too far away adds 1/2 to the
    denominator of F20. As corrected on 2021-05-29.
  - 2022, 2023: like 2021, but a track that is too far away adds 1, and scores
    are means over classes. As corrected on 2022-04-30.
  - 2024: rows per frame, with their distance; as corrected on 2024-06-18.
  - 2025: like 2024, but of directions only their azimuth counts, folded to the
    front, and rows may say what is on screen.
  - `CLASSLESS`: directions per frame, whatever their class: how far they are
    off, and how many of them are found. This is of no edition.

  Args:
    reference: Events of the reference.
    predictions: Events that a system predicted. Like the published code, this
      ignores events after the end of the recording. In 2020 to 2023 this is the
      end of the last segment: a last segment that is cut short counts as a
      full one.
    edition: A key of `EDITIONS`, or `CLASSLESS`.
    num_frames: Label frames of the recording. None means 600 up to 2021 and 50
      in 2025; the editions between and `CLASSLESS` need a number. With
      `as_published`, None means the rule of the published code: 3000 frames of
      20 ms in 2019, 600 frames of 0.1 s in 2020 and 2021, and later the index
      of the last frame of the reference, so that this frame is left out.
    num_classes: Number of classes. Classes do not matter for `CLASSLESS`.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error of a true positive. Only
      2024 and 2025 use it.
    segment_frames: Label frames per segment of one second. None means 10, or 50
      in 2019 with `as_published`, whose frames last 20 ms.
    as_published: Whether to follow the published code of the edition where it
      differs: the length of recordings; the arc cosine for angles (the
      difference of azimuths in 2025), without a tolerance, and ties between
      pairs decided by it; in 2019 a grid of 10 degrees, to which directions are
      rounded down, and segments without their last frame; in 2022 and 2023 the
      error rate over all classes for each class, see `of_class`; in 2025 at
      most ten sources of a class in a frame. `published_rules` lists them.

  Returns:
    The counts of this recording, a dataclass of the edition; `Counts` in 2020.

  Raises:
    InputError: The edition is unknown, it needs `num_frames` or distances that
      are missing, an option is out of range, an array of events has another
      shape or type, a frame or class is out of range, a direction is not
      finite, a frame has more directions than can be paired, or `CLASSLESS` is
      to be counted as published.

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
    as_published=as_published,
  )
  return one


def counts_each(
  pairs: Iterable[tuple[Any, Any]],
  *,
  names: Sequence[str] | None = None,
  edition: str = '2020',
  num_frames: int | Sequence[int] | np.ndarray | None = None,
  num_classes: int = 14,
  doa_threshold: float = 20.0,
  distance_threshold: float = 1.0,
  segment_frames: int | None = None,
  as_published: bool = False,
) -> list[Any]:
  """Compares the predictions for many recordings with their references.

  The result is the same as calling `counts` for each recording. Many
  recordings are counted at once, which is much faster.

  Args:
    pairs: Reference and predictions of each recording.
    names: Name of each recording, for error messages.
    edition: As for `counts`, like all options that follow.
    num_frames: Label frames of every recording, or one number for each, also
      as an array with shape `[recordings]`.
    num_classes: Number of classes; they do not matter for `CLASSLESS`.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error of a true positive.
    segment_frames: Label frames per segment of one second.
    as_published: Whether to follow the published code where it differs.

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
  count = edition_of(edition).count
  pairs = list(pairs)
  if edition == CLASSLESS:
    if as_published:
      raise InputError(
        'Scores without classes are of no edition, so that there is no '
        'published code to follow: leave out as_published.'
      )
    num_classes = 1
  if num_frames is None:
    lengths = _default_lengths(pairs, edition, as_published)
  else:
    lengths = np.asarray(num_frames).astype(np.int64).tolist()
    if isinstance(lengths, int):
      lengths = [lengths] * len(pairs)
    if len(lengths) != len(pairs):
      raise InputError(
        f'num_frames must be one number, or one for each of the {len(pairs)} '
        f'recordings, got {len(lengths)}.'
      )
  if segment_frames is None:
    segment_frames = 10
    if as_published:
      segment_frames = published.SEGMENT_FRAMES.get(edition, 10)
  rules = batches.Rules(
    edition=edition,
    num_classes=num_classes,
    doa_threshold=doa_threshold,
    distance_threshold=distance_threshold,
    segment_frames=segment_frames,
    as_published=as_published,
  )
  _check_options(rules)
  for index, (pair, length) in enumerate(zip(pairs, lengths, strict=True)):
    try:
      check_recording(*pair, length, rules)
    except InputError as error:
      if names is None:
        raise
      raise InputError(f'{names[index]}: {error}') from error
  found = []
  for batch in batches.batches(pairs, lengths, rules):
    found.extend(count(batch))
  return found


def _check_options(rules: batches.Rules) -> None:
  """Raises InputError for options that give no meaningful counts."""
  for name, value in (
    ('doa_threshold', rules.doa_threshold),
    ('distance_threshold', rules.distance_threshold),
  ):
    if not value >= 0:
      raise InputError(f'{name} must be 0 or more, got {value}.')
  if rules.segment_frames < 1:
    raise InputError(
      f'segment_frames must be 1 or more, got {rules.segment_frames}.'
    )


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
    ('value of as_published', {one.as_published for one in counts}),
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

  If they were counted as published, the error rate of 2022 and 2023 stays that
  over all classes, which the published code repeats for each class.

  Args:
    counts: Counts of any edition.
    class_index: The class to keep.

  Returns:
    Counts of the same type with one class.

  Raises:
    InputError: There is no such class.

  Example:
    >>> from seld_jax import labels, metrics
    >>> both = labels.from_dense(np.ones((10, 2)), np.full((10, 2, 3), 1.0))
    >>> found = metrics.counts(both, both, num_frames=10, num_classes=2)
    >>> metrics.scores(metrics.of_class(found, 1)).ER20
    0.0
  """
  num_classes = len(counts.reference)
  if not 0 <= class_index < num_classes:
    raise InputError(
      f'class_index must be 0 to {num_classes - 1}, got {class_index}.'
    )
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
    `seld_score`; the scores of `CLASSLESS` have none.

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
    fewer than two recordings, where the score is NaN without one of them, or
    where the reference of the others has no event.

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
  names, value, left_out = _leave_one_out(counts)
  ends = jackknife_interval(value, left_out, confidence=confidence)
  return {
    name: (float(a), float(b)) for name, a, b in zip(names, *ends, strict=True)
  }


def jackknife_interval(
  value: np.ndarray, left_out: np.ndarray, *, confidence: float = 0.95
) -> np.ndarray:
  """Confidence intervals of any numbers, from those without each recording.

  Args:
    value: The numbers of all recordings, with any shape.
    left_out: The numbers without each of the recordings, with the shape
      `[recordings, *value.shape]`.
    confidence: Probability that the interval covers the number, from 0 to 1.

  Returns:
    The lower and the upper ends, with shape `[2, *value.shape]`; NaN with fewer
    than two recordings, or where a number is NaN.

  Example:
    >>> from seld_jax import metrics
    >>> ends = metrics.jackknife_interval(
    ...   np.array([2.0]), np.array([[2.5], [2.0], [1.5]])
    ... )
    >>> ends.round(2).tolist()
    [[-0.48], [4.48]]
  """
  freedom = len(left_out) - 1
  if freedom < 1:
    return np.full((2, *np.shape(value)), np.nan)
  error = np.sqrt(freedom * left_out.var(axis=0))
  reach = student.reach(confidence, freedom) * error
  centre = _corrected(value, left_out)
  return np.stack([centre - reach, centre + reach])


def jackknife_estimates(counts: Sequence[Any]) -> dict[str, float]:
  """The scores without the bias that the jackknife estimates.

  They are the centres of the intervals of `jackknife`.

  Args:
    counts: The counts of each recording.

  Returns:
    The estimate for each score of the edition; NaN with fewer than two
    recordings, where the score is NaN without one of them, or where the
    reference of the others has no event.

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> pairs = [(front, front), (front, labels.no_events())]
    >>> found = metrics.counts_each(pairs, num_frames=10, num_classes=1)
    >>> round(metrics.jackknife_estimates(found)['ER20'], 6)
    0.5
  """
  names, value, left_out = _leave_one_out(counts)
  centre = _corrected(value, left_out)
  return dict(zip(names, centre.tolist(), strict=True))


def _leave_one_out(
  counts: Sequence[Any],
) -> tuple[list[str], np.ndarray, np.ndarray]:
  """Names of the scores, their values, and those without each recording."""
  whole = merge(counts)
  names = [field.name for field in dataclasses.fields(scores(whole))]
  value = np.array(dataclasses.astuple(scores(whole)))
  if len(counts) < 2:
    return names, value, np.full((1, len(names)), np.nan)
  left_out = np.full((len(counts), len(names)), np.nan)
  for row, one in zip(left_out, counts, strict=True):
    rest = without(whole, one)
    # A rate of errors among no events has no value that means anything.
    if rest.reference.sum():
      row[:] = dataclasses.astuple(scores(rest))
  return names, value, left_out


def _corrected(value: np.ndarray, left_out: np.ndarray) -> np.ndarray:
  """Numbers without the bias that the jackknife estimates."""
  return value - (len(left_out) - 1) * (left_out.mean(axis=0) - value)


def _default_lengths(
  pairs: Sequence[tuple[Any, Any]], edition: str, as_published: bool
) -> list[int]:
  """Label frames of each recording if the caller does not state them."""
  if as_published:
    return [
      published.published_num_frames(edition, reference)
      for reference, _ in pairs
    ]
  if edition not in DEFAULT_NUM_FRAMES:
    raise InputError(
      f'The scores of {edition} need the length of each recording '
      '(num_frames), because recordings differ in length.'
    )
  return [DEFAULT_NUM_FRAMES[edition]] * len(pairs)


def check_recording(
  reference: Any,
  predictions: Any,
  num_frames: int,
  rules: batches.Rules,
  *,
  with_distances: bool | None = None,
) -> None:
  """Raises InputError if a recording cannot be counted.

  Args:
    reference: Events of the reference.
    predictions: Events that a system predicted.
    num_frames: Label frames of the recording.
    rules: How it is counted.
    with_distances: Whether events need distances; None: if the edition does.

  Raises:
    InputError: As for `counts`.
  """
  if with_distances is None:
    with_distances = rules.edition in WITH_DISTANCES
  classes = rules.num_classes
  fewest = 0 if rules.as_published else 1
  if num_frames < fewest or classes < 1:
    raise InputError(
      f'Counting needs at least one frame and one class, got {num_frames} '
      f'frames and {classes} classes.'
    )
  # The published code ignores what comes after the end.
  end = None if rules.as_published else num_frames
  both = ('reference', reference, end), ('prediction', predictions, None)
  known = _ANY if rules.edition == CLASSLESS else classes
  for what, events, limit in both:
    matching.check_events(what, events, limit, known)
    if with_distances:
      # The published code accepts any number that a system predicts.
      is_free = rules.as_published and what == 'prediction'
      lowest = -np.inf if is_free else 0.0
      dcase2024.check_distances(what, events, rules.edition, lowest=lowest)
  # Directions of all classes are compared.
  if rules.edition in ('2019', CLASSLESS):
    classes = 1
    keys = reference.frame, predictions.frame
  else:
    keys = (
      matching.key_of(reference, classes),
      matching.key_of(predictions, classes),
    )
  matching.check_crowd(keys[0], keys[1], classes)


def _sums(counts: Any) -> dict[str, Any]:
  """The fields that are added up, by name."""
  return {
    name: value
    for name, value in vars(counts).items()
    if name not in ('edition', 'as_published')
  }


def without(whole: Any, one: Any) -> Any:
  """The merged counts minus those of one recording.

  Args:
    whole: From `merge`.
    one: Counts that are part of them.

  Returns:
    The counts of the other recordings.
  """
  parts = _sums(one)
  rest = {name: value - parts[name] for name, value in _sums(whole).items()}
  return dataclasses.replace(whole, **rest)
