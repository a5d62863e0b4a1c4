"""Rows of CSV files: split, parsed, checked and formatted.

Errors name the file, the line and the value.
"""

import csv
import dataclasses
import errno
import functools
import io
import math
import os
import pathlib
import re
import stat
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from seld_jax.errors import InputError, shown

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
# The wider ranges of what a system predicts; `csv_reading` corrects the values.
PREDICTED_RANGES: Mapping[str, tuple[float, float]] = {
  **RANGES,
  'elevation': (-91, 91),
  'distance': (-(10**6), 10**6),
}
INTEGERS = ('frame', 'class', 'track', 'source', 'onscreen')
# Systems may write the probability that a source is on screen.
PREDICTED_INTEGERS = INTEGERS[:-1]

# What a user can do about a value that is out of range.
_REMEDIES = {
  'frame': 'frames of 0.1 s, counted from 0; for others, use --label_hop',
  'class': 'classes are counted from 0; --classes, or data.classes in a '
  'config, gives their number',
  'azimuth': 'in degrees',
  'elevation': 'in degrees above the horizon',
  'azi': 'in degrees',
  'ele': 'in degrees above the horizon',
}

# The characters of integers, those between numbers, and those of decimals.
_PLAIN_INTEGERS = b'0123456789+-,; \t\n'
_PLAIN_DECIMALS = b'.eE'
# The characters within a cell.
_CELLS = b'0123456789+-.eE '
_BLANKS = ' \t\r\v\f'
# Columns between tabs, whose numbers have decimal commas.
_DECIMAL_COMMAS = re.compile(
  r'[^\t,]+(?:,[0-9]+)?(?:\t[^\t,]+(?:,[0-9]+)?){2,}'
)
_NOT_BLANK = re.compile(rf'[^{_BLANKS}\n]')
# Larger files are no label files: 40 million rows.
_MAX_BYTES = 2**30


@dataclasses.dataclass(frozen=True)
class Rows:
  """The rows of a file that are not blank.

  They are split into cells only when someone asks for cells, because most
  files need none: `parse_numbers` reads their text at once.

  Attributes:
    path: The file.
    body: The text of the rows.
    delimiter: The character between two cells.
    first_line: The number in the file of the first line of `body`, from 1.
    order: The columns of the file in the order in which they are used; None if
      that is the order of the file.
  """

  path: pathlib.Path
  body: str
  delimiter: str = ','
  first_line: int = 1
  order: tuple[int, ...] | None = None

  @functools.cached_property
  def first(self) -> list[str]:
    """The cells of the first row, without spaces around them; [] if none."""
    start, end = _first_row(self.body)
    if start == end:
      return []
    number = self.first_line + self.body.count('\n', 0, start)
    cells = self._split([self.body[start:end]], [number])[0]
    return [cell.strip() for cell in cells]

  @functools.cached_property
  def lines(self) -> list[int]:
    """The line number of each row."""
    return [
      number
      for number, line in enumerate(self.body.split('\n'), self.first_line)
      if line.strip(_BLANKS)
    ]

  @functools.cached_property
  def cells(self) -> list[list[str]]:
    """The text of each cell of each row, in the order of use."""
    lines, start = self.body.split('\n'), self.first_line
    split = self._split([lines[n - start] for n in self.lines], self.lines)
    if self.order is None:
      return split
    # Rows of another length stay as they are; `parse_numbers` refuses them.
    return [
      [row[i] for i in self.order] if len(row) == len(self.order) else row
      for row in split
    ]

  def _split(
    self, lines: Sequence[str], numbers: Sequence[int]
  ) -> list[list[str]]:
    """Splits lines that are not blank into cells, without their quotes.

    Spaces around the quotes are allowed.
    """
    if not any('"' in line for line in lines):
      return [line.split(self.delimiter) for line in lines]
    split = []
    after_quotes = re.compile(f'"[ \\v\\f\\r]+(?={self.delimiter}|$)')
    for number, line in zip(numbers, lines, strict=True):
      line = after_quotes.sub('"', line)
      row = csv.reader(
        [line], delimiter=self.delimiter, strict=True, skipinitialspace=True
      )
      try:
        split += list(row)
      except csv.Error as error:
        raise InputError(
          f'{self.path}, line {number}: {error} ({shown(line)}); quotation '
          'marks must stand in pairs around a cell.'
        ) from None
    return split

  def refuse(self, index: int, reason: str) -> NoReturn:
    """Raises an InputError that says what is wrong with a row."""
    raise InputError(f'{self.path}, line {self.lines[index]}: {reason}.')

  def text(self, index: int) -> str:
    """The text of a row, as messages show it."""
    return shown(self.delimiter.join(self.cells[index]))

  def without_first(self) -> 'Rows':
    """All rows but the first."""
    _, end = _first_row(self.body)
    number = self.first_line + self.body.count('\n', 0, end)
    return dataclasses.replace(self, body=self.body[end:], first_line=number)

  def with_numbers(self, column: int, names: Sequence[str]) -> 'Rows':
    """The rows with the place in `names` instead of a name in a column."""
    places = {name: str(place) for place, name in enumerate(names)}
    unordered = dataclasses.replace(self, order=None)
    for row in unordered.cells:
      if column < len(row):
        name = row[column].strip()
        row[column] = places.get(name, name)
    changed = unordered.with_cells(unordered.cells)
    return dataclasses.replace(changed, order=self.order)

  def with_cells(self, cells: Sequence[Sequence[str]]) -> 'Rows':
    """Other cells in the same lines, in the order of use."""
    lines = [''] * (self.body.count('\n') + 1)
    for number, row in zip(self.lines, cells, strict=True):
      lines[number - self.first_line] = self.delimiter.join(row)
    return dataclasses.replace(self, body='\n'.join(lines), order=None)


