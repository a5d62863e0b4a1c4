"""What a scenes.csv tells about the events of a reference."""

import csv
import math
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import labels
from seld_jax.errors import InputError

# Columns of scenes.csv (seld_jax.scenes.scenes_csv) that are of use here.
_NEEDED = ('file', 'class', 'track', 'onset', 'duration', 'speed', 'snr_db')

Rows = Sequence[Mapping[str, str]]


def read_conditions(path: str | os.PathLike[str]) -> Mapping[str, Rows]:
  """Reads the rows of a scenes.csv.

  Returns:
    The rows of each recording by its name; none where there is no such file.

  Raises:
    InputError: It lacks a column or cannot be read.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    return {}
  found: dict[str, list[Mapping[str, str]]] = {}
  try:
    with open(path, newline='', encoding='utf-8') as file:
      table = csv.DictReader(file)
      if lost := sorted({*_NEEDED}.difference(table.fieldnames or ())):
        raise InputError(f'{path} needs a column {lost[0]}, which it lacks.')
      for row in table:
        found.setdefault(row['file'], []).append(row)
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    raise InputError(f'{path} cannot be read as CSV: {error}.') from error
  return found


def conditions_of_events(
  events: labels.Events, rows: Rows, *, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
  """Signal-to-noise ratio and speed of each row of a reference.

  Args:
    events: The reference of a recording, with shape `[n]`.
    rows: What scenes.csv has about it. Rows and events belong together by
      class and track, and by the frames that an event overlaps.
    classes: Name of each class.

  Returns:
    Ratio to the ambient noise in dB, and speed of the azimuth in degrees a
    second without its sign, both with shape `[n]`; NaN where no row tells.
  """
  snr = np.full(len(events.frame), np.nan)
  speed = snr.copy()
  index_of = {name: index for index, name in enumerate(classes)}
  rate = labels.FRAMES_PER_SECOND
  for row in rows:
    try:
      onset, duration = float(row['onset']), float(row['duration'])
      track = int(row['track'])
      values = float(row['snr_db']), abs(float(row['speed']))
    except (TypeError, ValueError):
      continue  # a cell that is empty tells nothing
    # In milliseconds, as the file has them: 0.1 + 0.2 is more than 0.3.
    first = math.floor(round(onset, 3) * rate)
    last = math.ceil(round(onset + duration, 3) * rate)
    here = (
      (events.class_index == index_of.get(row['class'], -1))
      & (events.track == track)
      & (events.frame >= first)
      & (events.frame < last)
    )
    snr[here], speed[here] = values
  return snr, speed
