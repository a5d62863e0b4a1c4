"""Channel conventions: selects and scales the channels of a network.

The input of a network has one of three formats. `'foa'`: first-order Ambisonics
as W, Y, Z, X (ACN order) with SN3D normalisation. `'mic'`: the four capsules of
the tetrahedral array in the order of TAU-NIGENS 2020: M1 (45, 35), M2
(-45, -35), M3 (135, -35), M4 (-135, 35), as (azimuth, elevation) in degrees; or
any number of microphones in the order of the recordings that the network was
trained on. `'stereo'`: left and right.
"""

import dataclasses
import math
import os
import pathlib
from typing import Any

import numpy as np

from seld_jax import json_files
from seld_jax.audio.channel_checks import number_word
from seld_jax.audio.sound_files import (
  FUMA_GAINS,
  FUMA_PLACES,
  FUMA_WITH_HEIGHT,
  AudioInfo,
  as_float,
)
from seld_jax.errors import InputError

ORDERS = ('acn', 'fuma', 'aformat', 'em32', 'foa')
NORMS = ('sn3d', 'n3d', 'fuma')

# Capsules of an Eigenmike at the places of M1 to M4, counted from 1.
EM32_CAPSULES = (6, 10, 26, 22)

# Factors that convert W, Y, Z, X to SN3D. The W of FuMa is 3 dB lower than
# that of SN3D; the dipoles of N3D are larger by a factor of sqrt(3).
_GAINS = {
  'sn3d': (1.0, 1.0, 1.0, 1.0),
  'n3d': (1.0, *(1 / math.sqrt(3),) * 3),
  'fuma': FUMA_GAINS,
}

# Numbers of channels of the orders 2 to 6; the first four are of the first
# order. The next, 64, is also the number of capsules of a well-known array.
_HIGHER_ORDERS = (9, 16, 25, 36, 49)

# W, Y, Z, X from the A-format: cardioids that point to FLU (front left up),
# FRD, BLD and BRU, whose directions have the components 1 / sqrt(3).
_A_FORMAT = tuple(
  tuple(factor * sign for sign in signs)
  for factor, signs in (
    (0.5, (1, 1, 1, 1)),
    (math.sqrt(3) / 2, (1, -1, 1, -1)),
    (math.sqrt(3) / 2, (1, -1, -1, 1)),
    (math.sqrt(3) / 2, (1, 1, -1, -1)),
  )
)

# Left and right as cardioids that point to the sides: W + Y and W - Y.
_LEFT_RIGHT = ((1.0, 1.0), (1.0, -1.0))

# The usual number of channels of each format.
NUM_CHANNELS = {'foa': 4, 'mic': 4, 'stereo': 2}

# A selection has at most this many channels.
_MOST_CHANNELS = 1024


@dataclasses.dataclass(frozen=True)
class Selection:
  """Which channels of a file are used, and with which gains.

  Attributes:
    channels: Index in the file of each channel that is used, from 0.
    gains: Factor for each of these channels.
    num_channels: Number of channels that a file needs.
    is_exact: Whether a file with more channels is refused.
    also: Other numbers of channels that a file may have, nevertheless.
    is_stereo: Whether the channels are left and right.
    matrix: Rows that mix these channels after the gains, one for each channel
      of the network; None if they are the channels of the network.
  """

  channels: tuple[int, ...] = (0, 1, 2, 3)
  gains: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
  num_channels: int = 4
  is_exact: bool = True
  also: tuple[int, ...] = ()
  is_stereo: bool = False
  matrix: tuple[tuple[float, ...], ...] | None = None


# For files that have the four channels of the network already.
STANDARD = Selection()


def count(format: str, *, num_channels: int = 0) -> int:
  """Number of channels of the audio of a network.

  Args:
    format: Input format of the network, `'foa'`, `'mic'` or `'stereo'`.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.

  Returns:
    The number.

  Raises:
    InputError: There is no such format.

  Example:
    >>> from seld_jax.audio import channels
    >>> channels.count('stereo'), channels.count('mic', num_channels=5)
    (2, 5)
  """
  if format not in NUM_CHANNELS:
    raise InputError(
      f'The format must be one of {", ".join(NUM_CHANNELS)}, got {format!r}.'
    )
  return num_channels or NUM_CHANNELS[format]


