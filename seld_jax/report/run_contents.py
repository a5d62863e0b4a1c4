"""Reads the recordings of a finished run: labels, predictions and sound."""

import pathlib
from collections.abc import Mapping
from typing import Any

from seld_jax import audio, dataset, evaluate, labels, listing, runs
from seld_jax.errors import InputError
from seld_jax.report import choice


def read_recordings(
  run: runs.Run, result: Mapping[str, Any]
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
  folder = runs.predictions_folder(run.workdir, result)
  data = run.config['data']
  num_classes = len(data['classes'])
  form = evaluate.form_of_predictions(run.config)
  listed = _listed_files(run)
  found = []
  for path in listing.list_files(folder, suffixes=('.csv',), recursive=False):
    if not runs.is_inside(run.workdir, path):
      raise InputError(
        f'{path} is a link to a file outside of {run.workdir}; only files of a '
        'run are read as its predictions.'
      )
    name = listing.name_of(path)
    audio_path, label_path = listed.get(name) or _published_files(run, name)
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
    if not reference.frame.size:
      continue
    found.append(
      choice.make_recording(
        name,
        reference,
        labels.read_csv(
          path, form=form, num_classes=num_classes, distance_scale=None
        ),
        num_frames=_num_frames(result, audio_path, reference),
        num_classes=num_classes,
        edition=runs.edition_of(run.scores),
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


def _listed_files(
  run: runs.Run,
) -> dict[str, tuple[pathlib.Path, pathlib.Path]]:
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


def _published_files(
  run: runs.Run, name: str
) -> tuple[pathlib.Path, pathlib.Path]:
  """Sound and label file of a recording in the published folder layout."""
  root = pathlib.Path(run.config['data']['root'])
  format = run.config['features']['format']
  return (
    root / f'{format}_dev' / f'{name}.wav',
    root / 'metadata_dev' / f'{name}.csv',
  )


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
