"""The page about a run: scores, recordings, errors and learning curves."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import figures, files, outputs, runs
from seld_jax.errors import InputError
from seld_jax.report import (
  choice,
  page,
  players,
  run_contents,
  score_tables,
)


def write_report(workdir: str | os.PathLike[str]) -> pathlib.Path:
  """Writes the page about a run, and its figures.

  The page needs no other file and no network. If the run directory or the
  dataset lacks something (learning curves, labels, audio), the page says so
  instead of showing it.

  Args:
    workdir: A run directory with config.json and scores.json.

  Returns:
    The path of the page, `report.html` in the run directory. The figures are in
    the folder `figures` beside it, in versions for light and dark pages.

  Raises:
    InputError: The directory holds no finished run, one of its files is
      damaged, or it cannot be written.

  See Also:
    `write_folder_report`, for the CSV files of any other system.

  Example:
    >>> import json, pathlib
    >>> from seld_jax import config, report
    >>> run = pathlib.Path('run')
    >>> run.mkdir()
    >>> settings = config.to_dict(config.default())
    >>> _ = (run / 'config.json').write_text(json.dumps(settings))
    >>> scores = {'selected_step': 1, 'num_steps': 1, 'selection': 'last step'}
    >>> scores['results'] = []
    >>> _ = (run / 'scores.json').write_text(json.dumps(scores))
    >>> report.write_report(run).as_posix()
    'run/report.html'
  """
  run = runs.read_run(workdir)
  title = f'{_name(run)}: sound event localization and detection'
  sections = [f'<h1>{page.escape(title)}</h1>', _summary(run)]
  for heading, section in SECTIONS.items():
    sections.append(f'<h2>{page.escape(heading)}</h2>\n{section(run)}')
  path = run.workdir / 'report.html'
  document = page.document(
    title,
    sections,
    script=players.script(),
    style=players.style(),
  )
  files.write_text(path, document)
  return path


def _name(run: runs.Run) -> str:
  """The name of the directory: runs of configs/NAME.py are in runs/NAME."""
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
      'output': _output(run.config, num_classes=len(classes)),
      'classes': f'{len(classes)}: {", ".join(classes)}',
      'parameters': 'unknown' if parameters is None else f'{parameters:,}',
      'scores': f'DCASE {runs.edition_of(scores)}',
      'steps': f'{scores["num_steps"]:,}',
      'selected step': f'{scores["selected_step"]:,}',
      'selected by': scores['selection'],
      'data': run.config['data']['root'],
    }
  )


def _output(config: Mapping[str, Any], *, num_classes: int) -> str:
  """The output format of a run and those of its options that it uses."""
  # Runs of the first version are class-wise and have no such fields.
  fields = {'format': 'class_wise', **config.get('output', {})}
  format = outputs.make(fields.pop('format'), num_classes=num_classes, **fields)
  values = outputs.options(format)
  hidden = ('name', 'num_classes', 'weights')
  options = (f'{key} {one}' for key, one in values.items() if key not in hidden)
  return ', '.join([format.name, *options])


def _scores(run: runs.Run) -> str:
  results = run.scores['results']
  if not results:
    return page.paragraph('This run has no scores: nothing was evaluated.')
  edition = runs.edition_of(run.scores)
  shown = score_tables.results_table(
    [(one['name'], _describe(one), one['scores']) for one in results],
    edition=edition,
  )
  legend = score_tables.legend(edition)
  return f'{shown}\n{page.paragraph(legend, note=True)}'


def _breakdowns(run: runs.Run) -> str:
  """Tables of each result by class, overlap, room and fold."""
  results = run.scores['results']
  edition = runs.edition_of(run.scores)
  parts = []
  for result in results:
    scores = {'edition': edition} | (result['scores'] or {})
    if tables := score_tables.breakdown_tables(scores):
      heading = f'{result["name"]}: {_describe(result)}'
      parts.append(
        page.fold(heading, tables, opened=result is _main_result(results))
      )
  if not parts:
    return page.paragraph('There are no scores to break down.')
  note = score_tables.breakdown_legend(edition)
  return '\n'.join([*parts, page.paragraph(note, note=True)])


def _curves(run: runs.Run) -> str:
  if not run.records:
    return page.paragraph(
      'metrics.jsonl holds no losses and scores, so there are no curves.'
    )
  step = run.scores['selected_step']
  images = page.write_figure(
    lambda dark: figures.plot_learning_curves(
      run.records, selected_step=step, dark=dark
    ),
    folder=run.workdir / 'figures',
    name='learning_curves',
  )
  return page.figure(
    *images,
    caption='Losses and scores over the steps. The checkpoint of step '
    f'{step:,} was selected: {run.scores["selection"]}.',
    alt='Learning curves: losses of training and validation, and scores of the '
    'validation, over the steps, each in its own panel',
  )


def _recordings(run: runs.Run) -> str:
  """Players of some recordings, and sections on the errors of all."""
  results = run.scores['results']
  if not results:
    return page.paragraph('There are no predictions to show.')
  result = _main_result(results)
  try:
    found = run_contents.read_recordings(run, result)
  except InputError as error:
    return page.paragraph(f'No recording can be shown: {error}')
  features = run.config['features']
  first = {'foa': 'W channel', 'stereo': 'left channel'}
  axes = run.config.get('output', {}).get('axes', 3)
  heading = page.paragraph(f'{result["name"]}: {_describe(result)}.')
  return heading + players.sections(
    found,
    chosen=choice.choose_recordings(found),
    classes=run.config['data']['classes'],
    folder=run.workdir / 'figures',
    scenes=pathlib.Path(run.config['data']['root'], 'scenes.csv'),
    first_channel=first.get(features['format'], 'first microphone'),
    frontal=runs.edition_of(run.scores) == '2025'
    or (features['format'] == 'stereo' and axes == 2),
  )


def _configuration(run: runs.Run) -> str:
  text = page.escape(json.dumps(run.config, indent=2))
  return page.fold('Show all fields', f'<pre>{text}</pre>')


def _main_result(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
  """The test; without a test the last result, if possible one with scores."""
  tests = [result for result in results if result['name'] == 'test']
  scored = [result for result in results if result['scores'] is not None]
  return (tests or scored or results)[-1]


def _describe(result: Mapping[str, Any]) -> str:
  """Folds, number of recordings and windows of a result."""
  folds = ', '.join(map(str, result['folds']))
  several = 's' * (len(result['folds']) > 1)
  return (
    (f'fold{several} {folds}, ' if folds else '')
    + f'{result["num_recordings"]} recordings'
    + (' without labels' if result['scores'] is None else '')
    + f', windows of {result["window_seconds"]:g} s'
  )


# Heading of a section -> function that makes it, in the order of the page.
SECTIONS = {
  'Scores': _scores,
  'Recordings': _recordings,
  'Learning curves': _curves,
  'Scores by class, overlap and room': _breakdowns,
  'Configuration': _configuration,
}
