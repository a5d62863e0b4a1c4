"""The checks of a label file, of a sound file, and of the folds."""

import collections
import csv
import dataclasses
import os
import pathlib

import numpy as np

from seld_jax import audio, labels
from seld_jax.errors import InputError

# A channel with a lower peak is silent: -100 dBFS, a third of a 16-bit step.
_SILENCE = 1e-5
# This many consecutive samples at full scale count as clipping; fewer may be
# a loud peak.
_CLIPPED_RUN = 3
_FULL_SCALE = 1 - 2.0**-14
# Frames more than 20 dB below the loudest frame are not used for directions.
_QUIET = 0.01
# Directions are compared if at least this many frames have a single source.
_MIN_FRAMES = 20
# The fit of a reading is the mean cosine of the angles between labels and the
# intensity. One reading is better than another if it exceeds it by _MARGIN; a
# reading is reported as the right one from _GOOD on, and if the best fit is
# below _NO_FIT, none is right.
_MARGIN = 0.2
_GOOD = 0.4
_NO_FIT = 0.1

# Ways to read FOA channels 1 to 3 (channel 0 is W): the places of X, Y and Z
# among them, and the sign of Y.
READINGS = {
  'ACN order (W, Y, Z, X)': ((2, 0, 1), 1.0),
  'FuMa order (W, X, Y, Z)': ((0, 1, 2), 1.0),
  'ACN order and azimuth clockwise': ((2, 0, 1), -1.0),
  'FuMa order and azimuth clockwise': ((0, 1, 2), -1.0),
}
EXPECTED_READING = next(iter(READINGS))


@dataclasses.dataclass(frozen=True)
class Finding:
  """A problem of a dataset.

  Attributes:
    check: The check that found it, a key of `CHECKS`.
    level: `'error'` if it must be fixed before training, else `'warning'`.
    file: Path of the file or folder with the problem.
    text: Description of the problem.

  Example:
    >>> from seld_jax import validate
    >>> one = validate.Finding(
    ...   'silence', 'error', 'foa_dev/mix1.wav', 'channel 3 is silent'
    ... )
    >>> validate.CHECKS[one.check]
    'no silent channel'
  """

  check: str
  level: str
  file: str
  text: str


# All checks, in the order of the table that the command prints.
CHECKS = {
  'recordings': 'recordings to train on, in folds',
  'pairs': 'audio and labels in pairs',
  'audio': 'readable audio, channels, sample rate',
  'labels': 'readable labels, classes and angles in range',
  'duration': 'labels within the audio',
  'duplicates': 'no duplicate rows',
  'conflicts': 'each source in one place at a time',
  'silence': 'no silent channel',
  'clipping': 'no clipped channel',
  'directions': 'azimuth sign and channel order (FOA)',
  'folds': 'no room or source in two folds',
}


def check_labels(
  path: pathlib.Path,
  *,
  num_classes: int,
  edition: str | None = None,
  label_hop: float | None = None,
) -> tuple[labels.Events | None, list[Finding]]:
  """Checks a label file.

  Args:
    path: The file.
    num_classes: Number of classes.
    edition: Edition that defines the columns, as for `labels.read_csv`.
    label_hop: Seconds from one frame of the file to the next; None for 0.1.

  Returns:
    The events, or None if the file cannot be read, and the findings.
  """
  try:
    events = labels.read_csv(
      path, edition=edition, num_classes=num_classes, label_hop=label_hop
    )
  except InputError as error:
    return None, [_unreadable('labels', path, error)]
  rows = np.concatenate(
    [
      np.stack([events.frame, events.class_index, events.track], axis=-1),
      events.xyz.round(9),
    ],
    axis=-1,
  )
  found = []
  double = len(rows) - len(np.unique(rows, axis=0))
  if double:
    text = f'{double} row{"s" * (double > 1)} of {len(rows)} are duplicates'
    found.append(Finding('duplicates', 'warning', str(path), text))
  conflicts = labels.find_conflicts(events)
  if number := len(conflicts):
    frame, class_index, track = conflicts[0]
    text = (
      f'{number} time{"s" * (number > 1)}, one source is in several places at '
      f'once, first in frame {frame} (class {class_index}, track {track}): '
      'training uses the last of its rows; delete the wrong ones, or give each '
      'source a track of its own'
    )
    found.append(Finding('conflicts', 'warning', str(path), text))
  return events, found


def check_audio(
  path: pathlib.Path,
  events: labels.Events | None,
  *,
  format: str,
  sample_rate: int = 24000,
) -> tuple[str | None, list[Finding]]:
  """Checks a sound file.

  Args:
    path: The file.
    events: The events of its label file, or None if there is none.
    format: `'foa'` or `'mic'`.
    sample_rate: The sample rate that it must have, in Hz.

  Returns:
    The key of `READINGS` that fits the labels, or None if none can be
    determined, and the findings.
  """
  try:
    signal = audio.read(path, sample_rate=sample_rate, num_channels=4)
  except InputError as error:
    return None, [_unreadable('audio', path, error)]
  found = []
  num_frames = labels.count_frames(signal.shape[1], sample_rate)
  last = -1 if events is None else int(np.max(events.frame, initial=-1))
  if last >= num_frames:
    text = (
      f'it lasts {signal.shape[1] / sample_rate:.1f} s, but its last label is '
      f'in frame {last} at {last / labels.FRAMES_PER_SECOND:.1f} s'
    )
    found.append(Finding('duration', 'error', str(path), text))
  for channel, samples in enumerate(signal, start=1):
    if max(samples.max(), -samples.min()) < _SILENCE:
      text = f'channel {channel} is silent'
      found.append(Finding('silence', 'error', str(path), text))
    elif clipped := _clipped(samples):
      text = f'channel {channel} is clipped, {clipped} samples at full scale'
      found.append(Finding('clipping', 'warning', str(path), text))
  if format != 'foa' or events is None:
    return None, found
  reading, text = _reading(signal, events, sample_rate)
  if text:
    level = 'warning' if reading in (None, EXPECTED_READING) else 'error'
    found.append(Finding('directions', level, str(path), text))
  return reading, found


