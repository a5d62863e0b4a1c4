"""Differences of the scores of two systems, with intervals over recordings.

Both systems are scored on the same recordings. What makes a recording hard is
hard for both, so that much of it cancels out: the interval of a difference is
often far narrower than those of the two scores. It must therefore be computed
from the differences, not from the two intervals.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.metrics.counting import (
  jackknife_interval,
  merge,
  of_class,
  scores,
)

# Numbers of a block of weights.
_MOST_NUMBERS = 4_000_000

# Differences up to here can come from rounding.
_ROUNDING = 1e-9

# The largest share of resamples that may have no score.
_MOST_UNDEFINED = 0.05

# The fields that are not added up.
_ABOUT = ('edition', 'as_published')


@dataclasses.dataclass(frozen=True)
class Difference:
  """The difference of a score of two systems.

  Attributes:
    value: The score of the second system minus that of the first; NaN if one
      of them is not defined.
    jackknife: Lower and upper end of the interval of the jackknife; NaN if it
      is unknown.
    bootstrap: Lower and upper end of the interval of the bootstrap; NaN if it
      is unknown.

  Example:
    >>> from seld_jax import metrics
    >>> metrics.Difference(-0.1, (-0.2, -0.05), (-0.3, 0.01)).excludes_zero
    False
  """

  value: float
  jackknife: tuple[float, float]
  bootstrap: tuple[float, float]

  @property
  def excludes_zero(self) -> bool:
    """Whether 0 is outside of the intervals; an unknown one does not count."""
    known = [
      ends
      for ends in (self.jackknife, self.bootstrap)
      if not np.isnan(ends).any()
    ]
    return bool(known) and all(
      low > _ROUNDING or high < -_ROUNDING for low, high in known
    )


def draw_recordings(
  rng: np.random.Generator, num_recordings: int, *, resamples: int = 1000
) -> np.ndarray:
  """Draws recordings with replacement, as many as there are, many times.

  Args:
    rng: The generator of random numbers.
    num_recordings: Number of recordings, at least 1.
    resamples: Number of times.

  Returns:
    How often each recording was drawn, int32 with shape
    `[resamples, num_recordings]`; each row adds up to the number of recordings.

  Raises:
    InputError: There are no recordings.

  Example:
    >>> from seld_jax import metrics
    >>> drawn = metrics.draw_recordings(np.random.default_rng(0), 5)
    >>> drawn.shape, set(drawn.sum(axis=1).tolist())
    ((1000, 5), {5})
  """
  if num_recordings < 1:
    raise InputError(
      f'num_recordings must be at least 1, got {num_recordings}.'
    )
  shares = np.full(num_recordings, 1 / num_recordings)
  drawn = np.empty((resamples, num_recordings), np.int32)
  for some in _blocks(resamples, num_recordings):
    drawn[some] = rng.multinomial(num_recordings, shares, size=len(drawn[some]))
  return drawn


def paired_differences(
  first: Sequence[Any],
  second: Sequence[Any],
  *,
  drawn: np.ndarray | None = None,
  class_indices: Iterable[int] = (),
  confidence: float = 0.95,
) -> list[dict[str, Difference]]:
  """Differences of the scores of two systems, with paired intervals.

  Scores are functions of the sums of counts over recordings. The jackknife
  leaves out one recording at a time, for both systems; the centre of its
  interval is the bias-corrected difference, and its width comes from Student's
  t-distribution, as for `jackknife`. The bootstrap draws the same recordings
  for both systems, and takes the percentiles of the differences.

  Args:
    first: Counts of each recording for the first system.
    second: Counts of the same recordings, in the same order, for the second
      system, with the same edition and classes.
    drawn: How often each resample has each recording, of any integer type with
      shape `[resamples, recordings]`, from `draw_recordings`. None leaves the
      bootstrap out.
    class_indices: Classes whose own scores are compared as well; see
      `of_class`.
    confidence: Probability that an interval covers the difference, from 0 to 1.

  Returns:
    The difference of each score by its name: of all classes, and then of each
    of the `class_indices`. A sample whose reference has no event has no scores,
    nor has a class that the reference of a sample lacks: they are NaN. Both
    intervals are NaN with fewer than two recordings, and that of the jackknife
    if a score is NaN without one of them. The bootstrap leaves out resamples
    where a score is NaN; with more than 5 % of them, its interval is NaN.

  Raises:
    InputError: The systems differ in the number of recordings, in edition or in
      classes, there are no recordings, or `drawn` does not fit.

  References:
    - Efron and Tibshirani, An Introduction to the Bootstrap, Chapman & Hall,
      1993, chapter 13 (percentile intervals)
    - Mesaros et al., `Sound Event Detection in the DCASE 2017 Challenge
      <https://doi.org/10.1109/TASLP.2019.2907016>`_, 2019 (the jackknife in
      evaluations of DCASE)

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> silence = labels.no_events()
    >>> perfect, deaf = (
    ...   metrics.counts_each(
    ...     [(front, one)] * 4, num_frames=10, num_classes=1
    ...   )
    ...   for one in (front, silence)
    ... )
    >>> (whole,) = metrics.paired_differences(perfect, deaf)
    >>> round(whole['F20'].value, 6), whole['F20'].excludes_zero
    (-1.0, True)
  """
  if len(first) != len(second):
    raise InputError(
      'Two systems are compared on the same recordings, got '
      f'{len(first)} and {len(second)}.'
    )
  # Also refuses counts of different editions or classes.
  merge([*first, *second])
  if drawn is not None and drawn.shape[1:] != (len(first),):
    raise InputError(
      f'drawn must have a column for each of {len(first)} recordings, got the '
      f'shape {drawn.shape}.'
    )
  classes = tuple(class_indices)
  names = [field.name for field in dataclasses.fields(scores(first[0]))]
  sides = [_Replicates(one, classes) for one in (first, second)]
  value = sides[1].whole() - sides[0].whole()
  unknown = np.full((2, *value.shape), np.nan)
  ends = {'jackknife': unknown, 'bootstrap': unknown}
  if len(first) > 1:
    left_out = sides[1].left_out() - sides[0].left_out()
    ends['jackknife'] = jackknife_interval(
      value, left_out, confidence=confidence
    )
  if drawn is not None and len(drawn) and len(first) > 1:
    sampled = sides[1].drawn(drawn) - sides[0].drawn(drawn)
    ends['bootstrap'] = _percentiles(sampled, confidence)
  return [
    {
      name: Difference(
        float(value[row, column]),
        *(
          (float(low), float(high))
          for low, high in (
            interval[:, row, column] for interval in ends.values()
          )
        ),
      )
      for column, name in enumerate(names)
    }
    for row in range(1 + len(classes))
  ]


class _Replicates:
  """Scores of one system on other selections of its recordings.

  Args:
    counts: The counts of each recording.
    classes: Classes whose own scores are computed as well.

  All methods return scores with the axes `[1 + classes, scores]`, where the
  first row is that of all classes; those of several samples have an axis for
  them before these.
  """

  def __init__(self, counts: Sequence[Any], classes: Sequence[int]):
    self._example = counts[0]
    self._classes = classes
    self._fields = {
      name: np.array([getattr(one, name) for one in counts], np.float64)
      for name in vars(counts[0])
      if name not in _ABOUT
    }
    self._number = len(counts)

  def whole(self) -> np.ndarray:
    """The scores of all recordings, with shape `[1 + classes, scores]`."""
    return self._scores(self._sums())

  def left_out(self) -> np.ndarray:
    """Without each of the recordings: `[recordings, 1 + classes, scores]`."""
    whole = self._sums()
    # Most recordings have few of the classes, so that many sums of a single
    # class are the same.
    known: dict[bytes, tuple[float, ...]] = {}
    return np.array(
      [
        self._of_sample(
          {name: whole[name] - self._fields[name][index] for name in whole},
          known=known,
        )
        for index in range(self._number)
      ]
    )

  def drawn(self, weights: np.ndarray) -> np.ndarray:
    """Of resamples `[resamples, recordings]`: `[resamples, 1 + ...]`."""
    return np.array([self._of_sample(sums) for sums in self._weighted(weights)])

  def _weighted(self, weights: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """The sums of each resample, computed as products of matrices."""
    for block in _blocks(len(weights), self._number):
      some = weights[block].astype(np.float64)
      sums = {name: some @ values for name, values in self._fields.items()}
      for row in range(len(some)):
        yield {name: values[row] for name, values in sums.items()}

  def _sums(self) -> dict[str, np.ndarray]:
    return {name: values.sum(axis=0) for name, values in self._fields.items()}

  def _of_sample(
    self,
    sums: dict[str, np.ndarray],
    *,
    known: dict[bytes, tuple[float, ...]] | None = None,
  ) -> np.ndarray:
    """The scores of a sample: NaN if its reference has no event."""
    found = self._scores(sums, known=known)
    if not sums['reference'].sum():
      found[0] = np.nan
    return found

  def _scores(
    self,
    sums: dict[str, np.ndarray],
    *,
    known: dict[bytes, tuple[float, ...]] | None = None,
  ) -> np.ndarray:
    """The scores of sums; those of equal sums of a class can be kept."""
    total = dataclasses.replace(self._example, **sums)
    rows = [_values(scores(total))]
    for index in self._classes:
      alone = of_class(total, index)
      if not alone.reference.sum():  # nothing to find, as in evaluations
        rows.append((np.nan,) * len(rows[0]))
        continue
      if known is None:
        rows.append(_values(scores(alone)))
        continue
      key = b''.join(
        np.float64(getattr(alone, name)).tobytes() for name in self._fields
      )
      if key not in known:
        known[key] = _values(scores(alone))
      rows.append(known[key])
    return np.array(rows)


def _percentiles(sampled: np.ndarray, confidence: float) -> np.ndarray:
  """Both ends of the intervals of differences `[resamples, ...]`."""
  undefined = np.isnan(sampled)
  known = undefined.mean(axis=0) <= _MOST_UNDEFINED
  outside = (1 - confidence) / 2
  ends = np.nanquantile(
    np.where(known, sampled, 0.0), [outside, 1 - outside], axis=0
  )
  return np.where(known, ends, np.nan)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
  """Divides the rows of a matrix so that a block does not take much memory."""
  size = max(1, _MOST_NUMBERS // columns)
  for start in range(0, rows, size):
    yield slice(start, start + size)


def _values(found: Any) -> tuple[float, ...]:
  """The scores in their order; faster than dataclasses.astuple."""
  return tuple(vars(found).values())
