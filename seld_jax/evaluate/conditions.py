"""Noise and motion of the events of a reference, from a scenes.csv."""

import math
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import csv_files, labels
from seld_jax.errors import InputError, shown

# The columns of scenes.csv (written by seld_jax.scenes) that are used here.
_NEEDED = ('file', 'class', 'track', 'onset', 'duration', 'speed', 'snr_db')

# The range of each number; the bounds of times are those of label files.
_RANGES = {
  'track': (-(10**9), 10**9),
  'onset': (0, 10**6),
  'duration': (0, 10**6),
  'speed': (-(10**6), 10**6),
  'snr_db': (-(10**6), 10**6),
}

Rows = Sequence[Mapping[str, str]]


def read_conditions(path: str | os.PathLike[str]) -> Mapping[str, Rows]:
  """Reads the rows of a scenes.csv.

  Args:
    path: The file, as `seld_jax.scenes` writes it: a row for each event.

  Returns:
    The rows of each recording by its name; empty if there is no such file.

  Raises:
    InputError: The file lacks a column, has something other than a number, or
      cannot be read.

  Example:
    >>> from seld_jax import evaluate
    >>> evaluate.read_conditions('not_there.csv')
    {}
  """
  path = pathlib.Path(path)
  if not path.is_file():
    return {}
  found: dict[str, list[Mapping[str, str]]] = {}
  table = csv_files.read(
    path,
    columns=_NEEDED,
    what='the table that seld_jax.synthesize writes (remove it if another '
    'program wrote it)',
  )
  for where, row in table:
    try:
      _numbers(row)
    except ValueError as error:
      raise InputError(f'{where}: {error}.') from error
    found.setdefault(row['file'], []).append(row)
  return found


def _numbers(row: Mapping[str, str]) -> Mapping[str, float] | None:
  """The numbers of a row; None if a cell is empty, as in a row cut short.

  Raises:
    ValueError: A cell is not a number in its range.
  """
  numbers = {}
  for name, (low, high) in _RANGES.items():
    text = row[name].strip()
    if not text:
      return None
    try:
      numbers[name] = float(text)
    except ValueError:
      numbers[name] = math.nan
    whole = name != 'track' or numbers[name] == round(numbers[name], 0)
    if not (low <= numbers[name] <= high and whole):
      kind = 'an integer' if name == 'track' else 'a number'
      raise ValueError(
        f'{name} must be {kind} from {low} to {high}, got {shown(text)}'
      )
  return numbers


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

  Raises:
    InputError: A row has something other than a number.

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
      numbers = _numbers(row)
    except ValueError as error:
      raise InputError(f'In a row of scenes.csv, {error}.') from error
    if numbers is None:
      continue  # a row with an empty cell describes nothing
    onset, duration = numbers['onset'], numbers['duration']
    values = numbers['snr_db'], abs(numbers['speed'])
    # The file has milliseconds. Without rounding, 0.1 + 0.2 exceeds 0.3.
    first = math.floor(round(onset, 3) * rate)
    last = math.ceil(round(onset + duration, 3) * rate)
    here = (
      (events.class_index == index_of.get(row['class'], -1))
      & (events.track == numbers['track'])
      & (events.frame >= first)
      & (events.frame < last)
    )
    snr[here], speed[here] = values
  return snr, speed
