"""Noise and motion of the events of a reference, from a scenes.csv."""

import csv
import math
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import labels
from seld_jax.errors import InputError

# The columns of scenes.csv (written by seld_jax.scenes) that are used here.
_NEEDED = ('file', 'class', 'track', 'onset', 'duration', 'speed', 'snr_db')

Rows = Sequence[Mapping[str, str]]


def read_conditions(path: str | os.PathLike[str]) -> Mapping[str, Rows]:
  """Reads the rows of a scenes.csv.

  Args:
    path: The file, as `seld_jax.scenes` writes it: a row for each event.

  Returns:
    The rows of each recording by its name; empty if there is no such file.

  Raises:
    InputError: The file lacks a column or cannot be read.

  Example:
    >>> from seld_jax import evaluate
    >>> evaluate.read_conditions('not_there.csv')
    {}
  """
  path = pathlib.Path(path)
  if not path.is_file():
    return {}
  found: dict[str, list[Mapping[str, str]]] = {}
  try:
    with open(path, newline='', encoding='utf-8') as file:
      table = csv.DictReader(file)
      if lost := sorted({*_NEEDED}.difference(table.fieldnames or ())):
        raise InputError(f'{path} lacks the column {lost[0]}.')
      for row in table:
        found.setdefault(row['file'], []).append(row)
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    raise InputError(f'{path} cannot be read as CSV: {error}.') from error
  return found


def snr_and_speed(
  events: labels.Events, rows: Rows, *, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
  """Signal-to-noise ratio and speed of each event of a recording.

  Args:
    events: Reference events of the recording, with shape `[n]`.
    rows: The rows of this recording from `read_conditions`. A row describes the
      events that have its class and track and lie in a frame that it overlaps.
    classes: Name of each class.

  Returns:
    Ratio to the ambient noise in dB, and absolute angular speed of the azimuth
    in degrees per second, both with shape `[n]`; NaN for events without a row.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> two = labels.from_dense(np.ones((2, 1)), np.full((2, 1, 3), 1.0))
    >>> row = {'class': 'dog', 'track': '0', 'onset': '0.1', 'duration': '1',
    ...        'speed': '-20', 'snr_db': '6'}
    >>> evaluate.snr_and_speed(two, [row], classes=['dog'])
    (array([nan,  6.]), array([nan, 20.]))
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
      continue  # a row with an empty cell describes nothing
    # The file has milliseconds. Without rounding, 0.1 + 0.2 exceeds 0.3.
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
