"""Times functions in turns, and compares the ratio with a target."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Times:
  """Times of one side.

  Attributes:
    seconds: The time of each round in seconds, in the order of the rounds.
  """

  seconds: tuple[float, ...]

  @property
  def median(self) -> float:
    """The median over the rounds."""
    return statistics.median(self.seconds)

  def text(self) -> str:
    """Median and range as text, in s or ms."""
    unit, scale = ('s', 1) if self.median >= 1 else ('ms', 1000)
    low, high = scale * min(self.seconds), scale * max(self.seconds)
    return f'{scale * self.median:.3g} {unit} ({low:.3g}-{high:.3g})'


@dataclasses.dataclass(frozen=True)
class Figure:
  """A comparison of seld_jax with another implementation.

  Attributes:
    name: Name of the measurement.
    ours: Times of seld_jax.
    other: Times of the other side.
    against: Name of the other side.
    target: The ratio should be at least this; None for no target.
    flops: Number of necessary operations; None if there are hardly any.
    limit: Our time should be at most so many seconds; None for no limit.
  """

  name: str
  ours: Times
  other: Times
  against: str
  target: float | None = None
  flops: float | None = None
  limit: float | None = None

  @property
  def ratios(self) -> list[float]:
    """How many times faster seld_jax is, in each round."""
    pairs = zip(self.ours.seconds, self.other.seconds, strict=True)
    return [other / ours for ours, other in pairs]

  @property
  def ratio(self) -> float:
    """The median of the ratios."""
    return statistics.median(self.ratios)

  @property
  def verdict(self) -> str:
    """`met` or `missed`; empty without a target."""
    if self.target is None:
      return ''
    is_met = self.ratio >= self.target
    if self.limit is not None:
      is_met = is_met and self.ours.median <= self.limit
    return 'met' if is_met else 'missed'

  def record(self, *, peak: float) -> dict[str, Any]:
    """The comparison as JSON, for a machine with so many FLOP/s."""
    floor = None if self.flops is None else self.flops / peak
    return {
      'name': self.name,
      'against': self.against,
      'ours_seconds': list(self.ours.seconds),
      'other_seconds': list(self.other.seconds),
      'ratio': self.ratio,
      'target': self.target,
      'floor_seconds': floor,
      'times_the_floor': None if floor is None else self.ours.median / floor,
    }


def interleave(
  sides: Mapping[str, Callable[[], Any]], *, rounds: int, seconds: float = 0.0
) -> dict[str, Times]:
  """Times functions in turns (A B A B), so that noise affects all alike.

  Args:
    sides: Name -> function. It must return when its work is done. Each function
      is called once before, without timing.
    rounds: Number of turns of each function.
    seconds: Smallest length of a turn. A function is called again until the
      turn is as long. Otherwise a call of milliseconds would start with caches
      that the other side has filled, unlike many recordings in a row.

  Returns:
    Name -> times. The time of a round is the mean over the calls of the turn.
  """
  for call in sides.values():
    call()
  found: dict[str, list[float]] = {name: [] for name in sides}
  for _ in range(rounds):
    for name, call in sides.items():
      found[name].append(_turn(call, seconds))
  return {name: Times(tuple(values)) for name, values in found.items()}


def _turn(call: Callable[[], Any], seconds: float) -> float:
  """Calls a function for some seconds, at least once; returns the mean time."""
  count, start = 0, time.perf_counter()
  while not count or time.perf_counter() - start < seconds:
    call()
    count += 1
  return (time.perf_counter() - start) / count


def fastest(
  choices: Mapping[str, Callable[[], Any]], *, rounds: int = 2
) -> str:
  """Finds the name of the function with the smallest median."""
  times = interleave(choices, rounds=rounds)
  return min(times, key=lambda name: times[name].median)


def rows(figures: Sequence[Figure], *, peak: float) -> list[tuple[str, ...]]:
  """Makes the rows of a table.

  Args:
    figures: The comparisons.
    peak: FLOP/s of the machine.

  Returns:
    Name, our times, times of the other side, ratio with its range, target,
    verdict, and our time divided by the floor.
  """
  table = []
  for figure in figures:
    low, high = min(figure.ratios), max(figure.ratios)
    target = '' if figure.target is None else f'>= {figure.target:g}'
    floor = figure.record(peak=peak)['times_the_floor']
    table.append(
      (
        figure.name,
        figure.ours.text(),
        f'{figure.against} {figure.other.text()}',
        f'{figure.ratio:.2f} ({low:.2f}-{high:.2f})',
        target,
        figure.verdict,
        '' if floor is None else f'{floor:.1f} x',
      )
    )
  return table
