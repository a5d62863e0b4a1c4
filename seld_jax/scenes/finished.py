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
from seld_jax.scenes import plan, scenes_csv, stereo
from seld_jax.scenes.composer import SAMPLE_RATE

# Shorter events may have no frame of their own in the labels.
_SHORTEST = 0.25

# Samples have 16 bits.
_BYTES_PER_SAMPLE = 2


def is_finished(
  out: pathlib.Path,
  recording: plan.Recording,
  formats: Sequence[str],
  rows: Mapping[str, Sequence[Mapping[str, str]]],
  *,
  seconds: float,
  csv_edition: str = '2020',
  class_names: Sequence[str] = labels.TAU2020_CLASSES,
  may_be_silent: bool = False,
) -> bool:
  """Whether all files of a recording are there and belong together.

  Args:
    out: The folder of the set.
    recording: The recording.
    formats: The formats of the set.
    rows: The rows of scenes.csv by recording.
    seconds: Length of the recording.
    csv_edition: Edition whose form the label files have.
    class_names: The names of all classes, by index.
    may_be_silent: Whether a recording may have no events.

  Returns:
    True if the sound files have their length, and labels and rows name the same
    events.
  """
  if recording.clips:
    seconds = stereo.CLIP_SECONDS
  return all(
    has_sound(
      plan.wav_path(out, recording, name, file),
      seconds=seconds,
      num_channels=2 if recording.clips else 4,
    )
    for name in formats
    for file in recording.files
  ) and all(
    _has_rows(
      plan.csv_path(out, recording, file),
      rows.get(file, ()),
      seconds=seconds,
      csv_edition=csv_edition,
      class_names=class_names,
      may_be_silent=may_be_silent or bool(recording.clips),
    )
    for file in recording.files
  )


def has_sound(
  path: pathlib.Path, *, seconds: float, num_channels: int = 4
) -> bool:
  """Whether a sound file of a set has all of its samples.

  Args:
    path: The file.
    seconds: Length of the recording.
    num_channels: Its number of channels.

  Returns:
    True if the file has the length and the channels.
  """
  samples = round(seconds * SAMPLE_RATE)
  try:
    if path.stat().st_size < samples * num_channels * _BYTES_PER_SAMPLE:
      return False
    header = audio.info(path)
  except (OSError, InputError):
    return False
  found = header.num_samples, header.sample_rate, header.num_channels
  return found == (samples, SAMPLE_RATE, num_channels)


def _has_rows(
  table: pathlib.Path,
  rows: Sequence[Mapping[str, str]],
  *,
  seconds: float,
  csv_edition: str,
  class_names: Sequence[str],
  may_be_silent: bool,
) -> bool:
  """Whether a label file and the rows of scenes.csv name the same events."""
  try:
    if table.stat().st_size and not table.read_bytes().endswith(b'\n'):
      return False
    events = labels.read_csv(table, edition=csv_edition)
    spans = [_span(row, seconds, class_names) for row in rows]
  except (OSError, InputError, ValueError):
    return False
  if not rows:
    return may_be_silent and not len(events.frame)
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
  row: Mapping[str, str], seconds: float, class_names: Sequence[str]
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
    class_names.index(row['class']),
    int(row['track']),
    onset * rate - 2,
    (onset + duration) * rate + 1,
    duration >= _SHORTEST and onset + _SHORTEST <= seconds,
  )
