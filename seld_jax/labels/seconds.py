"""The form of 2019: one row for each event, with its start and end in seconds.

All other forms have one row for each frame and source.
"""

import os
from collections.abc import Sequence

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError
from seld_jax.labels.events import FRAMES_PER_SECOND, Events
from seld_jax.labels.forms import FORMS
from seld_jax.labels.rows import Rows, format_number, parse_numbers


def format_seconds(
  path: str | os.PathLike[str],
  events: Events,
  distance: np.ndarray,
  class_names: Sequence[str],
) -> str:
  """Formats events as the text of a file of 2019, header included.

  Args:
    path: The file, for error messages.
    events: The events. Consecutive frames with the same class, track, direction
      and distance become one row.
    distance: Distances to write, with shape `[rows]`.
    class_names: Class names by index.

  Returns:
    The text.

  Raises:
    InputError: A class has no name.
  """
  highest = np.max(events.class_index, initial=-1)
  if highest >= len(class_names):
    raise InputError(
      f'{path} needs a name for each class, got class {highest} and '
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
  rows = [
    (frame[a], frame[b] + 1, *fixed[a, 1:])
    for a, b in zip(first, last, strict=True)
  ]
  rows.sort(key=lambda row: row[:3])
  text = [','.join(FORMS['seconds'])]
  for start, end, class_index, az, el, dist in rows:
    numbers = (start / FRAMES_PER_SECOND, end / FRAMES_PER_SECOND, el, az, dist)
    name = class_names[int(class_index)]
    text.append(','.join([name, *map(format_number, numbers)]))
  return '\n'.join(text) + '\n'


def parse_seconds(
  rows: Rows,
  *,
  class_names: Sequence[str],
  num_classes: int | None,
  distance_scale: float,
) -> Events:
  """Converts the rows of a file of 2019 to frames.

  Args:
    rows: The rows below the header, with columns in the order of
      `FORMS['seconds']`.
    class_names: Class names by index.
    num_classes: If given, only the first `num_classes` class names are allowed.
    distance_scale: Factor for distances.

  Returns:
    A row for each frame that an event overlaps. The track is the number of the
    event in the file, from 0.

  Raises:
    InputError: A class name is unknown, or a number is out of range.
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
  without_class = Rows(rows.path, rows.lines, [row[1:] for row in rows.cells])
  start, end, elevation, azimuth, distance = parse_numbers(
    without_class, columns[1:]
  ).T
  backward = np.flatnonzero(end < start)
  if backward.size:
    rows.refuse(
      int(backward[0]),
      f'end_time must not be before start_time {start[backward[0]]:g}, got '
      f'{end[backward[0]]:g}',
    )
  # A tolerance of 1 us, because 0.7 s is not exactly 7 frames in binary.
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
