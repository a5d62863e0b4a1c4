"""CSV files with named columns that anyone may have written, read and checked.

Labels are read by `seld_jax.labels`, whose files may lack a header.
"""

import csv
import os
from collections.abc import Sequence

from seld_jax.errors import InputError


def read(
  path: str | os.PathLike[str], *, columns: Sequence[str], what: str
) -> list[tuple[str, dict[str, str]]]:
  r"""Reads the rows of a CSV file whose first row has the names of the columns.

  Args:
    path: The file, in UTF-8. Spreadsheets write a byte-order mark before the
      first name, which is no part of it.
    columns: Columns that it must have, at least one.
    what: What the file must be, for errors: `'a manifest of sounds'`.

  Returns:
    For each row that is not blank, its place for messages (`path, line 2`), and
    its cells by column. The cells after the end of a short row are empty.

  Raises:
    InputError: The file cannot be read, is not UTF-8 text or not CSV, or lacks
      a column.

  Example:
    >>> from seld_jax import csv_files, files
    >>> files.write_text('sounds.csv', 'file,class\nrex.wav,dog\n')
    >>> columns = 'file', 'class'
    >>> csv_files.read('sounds.csv', columns=columns, what='a list of sounds')
    [('sounds.csv, line 2', {'file': 'rex.wav', 'class': 'dog'})]
  """
  names: list[str] = []
  rows: list[tuple[str, dict[str, str]]] = []
  reason = ''
  try:
    with open(path, newline='', encoding='utf-8-sig') as file:
      table = csv.DictReader(file, restval='')
      names = [name for name in table.fieldnames or () if name]
      for row in table:
        cells = {name: row[name] for name in names}
        rows.append((f'{path}, line {table.line_num}', cells))
  except UnicodeDecodeError:
    reason = 'it is not UTF-8 text'
  except FileNotFoundError:
    reason = 'it does not exist'
  except OSError as error:
    reason = f'it cannot be read: {error.strerror or error}'
  except csv.Error as error:
    reason = f'it is no CSV: {error}'
  lost = [name for name in columns if name not in names]
  if lost and not reason:
    reason = f'it lacks the column {lost[0]}'
  if reason:
    noun = 'column' if len(columns) == 1 else 'columns'
    every = ' and '.join(filter(None, [', '.join(columns[:-1]), columns[-1]]))
    raise InputError(
      f'{path} must be {what}, a CSV file with the {noun} {every}, '
      f'but {reason}.'
    )
  return rows
