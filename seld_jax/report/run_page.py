"""The page about a run: scores, recordings, errors and learning curves."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import files, runs
from seld_jax.errors import InputError
from seld_jax.report import (
  choice,
  page,
  players,
  run_contents,
  run_settings,
  score_tables,
)

_SELECTED_ON_TEST = (
  'The test recordings also selected the checkpoint (eval.select_on_test), as '
  'in the published baselines since 2022. So the test scores are too good: '
  'compare them only with scores that were selected in the same way.'
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
  name = run_settings.name_of(run.workdir)
  title = f'{name}: sound event localization and detection'
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


def _summary(run: runs.Run) -> str:
  scores = run.scores
  parameters = scores.get('num_parameters')
  settings = run_settings.facts(run.workdir, run.config)
  data = settings.pop('data')
  return page.facts(
    {
      **settings,
      'parameters': 'unknown' if parameters is None else f'{parameters:,}',
      'scores': f'DCASE {runs.edition_of(scores)}',
      'steps': f'{scores["num_steps"]:,}',
      'selected step': f'{scores["selected_step"]:,}',
      'selected by': scores['selection'],
      'data': data,
    }
  )


def _scores(run: runs.Run) -> str:
  results = run.scores['results']
  if not results:
    return page.paragraph('This run has no scores: nothing was evaluated.')
  edition = runs.edition_of(run.scores)
  shown = score_tables.results_table(
    [(one['name'], _describe(one), one['scores']) for one in results],
    edition=edition,
  )
  legend = page.paragraph(score_tables.legend(edition), note=True)
  if any(one.get('selected_on') for one in results):
    legend = f'{page.paragraph(_SELECTED_ON_TEST)}\n{legend}'
  return f'{shown}\n{legend}'


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
  return run_settings.curves(
    run.workdir,
    run.records,
    caption='Losses and scores over the steps. The checkpoint of step '
    f'{step:,} was selected: {run.scores["selection"]}.',
    selected_step=step,
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
  return run_settings.configuration(run.config)


def _main_result(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
  """The test; without a test the last result, if possible one with scores."""
  tests = [result for result in results if result['name'] == 'test']
  scored = [result for result in results if result['scores'] is not None]
  return (tests or scored or results)[-1]


def _describe(result: Mapping[str, Any]) -> str:
  """Folds, number of recordings and windows of a result."""
  folds = ', '.join(map(str, result['folds']))
  several = 's' * (len(result['folds']) > 1)
  rooms = ', '.join(result.get('rooms', ()))
  return (
    (f'fold{several} {folds}, ' if folds else '')
    + (f'{rooms}, ' if rooms else '')
    + f'{result["num_recordings"]} recordings'
    + (' without labels' if result['scores'] is None else '')
    + (', which also selected the checkpoint' * bool(result.get('selected_on')))
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
