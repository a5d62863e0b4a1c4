"""Measured rooms: room responses of first-order Ambisonics on disk.

A folder of responses has a table directions.csv: a row for each response, with
its file and the direction that the loudspeaker had. A scene in a measured room
turns each response about the vertical, so that an event can have any azimuth.
"""

import dataclasses
import functools
import hashlib
import logging
import math
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import audio, csv_files
from seld_jax.errors import InputError
from seld_jax.scenes import rooms, sounds
from seld_jax.scenes.sounds import SAMPLE_RATE

# Responses whose direct sound comes from a direction that is farther from the
# loudspeaker than this many degrees are left out.
MAX_RESIDUAL = 10.0
# The first part of a response, in seconds after the direct sound, turns with a
# source that moves. It is faded out between these times; the rest stays.
EARLY = (0.020, 0.032)
# Half of the length in seconds over which the energy of the direct sound is
# summed.
_DIRECT = 0.0025
_TABLE = 'directions.csv'
_NEEDED = ('file', 'azimuth_deg', 'elevation_deg', 'distance_m', 'rt60_s')
_OPTIONAL = ('calibration_residual_deg',)
# The range of each number in the table.
_RANGES = {
  'azimuth_deg': (-360.0, 360.0),
  'elevation_deg': (-90.0, 90.0),
  'distance_m': (0.1, 100.0),
  'rt60_s': (0.01, 30.0),
  'calibration_residual_deg': (0.0, 180.0),
}
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Response:
  """A measured response of a room.

  Attributes:
    path: The sound file, with channels W, Y, Z, X (SN3D).
    azimuth: Azimuth of the loudspeaker in degrees.
    elevation: Elevation of the loudspeaker in degrees.
    distance: Distance of the loudspeaker in metres.
    rt60: Reverberation time in seconds.
  """

  path: str
  azimuth: float
  elevation: float
  distance: float
  rt60: float


@dataclasses.dataclass(frozen=True)
class MeasuredRoom:
  """A room of which responses were measured.

  Attributes:
    name: Its name in the table.
    responses: Its responses, one or more.
  """

  name: str
  responses: tuple[Response, ...]

  @property
  def mid_rt60(self) -> float:
    """Median of the reverberation times of the responses in seconds."""
    return float(np.median([one.rt60 for one in self.responses]))


@dataclasses.dataclass(frozen=True)
class Rooms:
  """The measured rooms that scenes may be in.

  Attributes:
    folder: The folder of the responses.
    rooms: The rooms, one or more.
    fingerprint: A hash of the table and of the sizes of the files.
  """

  folder: str
  rooms: tuple[MeasuredRoom, ...]
  fingerprint: str


def open_rooms(
  folder: str | os.PathLike[str],
  *,
  names: Sequence[str] = (),
  quiet: bool = False,
) -> Rooms:
  """Reads the table of a folder of responses.

  Responses whose calibration_residual_deg is above 10 degrees are left out, and
  a warning says how many.

  Args:
    folder: A folder with directions.csv. Its columns are file (relative to the
      folder), azimuth_deg, elevation_deg, distance_m and rt60_s, and optionally
      room and calibration_residual_deg: how far the direct sound is from the
      direction of the loudspeaker.
    names: The rooms to use; () for all.
    quiet: Whether to omit the warning.

  Returns:
    The rooms.

  Raises:
    InputError: The table is missing or wrong, a file is missing or not
      first-order Ambisonics, or there is no such room.
  """
  folder = pathlib.Path(folder)
  table = folder / _TABLE
  found: dict[str, list[Response]] = {}
  left_out = 0
  digest = hashlib.sha256()
  for where, row in _read_table(table):
    numbers = _numbers(row, where)
    path = folder / row['file']
    _check_file(path, where)
    digest.update(f'{sorted(row.items())},{path.stat().st_size}\n'.encode())
    if numbers.get('calibration_residual_deg', 0.0) > MAX_RESIDUAL:
      left_out += 1
      continue
    found.setdefault(row.get('room') or folder.name, []).append(
      Response(
        str(path),
        azimuth=numbers['azimuth_deg'],
        elevation=numbers['elevation_deg'],
        distance=numbers['distance_m'],
        rt60=numbers['rt60_s'],
      )
    )
  if left_out and not quiet:
    _log.warning(
      '%d responses of %s are left out: their direct sound is more than %g '
      'degrees from the direction in the table (calibration_residual_deg).',
      left_out,
      folder,
      MAX_RESIDUAL,
    )
  if unknown := sorted(set(names) - set(found)):
    raise InputError(
      f'{table} has no usable response of a room {unknown[0]!r} (--rir_rooms); '
      f'it has the rooms {", ".join(sorted(found)) or "none"}.'
    )
  chosen = {name: found[name] for name in found if not names or name in names}
  if not chosen:
    raise InputError(
      f'{table} has no usable response: all of them have a '
      f'calibration_residual_deg above {MAX_RESIDUAL:g}.'
    )
  digest.update(','.join(sorted(chosen)).encode())
  return Rooms(
    str(folder),
    tuple(
      MeasuredRoom(name, tuple(responses))
      for name, responses in sorted(chosen.items())
    ),
    digest.hexdigest()[:16],
  )


