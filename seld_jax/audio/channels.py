"""Channel conventions: selects and scales the four channels of a network.

The input of a network has one of two formats. `'foa'`: first-order Ambisonics
as W, Y, Z, X (ACN order) with SN3D normalisation. `'mic'`: the four capsules of
the tetrahedral array in the order of TAU-NIGENS 2020: M1 (45, 35), M2
(-45, -35), M3 (135, -35), M4 (-135, 35), as (azimuth, elevation) in degrees.
"""

import dataclasses
import math
import os
import pathlib
from typing import Any

import numpy as np

from seld_jax import json_files
from seld_jax.audio.sound_files import (
  FUMA_GAINS,
  FUMA_PLACES,
  FUMA_WITH_HEIGHT,
  AudioInfo,
  as_float,
)
from seld_jax.errors import InputError

ORDERS = ('acn', 'fuma', 'aformat', 'em32')
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

# Plausible range of the power of the three dipoles relative to that of W, above
# about 500 Hz. It is 1 for plane waves from any direction and for a diffuse
# field, 2 with the W of FuMa and 3 with N3D. At lower frequencies, the dipoles
# of real microphones are weak or noisy.
_LEAST_RATIO, _LARGEST_RATIO = 0.55, 1.6
_N3D_RATIO = 2.45
# A channel is silent, or two are equal, if its power or that of their
# difference is lower than this share: -100 and -80 dB.
_SILENT, _EQUAL = 1e-10, 1e-8
# Least plausible power of a capsule relative to the loudest one, and least
# plausible correlation of capsules below 500 Hz, where their distance of 7 cm
# is at most about a tenth of a wavelength.
_LEAST_LEVEL, _LEAST_CORRELATION = 0.05, 0.3


@dataclasses.dataclass(frozen=True)
class Selection:
  """Which four channels of a file are used, and with which gains.

  Attributes:
    channels: Index in the file of each of the four channels, from 0.
    gains: Factor for each of the four channels.
    num_channels: Number of channels that a file needs.
    is_exact: Whether a file with more channels is refused.
    also: Other numbers of channels that a file may have, nevertheless.
    matrix: Four rows that mix the four channels after the gains, or None.
  """

  channels: tuple[int, ...] = (0, 1, 2, 3)
  gains: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
  num_channels: int = 4
  is_exact: bool = True
  also: tuple[int, ...] = ()
  matrix: tuple[tuple[float, ...], ...] | None = None


# For files that have the four channels of the network already.
STANDARD = Selection()


def by_name(
  *, format: str, order: str = 'acn', norm: str = 'sn3d'
) -> Selection:
  """Selects channels by the names of a convention.

  Args:
    format: Input format of the network, `'foa'` or `'mic'`.
    order: Order of the channels in the file. `'acn'`: the order of the network;
      `'fuma'`: W, X, Y, Z; `'aformat'`: cardioids that point to FLU, FRD, BLD,
      BRU (front left up, ...), which are converted to FOA; `'em32'`: the 32
      capsules of an Eigenmike; four of them are used. Files in the first two
      may have more channels, of higher orders of Ambisonics.
    norm: Normalisation of FOA: `'sn3d'`, `'n3d'`, or `'fuma'`, which is SN3D
      with a W that is 3 dB lower.

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
  if format == 'mic' and order == 'aformat':
    raise InputError(
      'The network is of format mic, whose channels are the capsules FLU, FRD, '
      'BLD and BRU themselves: leave out --channels=aformat.'
    )
  if format == 'mic' and (order == 'fuma' or norm != 'sn3d'):
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
    return STANDARD
  if order == 'fuma':
    return Selection(
      channels=FUMA_PLACES, gains=_GAINS[norm], also=FUMA_WITH_HEIGHT
    )
  return Selection(gains=_GAINS[norm], also=_HIGHER_ORDERS)


def read_array(path: str | os.PathLike[str]) -> Selection:
  """Reads a selection from a JSON file.

  The file holds a JSON object such as `{"channels": [1, 3, 2, 4], "signs": [1,
  1, -1, 1]}`. `channels` lists, for each of the four channels of the network,
  the channel of the sound file, counted from 1. `signs` is optional; it lists a
  factor for each of them: -1 for an inverted channel, else 1.

  Args:
    path: The JSON file.

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


