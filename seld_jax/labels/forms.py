"""The forms of DCASE CSV files, and how to find the form of a file."""

import numpy as np

from seld_jax.errors import InputError
from seld_jax.labels.rows import RANGES, Rows

# The columns of each form. Files of the last two begin with these names.
FORMS = {
  'submission': ('frame', 'class', 'azimuth', 'elevation'),
  'polar': ('frame', 'class', 'track', 'azimuth', 'elevation'),
  'cartesian': ('frame', 'class', 'track', 'x', 'y', 'z'),
  'polar_distance': (
    'frame',
    'class',
    'track',
    'azimuth',
    'elevation',
    'distance',
  ),
  'cartesian_distance': ('frame', 'class', 'track', 'x', 'y', 'z', 'distance'),
  'seconds': (
    'sound_event_recording',
    'start_time',
    'end_time',
    'ele',
    'azi',
    'dist',
  ),
  'stereo': ('frame', 'class', 'source', 'azimuth', 'distance', 'onscreen'),
}
HEADERS = ('seconds', 'stereo')

# The forms of each edition. The first is written by default.
_EARLY = ('polar', 'submission', 'cartesian')
_LATE = ('polar_distance', 'submission', 'polar', 'cartesian_distance')
EDITIONS = {
  '2019': ('seconds',),
  '2020': _EARLY,
  '2021': _EARLY,
  '2022': _EARLY,
  '2023': _LATE,
  '2024': _LATE,
  '2025': ('stereo',),
}

# Largest difference of the norm of a direction from 1, because of rounding.
NORM_TOLERANCE = 1e-2


def check_edition(edition: str | None) -> None:
  """Refuses an edition that is not in `EDITIONS`; None is allowed.

  Raises:
    InputError: The edition is unknown.
  """
  if edition is not None and edition not in EDITIONS:
    raise InputError(
      f'Label files of edition {edition!r} are not supported; the editions '
      f'are {", ".join(EDITIONS)}.'
    )


def find_form(rows: Rows, edition: str | None) -> tuple[str, Rows]:
  """Finds the form of a file by its header or its number of columns.

  Args:
    rows: All rows of the file.
    edition: One of `EDITIONS`, or None for any.

  Returns:
    One of `FORMS`, and the rows without the header, with columns in the order
    of the form. Without an edition, six columns are `'cartesian'`, but may also
    be `'polar_distance'`: see `form_from_norms`.

  Raises:
    InputError: The file has no form of the edition.
  """
  allowed = tuple(FORMS) if edition is None else EDITIONS[edition]
  if not rows.cells:
    return allowed[0], rows
  first = [cell.strip() for cell in rows.cells[0]]
  for form in HEADERS:
    # Columns are found by name, because the order in a file may be another:
    # published files of 2019 have elevation before azimuth.
    if sorted(first) == sorted(FORMS[form]):
      if form not in allowed:
        rows.refuse(0, f'the header belongs to another edition than {edition}')
      order = [first.index(column) for column in FORMS[form]]
      rest = rows.without_first()
      for index, row in enumerate(rest.cells):
        if len(row) != len(order):
          rest.refuse(
            index,
            f'{len(row)} columns ({rest.text(index)!r}), but expected '
            f'{len(order)} as in the header ({",".join(first)})',
          )
      cells = [[row[i] for i in order] for row in rest.cells]
      return form, Rows(rest.path, rest.lines, cells)
  for form in allowed:
    if form not in HEADERS and len(FORMS[form]) == len(first):
      return form, rows
  forms = '; '.join(
    ','.join(FORMS[form]) + ' as header' * (form in HEADERS) for form in allowed
  )
  return rows.refuse(
    0, f'{len(first)} columns ({rows.text(0)!r}), but expected one of: {forms}'
  )


def form_from_norms(rows: Rows, table: np.ndarray) -> str:
  """Decides whether six columns are unit vectors, or angles and distance.

  If all rows are unit vectors, the form is Cartesian, unless all rows are the
  integers 0, 0, 1: that may also be a source in front at distance 1. If some
  row is not a unit vector, all rows are possible angles and distances, and some
  number is above 1, the form is polar. If no number is above 1, both are
  possible, because networks predict vectors of any norm.

  Args:
    rows: The rows.
    table: Their numbers, with shape `[rows, 6]`.

  Returns:
    `'cartesian'` or `'polar_distance'`.

  Raises:
    InputError: Both are possible, or neither is.
  """
  values = table[:, 3:]
  norm = _norm(values)
  is_unit = np.abs(norm - 1) <= NORM_TOLERANCE
  low, high = np.array(
    [RANGES[name] for name in ('azimuth', 'elevation', 'distance')]
  ).T
  is_polar = np.all((values >= low) & (values <= high), axis=-1)
  is_polar &= values[:, 2] > 0
  if is_unit.all():
    whole = (values == np.round(values)).all(axis=-1)
    if not (is_polar & whole).all():
      return 'cartesian'
  elif is_polar.all() and np.abs(values).max() > 1 + NORM_TOLERANCE:
    return 'polar_distance'
  elif not is_polar.all():
    odd = int(np.argmin(is_unit))
    rows.refuse(
      odd,
      f'6 columns where x, y, z = {",".join(rows.cells[odd][3:]).strip()} has '
      f'the norm {norm[odd]:.4g}, but expected a unit vector, because line '
      f'{rows.lines[int(np.argmin(is_polar))]} cannot be azimuth, elevation '
      'and distance',
    )
  return rows.refuse(
    0,
    f'6 columns ({rows.text(0)!r}) may be x, y, z (until 2022) or azimuth, '
    'elevation, distance (from 2023 on); the edition must be stated '
    '(--csv_edition, or data.csv_edition in a config)',
  )


def normalise(rows: Rows, xyz: np.ndarray, *, any_norm: bool) -> np.ndarray:
  """Scales directions to norm 1.

  Args:
    rows: The rows of the file, for error messages.
    xyz: Vectors, with shape `[rows, 3]`.
    any_norm: Whether any norm except 0 is allowed, as long as all components
      are in [-1, 1] (with a tolerance); else the norm must be about 1.

  Returns:
    Unit vectors, with shape `[rows, 3]`.

  Raises:
    InputError: A vector is not allowed.
  """
  norm = _norm(xyz)
  wrong = ~(np.abs(norm - 1) <= NORM_TOLERANCE)
  expected = 'a unit vector'
  if any_norm:
    most = 1 + NORM_TOLERANCE
    wrong = (norm == 0) | (np.abs(xyz).max(axis=-1) > most)
    expected = f'a vector other than 0 with components from {-most} to {most}'
  if wrong.any():
    index = int(np.argmax(wrong))
    rows.refuse(
      index,
      f'x, y, z = {",".join(rows.cells[index][3:6]).strip()} has the norm '
      f'{norm[index]:.4g}, but expected {expected}',
    )
  return xyz / norm[:, None]


def _norm(xyz: np.ndarray) -> np.ndarray:
  """Norms of vectors with shape `[rows, 3]`; infinite for huge numbers."""
  with np.errstate(over='ignore'):
    return np.linalg.norm(xyz, axis=-1)
