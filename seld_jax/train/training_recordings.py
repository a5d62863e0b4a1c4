"""The training recordings of a run, noted in its directory.

Crops, epochs and learning rates depend on them. A run that is resumed with
others would silently become another training.
"""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import TypedDict

from seld_jax import files, json_files
from seld_jax.errors import InputError, printable

# File in the run directory that names the recordings.
NOTE = 'training_recordings.json'


class _Note(TypedDict):
  """The content of the file."""

  names: list[str]


def write(workdir: str | os.PathLike[str], names: Sequence[str]) -> None:
  """Notes the names of the training recordings.

  Args:
    workdir: The run directory.
    names: The names.

  Raises:
    InputError: The file cannot be written.
  """
  files.write_text(pathlib.Path(workdir, NOTE), json.dumps({'names': [*names]}))


def check(
  workdir: str | os.PathLike[str], names: Sequence[str], *, root: str
) -> None:
  """Refuses other training recordings than those of the note.

  Args:
    workdir: The run directory. Without a note, nothing is refused.
    names: The names of the training recordings now.
    root: The folder of the dataset, for the message.

  Raises:
    InputError: The names differ, or the note is damaged.
  """
  path = pathlib.Path(workdir, NOTE)
  if not path.is_file():
    return
  try:
    known = json_files.check(json_files.read(path), _Note, path)['names']
  except InputError as error:
    raise InputError(
      f'{error} Delete the file if the recordings of {root} have not changed.'
    ) from error
  for what, some in (
    ('lacks', sorted({*known} - {*names})),
    ('also has', sorted({*names} - {*known})),
  ):
    if some:
      more = f' and {len(some) - 1} more' if len(some) > 1 else ''
      raise InputError(
        f'{workdir} holds a run of {len(known)} training recordings, but '
        f'{root} {what} {printable(some[0])}{more}: restore the recordings of '
        'the run to resume it. To go on from its network with others, add '
        f'--init_from={workdir} to another --workdir.'
      )
