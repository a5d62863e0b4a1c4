"""Progress in a log and on a terminal."""

import io
import logging
import re
import sys

import pytest

from seld_jax import progress


@pytest.fixture
def clock(monkeypatch):
  """A clock that moves only when the test sets it."""

  class Clock:
    now = 1000.0

    def monotonic(self):
      return self.now

  clock = Clock()
  monkeypatch.setattr(progress, 'time', clock)
  return clock


def lines(capsys):
  output = capsys.readouterr()
  assert output.out == '', 'standard output is for results'
  return output.err.splitlines()


def test_a_log_has_description_rate_and_remaining_time(clock, capsys):
  with progress.bar('features', 100, unit='recordings') as advance:
    assert lines(capsys) == ['features: 100 recordings to do']
    clock.now += 25
    advance(20, 'loss 0.5')
    (line,) = lines(capsys)
    # 20 of 100 in 25 seconds: 0.8 per second, 100 seconds for the other 80.
    assert line == 'features: 20/100 (0.8/s, 1:40 left) recordings  loss 0.5'
    clock.now += 15
    advance(80)
  (line,) = lines(capsys)
  assert line == 'features: 100 recordings done in 40.0 s (2.5 recordings/s)'


def test_large_numbers_have_no_exponent():
  assert progress._number(1_234_567) == '1234567'
  assert progress._number(12.3456789) == '12.3457'


def test_a_log_gets_a_line_every_20_seconds(clock, capsys):
  with progress.bar('training', 1000, unit='steps') as advance:
    for _ in range(1000):
      clock.now += 0.1
      advance()
  # 100 seconds: the first line, a line every 20 seconds, the last line.
  assert len(lines(capsys)) in (5, 6, 7)


def test_the_rate_of_a_resumed_run_counts_only_its_own_work(clock, capsys):
  with progress.bar('training', 100, unit='steps', initial=60) as advance:
    assert lines(capsys) == ['training: 40 steps to do, 60 done before']
    clock.now += 20
    advance(20)
    (line,) = lines(capsys)
    assert line == 'training: 80/100 (1/s, 0:20 left) steps'


def test_no_work_shows_nothing(clock, capsys):
  with progress.bar('features', 0, unit='recordings') as advance:
    advance(0)
  assert lines(capsys) == []


def test_the_remaining_time_is_unknown_before_any_work_is_done(clock, capsys):
  with progress.bar('training', 10, unit='steps') as advance:
    clock.now += 30
    advance(0, 'compiling')
    line = lines(capsys)[-1]
  assert '(0/s, ? left)' in line
  assert line.endswith('compiling')


def test_failed_work_is_not_reported_as_done(clock, capsys):
  with (
    pytest.raises(RuntimeError),
    progress.bar('features', 10, unit='recordings'),
  ):
    raise RuntimeError
  assert lines(capsys) == ['features: 10 recordings to do']


def test_a_silent_logger_silences_progress(clock, capsys):
  logger = logging.getLogger('seld_jax')
  logger.setLevel(logging.ERROR)
  try:
    with progress.bar('features', 10, unit='recordings') as advance:
      advance(10)
  finally:
    logger.setLevel(logging.NOTSET)
  assert lines(capsys) == []


def test_a_program_without_standard_error_sees_nothing(monkeypatch, capsys):
  monkeypatch.setattr(sys, 'stderr', None)
  with progress.bar('features', 10, unit='recordings') as advance:
    advance(10)
  assert capsys.readouterr().out == ''


def test_a_terminal_gets_a_bar(monkeypatch):
  class Terminal(io.StringIO):
    def isatty(self):
      return True

  terminal = Terminal()
  monkeypatch.setenv('TERM', 'xterm')
  monkeypatch.setenv('COLUMNS', '120')
  monkeypatch.setattr(sys, 'stderr', terminal)
  with progress.bar('training', 40, unit='steps', initial=10) as advance:
    advance(30, 'loss 0.25')
  text = re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', terminal.getvalue())
  assert 'training' in text
  assert '40/40' in text
  assert 'steps/s' in text
  assert 'loss 0.25' in text
