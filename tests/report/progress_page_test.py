"""The page about a training follows it until the run is finished."""

import re
import signal
import subprocess
import sys
import threading
import time
import types

import pytest
from helpers.command_outcomes import outcome
from helpers.finished_run import change
from helpers.pages import Page

from seld_jax import commands, report, runs
from seld_jax import config as config_lib
from seld_jax.errors import InputError
from seld_jax.report import __main__ as command
from seld_jax.report import progress_page

RELOAD = re.compile(r'<meta http-equiv="refresh" content="(\d+)">')


@pytest.fixture
def training(workdir):
  """A run that is training, and a function that finishes it."""
  change(workdir / 'scores.json', results=[])
  (workdir / 'scores.json').rename(workdir / 'kept')
  # With fewer curves, the figure is drawn in a moment.
  (workdir / runs.METRICS).unlink()
  runs.append_record(workdir / runs.METRICS, record(300))
  return workdir, lambda: (workdir / 'kept').rename(workdir / 'scores.json')


def record(step):
  return {'step': step, 'split': 'train', 'loss': 0.1}


def test_the_page_changes_with_the_records_until_the_run_is_finished(training):
  workdir, finish = training
  followed = report.follow_run(workdir, every=0.05)
  path, shown = next(followed)
  assert path == workdir / 'report.html' and shown and shown.step == 300
  page = Page(path)  # well-formed
  assert 'Step 300.' in page.text
  assert len(page.addresses) == 2  # the curves, light and dark
  assert RELOAD.findall(path.read_text()) == ['2']
  runs.append_record(workdir / runs.METRICS, record(400))
  assert 'Step 400.' in Page(next(followed)[0]).text
  timing = {'step': 400, 'num_steps': 500, 'steps_per_second': 1.0}
  runs.append_record(
    workdir / runs.TIMINGS, {**timing, 'evaluation_seconds': 20.0}
  )
  page = Page(next(followed)[0])
  assert 'Step 400 of 500 (80 %), about 2 min left.' in page.text
  assert page.tags.count('progress') == 1
  # Nothing new is no new page: the next one is that of the finished run.
  timer = threading.Timer(0.5, finish)
  timer.start()
  path, shown = next(followed)
  timer.join()
  text = path.read_text()
  assert shown is None
  assert not RELOAD.search(text)
  assert 'lowest seld_score on fold 2' in text
  assert list(followed) == []


def test_a_run_without_records_has_a_page(tmp_path):
  runs.claim(tmp_path, config_lib.default())
  path = report.write_progress_page(tmp_path)
  page = Page(path)
  assert 'Step 0.' in page.text
  assert 'There are no losses and scores yet' in page.text
  assert 'batch_size' in page.text and 'progress' not in page.tags
  assert not RELOAD.search(path.read_text())


def test_a_folder_where_no_training_has_begun_is_waited_for(tmp_path, caplog):
  caplog.set_level('INFO')
  timer = threading.Timer(0.3, runs.claim, [tmp_path, config_lib.default()])
  timer.start()
  path, _ = next(report.follow_run(tmp_path, every=0.05))
  assert 'Step 0.' in Page(path).text
  timer.join()
  waiting = [m for m in caplog.messages if 'no training has begun' in m]
  assert waiting == [f'{tmp_path}: no training has begun yet; waiting for one']


def test_a_training_that_has_stopped_is_told_once(training, caplog):
  """Not while it runs, and again after it was resumed."""
  workdir, _ = training
  followed = report.follow_run(workdir, every=0.05)
  with runs.lock(workdir):
    next(followed)
    runs.append_record(workdir / runs.METRICS, record(400))
    next(followed)
    assert not caplog.messages
  done = subprocess.run(
    [
      sys.executable,
      '-c',
      'import sys\n'
      'from seld_jax import runs\n'
      'with runs.lock(sys.argv[1]): pass\n',
      str(workdir),
    ]
  )
  assert done.returncode == 0
  for step in 500, 600:
    runs.append_record(workdir / runs.METRICS, record(step))
    next(followed)
  (told,) = caplog.messages
  assert told.startswith(f'{workdir}: the training has stopped; the command')


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
  with pytest.raises(InputError, match='gone is not a folder.*must exist'):
    next(report.follow_run(tmp_path / 'gone'))


@pytest.mark.parametrize('every', [0, -1, float('nan'), float('inf'), 1e300])
def test_times_that_make_no_sense_are_refused(tmp_path, every):
  with pytest.raises(InputError, match='must be above 0 and at most 86400'):
    next(report.follow_run(tmp_path, every=every))


def test_a_damaged_record_ends_it(training):
  workdir, _ = training
  followed = report.follow_run(workdir, every=0.05)
  next(followed)
  with (workdir / runs.METRICS).open('a') as file:
    file.write('damaged\n')
  with pytest.raises(InputError, match=r'metrics\.jsonl, line 2'):
    next(followed)


@pytest.mark.parametrize(
  ('seconds', 'text'),
  [
    (0.2, '1 s'),
    (89, '89 s'),
    (100, '2 min'),
    (5400, '90 min'),
    (5401, '2 h'),
    (100_000, '28 h'),
  ],
)
def test_the_time_left_is_rounded_up(tmp_path, seconds, text):
  training = runs.Training(tmp_path, {}, [], 1, 4, seconds)
  assert report.describe_progress(training) == (
    f'step 1 of 4 (25 %), about {text} left'
  )


def test_after_the_last_step_the_test_is_next(tmp_path):
  training = runs.Training(tmp_path, {}, [], 4, 4, 0.0)
  text = report.describe_progress(training)
  assert text == 'step 4 of 4 (100 %), the test is next'


def test_the_command_follows_a_run(training):
  workdir, finish = training
  path = workdir / 'report.html'

  def finish_later():
    while not path.exists():
      time.sleep(0.05)
    finish()

  thread = threading.Thread(target=finish_later)
  thread.start()
  status, out, err = outcome(
    'seld_jax.report', '--follow', workdir, '--every=0.1'
  )
  thread.join()
  assert (status, err) == (0, '')
  assert out.splitlines() == [f'{path}: step 300', str(path)]


def test_ctrl_c_ends_the_command(tmp_path, monkeypatch, capsys):
  """While it waits for a training."""
  press = lambda seconds: signal.raise_signal(signal.SIGINT)
  # A process that a shell has put into the background ignores Ctrl-C.
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  monkeypatch.setattr(progress_page, 'time', types.SimpleNamespace(sleep=press))
  monkeypatch.setattr('sys.argv', ['report', '--follow', str(tmp_path)])
  try:
    with pytest.raises(SystemExit) as stop:
      commands.run(command.main, define_flags=command.define_flags)
  finally:
    signal.signal(signal.SIGINT, before)
  out, err = capsys.readouterr()
  assert (stop.value.code, err) == (130, 'Ctrl-C: stopped.\n')
  assert out == f'{tmp_path}: no training has begun yet; waiting for one\n'


def test_the_command_takes_one_run_and_tells_how_to_follow(training):
  workdir, _ = training

  def message(*words):
    status, _, err = outcome('seld_jax.report', *words)
    assert status == 1 and 'Traceback' not in err
    return err

  assert 'not finished: --follow shows a training' in message(workdir)
  assert 'about one run, got 2' in message(workdir, workdir)
  both = message(workdir, f'--workdir={workdir}')
  assert 'already names the run' in both
  assert '--follow needs the directory' in message('--follow')