def from_flags(
  *, format: str, order: str, norm: str, array: str | None
) -> Selection:
  """Selects channels by the values of the flags of a command.

  Args:
    format: Input format of the network, `'foa'` or `'mic'`.
    order: Value of `--channels`, one of `ORDERS`.
    norm: Value of `--norm`, one of `NORMS`.
    array: Value of `--array`, a file for `read_array`; None or empty to use the
      names, as `by_name` does. The file says which channels are those of the
      network, or the four of the A-format for `'aformat'`.

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
  named = by_name(format=format, order=order, norm=norm)
  if not array:
    return named
  if order not in ('acn', 'aformat'):
    raise InputError(
      f'--array cannot be combined with --channels={order}: the file says '
      'where each channel is; leave out --channels.'
    )
  listed = read_array(array)
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
    seld_jax.errors.InputError: stereo.wav has 2 channels, but 4 are needed.
  """
  needed = selection.num_channels
  if num_channels == needed or num_channels in selection.also:
    return
  if num_channels > needed and not selection.is_exact:
    return
  least = '' if selection.is_exact else 'at least '
  hint = ''
  if not selection.is_exact:
    hint = ' by the file of --array'
  elif needed == 4 and num_channels == 32 and not selection.also:
    hint = ': use --channels=em32 for an Eigenmike, or choose four channels '
    hint += 'with --array=FILE'
  elif num_channels > needed:
    hint = ': choose four channels with --array=FILE'
  elif needed == 32:
    hint = ' for --channels=em32'
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
    fuma = by_name(format='foa', order='fuma', norm='fuma')
    if selection not in (by_name(format='foa'), fuma):
      raise InputError(
        f'{name} holds Ambisonics in FuMa order and level, as its header says, '
        'but other channels were selected: use a network of format foa, and '
        'leave out --channels, --norm and --array.'
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
  """Converts the channels of a file to the four channels of the network.

  Args:
    audio: All channels of a file, with shape `[channels, samples]`; integers
      are PCM samples of their type.
    selection: The channels to use.

  Returns:
    The four channels, floating point with shape `[4, samples]`.

  Example:
    >>> from seld_jax.audio import channels
    >>> fuma = channels.by_name(format='foa', order='fuma')  # from W, X, Y, Z
    >>> channels.select(np.array([[0.1], [0.2], [0.3], [0.4]]), fuma).ravel()
    array([0.1, 0.3, 0.4, 0.2])
  """
  four = as_float(audio[list(selection.channels)])
  four = four * np.asarray(selection.gains, four.dtype)[:, None]
  if selection.matrix is None:
    return four
  return np.asarray(selection.matrix, four.dtype) @ four


def moments(audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
  """Second moments of the four channels, for `find_mismatch`.

  The moments of a recording are the sum of those of its blocks.

  Args:
    audio: The four channels, with shape `[4, samples]`.
    sample_rate: Sample rate in Hz.

  Returns:
    Products of all pairs of channels, summed over the samples: for all
    frequencies, for those below about 500 Hz, and for those above; float64
    with shape `[3, 4, 4]`.

  Example:
    >>> from seld_jax.audio import channels
    >>> sums = channels.moments(np.ones((4, 480)), sample_rate=24000)
    >>> float(sums[0, 0, 1])
    480.0
  """
  size = max(1, sample_rate // 1000)
  whole = audio.shape[-1] // size * size
  means = audio[:, :whole].reshape(4, -1, size).astype(np.float64).mean(axis=-1)
  low = _products(means)
  total = _products(audio)
  return np.stack([total, low, total - size * low])


def find_mismatch(sums: np.ndarray, *, format: str) -> str | None:
  """Explains why the channels of a recording are probably wrong.

  Orders and signs that amount to a rotation or a reflection of the scene cannot
  be detected.

  Args:
    sums: Sum of the `moments` of all blocks, with shape `[3, 4, 4]`.
    format: Input format of the network, `'foa'` or `'mic'`.

  Returns:
    A clause such as 'its channel 2 is louder than ...', or None when levels and
    correlations are plausible.

  Example:
    >>> from seld_jax.audio import channels
    >>> left = np.outer([1, 0.8, 0.36, 0.48], np.sin(np.arange(4800)))
    >>> sums = channels.moments(left, sample_rate=24000)  # of W, Y, Z, X
    >>> channels.find_mismatch(sums, format='foa')
    >>> soft = np.outer([1, 1.1, 1.2, 0.01], np.sin(np.arange(4800)))
    >>> sums = channels.moments(soft, sample_rate=24000)  # of M1 to M4
    >>> channels.find_mismatch(sums, format='mic')[:47]
    'its channel 4 is much softer than the others, b'
  """
  if found := _empty(sums, format):
    return found
  if format == 'foa':
    found = _not_foa(sums)
    if found and _not_capsules(sums) is None:
      return (
        'its channels have the same level and, at low frequencies, the same '
        'signal, as microphone capsules have: is it MIC, and not FOA?'
      )
    return found
  found = _not_capsules(sums)
  if found and _not_foa(sums) is None:
    return (
      'its channels have the levels of FOA, and not of microphone capsules '
      f'({found.removeprefix("its ").split(",")[0]}): is it FOA, and not MIC?'
    )
  return found


def _empty(sums: np.ndarray, format: str) -> str | None:
  """Explains which channels are silent or copies of others."""
  power = np.diag(sums[0])
  if power.max() <= 0:
    return 'its four channels are all zero: is it a recording without sound?'
  silent = [k + 1 for k in range(4) if power[k] <= _SILENT * power.max()]
  if silent:
    one = len(silent) == 1
    return (
      f'its channel{"s" * (not one)} {_listed(silent)} '
      f'{"is" if one else "are"} silent (all zero): all four channels need '
      'sound; is it mono or stereo, or was a channel not connected?'
    )
  pair = power[:, None] + power
  equal = pair - 2 * sums[0] <= _EQUAL * pair / 2
  if equal.all():
    return 'its four channels are equal: is it a copied mono recording?'
  # The dipoles of a source between two axes are equal, but none is W.
  first, second = np.nonzero(np.triu(equal, 1))
  if len(first) and (format == 'mic' or equal[0].sum() > 1):
    pairs = [f'{a + 1} and {b + 1}' for a, b in zip(first, second, strict=True)]
    return (
      f'its channels {", ".join(pairs)} are equal: is it stereo in four '
      'channels, or was a channel copied?'
    )
  return None


def _not_foa(sums: np.ndarray) -> str | None:
  """Explains why channels are not FOA as W, Y, Z, X with SN3D."""
  total, power = np.diag(sums[0]), _loud_power(sums)
  ratio = power[1:].sum() / max(power[0], 1e-30)
  loudest = 1 + int(np.argmax(total[1:]))
  # A dipole of N3D is louder than W if the sources are near its axis.
  if total[loudest] > 1.25 * total[0] and not _N3D_RATIO < ratio < 3.6:
    return (
      f'its channel {loudest + 1} is louder than the first, which should be '
      'W, the loudest channel: do the channels have another order '
      '(--channels, --array) or another normalisation (--norm)?'
    )
  if ratio > _LARGEST_RATIO:
    fuma = 'FuMa (2 times; --channels=fuma --norm=fuma)'
    n3d = 'N3D (3 times; --norm=n3d)'
    guesses = (fuma, n3d) if ratio < _N3D_RATIO else (n3d, fuma)
    return (
      f'its dipoles (channels 2 to 4) have {ratio:.1f} times the power of W, '
      f'but about 1 is expected of SN3D: is it {guesses[0]} or {guesses[1]}?'
    )
  if ratio < _LEAST_RATIO:
    return (
      f'its dipoles (channels 2 to 4) have {ratio:.2g} times the power of W, '
      'but about 1 is expected: leave out --norm if the recording is in SN3D '
      'already (--norm=n3d gives 0.33 times, --norm=fuma 0.5 times); otherwise '
      'check whether channels 2 to 4 are nearly silent'
    )
  return None


def _loud_power(sums: np.ndarray) -> np.ndarray:
  """Power of the channels above 500 Hz, or of all if there is nearly none."""
  total, high = np.diag(sums[0]), np.diag(sums[2])
  return high if high.sum() > 1e-4 * total.sum() else total


def _not_capsules(sums: np.ndarray) -> str | None:
  """Explains why channels are not capsules of a small array."""
  for power in np.diag(sums[0]), _loud_power(sums):
    if power.min() < _LEAST_LEVEL * power.max():
      return (
        f'its channel {int(np.argmin(power)) + 1} is much softer than the '
        'others, but capsules of one array have nearly the same level: is it '
        'FOA, or do the channels have another order (--channels, --array)?'
      )
  level = np.sqrt(np.maximum(np.diag(sums[1]), 1e-30))
  correlation = sums[1] / np.outer(level, level)
  if correlation.min() < _LEAST_CORRELATION:
    first, second = np.unravel_index(np.argmin(correlation), (4, 4))
    return (
      f'its channels {first + 1} and {second + 1} differ at low frequencies, '
      'but capsules of one array have nearly the same signal there: is one '
      'inverted (--array), or is it FOA?'
    )
  return None


def _listed(numbers: list[int]) -> str:
  """Numbers as '1', '1 and 2', '1, 2 and 3'."""
  *most, last = map(str, numbers)
  return f'{", ".join(most)} and {last}' if most else last


def _is_four(values: Any) -> bool:
  return (
    isinstance(values, list)
    and len(values) == 4
    and all(type(value) is int for value in values)
  )


def _products(audio: np.ndarray) -> np.ndarray:
  wide = audio.astype(np.float64)
  return wide @ wide.T
