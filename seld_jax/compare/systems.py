"""Reads the systems to compare: run directories, or folders of CSV files."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import evaluate, labels, metrics, runs
from seld_jax.compare.comparison import System
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)

_Path = str | os.PathLike[str]

# The result that is compared if runs have several, in this order.
_PREFERRED = ('test', 'evaluation', 'validation')

# Scores of files differ less from those of the test, because of rounding.
_SAME_SCORE = 2e-3

_UNSCORED = (
  'It is finished, but none of its results has scores, because nothing with '
  'labels was tested. It is compared by its learning curves and its '
  'configuration.'
)
_SELECTED_ON = (
  'These recordings also selected its checkpoint (eval.select_on_test), so '
  'that its scores are too good.'
)


def read_runs(
  workdirs: Sequence[_Path],
  *,
  names: Sequence[str] | None = None,
  result: str | None = None,
  edition: str | None = None,
  common: bool = False,
) -> list[System]:
  """Reads run directories, with the predictions of their test.

  Their predictions are scored again, with the labels of their datasets. A run
  that has no scores yet has only its settings and its learning curves.

  Args:
    workdirs: The run directories.
    names: Their names in tables; None for those of `short_names`.
    result: Name of the result to compare, such as `'test_2s'`. None for the
      first of test, evaluation and validation that all finished runs have with
      scores.
    edition: Edition of the scores; None for that of each run.
    common: Whether recordings without labels are left out; otherwise such a run
      is refused.

  Returns:
    A system for each run.

  Raises:
    InputError: A folder holds no run, a file in it is damaged, runs have no
      result in common or have different classes, or labels are missing.

  Example:
    >>> from seld_jax import compare, config, runs
    >>> for name in 'runs/one', 'runs/two':
    ...   runs.claim(name, config.default())
    >>> [one.name for one in compare.read_runs(['runs/one', 'runs/two'])]
    ['one', 'two']
  """
  names = _names(workdirs, names)
  trainings = [runs.read_training(workdir) for workdir in workdirs]
  finished = {
    name: runs.read_run(workdir)
    for name, workdir in zip(names, workdirs, strict=True)
    if runs.is_complete(workdir)
  }
  scored = {
    name: run
    for name, run in finished.items()
    if any(one['scores'] is not None for one in run.scores['results'])
  }
  check_classes(
    {name: run.config['data']['classes'] for name, run in scored.items()}
  )
  chosen = _result_name(scored, result) if scored else ''
  return [
    _read_run(
      name,
      training,
      scored.get(name),
      chosen,
      edition,
      common=common,
      note=_UNSCORED if name in finished else '',
    )
    for name, training in zip(names, trainings, strict=True)
  ]


def read_csv_folders(
  reference: _Path,
  folders: Sequence[_Path],
  options: Sequence[evaluate.FolderOptions],
  *,
  names: Sequence[str] | None = None,
  common: bool = False,
) -> list[System]:
  """Reads folders of CSV files that systems predicted.

  Args:
    reference: Folder of the reference files.
    folders: Folders of the predictions.
    options: How each of them is compared with the reference.
    names: Names of the systems in tables; None for those of `short_names`.
    common: Whether recordings without predictions are left out, unless the
      options say something else.

  Returns:
    A system for each folder.

  Raises:
    InputError: As for `evaluate.evaluate_folders`, or a folder is given twice.

  Example:
    >>> from seld_jax import compare, evaluate, labels
    >>> for folder in 'reference', 'a/csv', 'b/csv':
    ...   labels.write_csv(f'{folder}/mix1.csv', labels.no_events())
    >>> options = [evaluate.FolderOptions()] * 2
    >>> systems = compare.read_csv_folders(
    ...   'reference', ['a/csv', 'b/csv'], options
    ... )
    >>> [one.name for one in systems], systems[0].found.names
    (['a', 'b'], ['mix1'])
  """
  systems = []
  for name, folder, own in zip(
    _names(folders, names), folders, options, strict=True
  ):
    if common and own.missing is None:
      own = dataclasses.replace(own, missing='leave_out')
    found = evaluate.read_folders(reference, folder, own)
    systems.append(System(name, found, about=str(folder)))
  return systems


def short_names(paths: Sequence[_Path]) -> list[str]:
  """Short names of folders, which differ from each other.

  Args:
    paths: The folders.

  Returns:
    The last part of each path if all of them differ; otherwise the paths
    without the folders that all of them begin or end with.

  Example:
    >>> from seld_jax import compare
    >>> compare.short_names(['runs/a', 'runs/b'])
    ['a', 'b']
    >>> compare.short_names(['runs/a/predictions/test', 'b/predictions/test'])
    ['runs/a', 'b']
  """
  parts = [pathlib.Path(os.path.abspath(path)).parts for path in paths]
  last = [one[-1] for one in parts]
  if len(set(last)) == len(last):
    return last
  while len({one[-1] for one in parts}) == 1 and min(map(len, parts)) > 1:
    parts = [one[:-1] for one in parts]
  while len({one[0] for one in parts}) == 1 and min(map(len, parts)) > 1:
    parts = [one[1:] for one in parts]
  return [pathlib.PurePath(*one).as_posix() for one in parts]


def _names(paths: Sequence[_Path], names: Sequence[str] | None) -> list[str]:
  """The names of the systems; refuses a folder that is given twice."""
  places = [os.path.realpath(path) for path in paths]
  for path, place in zip(paths, places, strict=True):
    if places.count(place) > 1:
      raise InputError(
        f'{path} is given twice, but a comparison needs different systems.'
      )
  if names is None:
    return short_names(paths)
  if len(names) != len(paths):
    raise InputError(
      f'--names needs a name for each of the {len(paths)} systems, got '
      f'{len(names)}.'
    )
  if not all(name.strip() for name in names):
    raise InputError(
      f'--names needs names that are not empty, got {",".join(names)!r}.'
    )
  return list(names)


def check_classes(classes: Mapping[str, Sequence[str]]) -> None:
  """Refuses systems with different classes.

  Args:
    classes: The class names of each system by its name.

  Raises:
    InputError: Two systems have different classes.
  """
  first = next(iter(classes), '')
  for name, here in classes.items():
    there = classes[first]
    if list(here) != list(there):
      index = next(
        (i for i, (a, b) in enumerate(zip(here, there)) if a != b),  # noqa: B905
        min(len(here), len(there)),
      )
      a, b = (
        repr(one[index]) if index < len(one) else 'no class'
        for one in (there, here)
      )
      raise InputError(
        f'{first} and {name} cannot be compared: class {index} is {a} in one '
        f'and {b} in the other; compare systems with the same classes.'
      )


def _result_name(finished: Mapping[str, runs.Run], wanted: str | None) -> str:
  """The name of the result to compare, which all finished runs have."""
  known = {
    name: [
      one['name'] for one in run.scores['results'] if one['scores'] is not None
    ]
    for name, run in finished.items()
  }
  listed = '; '.join(
    f'{name}: {", ".join(of_run) or "none"}' for name, of_run in known.items()
  )
  shared = [
    one
    for one in next(iter(known.values()))
    if all(one in of_run for of_run in known.values())
  ]
  if wanted is not None:
    if wanted not in shared:
      raise InputError(
        f'--result={wanted} is not a result with scores of all runs ({listed}).'
      )
    return wanted
  if not shared:
    raise InputError(
      'The runs have no result with scores in common, such as test '
      f'({listed}); compare folders of predictions on the same recordings with '
      '--reference=DIR.'
    )
  return next((one for one in _PREFERRED if one in shared), shared[-1])


def _read_run(
  name: str,
  training: runs.Training,
  run: runs.Run | None,
  result_name: str,
  edition: str | None,
  *,
  common: bool,
  note: str,
) -> System:
  """Reads the predictions of a run; the note is for one without scores."""
  if run is None:
    return System(name, training=training, about='no scores', note=note)
  (result,) = [
    one for one in run.scores['results'] if one['name'] == result_name
  ][:1]
  root = run.config['data']['root']
  if not pathlib.Path(root).is_dir():
    raise InputError(
      f'{run.workdir} was tested on the dataset in {root}, which does not '
      'exist here; state the folder of its label files: --reference=DIR '
      'RUN RUN.'
    )
  predicted = runs.read_predictions(run, result)
  if len(predicted) != result['num_recordings'] and not common:
    raise InputError(
      f'{run.workdir} has predictions for {len(predicted)} recordings with '
      f'labels in {root}, but its result {result_name} '
      f'is of {result["num_recordings"]}: restore the missing files, or '
      'compare those that are there with --common.'
    )
  own = runs.edition_of(run.scores)
  found = evaluate.Folders(
    edition or own,
    [one.name for one in predicted],
    [_within(one.reference, one.num_frames) for one in predicted],
    [one.prediction for one in predicted],
    len(run.config['data']['classes']),
    {one.name: one.num_frames for one in predicted},
    None,
  )
  if found.edition == own and not common:
    _check_scores(run, result, found)
  folds = ', '.join(map(str, result['folds']))
  about = (
    f'{result_name}'
    + (f', fold{"s" * (len(result["folds"]) > 1)} {folds}' if folds else '')
    + f', windows of {result["window_seconds"]:g} s'
    + f', step {run.scores["selected_step"]:,} ({run.scores["selection"]})'
  )
  note = _SELECTED_ON if result.get('selected_on') else ''
  return System(name, found, training, about, note)


def _within(events: labels.Events, num_frames: int) -> labels.Events:
  """Labels before the end of a recording, as training leaves out others."""
  if not np.any(events.frame >= num_frames):
    return events
  return labels.choose_rows(events, np.flatnonzero(events.frame < num_frames))


def _check_scores(
  run: runs.Run, result: Mapping[str, Any], found: evaluate.Folders
) -> None:
  """Warns if files do not have the scores that the run was given."""
  now = evaluate.score_folders(found)
  for name in metrics.main_scores(found.edition):
    before, after = result['scores'][name], now[name]
    if before is None or after is None:
      is_same = before is after
    else:
      is_same = abs(before - after) <= _SAME_SCORE * max(1, abs(before))
    if not is_same:
      _log.warning(
        '%s: its predictions and labels have a %s of %s now, but scores.json '
        'says %s; the labels in %s or the files of the run have changed since '
        'its test.',
        run.workdir,
        name,
        evaluate.tables.number(name, after),
        evaluate.tables.number(name, before),
        run.config['data']['root'],
      )
      return
