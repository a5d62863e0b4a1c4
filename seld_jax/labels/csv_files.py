"""Labels: DCASE CSV files and events. NumPy only."""

import os
from collections.abc import Iterable, Sequence

import numpy as np

from seld_jax import files, geometry
from seld_jax.errors import InputError
from seld_jax.labels import forms as csv_forms
from seld_jax.labels import rows as csv_rows
from seld_jax.labels import text as csv_text
from seld_jax.labels.classes import (
  BY_EDITION,
  STARSS_CLASSES,
  TAU2019_CLASSES,
  TAU2020_CLASSES,
  TAU2021_CLASSES,
)
from seld_jax.labels.events import (
  FRAMES_PER_SECOND,
  Events,
  from_dense,
  no_events,
  to_dense,
)
from seld_jax.labels.forms import EDITIONS, FORMS

__all__ = [
  'BY_EDITION',
  'EDITIONS',
  'FORMS',
  'FRAMES_PER_SECOND',
  'STARSS_CLASSES',
  'TAU2019_CLASSES',
  'TAU2020_CLASSES',
  'TAU2021_CLASSES',
  'Events',
  'from_dense',
  'no_events',
  'read_csv',
  'to_dense',
  'write_csv',
  'write_csv_parts',
]


def read_csv(
  path: str | os.PathLike[str],
  *,
  edition: str | None = None,
  num_classes: int | None = None,
  class_names: Sequence[str] = TAU2019_CLASSES,
  distance_scale: float = 1.0,
) -> Events:
  """Reads a DCASE label or submission file, of any form in `FORMS`.

  Its form follows from its header or its number of columns. Six columns
  without header are unit vectors until 2022 and azimuth, elevation, distance
  from 2023 on: without an edition the norm of the vectors tells, and a file
  that could be either is refused.

  Args:
    path: CSV file: LF or CRLF, with or without a byte-order mark, numbers with
      or without decimals, rows in any order, blank lines anywhere. No rows at
      all is a recording without events.
    edition: Year of the challenge whose forms to expect; one of `EDITIONS`.
      When it is given, or seven columns leave no doubt, x, y, z may have any
      norm but 0, as systems wrote them, with components up to 1.01.
    num_classes: When given, a class at or above it is refused.
    class_names: What the names in a file of 2019 mean, by index.
    distance_scale: What distances are multiplied with: 1 keeps the unit of the
      file, 0.01 turns the centimetres of label files into metres.

  Returns:
    The rows in the order of the file. Without a track column, sources of one
    class in one frame are numbered 0, 1, ... in that order. An event of 2019
    makes a row for each frame of 100 ms that it overlaps, from
    floor(10 start) to ceil(10 end) - 1, and its track is its number in the
    file. Directions of 2025 are on the horizon; what is on screen is not kept.

  Raises:
    InputError: Anything else, with file, line and value.
  """
  csv_forms.check_edition(edition)
  rows = csv_rows.read(path)
  form, rows = csv_forms.form_of(rows, edition)
  if not rows.cells:
    return no_events()
  columns = FORMS[form]
  if form == 'seconds':
    return csv_text.from_seconds(rows, class_names, num_classes, distance_scale)
  table = csv_rows.numbers(rows, columns, num_classes=num_classes)
  if form == 'cartesian' and edition is None:
    form = csv_forms.told_by_norm(rows, table)
    columns = FORMS[form]

  frame, class_index = table[:, :2].astype(np.int64).T.copy()
  if form == 'submission':
    track = _occurrence(frame, class_index)
  else:
    track = table[:, 2].astype(np.int64)
  distance = None
  if 'distance' in columns:
    distance = table[:, columns.index('distance')] * distance_scale
  if 'x' in columns:
    any_norm = edition is not None or form == 'cartesian_distance'
    xyz = csv_forms.normalised(rows, table[:, 3:6], any_norm=any_norm)
  else:
    azimuth = table[:, columns.index('azimuth')]
    elevation = np.zeros(len(table))
    if 'elevation' in columns:
      elevation = table[:, columns.index('elevation')]
    xyz = geometry.to_cartesian(azimuth, elevation)
  return Events(frame, class_index, track, xyz, distance)


def write_csv(
  path: str | os.PathLike[str],
  events: Events,
  *,
  edition: str = '2020',
  form: str | None = None,
  class_names: Sequence[str] = TAU2019_CLASSES,
  distance_scale: float = 1.0,
) -> None:
  """Writes events in a form of an edition, atomically.

  Whole numbers are written as integers and others with up to seven decimals
  (nine for x, y, z), so that what is read back points less than 1e-6 degrees
  away.

  Args:
    path: The file to write.
    events: The rows, written in their order; in the form of 2019, each run of
      frames with the same class, track, direction and distance is one event.
    edition: Year of the challenge whose form to write; one of `EDITIONS` but
      2025, whose files tell what is on screen.
    form: One of the edition's forms; its first when None, or `'polar'` where
      that needs distances and there are none.
    class_names: The names to write in the form of 2019, by index.
    distance_scale: What distances are multiplied with before.

  Raises:
    InputError: The edition does not have the form, a number is negative or not
      finite, the form needs distances or another class, or the file cannot be
      written.
  """
  text = _text(path, events, edition, form, class_names, distance_scale)
  files.write_text(path, text)


def write_csv_parts(
  path: str | os.PathLike[str], parts: Iterable[Events]
) -> None:
  """Writes what `write_csv` would of all parts together, one at a time.

  Args:
    path: The file to write; it is there when the last part has been written.
    parts: Events, of which the first have the first frames.

  Raises:
    InputError: As for `write_csv`.
  """
  with (
    files.atomic(path) as temporary,
    open(temporary, 'w', encoding='utf-8') as file,
  ):
    for events in parts:
      file.write(_text(path, events))


def _text(
  path: str | os.PathLike[str],
  events: Events,
  edition: str = '2020',
  form: str | None = None,
  class_names: Sequence[str] = TAU2019_CLASSES,
  distance_scale: float = 1.0,
) -> str:
  """What `write_csv` writes."""
  csv_forms.check_edition(edition)
  forms = [name for name in EDITIONS[edition] if name != 'stereo']
  chosen = form or EDITIONS[edition][0]
  if not form and chosen == 'polar_distance' and events.distance is None:
    chosen = 'polar'
  if chosen not in forms:
    raise InputError(
      f'{path} cannot be written in the form {chosen!r} of edition {edition}; '
      f'its forms to write are: {", ".join(forms) or "none"}.'
    )
  for name, values in (('frame', events.frame), ('class', events.class_index)):
    if np.any(values < 0):
      raise InputError(
        f'{path} needs a {name} of 0 or more in each row, got {np.min(values)}.'
      )
  if not np.isfinite(events.xyz).all():
    raise InputError(f'{path} needs finite directions, got NaN or infinity.')
  distance = np.zeros(len(events.frame))
  if events.distance is not None:
    distance = np.asarray(events.distance, np.float64) * distance_scale
  elif 'distance' in FORMS[chosen] and len(events.frame):
    raise InputError(f'{path} needs a distance in each row, got none.')
  if not np.isfinite(distance).all() or np.any(distance < 0):
    raise InputError(f'{path} needs finite distances of 0 or more.')
  if chosen == 'seconds':
    return csv_text.to_seconds(path, events, distance, class_names)
  return csv_text.to_rows(events, distance, FORMS[chosen])


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
