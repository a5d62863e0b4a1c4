"""The predictions of a finished run, beside the labels of its dataset."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from seld_jax import audio, dataset, evaluate, labels, listing
from seld_jax.errors import InputError
from seld_jax.runs.contents import Run, is_inside, predictions_folder


@dataclasses.dataclass(frozen=True)
class Predicted:
  """A recording with its labels and what a run predicted.

  Attributes:
    name: Its name, such as `fold1_room1_mix003_ov2`.
    reference: Events of its label file, which may be none.
    prediction: Events that the run predicted.
    num_frames: Its length in label frames, with which it was scored.
    audio: Path of its sound file, which need not exist.

  Example:
    >>> import pathlib
    >>> from seld_jax import labels, runs
    >>> none = labels.no_events()
    >>> runs.Predicted('mix1', none, none, 600, pathlib.Path('mix1.wav')).name
    'mix1'
  """

  name: str
  reference: labels.Events
  prediction: labels.Events
  num_frames: int
  audio: pathlib.Path


def read_predictions(run: Run, result: Mapping[str, Any]) -> list[Predicted]:
  """Reads the predictions of a result and the labels of the dataset.

  The length of a recording is that with which it was scored. Where scores.json
  has only the shortest and the longest length, it is that of the sound file; if
  this is missing, it is the longest.

  Args:
    run: The run.
    result: One of the `results` in its scores.

  Returns:
    The recordings that have a label file, sorted by the names of their files.

  Raises:
    InputError: There is no such recording, or a file cannot be read.

  Example:
    >>> import json, pathlib
    >>> from seld_jax import config, files, labels, runs
    >>> settings = config.to_dict(config.default())
    >>> settings['data']['root'] = 'data'
    >>> result = {
    ...   **{'name': 'test', 'folds': [1], 'window_seconds': 6.0},
    ...   **{'num_recordings': 1, 'scores': None},
    ...   'predictions': 'predictions/test',
    ... }
    >>> scores = {'selected_step': 4, 'num_steps': 6, 'selection': 'best score'}
    >>> scores['results'] = [result]
    >>> files.write_text('tested/config.json', json.dumps(settings))
    >>> files.write_text('tested/scores.json', json.dumps(scores))
    >>> for folder in 'data/metadata_dev', 'tested/predictions/test':
    ...   labels.write_csv(f'{folder}/fold1_mix1.csv', labels.no_events())
    >>> (one,) = runs.read_predictions(runs.read_run('tested'), result)
    >>> one.name, one.audio.as_posix()
    ('fold1_mix1', 'data/foa_dev/fold1_mix1.wav')
  """
  folder = predictions_folder(run.workdir, result)
  data = run.config['data']
  num_classes = len(data['classes'])
  form = evaluate.form_of_predictions(run.config)
  split = 'eval' if result['name'].startswith('evaluation') else 'dev'
  listed = _listed_files(run, split)
  found = []
  for path in listing.list_files(folder, suffixes=('.csv',), recursive=False):
    if not is_inside(run.workdir, path):
      raise InputError(
        f'{path} is a link to a file outside of {run.workdir}; only files of a '
        'run are read as its predictions.'
      )
    name = listing.name_of(path)
    audio_path, label_path = listed.get(name) or _published_files(
      run, split, name
    )
    if not label_path.is_file():
      continue
    reference = labels.read_csv(
      label_path,
      edition=data.get('csv_edition') or None,
      label_hop=data.get('label_hop'),
      num_classes=num_classes,
      class_names=data['classes'],
      distance_scale=evaluate.UNITS.get(data.get('distance_unit', '')),
    )
    prediction = labels.read_csv(
      path, form=form, num_classes=num_classes, distance_scale=None
    )
    length = _num_frames(result, audio_path)
    found.append(Predicted(name, reference, prediction, length, audio_path))
  if not found:
    raise InputError(
      f'{folder} holds no predictions whose labels are in {data["root"]}; if '
      'the dataset was moved, start the command of the training again with '
      '--config.data.root=FOLDER.'
    )
  return found


def _listed_files(
  run: Run, split: str
) -> dict[str, tuple[pathlib.Path, pathlib.Path]]:
  """Sound and label file of each recording of the dataset, by its name.

  Empty if the dataset has been moved or deleted since the training.
  """
  try:
    pairs = dataset.list_pairs(
      run.config['data']['root'],
      format=run.config['features']['format'],
      split=split,
    )
  except InputError:
    return {}
  return {
    pair.name: (pair.audio, pair.labels)
    for pair in pairs
    if pair.audio is not None and pair.labels is not None
  }


def _published_files(
  run: Run, split: str, name: str
) -> tuple[pathlib.Path, pathlib.Path]:
  """Sound and label file of a recording in the published folder layout."""
  root = pathlib.Path(run.config['data']['root'])
  format = run.config['features']['format']
  return (
    root / f'{format}_{split}' / f'{name}.wav',
    root / f'metadata_{split}' / f'{name}.csv',
  )


def _num_frames(result: Mapping[str, Any], audio_path: pathlib.Path) -> int:
  """Label frames of a recording, from the scores and the sound file."""
  scored = (result['scores'] or {}).get('num_frames')
  if isinstance(scored, int):
    return max(scored, 1)
  try:
    header = audio.info(audio_path)
  except InputError:
    return max(scored) if scored else 1
  frames = labels.count_frames(header.num_samples, header.sample_rate)
  return min(max(frames, min(scored)), max(scored)) if scored else frames
