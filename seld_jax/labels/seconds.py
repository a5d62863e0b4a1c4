"""The forms with one row for each event, with its start and end in seconds.

These are the form of 2019 and that of L3DAS22. All other forms have one row for
each frame and source.
"""

import os
import re
from collections.abc import Sequence

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError, shown
from seld_jax.labels import hops
from seld_jax.labels.events import FRAMES_PER_SECOND, Events
from seld_jax.labels.forms import FORMS
from seld_jax.labels.rows import (
  RANGES,
  Rows,
  check_ranges,
  format_number,
  parse_numbers,
)
from seld_jax.labels.vectors import normalise

# Columns of L3DAS22 by the names of 2019, which have ranges.
_RANGED = {'Start': 'start_time', 'End': 'end_time'}


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
      f'{len(class_names)} names; add the missing names to class_names.'
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
    if re.search('[,;"\t]', name):
      name = '"' + name.replace('"', '""') + '"'
    text.append(','.join([name, *map(format_number, numbers)]))
  return '\n'.join(text) + '\n'


def parse_seconds(
  rows: Rows,
  *,
  form: str,
  class_names: Sequence[str],
  num_classes: int | None,
  distance_scale: float,
  frames_per_second: int,
) -> Events:
  """Converts the rows of a file of 2019 or of L3DAS22 to frames.

  Args:
    rows: The rows below the header, with columns in the order of the form.
    form: `'seconds'` or `'l3das'`.
    class_names: Class names by index.
    num_classes: If given, only the first `num_classes` class names are allowed.
    distance_scale: Factor for distances.
    frames_per_second: Label frames per second.

  Returns:
    A row for each frame that an event overlaps. The track is the number of the
    event in the file, from 0.

  Raises:
    InputError: A class name is unknown, a number is out of range, or the events
      fill too many frames.
  """
  columns = FORMS[form]
  if form == 'l3das':
    # The column with the name of the sound file may be absent.
    width = len(rows.order or columns)
    columns = columns[-width:]
    place = columns.index('Class')
  else:
    place = 0
  known = list(class_names)[:num_classes]
  classes = []
  for index, row in enumerate(rows.cells):
    if len(row) != len(columns):
      rows.refuse(
        index,
        f'{len(row)} columns ({rows.text(index)}), but expected {len(columns)} '
        f'as in the header ({",".join(columns)})',
      )
    name = row[place].strip()
    if name not in known:
      rows.refuse(
        index,
        f'the class must be one of {", ".join(known)}, got {shown(name)} '
        '(state other names with data.class_map or data.classes in a config, '
        'with --class_names, or with class_names of labels.read_csv)',
      )
    classes.append(known.index(name))
  numbers, table = _numbers(rows, columns, place)
  start, end, *position = table.T
  backward = np.flatnonzero(end < start)
  if backward.size:
    rows.refuse(
      int(backward[0]),
      f'end_time must not be before start_time {start[backward[0]]:g}, got '
      f'{end[backward[0]]:g}; times are in seconds',
    )
  if form == 'l3das':
    vectors = np.stack(position, axis=-1)
    xyz = normalise(numbers, vectors, any_norm=True)
    distance = np.linalg.norm(vectors, axis=-1)
  else:
    elevation, azimuth, distance = position
    xyz = geometry.to_cartesian(azimuth, elevation)
  first, count = hops.overlapped(start, end, frames_per_second)
  surplus = hops.find_surplus(count)
  if surplus is not None:
    rows.refuse(
      surplus,
      f'up to the event from {start[surplus]:.10g} to {end[surplus]:.10g} s, '
      f'the events fill more than {hops.MAX_FRAMES:,} label frames; check that '
      'the times are in seconds, or divide the recording',
    )
  event, frame = hops.spread(first, count)
  return Events(
    frame=frame,
    class_index=np.array(classes, np.int64)[event],
    track=event,
    xyz=xyz[event],
    distance=(distance * distance_scale)[event],
  )


def _numbers(
  rows: Rows, columns: Sequence[str], place: int
) -> tuple[Rows, np.ndarray]:
  """The columns of numbers: start, end, and the three of the position."""
  kept = [
    index
    for index, name in enumerate(columns)
    if index != place and name != 'File'
  ]
  names = [_RANGED.get(columns[index], columns[index]) for index in kept]
  numbers = rows.with_cells([[row[i] for i in kept] for row in rows.cells])
  table = parse_numbers(numbers, names)
  check_ranges(numbers, table, names, ranges=RANGES)
  return numbers, table
