"""Writes events as CSV files of DCASE, in the form of any edition."""

import functools
import os
from collections.abc import Iterable, Sequence

import numpy as np

from seld_jax import files, geometry
from seld_jax.errors import InputError
from seld_jax.labels import forms
from seld_jax.labels.classes import TAU2019_CLASSES
from seld_jax.labels.events import Events, join_events, no_events
from seld_jax.labels.forms import DISTANCE_UNITS, EDITIONS, FORMS
from seld_jax.labels.rows import format_number
from seld_jax.labels.seconds import format_seconds


def write_csv(
  path: str | os.PathLike[str],
  events: Events,
  *,
  edition: str | None = '2020',
  form: str | None = None,
  class_names: Sequence[str] = TAU2019_CLASSES,
  distance_scale: float | None = 1.0,
) -> None:
  """Writes events in a form of an edition, atomically.

  Numbers have up to seven decimals (nine for x, y, z) and none if they are
  integers. Directions that are read back differ by less than 1e-6 degrees.

  Args:
    path: The file to write.
    events: The rows, written in their order. In the form of 2019, consecutive
      frames with the same class, track, direction and distance become one
      event.
    edition: Year of the challenge whose form to write: one of `EDITIONS`. The
      forms of 2020 to 2022 have no distances. That of 2025 has neither
      elevations nor directions behind the listener: elevations are left out,
      and azimuths are folded to the front. Its column `onscreen` is 0 if the
      events do not say what is on screen, as the published network without
      video writes it. None: 2023 if the events have distances, else 2020.
    form: One of the forms of the edition. None: its first, or `'polar'` if
      the first needs distances and the events have none.
    class_names: Class names by index, to write in the form of 2019.
    distance_scale: Factor for distances. None: from metres to the unit that
      label files of the form have, see `DISTANCE_UNITS`.

  Raises:
    InputError: The edition does not have the form, a number is negative or not
      finite, the form needs distances or another class name, or the file cannot
      be written.

  See Also: `write_csv_parts` for recordings that do not fit in memory.

  Example:
    >>> import pathlib
    >>> from seld_jax import labels
    >>> up = np.array([[0.0, 0.0, 1.0]])
    >>> frame, class_index, track = np.array([[7], [3], [0]])
    >>> labels.write_csv('up.csv', labels.Events(frame, class_index, track, up))
    >>> pathlib.Path('up.csv').read_text().strip()
    '7,3,0,0,90'
  """
  form = _form_to_write(path, events, edition=edition, form=form)
  text = _format(
    path,
    events,
    form,
    class_names=class_names,
    distance_scale=distance_scale,
  )
  files.write_text(path, text)


def write_csv_parts(
  path: str | os.PathLike[str],
  parts: Iterable[Events],
  *,
  edition: str | None = '2020',
  form: str | None = None,
  class_names: Sequence[str] = TAU2019_CLASSES,
  distance_scale: float | None = 1.0,
) -> None:
  """Writes events that arrive in parts, atomically.

  The file is the same as if `write_csv` wrote all parts together. Only the form
  of 2019 needs the memory for all of them.

  Args:
    path: The file to write; it appears when the last part has been written.
    parts: Events in the order of time; all with rows have distances, or none
      has.
    edition: As for `write_csv`, like all arguments below.
    form: One of the forms of the edition.
    class_names: Class names by index, to write in the form of 2019.
    distance_scale: Factor for distances.

  Raises:
    InputError: As for `write_csv`.

  Example:
    >>> import pathlib
    >>> from seld_jax import labels
    >>> front = np.array([[1.0, 0.0, 0.0]])
    >>> columns = [np.array([[frame], [3], [0]]) for frame in (7, 8)]
    >>> parts = (labels.Events(*three, front) for three in columns)
    >>> labels.write_csv_parts('parts.csv', parts)
    >>> pathlib.Path('parts.csv').read_text().split()
    ['7,3,0,0,0', '8,3,0,0,0']
  """
  with (
    files.atomic(path) as temporary,
    open(temporary, 'w', encoding='utf-8') as file,
  ):
    chosen, kept = '', []
    write = functools.partial(
      _format, path, class_names=class_names, distance_scale=distance_scale
    )
    started = False
    for events in parts:
      if not len(events.frame) and events.distance is None:
        continue  # may stand between parts with distances
      chosen = chosen or _form_to_write(
        path, events, edition=edition, form=form
      )
      # Events of 2019 have a row for all of their frames.
      if chosen == 'seconds':
        kept.append(events)
      else:
        file.write(write(events, chosen, header=not started))
        started = True
    chosen = chosen or _form_to_write(
      path, no_events(), edition=edition, form=form
    )
    if chosen == 'seconds' or not started:
      file.write(write(join_events(kept), chosen))


