"""The page about a run that is training, made again as it goes on."""

import logging
import os
import pathlib
import time
from collections.abc import Iterator

from seld_jax import files, runs
from seld_jax.errors import InputError
from seld_jax.report import page, run_settings
from seld_jax.report.run_page import write_report

_log = logging.getLogger(__name__)

# A browser loads the page again after so many seconds or more.
_SHORTEST_RELOAD = 2
# Seconds of a day.
_LONGEST_WAIT = 86400


def follow_run(
  workdir: str | os.PathLike[str], *, every: float = 10.0
) -> Iterator[tuple[pathlib.Path, runs.Training | None]]:
  """Makes the page about a run again whenever the training has gone on.

  Until the run is finished, it is that of `write_progress_page`, and a browser
  loads it again by itself. When the run has its scores, it is that of
  `write_report`, and the iteration ends. Where no training has begun yet, or
  the training has stopped, it says so and waits.

  Args:
    workdir: The run directory.
    every: Seconds between two looks at the run, up to a day.

  Yields:
    The path of the page each time that it was made, and what it shows of the
    training; None with the page of the finished run.

  Raises:
    InputError: The directory does not exist, a file in it is damaged, it cannot
      be written, or `every` is out of range.

  Example:
    >>> import json
    >>> from seld_jax import config, files, report, runs
    >>> runs.claim('followed', config.default())
    >>> for path, training in report.follow_run('followed', every=0.1):
    ...   print(path.name, training is None)
    ...   scores = {'selected_step': 1, 'num_steps': 1, 'selection': 'last'}
    ...   text = json.dumps(scores | {'results': []})
    ...   files.write_text('followed/scores.json', text)
    report.html False
    report.html True
  """
  workdir = pathlib.Path(workdir)
  if not 0 < every <= _LONGEST_WAIT:
    raise InputError(
      f'--every must be above 0 and at most {_LONGEST_WAIT} seconds, got '
      f'{every:g}.'
    )
  known, is_told, had_stopped = None, False, False
  while True:
    if not workdir.is_dir():
      raise InputError(
        f'{workdir} is not a folder; to follow a training, give its --workdir, '
        'which must exist.'
      )
    if runs.is_complete(workdir):
      yield write_report(workdir), None
      return
    if not (workdir / 'config.json').is_file():
      if not is_told:
        _log.info('%s: no training has begun yet; waiting for one', workdir)
        is_told = True
    elif (state := _state(workdir)) != known:
      known = state
      training = runs.read_training(workdir)
      yield _write(training, reload=every), training
    # In this order: a process ends after it has written the scores.
    has_stopped = runs.has_stopped(workdir) and not runs.is_complete(workdir)
    if has_stopped and not had_stopped:
      _log.warning(
        '%s: the training has stopped; the command that began it resumes it.',
        workdir,
      )
    had_stopped = has_stopped
    time.sleep(every)


def write_progress_page(
  workdir: str | os.PathLike[str], *, reload: float | None = None
) -> pathlib.Path:
  """Writes the page about a run that has no scores yet.

  It shows how far the training is, its learning curves and its configuration.

  Args:
    workdir: A run directory with config.json.
    reload: Seconds after which a browser loads the page again, at least 2; None
      if it does not.

  Returns:
    The path of the page, `report.html` in the run directory. The figures are in
    the folder `figures` beside it.

  Raises:
    InputError: The directory holds no run, one of its files is damaged, or it
      cannot be written.

  Example:
    >>> from seld_jax import config, report, runs
    >>> runs.claim('training', config.default())
    >>> report.write_progress_page('training').as_posix()
    'training/report.html'
  """
  return _write(runs.read_training(workdir), reload=reload)


def _write(training: runs.Training, *, reload: float | None) -> pathlib.Path:
  """Writes the page about what a training has written so far."""
  workdir = training.workdir
  name = run_settings.name_of(workdir)
  title = f'{name}: training'
  curves = page.paragraph('There are no losses and scores yet.')
  if training.records:
    curves = run_settings.curves(
      workdir,
      training.records,
      caption=f'Losses and scores up to step {training.step:,}.',
    )
  sections = [
    f'<h1>{page.escape(title)}</h1>',
    *_progress(training, reload),
    page.facts(run_settings.facts(workdir, training.config)),
    f'<h2>Learning curves</h2>\n{curves}',
    f'<h2>Configuration</h2>\n{run_settings.configuration(training.config)}',
  ]
  path = workdir / 'report.html'
  seconds = None if reload is None else max(_SHORTEST_RELOAD, round(reload))
  files.write_text(path, page.document(title, sections, reload=seconds))
  return path


def describe_progress(training: runs.Training) -> str:
  """How far a training is, and how long it will take.

  Args:
    training: What the run has written so far.

  Returns:
    A phrase, such as `step 300 of 1,200 (25 %), about 15 min left`.

  Example:
    >>> import pathlib
    >>> from seld_jax import report, runs
    >>> training = runs.Training(pathlib.Path('run'), {}, [], 30, 60, 150.0)
    >>> report.describe_progress(training)
    'step 30 of 60 (50 %), about 3 min left'
  """
  text = f'step {training.step:,}'
  if training.num_steps is None:
    return text
  text += f' of {training.num_steps:,}'
  text += f' ({min(training.step / training.num_steps, 1):.0%})'.replace(
    '%', ' %'
  )
  if training.step >= training.num_steps:
    return f'{text}, the test is next'
  if training.seconds_left is not None:
    text += f', about {_duration(training.seconds_left)} left'
  return text


def _duration(seconds: float) -> str:
  """Seconds, minutes or hours, rounded up."""
  for unit, length in (('h', 3600), ('min', 60)):
    if seconds > 1.5 * length:
      return f'{-(-seconds // length):.0f} {unit}'
  return f'{-(-seconds // 1):.0f} s'


def _progress(training: runs.Training, reload: float | None) -> list[str]:
  """The bar and the text of the progress, and what the page will do."""
  parts = []
  if training.num_steps is not None:
    share = min(training.step / training.num_steps, 1)
    parts.append(f'<progress max="1" value="{share:.4f}"></progress>')
  parts.append(page.paragraph(f'{describe_progress(training)}.'.capitalize()))
  if reload is not None:
    note = (
      'This run has no scores yet. The page is made again when there are new '
      'losses or scores, as long as `seld_jax.report --follow` runs, and loads '
      'itself again until the run is finished. The time left is that after the '
      'last record; the test comes after it.'
    )
    parts.append(page.paragraph(note, note=True))
  return parts


def _state(workdir: pathlib.Path) -> tuple[tuple[int, int] | None, ...]:
  """What changes when a run has written something: sizes and times."""
  found = []
  for name in ('config.json', runs.METRICS, runs.TIMINGS):
    try:
      status = (workdir / name).stat()
    except FileNotFoundError:
      found.append(None)
    else:
      found.append((status.st_size, status.st_mtime_ns))
  return tuple(found)
