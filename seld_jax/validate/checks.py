"""The checks of a label file, of a sound file, and of the folds."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import csv_files, json_files, labels
from seld_jax.errors import InputError, printable
from seld_jax.validate import measurement

# Usual lengths of the frames of label files that are shorter than 0.1 s.
_SHORT_HOPS = (0.05, 0.02, 0.01)
# A channel with a lower peak is silent: -100 dBFS, a third of a 16-bit step.
_SILENCE = 1e-5
# A channel is silent, too, if all that it has are an offset, hum, and noise of
# a step of 16 bits: above 500 Hz, its power is below that of this noise, and
# this much below the power of the loudest channel.
_NOISE = 2 * 2.0**-30
_FAR_BELOW = 1e-5


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
  'distances': 'distances in metres or centimetres, as stated',
  'duplicates': 'no duplicate rows',
  'conflicts': 'each source in one place at a time',
  'silence': 'no silent channel',
  'clipping': 'no clipped channel',
  'channels': 'levels of FOA, of microphones, or of stereo',
  'directions': 'labels and sound agree in direction and time',
  'folds': 'no room or source in two folds',
}


def check_labels(
  path: pathlib.Path,
  *,
  num_classes: int,
  class_names: Sequence[str] | None = None,
  edition: str | None = None,
  label_hop: float | None = None,
  distance_scale: float | None = None,
) -> tuple[labels.Events | None, list[Finding]]:
  """Checks a label file.

  Args:
    path: The file.
    num_classes: Number of classes.
    class_names: Class names by index, for files that hold names.
    edition: Edition that defines the columns, as for `labels.read_csv`.
    label_hop: Seconds from one frame of the file to the next; None for 0.1.
    distance_scale: Metres in a unit of the distances; None for that of the form
      of the file.

  Returns:
    The events, or None if the file cannot be read, and the findings.
  """
  try:
    events = labels.read_csv(
      path,
      edition=edition,
      num_classes=num_classes,
      class_names=class_names,
      label_hop=label_hop,
      distance_scale=distance_scale,
    )
  except InputError as error:
    return None, [_unreadable('labels', path, error)]
  columns = [events.frame, events.class_index, events.track, *events.xyz.T]
  if events.distance is not None:
    columns.append(events.distance)
  rows = np.stack(columns, axis=-1).round(9)
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
      'formats with one direction for each class are trained with the last of '
      'its rows, others with all; delete wrong rows, and give each source a '
      'track of its own if it has one'
    )
    found.append(Finding('conflicts', 'warning', str(path), text))
  return events, found


def check_audio(
  path: pathlib.Path,
  events: labels.Events | None,
  *,
  format: str,
  sample_rate: int = 24000,
  label_hop: float | None = None,
  num_channels: int = 0,
) -> tuple[measurement.Measured | None, list[Finding]]:
  """Checks a sound file.

  Args:
    path: The file.
    events: The events of its label file, or None if there is none.
    format: `'foa'`, `'mic'` or `'stereo'`.
    sample_rate: The sample rate that it must have, in Hz.
    label_hop: As for `check_labels`.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.

  Returns:
    The measurements for the checks of the whole set, or None if the file cannot
    be read or a channel is silent; and the findings.
  """
  try:
    measured = measurement.measure(
      path, format=format, sample_rate=sample_rate, num_channels=num_channels
    )
  except InputError as error:
    return None, [_unreadable('audio', path, error)]
  found = []
  num_frames = labels.count_frames(measured.num_samples, sample_rate)
  last = -1 if events is None else int(np.max(events.frame, initial=-1))
  if last >= num_frames:
    seconds = measured.num_samples / sample_rate
    # The file may have shorter frames, with other numbers.
    place = f'in frame {last} ' if label_hop in (None, 0.1) else ''
    text = (
      f'it lasts {seconds:.1f} s, but its last label is {place}at '
      f'{last / labels.FRAMES_PER_SECOND:.1f} s: '
    )
    is_near = last < num_frames + labels.SURPLUS_FRAMES
    text += (
      'training leaves out the labels after its end'
      if is_near
      else _duration_step(last, seconds, label_hop)
    )
    level = 'warning' if is_near else 'error'
    found.append(Finding('duration', level, str(path), text))
  power = np.diag(measured.moments[2]) / max(measured.num_samples, 1)
  is_silent = (measured.peaks < _SILENCE) | (
    power < min(_NOISE, _FAR_BELOW * power.max())
  )
  if is_silent.all():
    text = 'all its channels are silent'
    found.append(Finding('silence', 'error', str(path), text))
    return None, found
  for channel in range(len(is_silent)):
    if is_silent[channel]:
      text = f'channel {channel + 1} is silent'
      found.append(Finding('silence', 'error', str(path), text))
    elif clipped := int(measured.clipped[channel]):
      text = (
        f'channel {channel + 1} is clipped, {clipped} samples at full scale'
      )
      found.append(Finding('clipping', 'warning', str(path), text))
  return None if is_silent.any() else measured, found


def check_distances(
  parts: Mapping[pathlib.Path, labels.Events], *, needed: bool
) -> list[Finding]:
  """Checks the distances of all label files together.

  Args:
    parts: The events of each label file, with distances in metres.
    needed: Whether the networks of the edition predict distances, so that
      training stops without them.

  Returns:
    A finding if they are missing, or cannot be metres.
  """
  parts = {path: part for path, part in parts.items() if len(part.frame)}
  level = 'error' if needed else 'warning'
  without = [path for path, part in parts.items() if part.distance is None]
  if without and needed:
    text = (
      f'{len(without)} of {len(parts)} label files have no distances, which '
      'the networks of this edition predict; set config.output.distance=False, '
      'or add them'
    )
    return [Finding('distances', level, str(without[0]), text)]
  middle = labels.median_distance(parts.values())
  closest, farthest = labels.POSSIBLE_METRES
  if middle is None or closest < middle < farthest:
    return []
  text = f'half of the distances are {middle:.3g} m or more, which cannot be'
  if middle < closest:
    text = f'half of the distances are {middle:.3g} m or less, which cannot be'
  text += (
    ': write the true ones, or set config.output.distance=False'
    if middle == 0
    else '; state their unit: --distance_unit='
    f'{"m" if middle < closest else "cm"} (config.data.distance_unit)'
  )
  path = next(path for path, one in parts.items() if one.distance is not None)
  return [Finding('distances', level, str(path), text)]


def check_front(path: pathlib.Path, events: labels.Events) -> list[Finding]:
  """Checks that the directions of stereo labels are in front.

  Args:
    path: The label file.
    events: Its events.

  Returns:
    A finding if there are directions behind the listener.
  """
  text = labels.find_behind(events)
  if text is None:
    return []
  return [Finding('labels', 'warning', str(path), text)]


def _duration_step(last: int, seconds: float, label_hop: float | None) -> str:
  """What to do about labels after the end of a recording."""
  step = (
    'delete the rows after its end, or look for the sound file that the labels '
    'belong to'
  )
  fitting = [hop for hop in _SHORT_HOPS if last * hop < seconds]
  # A few frames too many do not mean that all frames are shorter.
  is_far = last / labels.FRAMES_PER_SECOND >= 1.5 * seconds
  if label_hop is not None or not fitting or not is_far:
    return step
  return (
    f'if the frames of the label files last {1000 * fitting[0]:g} ms, use '
    f'--label_hop={fitting[0]:g} here, and config.data.label_hop in training; '
    f'else {step}'
  )


def check_folds(path: str | os.PathLike[str]) -> list[Finding]:
  """Finds rooms and sound sources that occur in several folds.

  Args:
    path: A scenes.csv: a row for each event, with the column `fold` and at
      least one of `sound`, `room_size` and `room`. Room numbers are ignored,
      because they begin anew in every fold; names of rooms are compared. The
      synthesis.json beside it, if any, tells whether the rooms are measured.

  Returns:
    One finding for each set of folds that share rooms or sources, or one that
    says why the file tells nothing about them. Measured rooms are a warning:
    all folds of scenes that `scenes.synthesize` renders may have them.
  """
  unreadable = ''
  rows: list[dict[str, str]] = []
  try:
    table = csv_files.read(path, columns=('fold',), what='a table of scenes')
    rows = [row for _, row in table]
  except InputError as error:
    unreadable = _reason(path, error)
  if rows and not {'sound', 'room', 'room_size'} & {*rows[0]}:
    unreadable = 'it has none of the columns sound, room and room_size'
  if unreadable:
    text = f'{unreadable}, so that folds cannot be compared'
    return [Finding('folds', 'warning', str(path), text)]
  folds: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
  for row in rows:
    number = row.get('room') or ''
    if room := row.get('room_size') or ('' if number.isdecimal() else number):
      folds['room', room].add(row.get('fold') or '')
    if row.get('sound'):
      folds['source', row['sound']].add(row.get('fold') or '')
  shared: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
  for (kind, name), where in folds.items():
    if len(where) > 1:
      shared[kind, ', '.join(sorted(where))].append(name)
  measured = _has_measured_rooms(pathlib.Path(path).parent)
  return [
    Finding(
      'folds',
      'warning' if measured and kind == 'room' else 'error',
      str(path),
      f'folds {_cut(where)} share {len(names)} {kind}'
      f'{"s" * (len(names) > 1)}, such as {_cut(names[0])}',
    )
    for (kind, where), names in sorted(shared.items())
  ]


def _has_measured_rooms(root: pathlib.Path) -> bool:
  """Whether a folder has scenes that were rendered with --rirs."""
  try:
    settings = json_files.read(root / 'synthesis.json')
  except InputError:
    return False
  return bool(settings and settings.get('rirs'))


def _cut(text: str) -> str:
  """A text from a file, short enough for a message."""
  return text if len(text) <= 80 else text[:77] + '...'


def _unreadable(check: str, path: pathlib.Path, error: InputError) -> Finding:
  """The finding for an unreadable file, without its path in the text."""
  return Finding(check, 'error', str(path), _reason(path, error))


def _reason(path: str | os.PathLike[str], error: InputError) -> str:
  """The text of an error about a file, without its path."""
  return str(error).removeprefix(printable(path)).lstrip(', ').rstrip('.')
