"""A page about a run: its scores, its learning curves, what it hears.

python -m seld_jax.report --workdir=DIR
"""

import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags
from matplotlib.figure import Figure

from seld_jax import audio, commands, evaluate, figures, files, page, runs
from seld_jax.errors import InputError

# The scores of a table and how many decimals each has.
COLUMNS = {'ER20': 3, 'F20': 3, 'LE_CD': 1, 'LR_CD': 3, 'seld_score': 3}
_UNITS = {'LE_CD': '°'}

_LEGEND = (
  'ER20 (lower is better) and F20 (higher is better): error rate and F-score '
  'of detections within 20 degrees. LE_CD: angle of the classes found, in '
  'degrees (lower is better). LR_CD: F-score of the classes found at any '
  'angle, as the 2020 edition publishes it (higher is better). seld_score: '
  'mean of ER20, 1 - F20, LE_CD / 180 and 1 - LR_CD (lower is better). Below '
  'each score is its 95% interval, by jackknife over the recordings.'
)


def write_report(workdir: str | os.PathLike[str]) -> pathlib.Path:
  """Writes the figures and the page of a run.

  The page needs no other file and no network. What the run directory or the
  dataset lacks (learning curves, labels, audio) is left out with a sentence.

  Args:
    workdir: A run directory with config.json and scores.json.

  Returns:
    The path of the page, `report.html`; the figures lie beside it in
    `figures`, each also for dark pages.

  Raises:
    InputError: The directory holds no finished run, one of its files is
      damaged, or it cannot be written.
  """
  run = runs.read_run(workdir)
  title = f'{_name(run)}: sound event localization and detection'
  sections = [f'<h1>{page.escape(title)}</h1>', _summary(run)]
  for heading, section in SECTIONS.items():
    sections.append(f'<h2>{page.escape(heading)}</h2>\n{section(run)}')
  path = run.workdir / 'report.html'
  files.write_text(path, page.document(title, sections))
  return path


def _name(run: runs.Run) -> str:
  """Runs of configs/NAME.py lie in runs/NAME."""
  return run.workdir.resolve().name


def _summary(run: runs.Run) -> str:
  scores = run.scores
  parameters = scores.get('num_parameters')
  settings = ', '.join(
    f'{key} {value}' for key, value in run.config['features'].items()
  )
  classes = run.config['data']['classes']
  return page.facts(
    {
      'run': _name(run),
      'features': settings,
      'classes': f'{len(classes)}: {", ".join(classes)}',
      'parameters': 'unknown' if parameters is None else f'{parameters:,}',
      'steps': f'{scores["num_steps"]:,}',
      'selected step': f'{scores["selected_step"]:,}',
      'selected by': scores['selection'],
      'data': run.config['data']['root'],
    }
  )


def _scores(run: runs.Run) -> str:
  results = run.scores['results']
  if not results:
    return page.paragraph('This run has no scores: nothing was evaluated.')
  rows = []
  for result in results:
    scores = result['scores'] or {}
    intervals = scores.get('intervals', {})
    rows.append(
      [(result['name'], _about(result))]
      + [
        (_number(name, scores.get(name)), _interval(name, intervals.get(name)))
        for name in COLUMNS
      ]
    )
  shown = page.table(['', *COLUMNS], rows)
  return f'{shown}\n{page.paragraph(_LEGEND, note=True)}'


def _breakdowns(run: runs.Run) -> str:
  """A table by class, overlap, room and fold of each result."""
  results = run.scores['results']
  parts = []
  for result in results:
    tables = []
    for kind, key in evaluate.BREAKDOWNS.items():
      groups = (result['scores'] or {}).get(key, {})
      # One group has the scores of the whole.
      if len(groups) > 1:
        rows = [
          [(group, '')]
          + [(_number(name, part.get(name)), '') for name in COLUMNS]
          + [(f'{part["reference_segments"]:,}', '')]
          for group, part in groups.items()
        ]
        tables.append(f'<h3>By {page.escape(kind)}</h3>')
        tables.append(page.table([kind, *COLUMNS, 'seconds'], rows))
    if tables:
      heading = f'{result["name"]}: {_about(result)}'
      parts.append(
        page.fold(
          heading, '\n'.join(tables), opened=result is _main_result(results)
        )
      )
  if not parts:
    return page.paragraph('There are no scores to break down.')
  note = 'seconds: those that have the class in the reference.'
  return '\n'.join([*parts, page.paragraph(note, note=True)])


