"""Which predictions in a folder are averages of several, and of which.

`predict` writes `averaging.json` beside the label files that it has averaged
over networks or over symmetries, and `evaluate` shows what is in it.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Collection, Sequence
from typing import Any, TypedDict

from seld_jax import files, json_files
from seld_jax.errors import InputError, printable

# The name of the file in a folder of predictions.
NAME = 'averaging.json'
# Locked while the file is changed, and how many seconds a command waits for it.
_LOCK = '.averaging.lock'
_PATIENCE = 60.0


@dataclasses.dataclass(frozen=True)
class Record:
  """How some predictions were made.

  Attributes:
    models: The networks whose outputs were averaged, as they were named.
    average_symmetries: Number of rotations and reflections of a recording over
      which they were averaged.
    files: Paths of the label files within the folder.

  Example:
    >>> from seld_jax import averaging_record
    >>> print(averaging_record.Record(('runs/a', 'runs/b'), 16, ('mix1.csv',)))
    mean of 2 networks (runs/a, runs/b) and 16 symmetries
  """

  models: Sequence[str]
  average_symmetries: int
  files: tuple[str, ...]

  def __str__(self) -> str:
    parts = []
    if len(self.models) > 1:
      parts.append(f'{len(self.models)} networks ({", ".join(self.models)})')
    if self.average_symmetries > 1:
      parts.append(f'{self.average_symmetries} symmetries')
    if not parts:
      return f'{self.models[0]}, not averaged'
    network = f' of {self.models[0]}' if len(self.models) == 1 else ''
    return f'mean of {" and ".join(parts)}{network}'


class _Entry(TypedDict):
  models: list[str]
  average_symmetries: int
  files: list[str]


class _Content(TypedDict):
  predictions: list[_Entry]


def read(folder: str | os.PathLike[str]) -> list[Record]:
  """Reads how the predictions in a folder were made.

  Args:
    folder: The folder.

  Returns:
    A record for each way; none if nothing was averaged.

  Raises:
    InputError: The file is damaged.

  Example:
    >>> from seld_jax import averaging_record
    >>> averaging_record.read('predictions')
    []
  """
  path = pathlib.Path(folder) / NAME
  if not path.is_file():
    return []
  try:
    content = json_files.check(json_files.read(path), _Content, path)
  except InputError as error:
    raise InputError(
      f'{error} It is not a record of seld_jax.predict, or it is damaged: '
      'move it away, or delete it.'
    ) from error
  return [
    Record(tuple(one['models']), one['average_symmetries'], tuple(one['files']))
    for one in content['predictions']
    if one['models']
  ]


def add(
  folder: str | os.PathLike[str],
  file: str | os.PathLike[str],
  *,
  models: Collection[str],
  average_symmetries: int,
) -> None:
  """Notes how a label file was made.

  A folder without averages gets no record: a file that is not averaged is noted
  only where there is one already.

  Args:
    folder: The folder of predictions.
    file: The label file in it.
    models: The networks.
    average_symmetries: Number of symmetries, 1 or more.

  Raises:
    InputError: A record in the folder is damaged, or cannot be written, or
      another command keeps it locked.

  Example:
    >>> from seld_jax import averaging_record
    >>> averaging_record.add(
    ...   'averaged', 'averaged/a.csv', models=['demo'], average_symmetries=16
    ... )
    >>> averaging_record.read('averaged')[0].files
    ('a.csv',)
  """
  folder = pathlib.Path(folder)
  name = printable(pathlib.Path(file).relative_to(folder).as_posix())
  is_averaged = len(models) > 1 or average_symmetries > 1
  if not is_averaged and not (folder / NAME).is_file():
    return
  key = tuple(map(printable, models)), average_symmetries
  busy = f'{folder / NAME} has been locked by {{}} for {_PATIENCE:g} s.'.format
  # Another command may predict other recordings into the same folder.
  with files.lock(folder / _LOCK, busy=busy, remove=True, wait=_PATIENCE):
    found = {
      (tuple(one.models), one.average_symmetries): [
        other for other in one.files if other != name
      ]
      for one in read(folder)
    }
    found.setdefault(key, []).append(name)
    content: dict[str, Any] = {
      'predictions': [
        {
          'models': list(models),
          'average_symmetries': symmetries,
          'files': sorted(names),
        }
        for (models, symmetries), names in found.items()
        if names
      ]
    }
    files.write_text(folder / NAME, json.dumps(content, indent=2) + '\n')