def _first_row(text: str) -> tuple[int, int]:
  """Where the first line that is not blank starts and ends."""
  found = _NOT_BLANK.search(text)
  if not found:
    return 0, 0
  end = text.find('\n', found.start())
  return text.rfind('\n', 0, found.start()) + 1, end if end >= 0 else len(text)


def read_rows(path: str | os.PathLike[str]) -> Rows:
  """Reads the rows of a CSV file.

  Args:
    path: A UTF-8 text file with LF or CRLF, with or without a byte-order mark.
      Cells are separated by commas, semicolons or tabs, and may be in double
      quotes.

  Returns:
    All rows that are not blank.

  Raises:
    InputError: The file is missing, unreadable, no regular file or not text.
  """
  path = pathlib.Path(path)
  text = read_text(path)
  rows = Rows(path, text)
  first = text[slice(*_first_row(text))]
  if ',' not in first:
    for delimiter in ';\t':
      if delimiter in first:
        return dataclasses.replace(rows, delimiter=delimiter)
  elif first.count(';') > 1 or _DECIMAL_COMMAS.fullmatch(first):
    what = 'semicolons' if ';' in first else 'tabs'
    rows.refuse(
      0,
      f'the row has both {what} and commas ({shown(first)}); save the '
      'file with decimal points and with commas between the columns',
    )
  return rows


