"""Events as the text of a CSV file, and events in seconds as frames."""

import os
from collections.abc import Sequence

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError
from seld_jax.labels import rows as csv_rows
from seld_jax.labels.events import FRAMES_PER_SECOND, Events
from seld_jax.labels.forms import FORMS


def to_rows(
  events: Events, distance: np.ndarray, columns: Sequence[str]
) -> str:
  """A line for each row of the events.

  Args:
    events: The events.
    distance: What to write as distance, with shape `[rows]`.
    columns: The columns of a form without header.

  Returns:
    The text.
  """
  azimuth, elevation = geometry.to_polar(np.asarray(events.xyz, np.float64))
  x, y, z = geometry.to_cartesian(azimuth, elevation).T
  values = {
    'frame': map(str, events.frame),
    'class': map(str, events.class_index),
    'track': map(str, events.track),
    'azimuth': map(decimal, azimuth),
    'elevation': map(decimal, elevation),
    'x': (decimal(value, digits=9) for value in x),
    'y': (decimal(value, digits=9) for value in y),
    'z': (decimal(value, digits=9) for value in z),
    'distance': map(decimal, distance),
  }
  rows = zip(*(values[column] for column in columns), strict=True)
  return ''.join(','.join(row) + '\n' for row in rows)


def to_seconds(
  path: str | os.PathLike[str],
  events: Events,
  distance: np.ndarray,
  class_names: Sequence[str],
) -> str:
  """The form of 2019: a header, and a line for each event.

  Args:
    path: The file, for errors.
    events: The events.
    distance: What to write as distance, with shape `[rows]`.
    class_names: The names of the classes, by index.

  Returns:
    The text.

  Raises:
    InputError: A class has no name.
  """
  highest = np.max(events.class_index, initial=-1)
  if highest >= len(class_names):
    raise InputError(
      f'{path} needs names of classes, got class {highest} and '
      f'{len(class_names)} names.'
    )
  azimuth, elevation = geometry.to_polar(np.asarray(events.xyz, np.float64))
  fixed = np.stack(
    [events.track, events.class_index, azimuth, elevation, distance], axis=-1
  ).reshape(-1, 5)
  order = np.lexsort((events.frame, *fixed.T[::-1]))
  frame, fixed = events.frame[order], fixed[order]
  follows = np.zeros(len(frame), bool)
  follows[1:] = (np.diff(frame) == 1) & (fixed[1:] == fixed[:-1]).all(axis=-1)
  first = np.flatnonzero(~follows)
  last = np.append(first[1:], len(frame)) - 1 if len(first) else first
  lines = [
    (frame[a], frame[b] + 1, *fixed[a, 1:])
    for a, b in zip(first, last, strict=True)
  ]
  lines.sort(key=lambda line: line[:3])
  text = [','.join(FORMS['seconds'])]
  for start, end, class_index, az, el, dist in lines:
    numbers = (start / FRAMES_PER_SECOND, end / FRAMES_PER_SECOND, el, az, dist)
    name = class_names[int(class_index)]
    text.append(','.join([name, *map(decimal, numbers)]))
  return '\n'.join(text) + '\n'


def from_seconds(
  rows: csv_rows.Rows,
  class_names: Sequence[str],
  num_classes: int | None,
  distance_scale: float,
) -> Events:
  """A row for every frame that an event of a file of 2019 overlaps.

  Args:
    rows: The rows below the header, in the order of `FORMS['seconds']`.
    class_names: The names of the classes, by index.
    num_classes: When given, a class at or above it is refused.
    distance_scale: What distances are multiplied with.

  Returns:
    The events; the number of an event in the file is its track.

  Raises:
    InputError: A class has no such name, or a number may not be there.
  """
  columns = FORMS['seconds']
  known = list(class_names)[:num_classes]
  classes = []
  for index, row in enumerate(rows.cells):
    name = row[0].strip()
    if name not in known:
      rows.refuse(
        index, f'the class must be one of {", ".join(known)}, got {name!r}'
      )
    classes.append(known.index(name))
  plain = csv_rows.Rows(rows.path, rows.lines, [row[1:] for row in rows.cells])
  start, end, elevation, azimuth, distance = csv_rows.numbers(
    plain, columns[1:]
  ).T
  backward = np.flatnonzero(end < start)
  if backward.size:
    rows.refuse(
      int(backward[0]),
      f'end_time must not be before start_time {start[backward[0]]:g}, got '
      f'{end[backward[0]]:g}',
    )
  # A microsecond of tolerance: 0.7 s is not quite 7 frames in binary.
  first = np.floor(start * FRAMES_PER_SECOND + 1e-5).astype(np.int64)
  last = np.ceil(end * FRAMES_PER_SECOND - 1e-5).astype(np.int64) - 1
  count = np.maximum(last - first, 0) + 1
  event = np.repeat(np.arange(len(count)), count)
  within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
  return Events(
    frame=first[event] + within,
    class_index=np.array(classes, np.int64)[event],
    track=event,
    xyz=geometry.to_cartesian(azimuth, elevation)[event],
    distance=(distance * distance_scale)[event],
  )


def decimal(value: float, *, digits: int = 7) -> str:
  """Up to so many decimals, none for whole numbers, no minus zero."""
  text = f'{value:.{digits}f}'.rstrip('0').rstrip('.')
  return '0' if text == '-0' else text
