"""The forms of CSV files, and how to find the form of a file."""

import dataclasses
from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from seld_jax.errors import InputError, shown
from seld_jax.labels import headers
from seld_jax.labels.rows import (
  PREDICTED_RANGES,
  Rows,
  check_ranges,
  empty_end,
  parse_numbers,
)
from seld_jax.labels.vectors import (
  LARGEST_COMPONENT,
  NORM_TOLERANCE,
  are_polar,
  norm_of,
  show_vector,
)

# The columns of each form. Files of those in HEADERS begin with these names;
# files of the others may.
FORMS: Mapping[str, tuple[str, ...]] = {
  'submission': ('frame', 'class', 'azimuth', 'elevation'),
  'polar': ('frame', 'class', 'track', 'azimuth', 'elevation'),
  'submission_distance': (
    'frame',
    'class',
    'azimuth',
    'elevation',
    'distance',
  ),
  'submission_cartesian': ('frame', 'class', 'x', 'y', 'z'),
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
  'l3das': ('File', 'Start', 'End', 'Class', 'X', 'Y', 'Z'),
}
HEADERS = ('seconds', 'stereo', 'l3das')

# The forms of each edition. The first is written by default.
_EARLY = ('polar', 'submission', 'cartesian')
_LATE = (
  'polar_distance',
  'submission',
  'polar',
  'cartesian_distance',
  'submission_distance',
)
EDITIONS: Mapping[str, tuple[str, ...]] = {
  '2019': ('seconds',),
  '2020': _EARLY,
  '2021': _EARLY,
  '2022': _EARLY,
  '2023': _LATE,
  '2024': _LATE,
  '2025': ('stereo',),
}

# Metres in a unit of distance of the label files of a form: TAU-NIGENS 2019 and
# L3DAS have metres, STARSS23 (2023 and 2024) and the set of 2025 centimetres.
# Systems write their predictions in either unit.
DISTANCE_UNITS = {
  'seconds': 1.0,
  'l3das': 1.0,
  'polar_distance': 0.01,
  'cartesian_distance': 0.01,
  'submission_distance': 0.01,
  'stereo': 0.01,
}

# Networks with linear outputs predict vectors with a norm of about 1. A
# component above this number may be an angle.
_LARGEST_OUTPUT = 3.0
# Coordinates of L3DAS22 are at most 2 m; a number above this is an angle.
_LARGEST_METRES = 20.0
# Systems number the sources of a class from 0; a number above this is rather an
# azimuth.
_LARGEST_TRACK = 19

# What messages call the last of six columns while their meaning is unknown.
_SIX = ('x or azimuth', 'y or elevation', 'z or distance')

# What `headers.columns_of` calls some columns.
_USED = {
  'source': 'track',
  'ele': 'elevation',
  'azi': 'azimuth',
  'dist': 'distance',
}


def _used(form: str) -> list[str]:
  """The columns of a form by the names that `headers.columns_of` gives."""
  return [str(_USED.get(name, name.lower())) for name in FORMS[form]]


_HEADED = {frozenset(_used(form)): form for form in FORMS}
# What a user can do if five columns do not have the usual meaning.
_ADD_HEADER = (
  'add a header that names the columns, such as '
  'frame,class,azimuth,elevation,distance'
)
# What a user states if the columns of a file have several meanings.
_STATE_FORM = 'state the form (--predictions_form, or form= of labels.read_csv)'


_STATE_EDITION = (
  'the edition must be stated (--csv_edition, or data.csv_edition in a config)'
)
_STATE_VECTORS = (
  'the form of predictions must be stated (--predictions_form=cartesian or '
  '--predictions_form=polar_distance), or the edition, if the reference has '
  'the same columns (--csv_edition)'
)


class AmbiguousError(InputError):
  """The columns of a file of a system have several meanings."""

  def __init__(self, message: str, forms: tuple[str, ...]):
    super().__init__(message)
    self.forms = forms


