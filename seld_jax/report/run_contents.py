"""What a run directory holds, for those who look at a run."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from seld_jax import audio, dataset, files, labels, runs
from seld_jax.errors import InputError
from seld_jax.report import examples


@dataclasses.dataclass(frozen=True)
class Run:
  """What a run directory says.

  Attributes:
    workdir: The directory.
    config: The configuration, from config.json.
    scores: What was selected and how it scores, from scores.json.
    records: Losses and scores over the steps, from metrics.jsonl.
  """

  workdir: pathlib.Path
  config: Mapping[str, Any]
  scores: Mapping[str, Any]
  records: list[dict[str, Any]]


def read_run(workdir: str | os.PathLike[str]) -> Run:
  """Reads what a finished run left.

  Raises:
    InputError: config.json or scores.json is missing, or a file is damaged.
  """
  workdir = pathlib.Path(workdir)
  for name in ('config.json', 'scores.json'):
    if not (workdir / name).is_file():
      raise InputError(
        f'{workdir} has no {name}, so it holds no finished run; run '
        f'`python -m seld_jax.main --config=CONFIG --workdir={workdir}` first, '
        'which also continues a run that was stopped.'
      )
  config = files.read_json(workdir / 'config.json')
  for field in ('data.root', 'data.classes', 'features.format'):
    _demand(config, field, workdir / 'config.json')
  scores = files.read_json(workdir / 'scores.json')
  for field in ('selected_step', 'num_steps', 'selection', 'results'):
    _demand(scores, field, workdir / 'scores.json')
  return Run(workdir, config, scores, _records(workdir / 'metrics.jsonl'))


def read_recordings(
  run: Run, result: Mapping[str, Any]
) -> list[examples.Recording]:
  """Reads the predictions of a result and the labels of the dataset.

  Args:
    run: The run.
    result: One of `results` in its scores.

  Returns:
    The recordings that have labels with at least one event.

  Raises:
    InputError: There are none, or a file cannot be read.
  """
  folder = run.workdir / result['predictions']
  data = run.config['data']
  num_classes = len(data['classes'])
  found = []
  for path in sorted(folder.glob('[!.]*.csv')):
    label_path = _place(run, path.stem)[1]
    if not label_path.is_file():
      continue
    reference = labels.read_csv(
      label_path,
      edition=data.get('csv_edition') or None,
      num_classes=num_classes,
    )
    if not reference.frame.size:
      continue
    prediction = labels.read_csv(path, num_classes=num_classes)
    num_frames = _num_frames(run, result, path.stem, reference)
    found.append(
      examples.make_recording(
        path.stem,
        reference,
        prediction,
        num_frames=num_frames,
        num_classes=num_classes,
        audio=audio_path(run, path.stem),
      )
    )
  if not found:
    raise InputError(
      f'{folder} holds no predictions whose labels are in {data["root"]}.'
    )
  return found


def audio_path(run: Run, name: str) -> pathlib.Path:
  """Where the audio of a recording is, or was."""
  return _place(run, name)[0]


def _place(run: Run, name: str) -> tuple[pathlib.Path, pathlib.Path]:
  """Audio and labels of a recording; as published when they are gone."""
  root, format = run.config['data']['root'], run.config['features']['format']
  found = _dataset(root, format).get(name)
  if found is not None and found.labels is not None:
    return found.audio, found.labels
  root = pathlib.Path(root)
  return (
    root / f'{format}_dev' / f'{name}.wav',
    root / 'metadata_dev' / f'{name}.csv',
  )


@functools.lru_cache(maxsize=1)
def _dataset(root: str, format: str) -> dict[str, dataset.Recording]:
  """What the dataset holds by name; nothing when it is not there any more."""
  try:
    found = dataset.find_recordings(root, format=format)
  except InputError:
    return {}
  return {entry.name: entry for entry in found}


def _demand(value: Any, field: str, path: pathlib.Path) -> None:
  for key in field.split('.'):
    if not isinstance(value, dict) or key not in value:
      raise InputError(f'{path} has no field {field}, which a report needs.')
    value = value[key]


def _records(path: pathlib.Path) -> list[dict[str, Any]]:
  try:
    records = runs.read_records(path)
  except ValueError as error:
    raise InputError(f'{path} has a line that is not JSON: {error}.') from error
  for record in records:
    if not isinstance(record, dict) or not {'step', 'split'} <= set(record):
      raise InputError(
        f'{path} needs a step and a split in each line, got {record}.'
      )
  return records


def _num_frames(
  run: Run, result: Mapping[str, Any], name: str, reference: labels.Events
) -> int:
  """From the audio; without it from what was scored; no less than labelled."""
  scored = (result['scores'] or {}).get('num_frames', 1)
  frames = scored if isinstance(scored, int) else max(scored)
  try:
    header = audio.info(audio_path(run, name))
    frames = labels.count_frames(header.num_samples, header.sample_rate)
  except InputError:
    pass
  return max(frames, int(reference.frame.max()) + 1)
