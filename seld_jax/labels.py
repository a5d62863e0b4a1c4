"""Labels: DCASE CSV files, events, dense arrays. NumPy only."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from seld_jax import files, geometry
from seld_jax.errors import InputError

FRAMES_PER_SECOND = 10

# The classes of TAU-NIGENS Spatial Sound Events 2020, by index.
TAU2020_CLASSES = (
  'alarm',
  'crying_baby',
  'crash',
  'barking_dog',
  'running_engine',
  'female_scream',
  'female_speech',
  'burning_fire',
  'footsteps',
  'knocking_on_door',
  'male_scream',
  'male_speech',
  'ringing_phone',
  'piano',
)

# Editions whose files can be read and written. They share their forms.
EDITIONS = ('2020', '2021', '2022')

# Columns of each form, by their number.
COLUMNS = {
  4: ('frame', 'class', 'azimuth', 'elevation'),
  5: ('frame', 'class', 'track', 'azimuth', 'elevation'),
  6: ('frame', 'class', 'track', 'x', 'y', 'z'),
}

# How far from 1 the norm of a Cartesian direction may lie: files are rounded.
NORM_TOLERANCE = 1e-2

# What a column may hold; x, y and z are told by their norm. The upper bounds of
# frame and class catch nonsense, such as samples for frames.
_RANGES = {
  'frame': (0, 10**7),
  'class': (0, 10**4),
  'track': (-(10**9), 10**9),
  'azimuth': (-360, 360),
  'elevation': (-90, 90),
}
_INTEGERS = ('frame', 'class', 'track')


@dataclasses.dataclass(frozen=True, eq=False)
class Events:
  """Which class sounds from where, one row per frame and source.

  Attributes:
    frame: Label frame, 10 a second, int64 with shape `[n]`.
    class_index: Class, int64 with shape `[n]`.
    track: Number that tells simultaneous sources apart, int64 with shape `[n]`.
    xyz: Direction as unit vector, float64 with shape `[n, 3]`.
    distance: Distance where the labels have one, float64 with shape `[n]`.
  """

  frame: np.ndarray
  class_index: np.ndarray
  track: np.ndarray
  xyz: np.ndarray
  distance: np.ndarray | None = None


def read_csv(
  path: str | os.PathLike[str],
  *,
  edition: str | None = None,
  num_classes: int | None = None,
) -> Events:
  """Reads a DCASE label or submission file.

  Its form is told by the number of columns: `frame,class,azimuth,elevation`
  (submissions of 2020), `frame,class,track,azimuth,elevation`, or
  `frame,class,track,x,y,z` with unit vectors. Six columns whose norm is not 1
  are refused, as they may be azimuth, elevation and distance.

  Args:
    path: CSV file without a header: LF or CRLF, with or without a byte-order
      mark, numbers with or without decimals, rows in any order, blank lines
      anywhere. No rows at all is a recording without events.
    edition: Year of the challenge whose forms to expect; one of `EDITIONS`.
    num_classes: When given, a class at or above it is refused.

  Returns:
    The rows in the order of the file. Without a track column, sources of one
    class in one frame are numbered 0, 1, ... in that order.

  Raises:
    InputError: Anything else, with file, line and value.
  """
  _check_edition(edition)
  path = pathlib.Path(path)
  text = _read_text(path)
  lines = text.split('\n')
  numbers = [i for i, line in enumerate(lines) if line.strip(' \t\r\v\f')]
  if not numbers:
    return no_events()
  rows = [lines[i].split(',') for i in numbers]
  width = len(rows[0])
  if width not in COLUMNS:
    forms = '; '.join(','.join(columns) for columns in COLUMNS.values())
    _refuse(
      path,
      numbers[0],
      f'{width} columns ({lines[numbers[0]]!r}), but expected one of: {forms}',
    )
  columns = COLUMNS[width]
  ranges = dict(_RANGES)
  if num_classes is not None:
    ranges['class'] = (0, num_classes - 1)
  try:
    table = np.array([list(map(float, row)) for row in rows])
  except ValueError:
    table = np.empty(0)
  # Python's float takes more than what should be in a file.
  plain = text.isascii() and '_' not in text
  if not plain or not _in_range(table, columns, ranges):
    _refuse_cell(path, numbers, rows, columns, ranges)

  frame, class_index = table[:, :2].astype(np.int64).T.copy()
  if width == 4:
    track = _occurrence(frame, class_index)
  else:
    track = table[:, 2].astype(np.int64)
  if width == 6:
    xyz = table[:, 3:]
    norm = np.linalg.norm(xyz, axis=-1)
    wrong = np.flatnonzero(~(np.abs(norm - 1) <= NORM_TOLERANCE))
    if wrong.size:
      _refuse(
        path,
        numbers[wrong[0]],
        f'6 columns where x, y, z = {",".join(rows[wrong[0]][3:]).strip()} has '
        f'the norm {norm[wrong[0]]:.4g}, but expected a unit vector (azimuth, '
        'elevation and distance, as from 2023 on, are not read)',
      )
    xyz = xyz / norm[:, None]
  else:
    xyz = geometry.to_cartesian(table[:, -2], table[:, -1])
  return Events(frame, class_index, track, xyz)


def write_csv(
  path: str | os.PathLike[str], events: Events, *, edition: str = '2020'
) -> None:
  """Writes `frame,class,track,azimuth,elevation` rows, atomically.

  Whole degrees are written as integers and others with up to seven decimals,
  so that what is read back points less than 1e-6 degrees away.

  Args:
    path: The file to write.
    events: The rows, written in their order.
    edition: Year of the challenge whose form to write; one of `EDITIONS`.

  Raises:
    InputError: A number is negative or not finite, or the file cannot be
      written.
  """
  _check_edition(edition)
  for name, values in (('frame', events.frame), ('class', events.class_index)):
    if np.any(values < 0):
      raise InputError(
        f'{path} needs a {name} of 0 or more in each row, got {np.min(values)}.'
      )
  if not np.isfinite(events.xyz).all():
    raise InputError(f'{path} needs finite directions, got NaN or infinity.')
  azimuth, elevation = geometry.to_polar(np.asarray(events.xyz, np.float64))
  rows = zip(
    events.frame,
    events.class_index,
    events.track,
    azimuth,
    elevation,
    strict=True,
  )
  files.write_text(
    path,
    ''.join(
      f'{frame},{class_index},{track},{_degrees(a)},{_degrees(e)}\n'
      for frame, class_index, track, a, e in rows
    ),
  )


def no_events() -> Events:
  """The events of a silent recording."""
  empty = np.zeros(0, np.int64)
  return Events(empty, empty.copy(), empty.copy(), np.zeros((0, 3)))


def from_dense(
  activity: np.ndarray, doa: np.ndarray, *, threshold: float = 0.5
) -> Events:
  """Events of a network's output, or of its targets.

  Args:
    activity: Probability that a class sounds, with shape `[frames, classes]`.
    doa: Its direction, a vector of any length, with shape
      `[frames, classes, 3]`. A class that sounds with a zero vector stays an
      event and points to the front, (1, 0, 0): leaving it out would change
      what was detected.
    threshold: A class sounds where its activity is greater than this.

  Returns:
    Events by frame, then class, all with track 0 and unit vectors.

  Raises:
    InputError: The shapes do not fit, or a class that sounds has a direction
      that is not finite.
  """
  activity, doa = np.asarray(activity), np.asarray(doa)
  if activity.ndim != 2 or doa.shape != (*activity.shape, 3):
    raise InputError(
      'from_dense needs activity of shape [frames, classes] and doa of shape '
      f'[frames, classes, 3], got {activity.shape} and {doa.shape}.'
    )
  frame, class_index = np.nonzero(activity > threshold)
  xyz = doa[frame, class_index].astype(np.float64)
  wrong = np.flatnonzero(~np.isfinite(xyz).all(axis=-1))
  if wrong.size:
    raise InputError(
      'from_dense needs finite directions, got '
      f'{xyz[wrong[0]].tolist()} for class {class_index[wrong[0]]} in frame '
      f'{frame[wrong[0]]}.'
    )
  # By the largest component first, so that squares neither vanish nor overflow.
  largest = np.abs(xyz).max(axis=-1, initial=0)
  xyz[largest == 0] = (1, 0, 0)
  xyz /= np.where(largest == 0, 1, largest)[:, None]
  xyz /= np.linalg.norm(xyz, axis=-1, keepdims=True)
  return Events(
    frame.astype(np.int64),
    class_index.astype(np.int64),
    np.zeros(len(frame), np.int64),
    xyz,
  )


def to_dense(
  events: Events, *, num_frames: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  """Training targets: one direction per class and frame.

  Args:
    events: Events; where a class occurs twice in a frame, the later row wins.
    num_frames: Label frames of the recording, 10 a second.
    num_classes: Number of classes.

  Returns:
    Activity, float32 zeros and ones with shape `[frames, classes]`, and unit
    vectors where active and zeros elsewhere, float32 with shape
    `[frames, classes, 3]`.

  Raises:
    InputError: An event lies outside of the frames or the classes.
  """
  for name, values, size in (
    ('frame', events.frame, num_frames),
    ('class', events.class_index, num_classes),
  ):
    outside = values[(values < 0) | (values >= size)]
    if outside.size:
      raise InputError(
        f'The labels name {name} {outside[0]}, but there are {size} '
        f'({name} 0 to {size - 1}).'
      )
  # NumPy does not promise which of two assignments to one place stays.
  key = events.frame * num_classes + events.class_index
  _, from_the_end = np.unique(key[::-1], return_index=True)
  last = len(key) - 1 - from_the_end
  activity = np.zeros((num_frames, num_classes), np.float32)
  doa = np.zeros((num_frames, num_classes, 3), np.float32)
  activity[events.frame[last], events.class_index[last]] = 1
  doa[events.frame[last], events.class_index[last]] = events.xyz[last]
  return activity, doa


def _check_edition(edition: str | None) -> None:
  if edition is not None and edition not in EDITIONS:
    raise InputError(
      f'Label files of edition {edition!r} are not supported; the editions '
      f'are {", ".join(EDITIONS)}.'
    )


def _read_text(path: pathlib.Path) -> str:
  """The text with LF line ends and without a byte-order mark."""
  try:
    return path.read_text(encoding='utf-8-sig')
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


def _refuse(path: pathlib.Path, index: int, reason: str) -> NoReturn:
  raise InputError(f'{path}, line {index + 1}: {reason}.')


def _in_range(
  table: np.ndarray,
  columns: tuple[str, ...],
  ranges: Mapping[str, tuple[int, int]],
) -> bool:
  """Whether all rows have the columns, and all values may be there."""
  if table.shape[1:] != (len(columns),) or not np.isfinite(table).all():
    return False
  integers = table[:, : sum(column in _INTEGERS for column in columns)]
  low, high = np.array(
    [ranges.get(column, (-np.inf, np.inf)) for column in columns]
  ).T
  return bool(
    np.all((table >= low) & (table <= high))
    and np.all(integers == np.floor(integers))
  )


def _refuse_cell(
  path: pathlib.Path,
  numbers: list[int],
  rows: list[list[str]],
  columns: tuple[str, ...],
  ranges: Mapping[str, tuple[int, int]],
) -> NoReturn:
  """Tells the first row of another width, or the first value not allowed."""
  for index, row in zip(numbers, rows, strict=True):
    if len(row) != len(columns):
      _refuse(
        path,
        index,
        f'{len(row)} columns ({",".join(row)!r}), but expected '
        f'{len(columns)} as in the first row ({",".join(columns)})',
      )
    for cell, column in zip(row, columns, strict=True):
      kind = 'a whole number' if column in _INTEGERS else 'a number'
      if column in ranges:
        kind += ' from {} to {}'.format(*ranges[column])
      try:
        value = np.array([[float(cell)]])
        good = cell.isascii() and '_' not in cell
      except ValueError:
        value, good = np.empty(0), False
      if not good or not _in_range(value, (column,), ranges):
        _refuse(path, index, f'{column} must be {kind}, got {cell.strip()!r}')
  raise AssertionError('every value is allowed')


def _occurrence(*keys: np.ndarray) -> np.ndarray:
  """How many rows before each row have the same keys."""
  order = np.lexsort(keys)
  stacked = np.stack([key[order] for key in keys])
  start = np.ones(len(order), bool)
  start[1:] = np.any(stacked[:, 1:] != stacked[:, :-1], axis=0)
  position = np.arange(len(order))
  first = np.maximum.accumulate(np.where(start, position, 0))
  occurrence = np.empty(len(order), np.int64)
  occurrence[order] = position - first
  return occurrence


def _degrees(value: float) -> str:
  """Up to seven decimals, none for whole degrees, no minus zero."""
  text = f'{value:.7f}'.rstrip('0').rstrip('.')
  return '0' if text == '-0' else text