@dataclasses.dataclass(frozen=True)
class Found:
  """The form of a file, and its numbers.

  Attributes:
    form: One of `FORMS`.
    rows: The rows without the header, with columns in the order of the form.
    table: The numbers in the order of the form, float64 with shape
      `[rows, columns]`; None for `'seconds'` and `'l3das'`, which have text.
    doubt: If the columns may also have another form, which is much less likely,
      the error that names both forms; else None.
    hint: Text for the message about a wrong value.
    has_header: Whether a header names the columns.
    unit: Unit of the distances or vectors that a header states, `'m'`, `'cm'`,
      or empty.
  """

  form: str
  rows: Rows
  table: np.ndarray | None
  doubt: AmbiguousError | None = None
  hint: str = ''
  has_header: bool = False
  unit: str = ''


def check_edition(edition: str | None, form: str | None = None) -> None:
  """Refuses an edition that is not in `EDITIONS` and a form not in `FORMS`.

  None is allowed.

  Raises:
    InputError: The edition or the form is unknown.
  """
  if edition is not None and edition not in EDITIONS:
    raise InputError(
      f'Label files of edition {edition!r} are not supported; the editions '
      f'are {", ".join(EDITIONS)}.'
    )
  if form is not None and form not in FORMS:
    raise InputError(
      f'Label files of the form {form!r} are not known; the forms are '
      f'{", ".join(FORMS)}.'
    )


def find_form(
  rows: Rows,
  *,
  edition: str | None,
  form: str | None,
  predicted: bool,
  names: tuple[str, ...],
) -> Found:
  """Finds the form of a file by its header, or by its columns and numbers.

  Args:
    rows: All rows of the file; at least one.
    edition: One of `EDITIONS`, or None for any.
    form: The form that the file has; None to find it.
    predicted: Whether a system wrote the file.
    names: Names that may stand for class indices.

  Returns:
    The form, the rows and the numbers.

  Raises:
    InputError: The file has no form of the edition, or it may have several; or
      it has something other than numbers.
  """
  allowed = tuple(FORMS) if edition is None else EDITIONS[edition]
  if edition == '2019':  # its submissions have no header and frames of 20 ms
    allowed += ('submission',)
  if form is not None:
    if edition is not None and form not in allowed:
      raise InputError(
        f'{rows.path} cannot have the form {form!r} in edition {edition}, '
        f'whose forms are {", ".join(allowed)}; leave out form or edition.'
      )
    allowed = (form,)
  if headers.is_header(rows.first):
    return _headed(rows, allowed, edition=edition, names=names)
  width = len(rows.first)
  fitting = [
    one for one in allowed if one not in HEADERS and len(FORMS[one]) == width
  ]
  if not fitting:
    expected = '; '.join(
      ','.join(FORMS[one]) + ' as header' * (one in HEADERS) for one in allowed
    )
    needed = 'expected' if edition is None else f'edition {edition} needs'
    needed += ' one of' if len(allowed) > 1 else ''
    rows.refuse(
      0,
      f'{width} columns ({rows.text(0)}), but {needed}: '
      f'{expected}{empty_end(rows.first)}',
    )
  headers.refuse_numbered(rows)
  first = fitting[0]
  hint = ''
  if width == 5 and len(fitting) > 1:
    hint = (
      '; if the five columns are not frame, class, track, azimuth, elevation, '
      + (_STATE_FORM if predicted else _ADD_HEADER)
    )
  named = _with_numbers(rows, FORMS[first].index('class'), names)
  columns = FORMS[first]
  if width == 6 and len(fitting) > 1:
    columns = (*columns[:3], *_SIX)
  table = parse_numbers(named, columns, hint=hint)
  doubt = None
  if form is None and width == 5 and len(fitting) > 1:
    first, doubt = _five_columns(named, table, predicted=predicted)
  elif form is None and width == 6:
    first = _six_columns(named, table, edition=edition, predicted=predicted)
  return Found(first, named, table, doubt, hint)


