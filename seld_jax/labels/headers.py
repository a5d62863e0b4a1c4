"""Headers of CSV files: which names of columns mean which column.

Files of 2019, of 2025 and of L3DAS22 have a header. Programs of users write
headers for the other forms, too, in many spellings and in any order.
"""

import re

from seld_jax.errors import shown
from seld_jax.labels.rows import Rows

# Spellings of each column, in lower case, without spaces, and without a unit.
_SPELLINGS = {
  'frame': 'frame frames frame_number frame_index frame_idx frame_id',
  'class': 'class class_index class_idx class_id class_number active_class '
  'active_class_index sound_class event_class',
  'track': 'track track_number track_index track_idx track_id '
  'track_number_index source source_number source_index source_idx source_id '
  'source_number_index',
  'azimuth': 'azimuth azi az',
  'elevation': 'elevation ele elev el',
  'distance': 'distance dist',
  'onscreen': 'onscreen on_screen',
  'x': 'x',
  'y': 'y',
  'z': 'z',
  'file': 'file',
  'start': 'start',
  'end': 'end',
  'sound_event_recording': 'sound_event_recording',
  'start_time': 'start_time',
  'end_time': 'end_time',
}
_COLUMNS = {
  spelling: column
  for column, spellings in _SPELLINGS.items()
  for spelling in spellings.split()
}
# Units behind a name: of angles, which are always in degrees, and of lengths.
# Other units, such as radians, make a name unknown.
_DEGREES = re.compile(r'(?:[ _]+|(?=[(\[]))[(\[]?(?:deg|degrees?|°)[)\]]?$')
_LENGTH = re.compile(
  r'(?:[ _]+|(?=[(\[]))[(\[]?(?:(cm)|m|metres?|meters?)[)\]]?$'
)
_ANGLES, _LENGTHS = ('azimuth', 'elevation'), ('distance', 'x', 'y', 'z')
# Another name that pandas gives to its index.
_UNNAMED = re.compile(r'unnamed: 0$', re.IGNORECASE)


def is_header(first: list[str]) -> bool:
  """Whether the cells of the first row are names: none of them is a number."""
  return bool(first) and not any(map(_is_number, first))


def columns_of(rows: Rows) -> tuple[list[str], str]:
  """The columns that a header names, in the order of the file.

  Args:
    rows: All rows of the file, header first.

  Returns:
    The name of each column, as in `_SPELLINGS`; and the unit of distances or
    vectors, `'m'` or `'cm'`, empty if the header has none.

  Raises:
    InputError: A name is not known or missing, two names mean the same column,
      or the cells are not separated.
  """
  _refuse_other_separator(rows)
  if rows.first[0].lower().startswith('sep='):
    rows.refuse(
      0,
      f'the line {shown(rows.delimiter.join(rows.first))} is meant for '
      'spreadsheet programs only; delete it',
    )
  found: list[str] = []
  units: set[str] = set()
  for place, cell in enumerate(rows.first):
    if not cell or _UNNAMED.match(cell):
      what = (
        'a first column without a name, as pandas writes its index; write the '
        'file with index=False, or delete the column'
        if not place
        else f'no name for column {place + 1}; name it, or delete the '
        'separator at the end of the rows'
      )
      rows.refuse(0, f'the header ({shown(",".join(rows.first))}) has {what}')
    name = cell.lower().strip().replace('-', '_')
    column = _column(name)
    for pattern, measured in (_DEGREES, _ANGLES), (_LENGTH, _LENGTHS):
      if column is None and (unit := pattern.search(name)):
        known = _column(name[: unit.start()])
        if known in measured:
          column = known
          if measured is _LENGTHS:
            units.add(unit[1] or 'm')
    if column is None:
      rows.refuse(
        0,
        f'the header names a column {shown(cell)}, which is not known; known '
        'are frame, class, track, azimuth, elevation, distance, x, y, z (in '
        'degrees, not in radians, and in m or cm); a file without a header '
        'needs one of the orders in docs/formats.md',
      )
    if column in found:
      rows.refuse(
        0, f'the header names {column} twice ({shown(",".join(rows.first))})'
      )
    found.append(column)
  if len(units) > 1:
    rows.refuse(
      0, f'the header ({shown(",".join(rows.first))}) has both m and cm'
    )
  return found, units.pop() if units else ''


def _column(name: str) -> str | None:
  """The column that a name in lower case means."""
  return _COLUMNS.get(re.sub(r'\s+', '_', name))


def refuse_numbered(rows: Rows) -> None:
  """Refuses a first row 0, 1, 2, ...: the column names that pandas invents.

  Raises:
    InputError: The first row is that.
  """
  if rows.first == [str(place) for place in range(len(rows.first))]:
    rows.refuse(
      0,
      f'{shown(",".join(rows.first))} looks like the header that pandas writes '
      'if the columns have no names; write the file with header=False and '
      'index=False (if it is an event, put its row later in the file, or write '
      f'{rows.first[-1]}.0 at its end)',
    )


def _refuse_other_separator(rows: Rows) -> None:
  """Refuses a single cell that holds a whole row.

  Raises:
    InputError: The cells are separated by something else, or the quotation
      marks are around the whole row.
  """
  if len(rows.first) > 1:
    return
  text = rows.first[0]
  for separator, name in (
    (',', ''),
    (';', ''),
    ('\t', ''),
    ('|', '"|"'),
    (':', 'colons'),
    (None, 'spaces'),
  ):
    cells = [cell.strip() for cell in text.split(separator)]
    # One cell may be the name of a class.
    if len(cells) < 3 or sum(map(_is_known, cells)) < len(cells) - 1:
      continue
    rows.refuse(
      0,
      f'the cells are separated by {name} ({shown(text)}), but commas, '
      'semicolons or tabs are needed; replace them'
      if name
      else f'the whole row ({shown(text)}) is in one pair of quotation marks; '
      'delete them, or put them around each cell',
    )


def _is_known(cell: str) -> bool:
  """Whether a text is a number or the name of a column."""
  return _is_number(cell) or cell.lower().replace('-', '_') in _COLUMNS


def _is_number(cell: str) -> bool:
  try:
    float(cell)
  except ValueError:
    return False
  return True
