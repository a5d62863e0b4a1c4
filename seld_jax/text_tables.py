"""Tables on a terminal whose numbers stay whole, however narrow it is."""

import sys

import rich.console
import rich.table
from rich.cells import cell_len

# Lines and spaces that a column, and a table, have beside their text.
_AROUND = 3
_EDGE = 1
# Least width of a first column of names and of a header, which are folded.
_NAME = 16
_HEADER = 8


def console(*, file_width: int = 100) -> rich.console.Console:
  """The console of a command, as wide as the terminal.

  Args:
    file_width: Number of characters in a line of a file or a pipe, which have
      no width of their own.

  Returns:
    The console. Brackets and colons in names of classes and files stay.

  Example:
    >>> from seld_jax import text_tables
    >>> text_tables.console(file_width=60).width
    60
  """
  width = None if sys.stdout.isatty() else file_width
  return rich.console.Console(width=width, markup=False, emoji=False)


def show(screen: rich.console.Console, table: rich.table.Table) -> None:
  """Prints a table, in several parts if it is wider than the terminal.

  Args:
    screen: The console.
    table: The table; its cells are text. The first column has names.

  Example:
    >>> import rich.console, rich.table
    >>> from seld_jax import text_tables
    >>> table = rich.table.Table('class', 'first', 'second')
    >>> table.add_row('dog', '0.125', '0.250')
    >>> text_tables.show(rich.console.Console(width=20), table)
    ┏━━━━━━━┳━━━━━━━┓
    ┃ class ┃ first ┃
    ┡━━━━━━━╇━━━━━━━┩
    │ dog   │ 0.125 │
    └───────┴───────┘
    ┏━━━━━━━┳━━━━━━━━┓
    ┃ class ┃ second ┃
    ┡━━━━━━━╇━━━━━━━━┩
    │ dog   │ 0.250  │
    └───────┴────────┘
  """
  for part in _parts(table, screen.width):
    screen.print(part)


def _parts(table: rich.table.Table, width: int) -> list[rich.table.Table]:
  """The table, or tables with some of its columns each, that fit a width."""
  cells = [[*map(str, column.cells)] for column in table.columns]
  needed = [max(map(_width, one), default=0) for one in cells]
  headers = [_width(str(column.header)) for column in table.columns]
  natural = [max(pair) for pair in zip(needed, headers, strict=True)]
  if sum(natural) + _AROUND * len(natural) + _EDGE <= width:
    return [table]
  # Longer texts, such as settings, are folded.
  most = max(1, width - _EDGE - 2 * _AROUND - _HEADER)
  least = [
    min(most, max(cell, min(header, _HEADER)))
    for cell, header in zip(needed, headers, strict=True)
  ]
  # The first column gives way to the widest number.
  beside = width - _EDGE - 2 * _AROUND - max(least[1:], default=0)
  least[0] = max(1, min(natural[0], _NAME, beside))
  groups: list[list[int]] = [[]]
  room = width - least[0] - _AROUND - _EDGE
  left = room
  for index in range(1, len(least)):
    if groups[-1] and least[index] + _AROUND > left:
      groups.append([])
      left = room
    groups[-1].append(index)
    left -= least[index] + _AROUND
  parts = []
  for number, group in enumerate(groups):
    chosen = [0, *group]
    part = rich.table.Table(
      title=None if number else table.title,
      caption=table.caption if number == len(groups) - 1 else None,
    )
    spare = width - _EDGE - sum(least[index] + _AROUND for index in chosen)
    for index in chosen:
      column = table.columns[index]
      more = max(0, min(spare, natural[index] - least[index]))
      spare -= more
      part.add_column(
        column.header,
        justify=column.justify,
        overflow='fold',
        width=least[index] + more,
      )
    for row in zip(*(cells[index] for index in chosen), strict=True):
      part.add_row(*row)
    parts.append(part)
  return parts


def _width(text: str) -> int:
  """The width of the longest line of a text."""
  return max(map(cell_len, text.split('\n')))
