"""Rows of a CSV file, checked cell by cell: mistakes name file and line."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from seld_jax.errors import InputError

# What a column may hold; x, y and z are told by their norm. The upper bounds of
# frame, class and distance catch nonsense, such as samples for frames.
RANGES: Mapping[str, tuple[float, float]] = {
  'frame': (0, 10**7),
  'class': (0, 10**4),
  'track': (-(10**9), 10**9),
  'source': (-(10**9), 10**9),
  'azimuth': (-360, 360),
  'elevation': (-90, 90),
  'distance': (0, 10**6),
  'onscreen': (0, 1),
  'azi': (-360, 360),
  'ele': (-90, 90),
  'dist': (0, 10**6),
  'start_time': (0, 10**6),
  'end_time': (0, 10**6),
}
INTEGERS = ('frame', 'class', 'track', 'source', 'onscreen')


@dataclasses.dataclass(frozen=True)
class Rows:
  """The rows of a file that are not blank.

  Attributes:
    path: The file.
    lines: The number of the line of each row, from 1.
    cells: The text of each cell of each row.
  """

  path: pathlib.Path
  lines: list[int]
  cells: list[list[str]]

  def refuse(self, index: int, reason: str) -> NoReturn:
    """Raises InputError: what is wrong with the row of this index."""
    raise InputError(f'{self.path}, line {self.lines[index]}: {reason}.')

  def text(self, index: int) -> str:
    """The row of this index as it stands in the file."""
    return ','.join(self.cells[index])

  def without_first(self) -> 'Rows':
    """All rows but the first."""
    return Rows(self.path, self.lines[1:], self.cells[1:])


def read(path: str | os.PathLike[str]) -> Rows:
  """Reads a text file with LF or CRLF, with or without a byte-order mark.

  Args:
    path: The file.

  Returns:
    Its rows.

  Raises:
    InputError: The file is missing, unreadable or not text.
  """
  path = pathlib.Path(path)
  try:
    lines = path.read_text(encoding='utf-8-sig').split('\n')
  except FileNotFoundError as error:
    raise InputError(f'{path} does not exist.') from error
  except UnicodeDecodeError as error:
    raise InputError(
      f'{path} is not a UTF-8 text file, but a CSV file is needed.'
    ) from error
  except OSError as error:
    raise InputError(
      f'{path} cannot be read: {error.strerror or error}.'
    ) from error
  kept = [i for i, line in enumerate(lines) if line.strip(' \t\r\v\f')]
  return Rows(path, [i + 1 for i in kept], [lines[i].split(',') for i in kept])


def numbers(
  rows: Rows, columns: Sequence[str], *, num_classes: int | None = None
) -> np.ndarray:
  """The cells as numbers, each in the range of its column.

  Args:
    rows: The rows.
    columns: The name of each column; those in `RANGES` are checked.
    num_classes: When given, a class at or above it is refused.

  Returns:
    The values, float64 with shape `[rows, columns]`.

  Raises:
    InputError: A row has another number of columns, or a cell holds something
      else than a number that may stand there.
  """
  ranges = dict(RANGES)
  if num_classes is not None:
    ranges['class'] = (0, num_classes - 1)
  plain = True
  try:
    table = np.array([list(map(float, row)) for row in rows.cells])
    # Python's float takes more than what should be in a file.
    joined = ''.join(map(''.join, rows.cells))
    plain = joined.isascii() and '_' not in joined
  except ValueError:
    table = np.empty(0)
  if not plain or not _in_range(table, columns, ranges):
    _refuse_cell(rows, columns, ranges)
  return table


def _in_range(
  table: np.ndarray,
  columns: Sequence[str],
  ranges: Mapping[str, tuple[float, float]],
) -> bool:
  """Whether all rows have the columns, and all values may be there."""
  if table.shape[1:] != (len(columns),) or not np.isfinite(table).all():
    return False
  integers = table[:, [column in INTEGERS for column in columns]]
  low, high = np.array(
    [ranges.get(column, (-np.inf, np.inf)) for column in columns]
  ).T
  return bool(
    np.all((table >= low) & (table <= high))
    and np.all(integers == np.floor(integers))
  )


def _refuse_cell(
  rows: Rows,
  columns: Sequence[str],
  ranges: Mapping[str, tuple[float, float]],
) -> NoReturn:
  """Tells the first row of another width, or the first value not allowed."""
  for index, row in enumerate(rows.cells):
    if len(row) != len(columns):
      rows.refuse(
        index,
        f'{len(row)} columns ({rows.text(index)!r}), but expected '
        f'{len(columns)} as in the first row ({",".join(columns)})',
      )
    for cell, column in zip(row, columns, strict=True):
      kind = 'a whole number' if column in INTEGERS else 'a number'
      if column in ranges:
        kind += ' from {} to {}'.format(*ranges[column])
      try:
        value = np.array([[float(cell)]])
        good = cell.isascii() and '_' not in cell
      except ValueError:
        value, good = np.empty(0), False
      if not good or not _in_range(value, (column,), ranges):
        rows.refuse(index, f'{column} must be {kind}, got {cell.strip()!r}')
  raise AssertionError('every value is allowed')