def _form_to_write(
  path: str | os.PathLike[str],
  events: Events,
  *,
  edition: str | None,
  form: str | None,
) -> str:
  """The form in which `write_csv` writes."""
  if edition is None:
    edition = '2020' if events.distance is None else '2023'
  forms.check_edition(edition)
  chosen = form or EDITIONS[edition][0]
  if not form and chosen == 'polar_distance' and events.distance is None:
    chosen = 'polar'
  if chosen not in EDITIONS[edition]:
    raise InputError(
      f'{path} cannot be written in the form {chosen!r} of edition {edition}; '
      f'its forms to write are: {", ".join(EDITIONS[edition])}.'
    )
  return chosen


def _format(
  path: str | os.PathLike[str],
  events: Events,
  form: str,
  *,
  class_names: Sequence[str],
  distance_scale: float | None,
  header: bool = True,
) -> str:
  """Checks events and formats them as the text of a file of this form.

  The form of 2025 begins with its header, unless `header` is False.
  """
  for name, values in (('frame', events.frame), ('class', events.class_index)):
    if np.any(values < 0):
      raise InputError(
        f'{path} needs a {name} of 0 or more in each row, got {np.min(values)}.'
      )
  if not np.isfinite(events.xyz).all():
    raise InputError(f'{path} needs finite directions, got NaN or infinity.')
  if distance_scale is None:
    distance_scale = 1 / DISTANCE_UNITS.get(form, 1.0)
  distance = np.zeros(len(events.frame))
  if events.distance is not None:
    distance = np.asarray(events.distance, np.float64) * distance_scale
  elif 'distance' in FORMS[form] and len(events.frame):
    remedy = '2020' if form == 'stereo' else "2020, or form='polar'"
    raise InputError(
      f'{path} needs a distance in each row, got none; edition {remedy}, has '
      'none.'
    )
  if not np.isfinite(distance).all() or np.any(distance < 0):
    raise InputError(f'{path} needs finite distances of 0 or more.')
  if form == 'seconds':
    return format_seconds(path, events, distance, class_names)
  text = _format_rows(events, distance, form)
  if form == 'stereo' and header:
    text = ','.join(FORMS[form]) + '\n' + text
  return text


def _format_rows(events: Events, distance: np.ndarray, form: str) -> str:
  """Formats each row of the events as a line of this form."""
  columns = FORMS[form]
  azimuth, elevation = geometry.to_polar(np.asarray(events.xyz, np.float64))
  onscreen = np.zeros(len(events.frame), bool)
  if form == 'stereo':
    azimuth = geometry.fold_to_front(azimuth)
    if events.onscreen is not None:
      onscreen = np.asarray(events.onscreen, bool)
  x, y, z = geometry.to_cartesian(azimuth, elevation).T
  values = {
    'frame': map(str, events.frame),
    'class': map(str, events.class_index),
    'track': map(str, events.track),
    'source': map(str, events.track),
    'azimuth': map(format_number, azimuth),
    'elevation': map(format_number, elevation),
    'x': (format_number(value, digits=9) for value in x),
    'y': (format_number(value, digits=9) for value in y),
    'z': (format_number(value, digits=9) for value in z),
    'distance': map(format_number, distance),
    'onscreen': map(str, onscreen.astype(np.int64)),
  }
  rows = zip(*(values[column] for column in columns), strict=True)
  lines = [','.join(row) for row in rows]
  # The reader would take this first row for column names that pandas invents.
  if (
    lines
    and form != 'stereo'
    and lines[0] == ','.join(map(str, range(len(columns))))
  ):
    lines[0] += '.0'
  return ''.join(line + '\n' for line in lines)