def _headed(
  rows: Rows,
  allowed: tuple[str, ...],
  *,
  edition: str | None,
  names: tuple[str, ...],
) -> Found:
  """The form of a file with a header, whatever the order of its columns."""
  columns, unit = headers.columns_of(rows)
  form = _HEADED.get(frozenset(columns))
  # The file of a row of L3DAS22 is the same in all rows; some leave it out.
  if form is None and 'start' in columns:
    form = _HEADED.get(frozenset({*columns, 'file'}))
  if form is None:
    expected = '; '.join(','.join(FORMS[one]) for one in allowed)
    rows.refuse(
      0,
      f'the header ({shown(",".join(rows.first))}) is none of the known ones: '
      f'{expected}',
    )
  if form not in allowed:
    _refuse_headed(rows, form, allowed, edition=edition)
  order = [columns.index(name) for name in _used(form) if name in columns]
  rest = dataclasses.replace(rows.without_first(), order=tuple(order))
  if form in ('seconds', 'l3das'):
    return Found(form, rest, None, has_header=True, unit=unit)
  rest = _with_numbers(rest, columns.index('class'), names)
  if not rest.first:
    return Found(form, rest, np.zeros((0, len(order))), has_header=True)
  table = parse_numbers(rest, FORMS[form])
  return Found(form, rest, table, has_header=True, unit=unit)


def _refuse_headed(
  rows: Rows, form: str, allowed: tuple[str, ...], *, edition: str | None
) -> NoReturn:
  """Refuses a header of a form that is not allowed."""
  if edition is None or form in EDITIONS[edition]:
    rows.refuse(
      0,
      f'the header is that of the form {form}, not of {allowed[0]}, which was '
      f'stated; state {form}, or leave out the form (--predictions_form, or '
      'form= of labels.read_csv)',
    )
  editions = [one for one, forms in EDITIONS.items() if form in forms]
  whose, remedy = '', ''
  if editions:
    whose = f' (edition{"s" * (len(editions) > 1)} {", ".join(editions)})'
    remedy = (
      f'state --csv_edition={editions[-1]} (data.csv_edition in a config), or '
    )
  rows.refuse(
    0,
    f'the header is that of the form {form}{whose}, not of edition {edition}, '
    f'which was stated; {remedy}leave out the edition: a header needs none',
  )


def _with_numbers(rows: Rows, column: int, names: tuple[str, ...]) -> Rows:
  """Replaces class names by class indices, if the first row has a name."""
  first = rows.first
  if column >= len(first) or first[column] not in names:
    return rows
  return rows.with_numbers(column, names)


def _five_columns(
  rows: Rows, table: np.ndarray, *, predicted: bool
) -> tuple[str, AmbiguousError | None]:
  """Decides whether five columns have a track or a distance.

  Five columns are frame, class, track, azimuth, elevation in all labels, and in
  most outputs of systems. Some systems write frame, class, azimuth, elevation,
  distance, and those of L3DAS22 frame, class, x, y, z.

  Returns:
    The form, and the doubt if another one is possible.

  Raises:
    AmbiguousError: Both are possible, and none is more likely; or the third
      numbers look like tracks, but a fifth one is too high for an elevation.
  """
  third, fourth, fifth = table[:, 2:].T
  # Labels with a distance and no track have a header, which names it.
  if not predicted:
    if (third < 0).any() and (np.abs(fourth) <= 91).all():
      rows.refuse(
        int(np.argmax(third < 0)),
        f'the track must not be negative, got {third.min():g}; if the columns '
        f'are frame, class, azimuth, elevation, distance, {_ADD_HEADER}',
      )
    return 'polar', None
  whole = bool((third == np.round(third)).all())
  polar = bool(
    whole
    and (np.abs(fourth) <= 360).all()
    and (np.abs(fifth) <= PREDICTED_RANGES['elevation'][1]).all()
  )
  distance = bool((np.abs(third) <= 360).all() and (np.abs(fourth) <= 91).all())
  if not distance:
    # The sentence about the first wrong value names the other forms, too.
    return 'polar', None
  # A distance is above 0, and the tracks of a frame are small numbers.
  small = (third >= 0) & (third <= _LARGEST_TRACK)
  tracks = whole and bool(small.all())
  both = ('polar', 'submission_distance')
  if polar:
    doubt = AmbiguousError(
      f'{rows.path}, line {rows.lines[0]}: 5 columns ({rows.text(0)}) may be '
      'frame, class, track, azimuth, elevation or frame, class, azimuth, '
      f'elevation, distance; {_STATE_FORM}: polar or submission_distance.',
      both,
    )
    if tracks or (fifth <= 0).any():
      return 'polar', doubt
    raise doubt
  if np.abs(table[:, 2:]).max() <= _LARGEST_METRES:
    return 'polar', None
  # No distance is far below 0: if the third numbers may be tracks, the fifth
  # are elevations.
  if whole and (fifth < PREDICTED_RANGES['elevation'][0]).any():
    return 'polar', None
  if tracks:
    low, high = PREDICTED_RANGES['elevation']
    index = int(np.argmax(fifth > high))
    raise AmbiguousError(
      f'{rows.path}, line {rows.lines[index]}: elevation must be a number from '
      f'{low:g} to {high:g}, got {fifth[index]:g}, because five columns whose '
      f'third numbers are integers from 0 to {_LARGEST_TRACK} are frame, '
      'class, track, azimuth, elevation; if they are frame, class, azimuth, '
      f'elevation, distance, {_STATE_FORM}: submission_distance.',
      both,
    )
  return 'submission_distance', None