def by_name(
  *,
  format: str,
  order: str = 'acn',
  norm: str = 'sn3d',
  num_channels: int = 0,
) -> Selection:
  """Selects channels by the names of a convention.

  Args:
    format: Input format of the network, `'foa'`, `'mic'` or `'stereo'`.
    order: Order of the channels in the file. `'acn'`: the order of the network;
      `'fuma'`: W, X, Y, Z; `'aformat'`: cardioids that point to FLU, FRD, BLD,
      BRU (front left up, ...), which are converted to FOA; `'em32'`: the 32
      capsules of an Eigenmike; four of them are used; `'foa'`: W, Y, Z, X,
      which are mixed to left and right for a stereo network, as those of
      `'fuma'` and `'aformat'` are. Files of Ambisonics may have more channels,
      of higher orders.
    norm: Normalisation of FOA: `'sn3d'`, `'n3d'`, or `'fuma'`, which is SN3D
      with a W that is 3 dB lower.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.

  Returns:
    The selection.

  Raises:
    InputError: A name is unknown or does not apply to the format.

  See Also: `read_array` for arrangements without a name, and `from_flags`.

  Example:
    >>> from seld_jax.audio import channels
    >>> channels.by_name(format='foa', order='fuma').channels
    (0, 2, 3, 1)
  """
  for name, value, known in (
    ('channels', order, ORDERS),
    ('norm', norm, NORMS),
  ):
    if value not in known:
      raise InputError(
        f'The {name} must be one of {", ".join(known)}, got {value!r}.'
      )
  if format == 'stereo':
    return _of_stereo(order, norm)
  size = count(format, num_channels=num_channels)
  if format == 'mic' and size != NUM_CHANNELS['mic'] and order == 'em32':
    raise InputError(
      f'The network needs {size} microphones, but channels em32 are four: '
      'leave out --channels=em32, and say with --array=FILE where they are.'
    )
  if format == 'mic' and order == 'aformat':
    raise InputError(
      'The network is of format mic, whose channels are the capsules FLU, FRD, '
      'BLD and BRU themselves: leave out --channels=aformat.'
    )
  if format == 'mic' and (order in ('fuma', 'foa') or norm != 'sn3d'):
    raise InputError(
      'The network is of format mic, whose channels are microphones: '
      'conventions of Ambisonics do not apply, got channels '
      f'{order!r} and norm {norm!r}; use a network of format foa.'
    )
  if format == 'foa' and order == 'em32':
    raise InputError(
      'The network is of format foa: encode the 32 channels of an Eigenmike '
      'to Ambisonics first; channels em32 are for networks of format mic.'
    )
  if order == 'aformat' and norm != 'sn3d':
    raise InputError(
      'channels aformat are microphones, which have no normalisation of '
      f'Ambisonics: leave out --norm={norm}.'
    )
  if order == 'em32':
    return Selection(
      channels=tuple(capsule - 1 for capsule in EM32_CAPSULES), num_channels=32
    )
  if order == 'aformat':
    return Selection(matrix=_A_FORMAT)
  if format == 'mic':
    return Selection(tuple(range(size)), (1.0,) * size, num_channels=size)
  if order == 'fuma':
    return Selection(
      channels=FUMA_PLACES, gains=_GAINS[norm], also=FUMA_WITH_HEIGHT
    )
  return Selection(gains=_GAINS[norm], also=_HIGHER_ORDERS)


def _of_stereo(order: str, norm: str) -> Selection:
  """Selects the channels of a stereo network."""
  if order == 'em32':
    raise InputError(
      'The network is of format stereo: encode the 32 channels of an Eigenmike '
      'to Ambisonics first, and use --channels=foa.'
    )
  if order == 'aformat' and norm == 'sn3d':
    w, y, *_ = _A_FORMAT
    pairs = [*zip(w, y, strict=True)]
    left = tuple(a + b for a, b in pairs)
    right = tuple(a - b for a, b in pairs)
    return Selection(matrix=(left, right))
  if order in ('acn', 'aformat') and norm != 'sn3d':
    raise InputError(
      'The network is of format stereo, whose channels left and right have no '
      f'normalisation of Ambisonics: leave out --norm={norm}, or use '
      '--channels=foa or --channels=fuma if the recordings are FOA.'
    )
  if order == 'acn':
    return Selection((0, 1), (1.0, 1.0), num_channels=2, is_stereo=True)
  is_fuma = order == 'fuma'
  return Selection(
    channels=(0, FUMA_PLACES[1] if is_fuma else 1),
    gains=_GAINS[norm][:2],
    also=FUMA_WITH_HEIGHT if is_fuma else _HIGHER_ORDERS,
    matrix=_LEFT_RIGHT,
  )


