"""Which channels of a file are those of the network, and how they are scaled.

A network hears FOA as W, Y, Z, X (ACN) with SN3D normalisation, or the four
capsules of the tetrahedral array in the order of TAU-NIGENS 2020: M1 (45, 35),
M2 (-45, -35), M3 (135, -35), M4 (-135, 35), as (azimuth, elevation) in degrees.
"""

import dataclasses
import math
import os
import pathlib
from typing import Any

import numpy as np

from seld_jax import files
from seld_jax.audio import samples
from seld_jax.errors import InputError

ORDERS = ('acn', 'fuma', 'em32')
NORMS = ('sn3d', 'n3d', 'fuma')

# Capsules of an Eigenmike which stand for M1 to M4, counted from 1.
EM32_CAPSULES = (6, 10, 26, 22)

# W of FuMa is 3 dB lower than that of SN3D; dipoles of N3D are louder by the
# root of 3.
_GAINS = {
  'sn3d': (1.0, 1.0, 1.0, 1.0),
  'n3d': (1.0, *(1 / math.sqrt(3),) * 3),
  'fuma': (math.sqrt(2), 1.0, 1.0, 1.0),
}

# Power of the three dipoles in relation to that of W, between which nothing is
# said: it is 1 for sound from anywhere, 2 with the W of FuMa and 3 with N3D.
_LEAST_RATIO, _LARGEST_RATIO = 0.2, 1.6
# Of capsules, that in relation to the loudest, and their correlation below
# 500 Hz, where 7 cm are less than a tenth of a wavelength.
_LEAST_LEVEL, _LEAST_CORRELATION = 0.05, 0.3


@dataclasses.dataclass(frozen=True)
class Selection:
  """Which channels are taken.

  Attributes:
    channels: Channel of the file for each of the four, counted from 0.
    gains: What each is multiplied with.
    num_channels: Channels that a file must have, or has at least.
    is_exact: Whether it must have exactly so many.
  """

  channels: tuple[int, ...] = (0, 1, 2, 3)
  gains: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
  num_channels: int = 4
  is_exact: bool = True


# Four channels as the network hears them.
STANDARD = Selection()


def by_name(
  *, format: str, order: str = 'acn', norm: str = 'sn3d'
) -> Selection:
  """The channels of a convention.

  Args:
    format: What the network hears, `'foa'` or `'mic'`.
    order: `'acn'`: as the network hears them; `'fuma'`: W, X, Y, Z; `'em32'`:
      the 32 capsules of an Eigenmike, of which four are taken.
    norm: Normalisation of FOA: `'sn3d'`, `'n3d'`, or `'fuma'`, which is SN3D
      with a W that is 3 dB lower.

  Returns:
    The selection.

  Raises:
    InputError: A name is unknown, or not one of this format.
  """
  for name, value, known in (
    ('channels', order, ORDERS),
    ('norm', norm, NORMS),
  ):
    if value not in known:
      raise InputError(
        f'The {name} must be one of {", ".join(known)}, got {value!r}.'
      )
  if format == 'mic' and (order == 'fuma' or norm != 'sn3d'):
    raise InputError(
      'The network hears four microphones, to which conventions of Ambisonics '
      f'do not apply, got channels {order!r} and norm {norm!r}.'
    )
  if format == 'foa' and order == 'em32':
    raise InputError(
      'The network hears Ambisonics, so the 32 channels of an Eigenmike have '
      'to be encoded first; channels em32 are for networks of format mic.'
    )
  if order == 'em32':
    return Selection(
      channels=tuple(capsule - 1 for capsule in EM32_CAPSULES), num_channels=32
    )
  return Selection(
    channels=(0, 2, 3, 1) if order == 'fuma' else (0, 1, 2, 3),
    gains=_GAINS[norm],
  )


def read_array(path: str | os.PathLike[str]) -> Selection:
  """Reads a file that says where the four channels are.

  It holds a JSON object such as `{"channels": [1, 3, 2, 4], "signs": [1, 1, -1,
  1]}`: the channel of the file, counted from 1, for each that the network
  hears, and, where some are inverted, a factor of 1 or -1 for each.

  Args:
    path: The file.

  Returns:
    The selection; files may have more channels than are taken.

  Raises:
    InputError: The file is missing or holds something else.
  """
  path = pathlib.Path(path)
  values = files.read_json(path)
  fields = dict(values)
  taken = fields.pop('channels', None)
  signs = fields.pop('signs', [1, 1, 1, 1])
  if fields or not _is_four(taken) or not _is_four(signs):
    raise InputError(
      f'{path} must hold {{"channels": [four numbers]}} and optionally '
      f'"signs": [four of 1 and -1], got {values!r:.80}.'
    )
  if len(set(taken)) < 4 or not all(1 <= one <= 1024 for one in taken):
    raise InputError(
      f'{path}: "channels" must be four different channels, counted from 1, '
      f'got {taken}.'
    )
  if any(abs(sign) != 1 for sign in signs):
    raise InputError(f'{path}: "signs" must be 1 or -1, got {signs}.')
  return Selection(
    channels=tuple(one - 1 for one in taken),
    gains=tuple(float(sign) for sign in signs),
    num_channels=max(taken),
    is_exact=False,
  )