def check_folds(path: str | os.PathLike[str]) -> list[Finding]:
  """Finds rooms and sound sources that occur in several folds.

  Args:
    path: A scenes.csv: a row for each event, with the column `fold` and at
      least one of `sound`, `room_size` and `room`. Room numbers are ignored,
      because they begin anew in every fold; names of rooms are compared.

  Returns:
    One finding for each set of folds that share rooms or sources, or one that
    says why the file tells nothing about them.
  """
  unreadable = ''
  rows: list[dict[str, str]] = []
  columns: set[str] = set()
  try:
    with open(path, newline='', encoding='utf-8-sig') as file:
      table = csv.DictReader(file)
      columns = {*(table.fieldnames or ())}
      rows = list(table)
  except UnicodeDecodeError:
    unreadable = 'it is not UTF-8 text'
  except OSError as error:
    unreadable = f'it is unreadable: {error.strerror or error}'
  except csv.Error as error:
    unreadable = f'it is no CSV file: {error}'
  if not unreadable and 'fold' not in columns:
    unreadable = 'it lacks the column fold'
  if not unreadable and not columns & {'sound', 'room', 'room_size'}:
    unreadable = 'it has none of the columns sound, room and room_size'
  if unreadable:
    text = f'{unreadable}, so that folds cannot be compared'
    return [Finding('folds', 'warning', str(path), text)]
  folds: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
  for row in rows:
    room = row.get('room_size') or row.get('room') or ''
    if room and not room.isdecimal():
      folds['room', room].add(row.get('fold') or '')
    if row.get('sound'):
      folds['source', row['sound']].add(row.get('fold') or '')
  shared: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
  for (kind, name), where in folds.items():
    if len(where) > 1:
      shared[kind, ', '.join(sorted(where))].append(name)
  return [
    Finding(
      'folds',
      'error',
      str(path),
      f'folds {_cut(where)} share {len(names)} {kind}'
      f'{"s" * (len(names) > 1)}, such as {_cut(names[0])}',
    )
    for (kind, where), names in sorted(shared.items())
  ]


def _cut(text: str) -> str:
  """A text from a file, short enough for a message."""
  return text if len(text) <= 80 else text[:77] + '...'


def _unreadable(check: str, path: pathlib.Path, error: InputError) -> Finding:
  """The finding for an unreadable file, without its path in the text."""
  text = str(error).removeprefix(str(path)).lstrip(', ').rstrip('.')
  return Finding(check, 'error', str(path), text)


def _clipped(samples: np.ndarray) -> int:
  """Counts the samples at full scale in runs of at least `_CLIPPED_RUN`."""
  full = np.flatnonzero(np.abs(samples) >= _FULL_SCALE)
  if len(full) < _CLIPPED_RUN:
    return 0
  runs = np.split(full, np.flatnonzero(np.diff(full) > 1) + 1)
  return sum(len(run) for run in runs if len(run) >= _CLIPPED_RUN)


def _reading(
  signal: np.ndarray, events: labels.Events, sample_rate: int
) -> tuple[str | None, str]:
  """Finds the reading of the channels that fits the labels.

  Returns:
    The key of `READINGS`, or None if none can be determined, and the text of a
    finding, which is empty if there is none.
  """
  frames, first, count = np.unique(
    events.frame, return_index=True, return_counts=True
  )
  hop = sample_rate // labels.FRAMES_PER_SECOND
  # Frames with a single source, within the audio.
  chosen = (count == 1) & ((frames + 1) * hop <= signal.shape[1])
  frames, rows = frames[chosen], first[chosen]
  # Differences of successive samples weaken hum and rumble, which have no
  # direction.
  omni, *dipoles = (
    np.diff(channel, prepend=0)[: len(channel) // hop * hop].reshape(-1, hop)
    for channel in signal
  )
  power = np.einsum('ij,ij->i', omni, omni)[frames]
  loud = power > _QUIET * power.max(initial=0)
  frames, rows = frames[loud], rows[loud]
  if len(frames) < _MIN_FRAMES:
    return None, ''
  intensity = np.stack(
    [np.einsum('ij,ij->i', omni[frames], d[frames]) for d in dipoles], axis=-1
  ).astype(np.float64)
  norm = np.linalg.norm(intensity, axis=-1, keepdims=True)
  intensity /= np.where(norm > 0, norm, 1)
  fits = {}
  for name, (order, sign) in READINGS.items():
    xyz = intensity[:, order] * (1, sign, 1)
    fits[name] = float(np.mean(np.sum(xyz * events.xyz[rows], axis=-1)))
  best = max(fits, key=lambda name: fits[name])
  expected = fits[EXPECTED_READING]
  if fits[best] > expected + _MARGIN and fits[best] > _GOOD:
    return best, (
      'labels and sound intensity agree (mean cosine '
      f'{fits[best]:.2f}) if the channels are read as {best}, but not as '
      f'{EXPECTED_READING} ({expected:.2f})'
    )
  if fits[best] < _NO_FIT:
    return None, (
      'labels and sound intensity do not agree, however the channels are read '
      f'(best mean cosine {fits[best]:.2f})'
    )
  # If all sources are near the front or the back, both azimuth signs fit.
  others = [fit for name, fit in fits.items() if name != EXPECTED_READING]
  sure = expected > max(others) + _MARGIN
  return (EXPECTED_READING if sure else None), ''