def read_text(path: pathlib.Path, *, kind: str = 'CSV file') -> str:
  """Reads a text file whose lines end with LF, CR LF or CR.

  Pipes and devices are refused: reading them may never end.

  Args:
    path: The file.
    kind: What the file must be, for messages.

  Returns:
    The text without a byte-order mark, with LF at the end of lines.

  Raises:
    InputError: The file is missing, unreadable, no regular file or not UTF-8.
  """
  try:
    # Without O_NONBLOCK, a pipe would wait for a writer.
    number = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0))
    with open(number, 'rb') as file:
      status = os.fstat(number)
      if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise InputError(
          f'{path} is no regular file, but a {kind} on a disk is needed.'
        )
      if status.st_size > _MAX_BYTES:
        raise InputError(
          f'{path} has {status.st_size / 1e9:.1f} GB, but a {kind} of labels '
          f'has at most {_MAX_BYTES / 1e9:.1f} GB: check the path.'
        )
      content = file.read()
    text = content.decode('utf-8-sig')
  except FileNotFoundError as error:
    raise InputError(f'{path} does not exist.') from error
  except UnicodeDecodeError as error:
    raise InputError(
      f'{path} is not a UTF-8 text file, but a {kind} is needed: save it as '
      'text in UTF-8.'
    ) from error
  except OSError as error:
    reason = error.strerror or error
    if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket
      reason = 'it is no regular file'
    raise InputError(f'{path} cannot be read: {reason}.') from error
  if '\r' in text:
    text = text.replace('\r\n', '\n').replace('\r', '\n')
  return text


def parse_numbers(
  rows: Rows,
  columns: Sequence[str],
  *,
  hint: str = '',
) -> np.ndarray:
  """Parses all cells as numbers.

  Args:
    rows: The rows.
    columns: The name of each column, for messages.
    hint: Text that is added to the message about a wrong cell, unless its
      column is frame or class.

  Returns:
    The values, float64 with shape `[rows, columns]`.

  Raises:
    InputError: A row has another number of columns, or a cell is not a finite
      number.
  """
  table = _parse_fast(rows)
  if table is None:
    table = _parse_cells(rows)
  if (
    table is None
    or table.shape[1:] != (len(columns),)
    or not np.isfinite(table).all()
  ):
    _refuse_cell(rows, columns, RANGES, hint)
  return table


def check_ranges(
  rows: Rows,
  table: np.ndarray,
  columns: Sequence[str],
  *,
  ranges: Mapping[str, tuple[float, float]] = RANGES,
  integers: Sequence[str] = INTEGERS,
  num_classes: int | None = None,
  hint: str = '',
) -> None:
  """Checks the values of all columns that have a range.

  Args:
    rows: The rows, for messages.
    table: Their numbers, with shape `[rows, columns]`.
    columns: The name of each column; those in `ranges` are checked.
    ranges: Lowest and highest value of columns.
    integers: The columns of integers.
    num_classes: If given, class indices must be below it.
    hint: Text that is added to the message, as for `parse_numbers`.

  Raises:
    InputError: A value is out of its range.
  """
  if num_classes is not None:
    ranges = {**ranges, 'class': (0, num_classes - 1)}
  if not _in_range(table, columns, ranges, integers):
    _refuse_cell(rows, columns, ranges, hint, integers)


def _parse_fast(rows: Rows) -> np.ndarray | None:
  """Parses plain text in one call; None if it may be something else.

  What the two readers accept here, `_parse_cells` accepts with the same values:
  the tests compare them. They are more than ten times faster.
  """
  others = rows.body.encode('utf-8', 'replace').translate(None, _PLAIN_INTEGERS)
  if not others:
    table = _load_integers(rows)
  elif others.translate(None, _PLAIN_DECIMALS):
    return None
  else:
    table = _load_decimals(rows)
  if table is None or rows.order is None:
    return table
  return table[:, rows.order] if table.shape[1] == len(rows.order) else None


def _load_integers(rows: Rows) -> np.ndarray | None:
  """Parses integers; None if one is too large."""
  try:
    table = np.loadtxt(
      io.StringIO(rows.body),
      np.int64,
      delimiter=rows.delimiter,
      comments=None,
      ndmin=2,
    )
  except (ValueError, DeprecationWarning):
    return None
  # Older NumPy clips integers that are too large, with a DeprecationWarning.
  if table.size:
    limits = np.iinfo(np.int64)
    if table.min() == limits.min or table.max() == limits.max:
      return None
  return table.astype(np.float64)


