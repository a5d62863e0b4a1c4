"""Stopping between two steps when a signal asks for it."""

import contextlib
import signal
import sys
from collections.abc import Iterator


class _Interrupted(BaseException):
  """Ends work that can be done again; no `except Exception` catches it."""


class Signals:
  """Notes SIGTERM and SIGINT, for the loop to stop between two steps.

  Args:
    may_interrupt: Whether `interrupting` does; not where other processes would
      wait for what was left.
  """

  def __init__(self, *, may_interrupt: bool = True):
    self.received: int | None = None
    self._interrupts = may_interrupt
    self._previous = {}
    self._may_interrupt = False

  @contextlib.contextmanager
  def interrupting(self) -> Iterator[None]:
    """Leaves the block at a signal; what it did has to be done again then."""
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
      except ValueError:  # not the main thread: the caller handles signals
        break
    return self

  def _note(self, number, frame):
    del frame
    if self.received is not None:  # asked twice: leave at once
      sys.exit(128 + number)
    self.received = number
    if self._may_interrupt:
      raise _Interrupted

  def __exit__(self, *_):
    for number, handler in self._previous.items():
      signal.signal(number, handler)