def _curves(run: runs.Run) -> str:
  if not run.records:
    return page.paragraph(
      'metrics.jsonl holds no losses and scores, so there are no curves.'
    )
  step = run.scores['selected_step']
  return _figure(
    run,
    'learning_curves',
    lambda dark: figures.plot_learning_curves(
      run.records, selected_step=step, dark=dark
    ),
    caption='Losses and scores over the steps. The snapshot of step '
    f'{step:,} was selected: {run.scores["selection"]}.',
    alt='Learning curves: losses of training and validation and the scores of '
    'the validation over the steps, a panel for each',
  )


def _tracks(run: runs.Run) -> str:
  results = run.scores['results']
  if not results:
    return page.paragraph('There are no predictions to show.')
  try:
    recordings = runs.read_recordings(run, _main_result(results))
  except InputError as error:
    return page.paragraph(f'No recording can be shown: {error}')
  chosen, reason = runs.choose_recording(recordings)
  sound, sample_rate, remark = None, 24000, ''
  path = runs.audio_path(run, chosen.name)
  try:
    header = audio.info(path)
    sample_rate = header.sample_rate
    sound = audio.read(
      path, sample_rate=sample_rate, num_channels=header.num_channels
    )
    channel = 'W channel'
    if run.config['features']['format'] != 'foa':
      channel = 'first microphone'
    remark = f' The spectrogram shows the {channel}.'
  except InputError as error:
    remark = f' There is no spectrogram: {error}'
  return _figure(
    run,
    'tracks',
    lambda dark: figures.plot_tracks(
      chosen.reference,
      chosen.prediction,
      classes=run.config['data']['classes'],
      num_frames=chosen.num_frames,
      audio=sound,
      sample_rate=sample_rate,
      dark=dark,
    ),
    caption=f'{reason}{remark}',
    alt='Spectrogram, activity of the classes, azimuth and elevation over '
    f'time of {chosen.name}, the prediction over the reference',
  )


def _configuration(run: runs.Run) -> str:
  text = page.escape(json.dumps(run.config, indent=2))
  return page.fold('Show all fields', f'<pre>{text}</pre>')


def _figure(
  run: runs.Run,
  name: str,
  plot: Callable[[bool], Figure],
  *,
  caption: str,
  alt: str,
) -> str:
  """Writes a figure for light and for dark pages, and embeds both."""
  images = []
  for suffix, dark in (('', False), ('_dark', True)):
    images.append(figures.to_png(plot(dark)))
    path = run.workdir / 'figures' / f'{name}{suffix}.png'
    with files.atomic(path) as temporary:
      temporary.write_bytes(images[-1])
  return page.figure(*images, caption=caption, alt=alt)


def _main_result(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
  """The test, or what comes nearest to one."""
  tests = [result for result in results if result['name'] == 'test']
  scored = [result for result in results if result['scores'] is not None]
  return (tests or scored or results)[-1]


def _about(result: Mapping[str, Any]) -> str:
  folds = ', '.join(map(str, result['folds']))
  several = 's' * (len(result['folds']) > 1)
  return (
    (f'fold{several} {folds}, ' if folds else '')
    + f'{result["num_recordings"]} recordings'
    + (' without labels' if result['scores'] is None else '')
    + f', windows of {result["window_seconds"]:g} s'
  )


def _number(name: str, value: float | None) -> str:
  if value is None or not math.isfinite(value):
    return '–'
  return f'{value:.{COLUMNS[name]}f}{_UNITS.get(name, "")}'


def _interval(name: str, ends: list[float] | None) -> str:
  if ends is None:
    return ''
  return ' to '.join(_number(name, end) for end in ends)


# The sections of the page, by their headings.
SECTIONS = {
  'Scores': _scores,
  'One recording': _tracks,
  'Learning curves': _curves,
  'Scores by class, overlap and room': _breakdowns,
  'Configuration': _configuration,
}


def main(argv: list[str]) -> None:
  """Writes the report of a run and prints where it is."""
  commands.refuse_arguments(argv)
  print(write_report(flags.FLAGS.workdir))


if __name__ == '__main__':
  flags.DEFINE_string('workdir', None, 'Directory of a finished run.')
  commands.run(main, required=('workdir',))