def chosen(
  *, format: str, order: str, norm: str, array: str | None
) -> Selection:
  """What the flags of a command say: a file, or else names.

  Args:
    format: As for `by_name`, like the two that follow.
    order: One of `ORDERS`.
    norm: One of `NORMS`.
    array: As for `read_array`; None or empty where the names count.

  Returns:
    The selection.

  Raises:
    InputError: A file is given and a name, or one of them cannot be used.
  """
  if not array:
    return by_name(format=format, order=order, norm=norm)
  if order != 'acn' or norm != 'sn3d':
    raise InputError('--array takes the place of --channels and --norm.')
  return read_array(array)


def check(num_channels: int, selection: Selection, *, name: str) -> None:
  """Refuses a file with another number of channels.

  Args:
    num_channels: Channels of the file.
    selection: Which of them are taken.
    name: The file, for the message.

  Raises:
    InputError: It does not have them.
  """
  needed, least = selection.num_channels, ''
  if not selection.is_exact:
    least = 'at least '
  if num_channels < needed or (selection.is_exact and num_channels != needed):
    raise InputError(
      f'{name} has {num_channels} channel{"s" * (num_channels != 1)}, but '
      f'{least}{needed} are needed.'
    )


def select(audio: np.ndarray, selection: Selection) -> np.ndarray:
  """Takes the channels that the network hears.

  Args:
    audio: All channels of a file, with shape `[channels, samples]`; whole
      numbers are taken as PCM of their type.
    selection: Which of them.

  Returns:
    The four channels, with shape `[4, samples]`, as floating-point numbers.
  """
  four = samples.as_float(audio[list(selection.channels)])
  return four * np.asarray(selection.gains, four.dtype)[:, None]


def moments(audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
  """What `doubt` needs to know of a block; those of blocks add up.

  Args:
    audio: The four channels, with shape `[4, samples]`.
    sample_rate: Samples a second.

  Returns:
    Products of the channels, summed over the samples: of all frequencies and of
    those below about 500 Hz; float64 with shape `[2, 4, 4]`.
  """
  size = max(1, sample_rate // 1000)
  whole = audio.shape[-1] // size * size
  low = audio[:, :whole].reshape(4, -1, size).mean(axis=-1)
  return np.stack([_products(audio), _products(low)])


def doubt(sums: np.ndarray, *, format: str) -> str | None:
  """Why the channels of a recording are probably not those of the network.

  Args:
    sums: From `moments`, over the recording, with shape `[2, 4, 4]`.
    format: What the network hears, `'foa'` or `'mic'`.

  Returns:
    A clause such as 'its dipoles are ...', or None when nothing speaks against
    it. Orders that amount to a rotation of the scene cannot be told apart.
  """
  power = np.diag(sums[0])
  if power.max() <= 0:
    return None
  if format == 'foa':
    loudest = int(np.argmax(power))
    ratio = power[1:].sum() / max(power[0], 1e-30)
    if power[loudest] > 1.25 * power[0]:
      return (
        f'its channel {loudest + 1} is louder than the first, which should be '
        'W, the loudest: is the order another (--channels, --array), or the '
        'normalisation (--norm)?'
      )
    if ratio > _LARGEST_RATIO:
      return (
        f'its dipoles have {ratio:.1f} times the power of W, where sound from '
        'any direction gives about 1: is it FuMa (2; --channels=fuma '
        '--norm=fuma) or N3D (3; --norm=n3d), or are these the capsules of a '
        'microphone?'
      )
    if ratio < _LEAST_RATIO:
      return (
        f'its dipoles have {ratio:.2g} times the power of W, where sound from '
        'any direction gives about 1: are they silent?'
      )
    return None
  if power.min() < _LEAST_LEVEL * power.max():
    return (
      f'its channel {int(np.argmin(power)) + 1} is much softer than the others,'
      ' where capsules of one array hear nearly the same level: is it FOA, or '
      'is the order another (--channels, --array)?'
    )
  level = np.sqrt(np.maximum(np.diag(sums[1]), 1e-30))
  correlation = sums[1] / np.outer(level, level)
  if correlation.min() < _LEAST_CORRELATION:
    first, second = np.unravel_index(np.argmin(correlation), (4, 4))
    return (
      f'its channels {first + 1} and {second + 1} differ at low frequencies, '
      'where capsules of one array hear the same: is one inverted (--array), '
      'or is it FOA?'
    )
  return None


def _is_four(values: Any) -> bool:
  return (
    isinstance(values, list)
    and len(values) == 4
    and all(type(value) is int for value in values)
  )


def _products(audio: np.ndarray) -> np.ndarray:
  wide = audio.astype(np.float64)
  return wide @ wide.T
