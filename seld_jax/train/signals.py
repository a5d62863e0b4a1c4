"""SIGTERM and SIGINT stop a run between two steps."""

import contextlib
import signal
import sys
from collections.abc import Iterator


class _Interrupted(BaseException):
  """Leaves a block of work; `except Exception` does not catch it."""


class Signals:
  """Records the first SIGTERM or SIGINT; a second one ends the process.

  Args:
    may_interrupt: Whether a signal interrupts the block of `interrupting`. Set
      it to False when other processes would wait for the rest of the block.

  Attributes:
    received: Number of the signal, or None.
  """

  def __init__(self, *, may_interrupt: bool = True):
    self.received: int | None = None
    self._interrupts = may_interrupt
    self._previous = {}
    self._may_interrupt = False

  @contextlib.contextmanager
  def interrupting(self) -> Iterator[None]:
    """A signal ends the block at once, so its work must be done again."""
    self._may_interrupt = self._interrupts
    try:
      yield
    except _Interrupted:
      pass
    finally:
      self._may_interrupt = False

  def __enter__(self):
    for number in signal.SIGTERM, signal.SIGINT:
      try:
        self._previous[number] = signal.signal(number, self._note)
      except ValueError:  # not the main thread, which alone gets signals
        break
    return self

  def _note(self, number, frame):
    del frame
    if self.received is not None:  # the second signal
      sys.exit(128 + number)
    self.received = number
    if self._may_interrupt:
      raise _Interrupted

  def __exit__(self, *_):
    for number, handler in self._previous.items():
      signal.signal(number, handler)
