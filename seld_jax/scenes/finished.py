"""Which recordings of a set are complete: their sound, labels and rows.

Disks fill up, copies are cut short and files are edited, so the files of a
recording are compared with each other: that they exist is not enough.
"""

import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import audio, labels
from seld_jax.errors import InputError
from seld_jax.scenes import plan, scenes_csv
from seld_jax.scenes.composer import SAMPLE_RATE

# Shorter events may have no frame of their own in the labels.
_SHORTEST = 0.25

# Samples have 16 bits, and all formats have four channels.
_BYTES_PER_SAMPLE = 2 * 4


def is_finished(
  out: pathlib.Path,
  recording: plan.Recording,
  formats: Sequence[str],
  rows: Mapping[str, Sequence[Mapping[str, str]]],
  *,
  seconds: float,
  csv_edition: str = '2020',
) -> bool:
  """Whether all files of a recording are there and belong together.

  Args:
    out: The folder of the set.
    recording: The recording.
    formats: The formats of the set.
    rows: The rows of scenes.csv by recording.
    seconds: Length of the recording.
    csv_edition: Edition whose form the label files have.

  Returns:
    True if the sound files have their length, and labels and rows name the same
    events.
  """
  return all(
    has_sound(plan.wav_path(out, recording, name), seconds=seconds)
    for name in formats
  ) and _has_rows(
    plan.csv_path(out, recording),
    rows.get(recording.name, ()),
    seconds=seconds,
    csv_edition=csv_edition,
  )


def has_sound(path: pathlib.Path, *, seconds: float) -> bool:
  """Whether a sound file of a set has all of its samples.

  Args:
    path: The file.
    seconds: Length of the recording.

  Returns:
    True if the file has the length.
  """
  samples = round(seconds * SAMPLE_RATE)
  try:
    if path.stat().st_size < samples * _BYTES_PER_SAMPLE:
      return False
    header = audio.info(path)
  except (OSError, InputError):
    return False
  return (header.num_samples, header.sample_rate) == (samples, SAMPLE_RATE)


def _has_rows(
  table: pathlib.Path,
  rows: Sequence[Mapping[str, str]],
  *,
  seconds: float,
  csv_edition: str,
) -> bool:
  """Whether a label file and the rows of scenes.csv name the same events."""
  try:
    if table.stat().st_size and not table.read_bytes().endswith(b'\n'):
      return False
    events = labels.read_csv(table, edition=csv_edition)
    spans = [_span(row, seconds) for row in rows]
  except (OSError, InputError, ValueError):
    return False
  if not rows:
    return False
  covered = np.zeros(len(events.frame), bool)
  for index, track, first, last, is_long in spans:
    own = (
      (events.class_index == index)
      & (events.track == track)
      & (events.frame >= first)
      & (events.frame <= last)
    )
    if is_long and not own.any():
      return False
    covered |= own
  return bool(covered.all())


def _span(
  row: Mapping[str, str], seconds: float
) -> tuple[int, int, float, float, bool]:
  """Class, track, first and last frame of an event, and whether it is long.

  Raises:
    ValueError: A value is missing, or is no finite number.
  """
  if list(row) != list(scenes_csv.COLUMNS) or None in row.values():
    raise ValueError('a value is missing')
  onset, duration = float(row['onset']), float(row['duration'])
  if not math.isfinite(onset) or not math.isfinite(duration):
    raise ValueError('a time is not finite')
  rate = labels.FRAMES_PER_SECOND
  return (
    labels.TAU2020_CLASSES.index(row['class']),
    int(row['track']),
    onset * rate - 2,
    (onset + duration) * rate + 1,
    duration >= _SHORTEST and onset + _SHORTEST <= seconds,
  )
