"""Rows of CSV files: parsed, checked and formatted.

Errors name the file, the line and the value.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from seld_jax.errors import InputError

# The range of each column; x, y and z are checked by their norm. The upper
# bounds of frame, class and distance detect errors such as samples for frames.
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
    lines: The line number of each row, from 1.
    cells: The text of each cell of each row.
  """

  path: pathlib.Path
  lines: list[int]
  cells: list[list[str]]

  def refuse(self, index: int, reason: str) -> NoReturn:
    """Raises an InputError that says what is wrong with a row."""
    raise InputError(f'{self.path}, line {self.lines[index]}: {reason}.')

  def text(self, index: int) -> str:
    """The text of a row in the file."""
    return ','.join(self.cells[index])

  def without_first(self) -> 'Rows':
    """All rows but the first."""
    return Rows(self.path, self.lines[1:], self.cells[1:])


def read_rows(path: str | os.PathLike[str]) -> Rows:
  """Reads the rows of a CSV file.

  Args:
    path: A UTF-8 text file with LF or CRLF, with or without a byte-order mark.

  Returns:
    All rows that are not blank.

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


def parse_numbers(
  rows: Rows, columns: Sequence[str], *, num_classes: int | None = None
) -> np.ndarray:
  """Parses all cells as numbers and checks them.

  Args:
    rows: The rows.
    columns: The name of each column; those in `RANGES` are checked.
    num_classes: If given, class indices must be below it.

  Returns:
    The values, float64 with shape `[rows, columns]`.

  Raises:
    InputError: A row has another number of columns, or a cell is not a number
      in the range of its column.
  """
  ranges = dict(RANGES)
  if num_classes is not None:
    ranges['class'] = (0, num_classes - 1)
  plain = True
  try:
    table = np.array([list(map(float, row)) for row in rows.cells])
    # Python's float() also accepts underscores and non-ASCII digits.
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
  """Whether all rows have these columns, and all values are in range."""
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
  """Reports the first row of another length, or the first wrong value."""
  for index, row in enumerate(rows.cells):
    if len(row) != len(columns):
      rows.refuse(
        index,
        f'{len(row)} columns ({rows.text(index)!r}), but expected '
        f'{len(columns)} as in the first row ({",".join(columns)})',
      )
    for cell, column in zip(row, columns, strict=True):
      kind = 'an integer' if column in INTEGERS else 'a number'
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


def format_number(value: float, *, digits: int = 7) -> str:
  """Formats a number without trailing zeros and without a minus zero.

  Args:
    value: The number.
    digits: Largest number of decimals.

  Returns:
    The text.
  """
  text = f'{value:.{digits}f}'.rstrip('0').rstrip('.')
  return '0' if text == '-0' else text