def _load_decimals(rows: Rows) -> np.ndarray | None:
  """Parses rows as a list of JSON, which writes plain numbers as CSV does.

  This takes a quarter of the time of NumPy's reader. Empty lines, and numbers
  that JSON writes in another way (`+1`, `.5`), give None.
  """
  # Here, so that the module can be imported, and files of integers be read,
  # with NumPy alone.
  import msgspec

  body = rows.body.strip(' \n').encode()
  between = body.translate(None, _CELLS)
  row = between.partition(b'\n')[0] + b'\n'
  if between + b'\n' != row * (between.count(b'\n') + 1):
    return None  # the rows differ in length
  if set(row) - {ord(rows.delimiter), ord('\n')}:
    return None  # tabs beside another delimiter
  body = body.replace(b'\n', b',').replace(rows.delimiter.encode(), b',')
  try:
    numbers = msgspec.json.decode(b'[%b]' % body, type=list[float])
  except msgspec.MsgspecError:
    return None
  return np.fromiter(numbers, np.float64, len(numbers)).reshape(-1, len(row))


def _parse_cells(rows: Rows) -> np.ndarray | None:
  """Parses each cell; None if one is not a number."""
  # Python's float() also accepts underscores and non-ASCII digits.
  if not all(
    cell.isascii() and '_' not in cell for row in rows.cells for cell in row
  ):
    return None
  try:
    return np.array([list(map(float, row)) for row in rows.cells])
  except ValueError:
    return None


def _in_range(
  table: np.ndarray,
  columns: Sequence[str],
  ranges: Mapping[str, tuple[float, float]],
  whole: Sequence[str] = INTEGERS,
) -> bool:
  """Whether all values are finite and in range."""
  if not np.isfinite(table).all():
    return False
  integers = table[:, [column in whole for column in columns]]
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
  hint: str,
  integers: Sequence[str] = INTEGERS,
) -> NoReturn:
  """Reports the first row of another length, or the first wrong value."""
  for index, row in enumerate(rows.cells):
    if len(row) != len(columns):
      rows.refuse(
        index,
        f'{len(row)} columns ({rows.text(index)}), but expected '
        f'{len(columns)} as in the first row ({",".join(columns)})'
        + empty_end(row),
      )
    for place, (cell, column) in enumerate(zip(row, columns, strict=True)):
      kind = 'an integer' if column in integers else 'a number'
      if column in ranges:
        kind += ' from {} to {}'.format(*ranges[column])
      if not _is_allowed(cell, column, ranges, integers):
        remedy = f' ({_REMEDIES[column]})' if column in _REMEDIES else ''
        got = shown(cell.strip(_BLANKS))
        # All forms have frame and class: their columns need no hint.
        more = '' if column in ('frame', 'class') else hint
        if not cell.strip():
          text = shown(rows.delimiter.join(row))
          remedy = more = ''
          got = f'an empty cell in the row {text}{empty_end(row)}'
          if not place:
            got += (
              '; if the program pandas wrote the file, write it with '
              'index=False and header=False'
            )
        rows.refuse(index, f'{column} must be {kind}, got {got}{remedy}{more}')
  raise AssertionError('every value is allowed')


def _is_allowed(
  cell: str,
  column: str,
  ranges: Mapping[str, tuple[float, float]],
  integers: Sequence[str],
) -> bool:
  """Whether a cell is a finite number in the range of its column."""
  if not cell.isascii() or '_' in cell:
    return False
  try:
    value = float(cell)
  except ValueError:
    return False
  low, high = ranges.get(column, (-math.inf, math.inf))
  if not (math.isfinite(value) and low <= value <= high):
    return False
  return column not in integers or value.is_integer()


def empty_end(row: Sequence[str]) -> str:
  """What messages say about a row whose last cell is empty, or nothing."""
  if not row or row[-1].strip():
    return ''
  return '; delete the separator at the end of the rows'


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
