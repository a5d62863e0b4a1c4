"""The rooms that `data.validation_share` drew, noted in the run directory.

The draw depends on the rooms of the dataset. If some are added later, rooms
that a network was trained on could select its checkpoint or its thresholds.
"""

import json
import os
import pathlib
from collections.abc import Iterable
from typing import TypedDict

from seld_jax import config as config_lib
from seld_jax import dataset, files, json_files
from seld_jax.errors import InputError

# File in the run directory that names the rooms.
NOTE = 'validation_rooms.json'


class _Note(TypedDict):
  """The content of the file."""

  rooms: list[str]


def write(workdir: str | os.PathLike[str], names: Iterable[str]) -> None:
  """Notes the rooms of the validation recordings.

  Args:
    workdir: The run directory.
    names: The names of the recordings.

  Raises:
    InputError: The file cannot be written.
  """
  text = json.dumps({'rooms': list(dataset.rooms_of(tuple(names)))})
  files.write_text(pathlib.Path(workdir, NOTE), text)


def check(
  workdir: str | os.PathLike[str],
  config: config_lib.Config,
  names: Iterable[str],
  *,
  remedy: str = '',
) -> None:
  """Refuses validation recordings of other rooms than those of the note.

  Args:
    workdir: The run directory. Without a note, nothing is refused.
    config: The configuration of the run.
    names: The names of its validation recordings now.
    remedy: What else a user can do, for the message.

  Raises:
    InputError: The rooms differ, or the note is damaged.
  """
  path = pathlib.Path(workdir, NOTE)
  if not config.data.validation_share or not path.is_file():
    return
  try:
    known = json_files.check(json_files.read(path), _Note, path)['rooms']
  except InputError as error:
    raise InputError(
      f'{error} Delete the file if {config.data.root} has not changed.'
    ) from error
  rooms = list(dataset.rooms_of(tuple(names)))
  if known != rooms:
    raise InputError(
      f'{workdir} holds a run whose checkpoint is selected by the rooms '
      f'{", ".join(known)}, but data.validation_share = '
      f'{config.data.validation_share:g} now draws {", ".join(rooms)}, because '
      'the recordings of data.train_folds have changed: restore those of '
      f'{config.data.root}{remedy}.'
    )