def _six_columns(
  rows: Rows, table: np.ndarray, *, edition: str | None, predicted: bool
) -> str:
  """Decides whether six columns are vectors, or angles and distance."""
  if edition is None:
    _refuse_stereo(rows, table, predicted=predicted)
    return form_from_norms(rows, table, predicted=predicted)
  form = 'cartesian' if 'cartesian' in EDITIONS[edition] else 'polar_distance'
  values = table[:, 3:]
  # A wrong edition must not give directions that are wrong without a word.
  if form == 'cartesian':
    if are_polar(values).all() and np.abs(values).max() > LARGEST_COMPONENT:
      flag = (
        '; if they are vectors, set --predictions_form=cartesian' * predicted
      )
      rows.refuse(
        0,
        f'6 columns ({rows.text(0)}) look like azimuth, elevation, distance of '
        '2023 and 2024 (--csv_edition=2023; data.edition in a config), but '
        f'edition {edition} has x, y, z{flag}',
      )
    return form
  is_vector, why = values[:, 2] < 0, 'a third number is negative'
  if not is_vector.any() and (values != np.round(values)).any():
    is_vector = np.abs(norm_of(values) - 1) <= NORM_TOLERANCE
    is_vector, why = is_vector & is_vector.all(), 'they have the norm 1'
  if is_vector.any() and np.abs(values[:, :2]).max() <= 2:
    remedy = '--csv_edition=2022'
    if predicted:
      # The reference may have the columns of the edition.
      remedy = (
        '--predictions_form=cartesian without --csv_edition, or ' + remedy
      )
    rows.refuse(
      int(np.argmax(is_vector)),
      f'6 columns look like x, y, z of 2020 to 2022 ({remedy}), because {why}, '
      f'but edition {edition} has azimuth, elevation, distance',
    )
  return form


def _refuse_stereo(rows: Rows, table: np.ndarray, *, predicted: bool) -> None:
  """Refuses rows that look like those of 2025, whose header is missing.

  Their distances would be read as elevations.
  """
  distance, onscreen = table[:, 4:].T
  if (
    ((onscreen == 0) | (onscreen == 1)).all()
    and (distance >= 0).all()
    and (onscreen.any() or distance.max() > PREDICTED_RANGES['elevation'][1])
    and distance.any()
    and np.abs(table[:, 3:5]).max() > LARGEST_COMPONENT
  ):
    remedy = '--csv_edition=2023 (data.csv_edition in a config)'
    if predicted:
      remedy = '--predictions_form=polar_distance'
    rows.refuse(
      0,
      f'6 columns ({rows.text(0)}) look like those of 2025, because the last '
      f'number is 0 or 1 in all rows: write the header '
      f'{",".join(FORMS["stereo"])} as first line; or, if they are azimuth, '
      f'elevation and distance, state {remedy}',
    )


