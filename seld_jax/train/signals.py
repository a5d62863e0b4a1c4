"""SIGTERM and SIGINT stop a run between two steps."""

import contextlib
import signal
import sys
import types
from collections.abc import Iterator

from seld_jax import stopping


class _Interrupted(stopping.Terminated):
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
    self._delivery = stopping.Delivery(lambda _: _Interrupted())

  @contextlib.contextmanager
  def interrupting(self) -> Iterator[None]:
    """A signal ends the block at once, so its work must be done again."""
    try:
      try:
        self._delivery.is_open = self._interrupts
        yield
      finally:
        self._delivery.is_open = False
    except _Interrupted:
      pass
    except Exception:
      if self._delivery.number is None:
        raise
      # Otherwise a library made this error of ours.
    finally:
      self._delivery.arrive()

  def __enter__(self):
    for number in signal.SIGTERM, signal.SIGINT:
      try:
        self._previous[number] = signal.signal(number, self._note)
      except ValueError:  # not the main thread, which alone gets signals
        break
    return self

  def _note(self, number: int, frame: types.FrameType | None) -> None:
    if self._delivery.resume(frame):
      return
    if self.received is not None:  # the second signal
      sys.exit(128 + number)
    self.received = number
    if self._delivery.is_open:
      self._delivery.start(number, frame)

  def __exit__(self, *_):
    for number, handler in self._previous.items():
      signal.signal(number, handler)
