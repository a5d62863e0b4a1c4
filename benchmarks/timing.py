"""Times taken in turns, and what they say beside a target."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Times:
  """Seconds of one side, a number for each round.

  Attributes:
    seconds: In the order in which they were taken.
  """

  seconds: tuple[float, ...]

  @property
  def median(self) -> float:
    """The median over the rounds."""
    return statistics.median(self.seconds)

  def text(self) -> str:
    """Median and range, in a unit that suits."""
    unit, scale = ('s', 1) if self.median >= 1 else ('ms', 1000)
    low, high = scale * min(self.seconds), scale * max(self.seconds)
    return f'{scale * self.median:.3g} {unit} ({low:.3g}-{high:.3g})'


@dataclasses.dataclass(frozen=True)
class Figure:
  """One comparison: ours, the other side, and what was aimed at.

  Attributes:
    name: What was measured.
    ours: Times of seld_jax.
    other: Times of the other side.
    against: What the other side is.
    target: Smallest ratio that was aimed at; None for a figure without one.
    flops: Arithmetic that cannot be avoided; None where there is next to none.
    limit: Most seconds of ours that were aimed at; None for no limit.
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
    """How many times faster we are, in each round."""
    pairs = zip(self.ours.seconds, self.other.seconds, strict=True)
    return [other / ours for ours, other in pairs]

  @property
  def ratio(self) -> float:
    """The median of the ratios."""
    return statistics.median(self.ratios)

  @property
  def verdict(self) -> str:
    """Whether the target is met."""
    if self.target is None:
      return ''
    is_met = self.ratio >= self.target
    if self.limit is not None:
      is_met = is_met and self.ours.median <= self.limit
    return 'met' if is_met else 'missed'

  def record(self, *, peak: float) -> dict[str, Any]:
    """What JSON holds of it, given the machine's FLOP/s."""
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
  """Times functions in turns, A B A B, so that noise meets all alike.

  Args:
    sides: Functions by name, which return when the work is done. Each is
      called once before, untimed.
    rounds: Number of turns of each.
    seconds: A turn is one call, and more until so many seconds are over: what
      takes milliseconds would else be timed with what the other side has left
      in the caches, which is not how many recordings in a row are done.

  Returns:
    The times of each by name: of a call, the mean over its turn.
  """
  for call in sides.values():
    call()
  found: dict[str, list[float]] = {name: [] for name in sides}
  for _ in range(rounds):
    for name, call in sides.items():
      found[name].append(_turn(call, seconds))
  return {name: Times(tuple(values)) for name, values in found.items()}


def _turn(call: Callable[[], Any], seconds: float) -> float:
  """Seconds of a call, the mean of as many as fit, but one at least."""
  count, start = 0, time.perf_counter()
  while not count or time.perf_counter() - start < seconds:
    call()
    count += 1
  return (time.perf_counter() - start) / count


def fastest(
  choices: Mapping[str, Callable[[], Any]], *, rounds: int = 2
) -> str:
  """The name of the function with the smallest median."""
  times = interleave(choices, rounds=rounds)
  return min(times, key=lambda name: times[name].median)


def rows(figures: Sequence[Figure], *, peak: float) -> list[tuple[str, ...]]:
  """The figures as rows of a table, with the distance to the floor.

  Args:
    figures: What was measured.
    peak: FLOP/s of the machine.

  Returns:
    Name, ours, the other side, ratio with its range, target, verdict, and how
    many times the floor ours takes.
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