def form_from_norms(rows: Rows, table: np.ndarray, *, predicted: bool) -> str:
  """Decides whether six columns are unit vectors, or angles and distance.

  If all rows are unit vectors, the form is Cartesian, unless all rows are the
  integers 0, 0, 1: that may also be a source in front at distance 1. If some
  row is not a unit vector, all rows are possible angles and distances, and some
  number is above 1, the form is polar. If no number is above 1, both are
  possible, because networks predict vectors of any norm. Their components may
  also be somewhat above 1.

  Args:
    rows: The rows.
    table: Their numbers, with shape `[rows, 6]`.
    predicted: Whether a system wrote the file.

  Returns:
    `'cartesian'` or `'polar_distance'`.

  Raises:
    InputError: Both are possible, or neither is.
  """
  values = table[:, 3:]
  norm = norm_of(values)
  largest = _LARGEST_OUTPUT if predicted else 1 + NORM_TOLERANCE
  is_unit = np.abs(norm - 1) <= NORM_TOLERANCE
  is_polar = are_polar(values)
  if predicted and np.abs(values).max() > LARGEST_COMPONENT:
    # No vectors; distances below 0 and elevations up to 91 degrees are mended.
    high = (360, PREDICTED_RANGES['elevation'][1], 10**6)
    is_polar = np.all(np.abs(values) <= high, axis=-1)
  if is_unit.all():
    whole = (values == np.round(values)).all(axis=-1)
    if not (is_polar & whole).all():
      return 'cartesian'
  elif is_polar.all() and np.abs(values).max() > largest:
    return 'polar_distance'
  elif not is_polar.all():
    _refuse_norm(rows, table, is_unit, is_polar, predicted=predicted)
  remedy = _STATE_VECTORS if predicted else _STATE_EDITION
  reason = (
    f'6 columns ({rows.text(0)}) may be x, y, z (until 2022) or azimuth, '
    f'elevation, distance (from 2023 on); {remedy}'
  )
  if predicted:
    raise AmbiguousError(
      f'{rows.path}, line {rows.lines[0]}: {reason}.',
      ('cartesian', 'polar_distance'),
    )
  return rows.refuse(0, reason)


def _refuse_norm(
  rows: Rows,
  table: np.ndarray,
  is_unit: np.ndarray,
  is_polar: np.ndarray,
  *,
  predicted: bool,
) -> NoReturn:
  """Refuses rows that are neither unit vectors, nor angles and a distance."""
  values = table[:, 3:]
  remedy = (
    'state the edition: --csv_edition=2022 for vectors of any length, '
    '--csv_edition=2023 for angles (data.csv_edition in a config)'
  )
  if predicted:
    remedy = (
      'state the form: --predictions_form=cartesian for vectors of any length, '
      '--predictions_form=polar_distance for angles; or, if the reference has '
      'the same columns, --csv_edition=2022 or --csv_edition=2023'
    )
  elif not is_unit.any() and np.abs(values).max() > LARGEST_COMPONENT:
    # Only angles are so large: the message names the value that is wrong.
    check_ranges(
      rows,
      table,
      FORMS['polar_distance'],
      hint='; if these 6 columns are not frame, class, track, azimuth, '
      f'elevation, distance, {remedy}',
    )
  odd, other = int(np.argmin(is_unit)), int(np.argmin(is_polar))
  cause = ''
  if values[other, 2] <= 0:
    cause = f', as the distance would be {values[other, 2]:g}'
  rows.refuse(
    odd,
    f'6 columns where x, y, z = {show_vector(values[odd])} has the norm '
    f'{norm_of(values)[odd]:.4g}, but expected a unit vector, because line '
    f'{rows.lines[other]} cannot be azimuth, elevation and distance{cause}; '
    + remedy,
  )
