"""Headers of CSV files: which names of columns mean which column.

Files of 2019, of 2025 and of L3DAS22 have a header. Programs of users write
headers for the other forms, too, in many spellings and in any order.
"""

import re

from seld_jax.labels.rows import Rows, shown

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
# Units that the numbers have in any case; other units, such as radians, make a
# name unknown.
_UNIT = re.compile(
  r'(?:[ _]+|(?=[(\[]))[(\[]?(?:deg|degrees?|°|cm|m|metres?|meters?)[)\]]?$'
)


def is_header(first: list[str]) -> bool:
  """Whether the cells of the first row are names: none of them is a number."""
  return bool(first) and not any(map(_is_number, first))


def columns_of(rows: Rows) -> list[str]:
  """The columns that a header names, in the order of the file.

  Args:
    rows: All rows of the file, header first.

  Returns:
    The name of each column, as in `_SPELLINGS`.

  Raises:
    InputError: A name is not known, or two names mean the same column.
  """
  found = []
  for cell in rows.first:
    name = cell.lower().strip().replace('-', '_')
    column = _COLUMNS.get(re.sub(r'\s+', '_', name))
    if column is None:
      column = _COLUMNS.get(re.sub(r'\s+', '_', _UNIT.sub('', name)))
    if column is None:
      rows.refuse(
        0,
        f'the header names a column {shown(cell)}, which is not known; known '
        'are frame, class, track, azimuth, elevation, distance, x, y, z (in '
        'degrees, not in radians); a file without a header needs one of the '
        'orders in docs/formats.md',
      )
    if column in found:
      rows.refuse(
        0, f'the header names {column} twice ({shown(",".join(rows.first))})'
      )
    found.append(column)
  return found


def _is_number(cell: str) -> bool:
  try:
    float(cell)
  except ValueError:
    return False
  return True
