"""Progress of long work: a bar on a terminal, lines in a log file."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator

from rich import console as rich_console
from rich import progress as rich_progress

# Seconds between two lines if the output is not a terminal.
LOG_INTERVAL = 20.0


@contextlib.contextmanager
def bar(
  description: str, total: float, *, unit: str, initial: float = 0
) -> Iterator[Callable[..., None]]:
  """Shows the progress of long work on standard error.

  On a terminal this is a bar with the rate and the remaining time. Otherwise it
  is a line at the start, a line every 20 seconds and a line at the end. Nothing
  is shown if `total` is 0, if there is no standard error, or if the level of
  the logger `seld_jax` is higher than INFO.

  Args:
    description: Name of the work, e.g. `'features'`.
    total: Amount of work, in `unit`.
    unit: Unit of the work in the plural, e.g. `'recordings'`.
    initial: Amount of work that was done before, for example by a run that is
      now resumed.

  Yields:
    A function `advance(amount=1, note='')`. Call it whenever some work is done.
    The note, e.g. the current loss, is shown until there is another one.

  Example:
    >>> from seld_jax import progress
    >>> with progress.bar('features', 2, unit='recordings') as advance:
    ...   for name in 'a.wav', 'b.wav':
    ...     advance(note=name)
  """
  is_silent = logging.getLogger('seld_jax').level > logging.INFO
  # A program without a console, or that was started with `2>&-`, has None.
  if is_silent or not total or sys.stderr is None:
    yield lambda amount=1, note='': None
    return
  if sys.stderr.isatty():
    with rich_progress.Progress(
      '{task.description}',
      rich_progress.BarColumn(),
      rich_progress.MofNCompleteColumn(),
      rich_progress.TextColumn('{task.fields[rate]}'),
      rich_progress.TimeRemainingColumn(),
      rich_progress.TextColumn('{task.fields[note]}', markup=False),
      console=rich_console.Console(stderr=True),
    ) as display:
      task = display.add_task(
        description, total=total, completed=int(initial), rate='', note=''
      )
      meter = _Meter(total, initial)

      def advance(amount: float = 1, note: str = '') -> None:
        meter.add(amount, note)
        rate = f'{meter.rate():.3g} {unit}/s'
        display.update(task, advance=amount, rate=rate, note=meter.note)

      yield advance
    return

  meter = _Meter(total, initial)
  before = f', {_number(initial)} done before' if initial else ''
  _line(f'{description}: {_number(total - initial)} {unit} to do{before}')

  def advance(amount: float = 1, note: str = '') -> None:
    meter.add(amount, note)
    if meter.due() and meter.done < total:
      _line(f'{description}: {meter} {unit}  {meter.note}'.rstrip())

  yield advance
  _line(
    f'{description}: {_number(meter.done)} {unit} done '
    f'in {meter.elapsed():.1f} s ({meter.rate():.3g} {unit}/s)'
  )


class _Meter:
  """Counts work; computes the rate and the remaining time."""

  def __init__(self, total: float, initial: float):
    self.total = total
    self.initial = initial
    self.done = initial
    self.note = ''
    self._start = self._last_line = time.monotonic()

  def add(self, amount: float, note: str) -> None:
    self.done += amount
    self.note = note or self.note

  def elapsed(self) -> float:
    return time.monotonic() - self._start

  def rate(self) -> float:
    return (self.done - self.initial) / max(self.elapsed(), 1e-9)

  def due(self) -> bool:
    now = time.monotonic()
    if now - self._last_line < LOG_INTERVAL:
      return False
    self._last_line = now
    return True

  def __str__(self) -> str:
    rate = self.rate()
    left = '?'
    if rate > 0:
      minutes, seconds = divmod(round((self.total - self.done) / rate), 60)
      left = f'{minutes}:{seconds:02d}'
    return (
      f'{_number(self.done)}/{_number(self.total)} ({rate:.3g}/s, {left} left)'
    )


def _line(text: str) -> None:
  print(text, file=sys.stderr, flush=True)


def _number(value: float) -> str:
  """A number without an exponent, and with few decimals if it has some."""
  return f'{value:.10g}' if value == round(value) else f'{value:g}'