def read_array(
  path: str | os.PathLike[str], *, num_channels: int = 4
) -> Selection:
  """Reads a selection from a JSON file.

  The file holds a JSON object such as `{"channels": [1, 3, 2, 4], "signs": [1,
  1, -1, 1]}`. `channels` lists, for each of the channels of the network, the
  channel of the sound file, counted from 1. `signs` is optional; it lists a
  factor for each of them: -1 for an inverted channel, else 1.

  Args:
    path: The JSON file.
    num_channels: Number of channels that the file must list.

  Returns:
    The selection; sound files may have more channels than are used.

  Raises:
    InputError: The file is missing or has other contents.

  Example:
    >>> import pathlib
    >>> from seld_jax.audio import channels
    >>> _ = pathlib.Path('array.json').write_text('{"channels": [6, 1, 3, 2]}')
    >>> channels.read_array('array.json').channels
    (5, 0, 2, 1)
  """
  path = pathlib.Path(path)
  values = json_files.read(path)
  word = number_word(num_channels)
  fields = dict(values)
  taken = fields.pop('channels', None)
  signs = fields.pop('signs', [1] * num_channels)
  if fields or not all(_is_list(one, num_channels) for one in (taken, signs)):
    raise InputError(
      f'{path} must hold {{"channels": [{word} numbers]}} and optionally '
      f'"signs": [{word} of 1 and -1], got {values!r:.80}.'
    )
  if len(set(taken)) < num_channels or not all(
    1 <= one <= _MOST_CHANNELS for one in taken
  ):
    raise InputError(
      f'{path}: "channels" must be {word} different channels, counted from 1, '
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


def from_flags(
  *,
  format: str,
  order: str,
  norm: str,
  array: str | None,
  num_channels: int = 0,
) -> Selection:
  """Selects channels by the values of the flags of a command.

  Args:
    format: Input format of the network, `'foa'`, `'mic'` or `'stereo'`.
    order: Value of `--channels`, one of `ORDERS`.
    norm: Value of `--norm`, one of `NORMS`.
    array: Value of `--array`, a file for `read_array`; None or empty to use the
      names, as `by_name` does. The file says which channels are those of the
      network, the four of the A-format for `'aformat'`, or W and Y for a
      stereo network and `'foa'`.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.

  Returns:
    The selection.

  Raises:
    InputError: A value is not valid, or the file contradicts a name.

  Example:
    >>> from seld_jax.audio import channels
    >>> channels.from_flags(
    ...   format='mic', order='acn', norm='sn3d', array=None
    ... ) == channels.STANDARD
    True
  """
  named = by_name(
    format=format, order=order, norm=norm, num_channels=num_channels
  )
  if not array:
    return named
  if order not in ('acn', 'aformat', 'foa'):
    raise InputError(
      f'--array cannot be combined with --channels={order}: the file says '
      'where each channel is; leave out --channels.'
    )
  listed = read_array(array, num_channels=len(named.channels))
  gains = zip(listed.gains, named.gains, strict=True)
  return dataclasses.replace(
    listed, gains=tuple(a * b for a, b in gains), matrix=named.matrix
  )


def check(num_channels: int, selection: Selection, *, name: str) -> None:
  """Refuses a file whose number of channels does not fit the selection.

  Args:
    num_channels: Number of channels of the file.
    selection: The channels to use.
    name: Name of the file for the error message.

  Raises:
    InputError: The number does not fit; the message says which flag may help.

  Example:
    >>> from seld_jax.audio import channels
    >>> channels.check(2, channels.STANDARD, name='stereo.wav')
    Traceback (most recent call last):
    ...
    seld_jax.errors.InputError: stereo.wav has 2 channels, but 4 are needed,
    those of Ambisonics or of four microphones: use a network that was trained
    on stereo, or another recording.
  """
  needed = selection.num_channels
  if num_channels == needed or num_channels in selection.also:
    return
  if num_channels > needed and not selection.is_exact:
    return
  least = '' if selection.is_exact else 'at least '
  word = number_word(needed)
  hint = ''
  if not selection.is_exact:
    hint = ' by the file of --array'
  elif num_channels == 1:
    what = ', left and right' if selection.is_stereo else ''
    hint = f'{what}: mono has no directions'
  elif selection.is_stereo:
    hint = ', left and right: '
    if num_channels in (4, *_HIGHER_ORDERS):
      hint += 'use --channels=foa if they are W, Y, Z, X of FOA, or '
    hint += 'choose two channels with --array=FILE'
  elif num_channels == 2 and selection.matrix == _LEFT_RIGHT:
    hint = ', FOA that is mixed to left and right: leave out --channels and '
    hint += '--norm if the recording is stereo'
  elif num_channels == 2 and needed == 4:
    hint = ', those of Ambisonics or of four microphones: use a network that '
    hint += 'was trained on stereo, or another recording'
  elif needed == 4 and num_channels == 32 and not selection.also:
    hint = ': use --channels=em32 for an Eigenmike, or choose four channels '
    hint += 'with --array=FILE'
  elif num_channels > needed:
    hint = f': choose {word} channels with --array=FILE'
  elif needed == 32 and len(selection.channels) < needed:
    hint = ' for --channels=em32'
  elif needed != 4:
    hint = ', one of each microphone that the network was trained on'
  raise InputError(
    f'{name} has {num_channels} channel{"s" * (num_channels != 1)}, but '
    f'{least}{needed} are needed{hint}.'
  )


def for_file(
  selection: Selection, header: AudioInfo, *, name: str
) -> Selection:
  """The selection for a file, whose header may say that it is in FuMa.

  Args:
    selection: The channels that the user selected.
    header: The header of the file.
    name: Name of the file for the error message.

  Returns:
    The selection for the channels as they are stored.

  Raises:
    InputError: The number of channels does not fit, or the selection
      contradicts the header.

  Example:
    >>> from seld_jax import audio
    >>> from seld_jax.audio import channels
    >>> header = audio.AudioInfo(48000, 4, num_samples=9600, is_fuma=True)
    >>> default = channels.by_name(format='foa')
    >>> channels.for_file(default, header, name='room.amb').channels
    (0, 2, 3, 1)
  """
  if header.is_fuma and selection.is_exact:
    format = 'foa'
    if selection.matrix == _LEFT_RIGHT:
      format = 'stereo'
    fuma = by_name(format=format, order='fuma', norm='fuma')
    if selection not in (by_name(format=format, order='foa'), fuma):
      if selection == by_name(format='stereo'):
        raise InputError(
          f'{name} holds Ambisonics in FuMa order and level, as its header '
          'says, but left and right are needed: use --channels=foa to mix them '
          'from it.'
        )
      remedy = (
        'use a network of format foa, and leave out --channels and --norm'
      )
      if selection.matrix is not None and len(selection.matrix) == 2:
        remedy = 'use --channels=foa alone to mix left and right from it'
      raise InputError(
        f'{name} holds Ambisonics in FuMa order and level, as its header says, '
        f'but other channels were selected: {remedy}.'
      )
    if header.num_channels not in FUMA_WITH_HEIGHT:
      raise InputError(
        f'{name} has {header.num_channels} channels of FuMa, which have no '
        'height (Z): 4 channels, or 6, 8, 9, 11 or 16 of a higher order, are '
        'needed.'
      )
    selection = fuma
  check(header.num_channels, selection, name=name)
  return selection


def select(audio: np.ndarray, selection: Selection) -> np.ndarray:
  """Converts the channels of a file to the channels of the network.

  Args:
    audio: All channels of a file, with shape `[channels, samples]`; integers
      are PCM samples of their type.
    selection: The channels to use.

  Returns:
    The channels of the network, floating point with shape
    `[channels, samples]`.

  Example:
    >>> from seld_jax.audio import channels
    >>> fuma = channels.by_name(format='foa', order='fuma')  # from W, X, Y, Z
    >>> channels.select(np.array([[0.1], [0.2], [0.3], [0.4]]), fuma).ravel()
    array([0.1, 0.3, 0.4, 0.2])
  """
  taken = as_float(audio[list(selection.channels)])
  taken = taken * np.asarray(selection.gains, taken.dtype)[:, None]
  if selection.matrix is None:
    return taken
  return np.asarray(selection.matrix, taken.dtype) @ taken


def _is_list(values: Any, length: int) -> bool:
  """Whether JSON holds a list of so many integers."""
  return (
    isinstance(values, list)
    and len(values) == length
    and all(type(value) is int for value in values)
  )
