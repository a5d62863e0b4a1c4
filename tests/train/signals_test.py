"""Signals interrupt a block of work, also if their exception gets lost."""

import contextlib
import signal
import sys
import time
import weakref

import pytest

from seld_jax import stopping
from seld_jax.train.signals import Signals


def wait():
  for _ in range(3000):
    time.sleep(0.01)
  pytest.fail('nothing was raised')


class Sender:
  def __del__(self):
    signal.raise_signal(signal.SIGTERM)
    for _ in range(100):  # the handler has run, here
      pass


def caught():
  with contextlib.suppress(BaseException):
    signal.raise_signal(signal.SIGTERM)


def converted():
  try:
    signal.raise_signal(signal.SIGTERM)
  except BaseException:
    raise RuntimeError('of a library') from None


@pytest.mark.parametrize('lose', [Sender, caught, converted])
def test_the_block_ends_at_a_signal_whose_exception_gets_lost(lose):
  with Signals() as signals:
    with signals.interrupting():
      lose()
      wait()
    assert signals.received == signal.SIGTERM
    signals.received = None
    with signals.interrupting():
      signal.raise_signal(signal.SIGTERM)
      wait()
    assert signals.received == signal.SIGTERM


def test_a_signal_outside_the_block_or_with_others_is_only_noted():
  for others in False, True:
    with Signals(may_interrupt=not others) as signals:
      if others:
        with signals.interrupting():
          signal.raise_signal(signal.SIGTERM)
      else:
        signal.raise_signal(signal.SIGTERM)
      assert signals.received == signal.SIGTERM
      with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGTERM)


def test_an_error_of_the_block_itself_is_raised():
  with Signals() as signals:  # noqa: SIM117
    with pytest.raises(ValueError, match='own'), signals.interrupting():
      raise ValueError('own')


def test_a_lost_exception_is_not_shown_in_a_command():
  shown = []
  before, sys.unraisablehook = sys.unraisablehook, shown.append
  try:
    with stopping.interruptions(), Signals() as signals:
      with signals.interrupting():
        _send_from_weakref()
        wait()
      assert signals.received == signal.SIGTERM
  finally:
    sys.unraisablehook = before
  assert not shown


def _send_from_weakref():
  """Sends the signal in a weakref callback, where the exception is lost."""
  one = {1}

  def send(_):
    signal.raise_signal(signal.SIGTERM)
    for _ in range(100):
      pass

  reference = weakref.ref(one, send)
  del one
  assert reference() is None
