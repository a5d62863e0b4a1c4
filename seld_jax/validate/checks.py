"""What can be wrong with a recording, its labels, or a division into folds."""

import collections
import csv
import dataclasses
import os
import pathlib

import numpy as np

from seld_jax import audio, labels
from seld_jax.errors import InputError

# A peak below this is silence: -100 dBFS, a third of a step of 16 bits.
_SILENCE = 1e-5
# So many samples in a row at full scale are clipping, fewer a loud peak.
_CLIPPED_RUN = 3
_FULL_SCALE = 1 - 2.0**-14
# Frames with less than this share of the power of the loudest (-20 dB) tell
# no direction.
_QUIET = 0.01
# Frames with one source that it takes to compare directions, and how much
# better (as a mean cosine) another reading of the channels must fit.
_MIN_FRAMES = 20
_MARGIN = 0.2
_GOOD = 0.4
# Below this mean cosine nothing fits.
_NOTHING = 0.1

# Readings of FOA channels 1 to 3: where X, Y, Z stand, and the sign of Y.
READINGS = {
  'ACN order (W, Y, Z, X)': ((2, 0, 1), 1.0),
  'FuMa order (W, X, Y, Z)': ((0, 1, 2), 1.0),
  'ACN order and azimuth clockwise': ((2, 0, 1), -1.0),
  'FuMa order and azimuth clockwise': ((0, 1, 2), -1.0),
}
EXPECTED_READING = next(iter(READINGS))


@dataclasses.dataclass(frozen=True)
class Finding:
  """Something that is wrong.

  Attributes:
    check: What was looked at, one of `CHECKS`.
    level: `'error'` when nothing should be trained before it is mended, else
      `'warning'`.
    file: The file.
    text: What is wrong.
  """

  check: str
  level: str
  file: str
  text: str


# What is looked at, in the order of the table.
CHECKS = {
  'recordings': 'recordings to train on, in folds',
  'pairs': 'audio and labels in pairs',
  'audio': 'readable audio, channels, sample rate',
  'labels': 'readable labels, classes and angles in range',
  'duration': 'labels within the audio',
  'duplicates': 'no row twice',
  'silence': 'no silent channel',
  'clipping': 'no clipped channel',
  'directions': 'azimuth sign and channel order (FOA)',
  'folds': 'folds apart in rooms and sources',
}


def check_labels(
  path: pathlib.Path, *, num_classes: int, edition: str | None = None
) -> tuple[labels.Events | None, list[Finding]]:
  """Looks through a label file.

  Args:
    path: The file.
    num_classes: Classes must be below this.
    edition: As for `labels.read_csv`.

  Returns:
    Its events, or None when it cannot be read, and what is wrong.
  """
  try:
    events = labels.read_csv(path, edition=edition, num_classes=num_classes)
  except InputError as error:
    return None, [Finding('labels', 'error', str(path), _without(error, path))]
  rows = np.concatenate(
    [
      np.stack([events.frame, events.class_index, events.track], axis=-1),
      events.xyz.round(9),
    ],
    axis=-1,
  )
  double = len(rows) - len(np.unique(rows, axis=0))
  if not double:
    return events, []
  text = f'{double} row{"s" * (double > 1)} of {len(rows)} stand there twice'
  return events, [Finding('duplicates', 'warning', str(path), text)]


def check_audio(
  path: pathlib.Path,
  events: labels.Events | None,
  *,
  format: str,
  sample_rate: int = 24000,
) -> tuple[str | None, list[Finding]]:
  """Looks through a sound file.

  Args:
    path: The file.
    events: What it should hold; None when that is not known.
    format: `'foa'` or `'mic'`.
    sample_rate: What it must be in Hz.

  Returns:
    The key of `READINGS` that fits the labels best, None where too little can
    be told; and what is wrong.
  """
  try:
    signal = audio.read(path, sample_rate=sample_rate, num_channels=4)
  except InputError as error:
    return None, [Finding('audio', 'error', str(path), _without(error, path))]
  found = []
  num_frames = labels.count_frames(signal.shape[1], sample_rate)
  last = -1 if events is None else int(np.max(events.frame, initial=-1))
  if last >= num_frames:
    text = (
      f'it lasts {signal.shape[1] / sample_rate:.1f} s, but its last label is '
      f'of frame {last} at {last / labels.FRAMES_PER_SECOND:.1f} s'
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
  """Looks for rooms and sources that two folds share.

  Args:
    path: A scenes.csv: a row for each event, with at least the columns `fold`
      and `sound`, or `room_size`, or `room` as a name. A number for a room
      tells nothing: it restarts in every fold.

  Returns:
    What is wrong: one finding for each pair of folds and kind.
  """
  try:
    text = pathlib.Path(path).read_text(encoding='utf-8-sig')
  except (OSError, UnicodeDecodeError) as error:
    return [
      Finding('folds', 'warning', str(path), f'it is unreadable: {error}')
    ]
  rows = list(csv.DictReader(text.splitlines()))
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
      f'folds {where} share {len(names)} {kind}{"s" * (len(names) > 1)}, such '
      f'as {names[0]}',
    )
    for (kind, where), names in sorted(shared.items())
  ]


def _without(error: InputError, path: pathlib.Path) -> str:
  """The message without the name of its file, which stands before it."""
  return str(error).removeprefix(str(path)).lstrip(', ').rstrip('.')


def _clipped(samples: np.ndarray) -> int:
  """Samples at full scale that stand in a row of several."""
  full = np.flatnonzero(np.abs(samples) >= _FULL_SCALE)
  if len(full) < _CLIPPED_RUN:
    return 0
  runs = np.split(full, np.flatnonzero(np.diff(full) > 1) + 1)
  return sum(len(run) for run in runs if len(run) >= _CLIPPED_RUN)


def _reading(
  signal: np.ndarray, events: labels.Events, sample_rate: int
) -> tuple[str | None, str]:
  """The reading of the channels that fits the labels, and what is wrong."""
  frames, first, count = np.unique(
    events.frame, return_index=True, return_counts=True
  )
  hop = sample_rate // labels.FRAMES_PER_SECOND
  # Of frames with one source.
  chosen = (count == 1) & ((frames + 1) * hop <= signal.shape[1])
  frames, rows = frames[chosen], first[chosen]
  # Differences of samples weaken hum and rumble, which come from nowhere.
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
      f'labels and intensity agree (mean cosine {fits[best]:.2f}) when read as '
      f'{best}, but not as {EXPECTED_READING} ({expected:.2f})'
    )
  if fits[best] < _NOTHING:
    return None, (
      'labels and intensity do not agree, however the channels are read (mean '
      f'cosine {fits[best]:.2f})'
    )
  # Near the front or the back both signs of the azimuth fit.
  others = [fit for name, fit in fits.items() if name != EXPECTED_READING]
  sure = expected > max(others) + _MARGIN
  return (EXPECTED_READING if sure else None), ''
