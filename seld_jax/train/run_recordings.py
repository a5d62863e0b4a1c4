"""The recordings of a run, noted in its directory.

Crops, epochs and learning rates depend on the training recordings, and the
checkpoint is selected on the validation recordings. A run that is resumed with
others would silently become another training; thresholds that are found on
recordings of the training would be too low.
"""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import TypedDict

from seld_jax import files, json_files
from seld_jax.errors import InputError, printable

# File in the run directory that names the recordings.
NOTE = 'recordings.json'


class _Note(TypedDict):
  """The content of the file: names of recordings."""

  training: list[str]
  validation: list[str]


def write(
  workdir: str | os.PathLike[str],
  *,
  training: Sequence[str],
  validation: Sequence[str] = (),
) -> None:
  """Notes the names of the recordings.

  Args:
    workdir: The run directory.
    training: The names of the training recordings.
    validation: The names of the validation recordings.

  Raises:
    InputError: The file cannot be written.
  """
  note = {'training': [*training], 'validation': [*validation]}
  files.write_text(pathlib.Path(workdir, NOTE), json.dumps(note))


def check(
  workdir: str | os.PathLike[str],
  *,
  training: Sequence[str],
  validation: Sequence[str] = (),
  root: str,
) -> None:
  """Refuses other recordings than those of the note.

  Args:
    workdir: The run directory. Without a note, nothing is refused.
    training: The names of the training recordings now.
    validation: The names of the validation recordings now.
    root: The folder of the dataset, for the message.

  Raises:
    InputError: The names differ, or the note is damaged.
  """
  note = _read(workdir, root)
  if note is None:
    return
  for kind, known, names in (
    ('training', note['training'], training),
    ('validation', note['validation'], validation),
  ):
    for what, some in (
      ('lacks', sorted({*known} - {*names})),
      ('also has', sorted({*names} - {*known})),
    ):
      if some:
        raise InputError(
          f'{workdir} holds a run of {len(known)} {kind} recordings, but '
          f'{root} {what} {_listed(some)}: restore the recordings of the run '
          'to resume it. To go on from its network with others, add '
          f'--init_from={workdir} to another --workdir.'
        )


def check_unseen(
  workdir: str | os.PathLike[str], names: Sequence[str], *, root: str
) -> None:
  """Refuses recordings that a network was trained on.

  Args:
    workdir: The run directory. Without a note, nothing is refused.
    names: The names of recordings that the network must not know.
    root: The folder of the dataset, for the message.

  Raises:
    InputError: The network was trained on one of them, or the note is damaged.
  """
  note = _read(workdir, root)
  if note is None:
    return
  if seen := sorted({*names} & {*note['training']}):
    raise InputError(
      f'The network in {workdir} was trained on {_listed(seen)}, which '
      f'{root} now has for validation: restore the recordings with which it '
      'was trained. With data.validation_share, added recordings change which '
      'rooms are drawn.'
    )


def _read(workdir: str | os.PathLike[str], root: str) -> _Note | None:
  """The note; None if there is none."""
  path = pathlib.Path(workdir, NOTE)
  if not path.is_file():
    return None
  try:
    return json_files.check(json_files.read(path), _Note, path)
  except InputError as error:
    raise InputError(
      f'{error} Delete the file if the recordings of {root} have not changed.'
    ) from error


def _listed(names: Sequence[str]) -> str:
  """The first name, and how many more there are."""
  more = f' and {len(names) - 1} more' if len(names) > 1 else ''
  return f'{printable(names[0])}{more}'