@functools.lru_cache(maxsize=64)
def read_response(response: Response) -> np.ndarray:
  """Reads a response, scaled and shifted as those of simulated rooms.

  Args:
    response: The response.

  Returns:
    Channels W, Y, Z, X at 24 kHz with shape `[4, samples]`, float32. Sample 0
    is the moment of emission, so that the direct sound comes after the distance
    divided by the speed of sound; its pressure is 1 / distance in metres.

  Raises:
    InputError: The file cannot be read, or is silent.
  """
  rate = audio.info(response.path).sample_rate
  found = sounds.resampled(
    audio.read(response.path, sample_rate=rate, num_channels=4), rate
  )
  pressure = np.abs(found[0])
  if not pressure.max() > 1e-6:
    raise InputError(
      f'{response.path} must be a room response, but its first channel (W) is '
      f'silent: remove its row from {_TABLE}.'
    )
  peak = int(np.argmax(pressure))
  half = round(_DIRECT * SAMPLE_RATE)
  direct = found[0, max(peak - half, 0) : peak + half]
  scale = 1 / response.distance / np.sqrt(np.sum(np.square(direct)))
  delay = round(response.distance / rooms.SPEED_OF_SOUND * SAMPLE_RATE)
  found = found[:, max(peak - delay, 0) :]
  found = np.pad(found, ((0, 0), (max(delay - peak, 0), 0)))
  return (found * scale).astype(np.float32)


def turned_parts(
  response: Response, azimuths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Splits a response, and turns its parts about the vertical.

  Args:
    response: The response.
    azimuths: Azimuths of the direct sound in degrees, with shape `[k]`.

  Returns:
    The early part for each azimuth, with shape `[k, 4, n]`; and the late part,
    turned to the first azimuth, with shape `[4, samples]`. The sum of the late
    part and of the first early part is the whole response, turned.
  """
  whole = read_response(response)
  start = response.distance / rooms.SPEED_OF_SOUND
  time = np.arange(whole.shape[-1]) / SAMPLE_RATE - start
  x = np.clip((time - EARLY[0]) / (EARLY[1] - EARLY[0]), 0, 1)
  fade = (np.cos(np.pi / 2 * x) ** 2).astype(np.float32)
  length = min(int((start + EARLY[1]) * SAMPLE_RATE) + 1, fade.size)
  early = turn(
    (whole * fade)[:, :length], np.asarray(azimuths) - response.azimuth
  )
  late = turn(whole * (1 - fade), np.asarray(azimuths)[:1] - response.azimuth)
  return early, late[0]


def turn(sound: np.ndarray, degrees: np.ndarray) -> np.ndarray:
  """Turns first-order Ambisonics about the vertical.

  Args:
    sound: Channels W, Y, Z, X, with shape `[4, samples]`.
    degrees: Angles by which the azimuth of every source grows, shape `[k]`.

  Returns:
    The turned sound, with shape `[k, 4, samples]`, float32.
  """
  omni, left, up, front = sound
  angle = np.radians(degrees)[:, None]
  cos, sin = np.cos(angle), np.sin(angle)
  turned = np.empty((len(angle), *sound.shape), np.float32)
  turned[:, 0], turned[:, 2] = omni, up
  turned[:, 1] = cos * left + sin * front
  turned[:, 3] = cos * front - sin * left
  return turned


def _read_table(path: pathlib.Path) -> list[tuple[str, dict[str, str]]]:
  """The rows of the table, each with its place for messages."""
  what = 'the table of a folder of room responses (--rirs)'
  rows = csv_files.read(path, columns=_NEEDED, what=what)
  if not rows:
    raise InputError(f'{path} must be {what}, but has no row.')
  return rows


def _numbers(row: Mapping[str, str], where: str) -> dict[str, float]:
  """The numbers of a row, which are checked."""
  numbers = {}
  for name, (low, high) in _RANGES.items():
    text = row.get(name)
    if name in _OPTIONAL and not text:
      continue
    try:
      value = float(text or '')
    except ValueError:
      value = math.nan
    if not low <= value <= high:
      raise InputError(
        f'{where}: {name} must be a number from {low:g} to {high:g}, got '
        f'{text!r}.'
      )
    numbers[name] = value
  return numbers


def _check_file(path: pathlib.Path, where: str) -> None:
  """Raises InputError unless a file has four channels."""
  if not path.is_file():
    raise InputError(
      f'{where}: {path} does not exist; the column file is relative to the '
      f'folder of {_TABLE}.'
    )
  header = audio.info(path)
  if header.num_channels != 4:
    raise InputError(
      f'{path} must be a room response in first-order Ambisonics (four '
      f'channels W, Y, Z, X), but it has {header.num_channels}.'
    )
