"""A page about a run: how good it is, and where not."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from seld_jax import figures, files
from seld_jax.errors import InputError
from seld_jax.report import (
  embedding,
  examples,
  page,
  players,
  run_contents,
  score_tables,
)

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
  run = run_contents.read_run(workdir)
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


def _name(run: run_contents.Run) -> str:
  """Runs of configs/NAME.py lie in runs/NAME."""
  return run.workdir.resolve().name


def _summary(run: run_contents.Run) -> str:
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


def _scores(run: run_contents.Run) -> str:
  results = run.scores['results']
  if not results:
    return page.paragraph('This run has no scores: nothing was evaluated.')
  shown = score_tables.results_table(
    [(one['name'], _about(one), one['scores']) for one in results]
  )
  return f'{shown}\n{page.paragraph(_LEGEND, note=True)}'


def _breakdowns(run: run_contents.Run) -> str:
  """A table by class, overlap, room and fold of each result."""
  results = run.scores['results']
  parts = []
  for result in results:
    if tables := score_tables.breakdown_tables(result['scores'] or {}):
      heading = f'{result["name"]}: {_about(result)}'
      parts.append(
        page.fold(heading, tables, opened=result is _main_result(results))
      )
  if not parts:
    return page.paragraph('There are no scores to break down.')
  note = 'seconds: those that have the class in the reference.'
  return '\n'.join([*parts, page.paragraph(note, note=True)])


def _curves(run: run_contents.Run) -> str:
  if not run.records:
    return page.paragraph(
      'metrics.jsonl holds no losses and scores, so there are no curves.'
    )
  step = run.scores['selected_step']
  return embedding.write_and_embed(
    lambda dark: figures.plot_learning_curves(
      run.records, selected_step=step, dark=dark
    ),
    folder=run.workdir / 'figures',
    name='learning_curves',
    caption='Losses and scores over the steps. The snapshot of step '
    f'{step:,} was selected: {run.scores["selection"]}.',
    alt='Learning curves: losses of training and validation and the scores of '
    'the validation over the steps, a panel for each',
  )


def _recordings(run: run_contents.Run) -> str:
  """Recordings to see and hear, and where the system errs in all of them."""
  results = run.scores['results']
  if not results:
    return page.paragraph('There are no predictions to show.')
  result = _main_result(results)
  try:
    found = run_contents.read_recordings(run, result)
  except InputError as error:
    return page.paragraph(f'No recording can be shown: {error}')
  is_foa = run.config['features']['format'] == 'foa'
  about = page.paragraph(f'{result["name"]}: {_about(result)}.')
  return about + players.sections(
    found,
    chosen=examples.choose_recordings(found),
    classes=run.config['data']['classes'],
    folder=run.workdir / 'figures',
    scenes=pathlib.Path(run.config['data']['root'], 'scenes.csv'),
    first_channel='W channel' if is_foa else 'first microphone',
  )


def _configuration(run: run_contents.Run) -> str:
  text = page.escape(json.dumps(run.config, indent=2))
  return page.fold('Show all fields', f'<pre>{text}</pre>')


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


# The sections of the page, by their headings.
SECTIONS = {
  'Scores': _scores,
  'Recordings': _recordings,
  'Learning curves': _curves,
  'Scores by class, overlap and room': _breakdowns,
  'Configuration': _configuration,
}
