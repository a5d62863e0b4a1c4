"""Stopping between two steps when a signal asks for it."""

import signal
import sys


class Signals:
  """Notes SIGTERM and SIGINT, for the loop to stop between two steps."""

  def __init__(self):
    self.received: int | None = None
    self._previous = {}

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

  def __exit__(self, *_):
    for number, handler in self._previous.items():
      signal.signal(number, handler)
