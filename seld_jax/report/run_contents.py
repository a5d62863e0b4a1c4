"""Reads a finished run: its configuration, scores, records and recordings."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from seld_jax import audio, dataset, files, labels, runs
from seld_jax.errors import InputError
from seld_jax.report import choice

_CONFIG_FIELDS = ('data.root', 'data.classes', 'features.format')
_SCORES_FIELDS = ('selected_step', 'num_steps', 'selection', 'results')
_RESULT_FIELDS = (
  'name',
  'folds',
  'window_seconds',
  'num_recordings',
  'predictions',
  'scores',
)


@dataclasses.dataclass(frozen=True)
class Run:
  """The contents of the directory of a finished run.

  Attributes:
    workdir: The directory.
    config: The configuration, from config.json.
    scores: The selected checkpoint and its scores, from scores.json.
    records: Losses and scores over the steps, from metrics.jsonl.

  Example:
    >>> import pathlib
    >>> from seld_jax import report
    >>> run = report.Run(pathlib.Path('run'), {}, {'selected_step': 4}, [])
    >>> run.scores['selected_step']
    4
  """

  workdir: pathlib.Path
  config: Mapping[str, Any]
  scores: Mapping[str, Any]
  records: list[dict[str, Any]]


def read_run(workdir: str | os.PathLike[str]) -> Run:
  """Reads the directory of a finished run.

  Args:
    workdir: The directory.

  Returns:
    Its contents.

  Raises:
    InputError: config.json or scores.json is missing, or a file is damaged.

  Example:
    >>> import json, pathlib
    >>> from seld_jax import config, report
    >>> workdir = pathlib.Path('finished')
    >>> workdir.mkdir()
    >>> settings = config.to_dict(config.default())
    >>> _ = (workdir / 'config.json').write_text(json.dumps(settings))
    >>> scores = {'selected_step': 4, 'num_steps': 6, 'selection': 'best score'}
    >>> scores['results'] = []
    >>> _ = (workdir / 'scores.json').write_text(json.dumps(scores))
    >>> report.read_run(workdir).scores['selected_step']
    4
  """
  workdir = pathlib.Path(workdir)
  for name in ('config.json', 'scores.json'):
    if not (workdir / name).is_file():
      raise InputError(
        f'{workdir} has no {name}, so it holds no finished run; run '
        f'`python -m seld_jax.main --config=CONFIG --workdir={workdir}` first. '
        'The same command resumes a run that was stopped.'
      )
  config = files.read_json(workdir / 'config.json')
  for field in _CONFIG_FIELDS:
    _require(config, field, workdir / 'config.json')
  scores = files.read_json(workdir / 'scores.json')
  for field in _SCORES_FIELDS:
    _require(scores, field, workdir / 'scores.json')
  for result in scores['results']:
    for field in _RESULT_FIELDS:
      _require(result, field, workdir / 'scores.json')
  return Run(workdir, config, scores, _records(workdir / runs.METRICS))


def read_recordings(
  run: Run, result: Mapping[str, Any]
) -> list[choice.Recording]:
  """Reads the predictions of a result and the labels of the dataset.

  Args:
    run: The run.
    result: One of the `results` in its scores.

  Returns:
    The recordings whose labels have at least one event.

  Raises:
    InputError: There is no such recording, or a file cannot be read.
  """
  folder = run.workdir / result['predictions']
  data = run.config['data']
  num_classes = len(data['classes'])
  listed = _listed_files(run)
  found = []
  for path in sorted(folder.glob('[!.]*.csv')):
    name = path.stem
    audio_path, label_path = listed.get(name) or _published_files(run, name)
    if not label_path.is_file():
      continue
    reference = labels.read_csv(
      label_path,
      edition=data.get('csv_edition') or None,
      num_classes=num_classes,
    )
    if not reference.frame.size:
      continue
    found.append(
      choice.make_recording(
        name,
        reference,
        labels.read_csv(path, num_classes=num_classes),
        num_frames=_num_frames(result, audio_path, reference),
        num_classes=num_classes,
        audio=audio_path,
      )
    )
  if not found:
    raise InputError(
      f'{folder} holds no predictions whose labels are in {data["root"]}; if '
      'the dataset was moved, start the command of the training again with '
      '--config.data.root=FOLDER.'
    )
  return found


def _listed_files(run: Run) -> dict[str, tuple[pathlib.Path, pathlib.Path]]:
  """Sound and label file of each recording of the dataset, by its name.

  Empty if the dataset has been moved or deleted since the training.
  """
  try:
    entries = dataset.find_recordings(
      run.config['data']['root'], format=run.config['features']['format']
    )
  except InputError:
    return {}
  return {
    entry.name: (entry.audio, entry.labels)
    for entry in entries
    if entry.labels is not None
  }


def _published_files(run: Run, name: str) -> tuple[pathlib.Path, pathlib.Path]:
  """Sound and label file of a recording in the published folder layout."""
  root = pathlib.Path(run.config['data']['root'])
  format = run.config['features']['format']
  return (
    root / f'{format}_dev' / f'{name}.wav',
    root / 'metadata_dev' / f'{name}.csv',
  )


def _require(value: Any, field: str, path: pathlib.Path) -> None:
  """Raises InputError if JSON has no such field, such as `data.root`."""
  for key in field.split('.'):
    if not isinstance(value, dict) or key not in value:
      raise InputError(f'{path} has no field {field}, which a report needs.')
    value = value[key]


def _records(path: pathlib.Path) -> list[dict[str, Any]]:
  records = runs.read_records(path)
  for record in records:
    if not isinstance(record, dict) or not {'step', 'split'} <= set(record):
      raise InputError(
        f'{path} needs a step and a split in each line, got {record}.'
      )
  return records


def _num_frames(
  result: Mapping[str, Any], audio_path: pathlib.Path, reference: labels.Events
) -> int:
  """Length of a recording in label frames, at least that of its labels.

  It is read from the sound file. If that is missing, it is the length that was
  used for scoring.
  """
  scored = (result['scores'] or {}).get('num_frames', 1)
  frames = scored if isinstance(scored, int) else max(scored)
  try:
    header = audio.info(audio_path)
    frames = labels.count_frames(header.num_samples, header.sample_rate)
  except InputError:
    pass
  return max(frames, int(reference.frame.max()) + 1)
