"""Finds channels that are probably wrong: silent, equal, or of another kind."""

import numpy as np

# Plausible range of the power of the three dipoles relative to that of W, above
# about 500 Hz. It is 1 for plane waves from any direction and for a diffuse
# field, 2 with the W of FuMa and 3 with N3D. At lower frequencies, the dipoles
# of real microphones are weak or noisy.
_LEAST_RATIO, _LARGEST_RATIO = 0.55, 1.6
_N3D_RATIO = 2.45
# A channel is silent, or two are equal, if its power or that of their
# difference is lower than this share: -100 and -80 dB.
_SILENT, _EQUAL = 1e-10, 1e-8
_WORDS = (
  *('no', 'one', 'two', 'three', 'four'),
  *('five', 'six', 'seven', 'eight', 'nine'),
)
# Microphones of the array whose levels and correlations are known.
_TETRAHEDRON = 4
# Least plausible power of a capsule relative to the loudest one, and least
# plausible correlation of capsules below 500 Hz, where their distance of 7 cm
# is at most about a tenth of a wavelength.
_LEAST_LEVEL, _LEAST_CORRELATION = 0.05, 0.3
# Least share of the power below 500 Hz; with less of it, noise and leakage from
# higher frequencies hide the correlation of the capsules.
_LEAST_LOW_SHARE = 1e-3
# The same for arrays of any size, whose sound may pass a head or a body: only
# inverted channels have a clearly negative correlation. This is so for stereo
# as well, whether the two microphones are apart or point in two directions.
_LEAST_LEVEL_OF_ANY, _LEAST_CORRELATION_OF_ANY = 0.005, -0.3


def moments(audio: np.ndarray, *, sample_rate: int) -> np.ndarray:
  """Second moments of the channels, for `find_mismatch`.

  The moments of a recording are the sum of those of its blocks.

  Args:
    audio: The channels of a network, with shape `[channels, samples]`.
    sample_rate: Sample rate in Hz.

  Returns:
    Products of all pairs of channels, summed over the samples: for all
    frequencies, for those below about 500 Hz, and for those above; float64
    with shape `[3, channels, channels]`.

  Example:
    >>> from seld_jax.audio import channel_checks
    >>> sums = channel_checks.moments(np.ones((4, 480)), sample_rate=24000)
    >>> float(sums[0, 0, 1])
    480.0
  """
  size = max(1, sample_rate // 1000)
  whole = audio.shape[-1] // size * size
  blocks = audio[:, :whole].reshape(len(audio), -1, size)
  means = blocks.astype(np.float64).mean(axis=-1)
  low = _products(means)
  total = _products(audio)
  return np.stack([total, low, total - size * low])


def find_mismatch(sums: np.ndarray, *, format: str) -> str | None:
  """Explains why the channels of a recording are probably wrong.

  Orders and signs that amount to a rotation or a reflection of the scene cannot
  be detected.

  Args:
    sums: Sum of the `moments` of all blocks, with shape
      `[3, channels, channels]`.
    format: Input format of the network, `'foa'`, `'mic'` or `'stereo'`.

  Returns:
    A clause such as 'its channel 2 is louder than ...', or None when levels and
    correlations are plausible.

  Example:
    >>> from seld_jax.audio import channel_checks
    >>> left = np.outer([1, 0.8, 0.36, 0.48], np.sin(np.arange(4800)))
    >>> sums = channel_checks.moments(left, sample_rate=24000)  # of W, Y, Z, X
    >>> channel_checks.find_mismatch(sums, format='foa')
    >>> soft = np.outer([1, 1.1, 1.2, 0.01], np.sin(np.arange(4800)))
    >>> sums = channel_checks.moments(soft, sample_rate=24000)  # of M1 to M4
    >>> channel_checks.find_mismatch(sums, format='mic')[:47]
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
  if format == 'stereo' or len(sums[0]) != _TETRAHEDRON:
    return _not_any_array(sums, is_stereo=format == 'stereo')
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
  count = number_word(len(power))
  if power.max() <= 0:
    return (
      f'its {count} channels are all zero: is it a recording without sound?'
    )
  silent = np.flatnonzero(power <= _SILENT * power.max()) + 1
  if len(silent):
    one = len(silent) == 1
    other = 'mono' if format == 'stereo' else 'mono or stereo'
    return (
      f'its channel{"s" * (not one)} {_listed(silent.tolist())} '
      f'{"is" if one else "are"} silent (all zero): all {count} channels need '
      f'sound; is it {other}, or was a channel not connected?'
    )
  pair = power[:, None] + power
  equal = pair - 2 * sums[0] <= _EQUAL * pair / 2
  if equal.all():
    return f'its {count} channels are equal: is it a copied mono recording?'
  # The dipoles of a source between two axes are equal, but none is W.
  first, second = np.nonzero(np.triu(equal, 1))
  if len(first) and (format == 'mic' or equal[0].sum() > 1):
    pairs = [f'{a + 1} and {b + 1}' for a, b in zip(first, second, strict=True)]
    return (
      f'its channels {", ".join(pairs)} are equal: is it stereo in {count} '
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
  correlation = _low_correlation(sums)
  is_loud = np.trace(sums[1]) > _LEAST_LOW_SHARE * np.trace(sums[0])
  if is_loud and correlation.min() < _LEAST_CORRELATION:
    first, second = np.unravel_index(np.argmin(correlation), (4, 4))
    return (
      f'its channels {first + 1} and {second + 1} differ at low frequencies, '
      'but capsules of one array have nearly the same signal there: is one '
      'inverted (--array), or is it FOA?'
    )
  return None


def _not_any_array(sums: np.ndarray, *, is_stereo: bool) -> str | None:
  """Explains why channels are not microphones of stereo or of any array."""
  power = _loud_power(sums)
  if not is_stereo and power.min() < _LEAST_LEVEL_OF_ANY * power.max():
    return (
      f'its channel {int(np.argmin(power)) + 1} is much softer than the '
      'others, but microphones of one array have similar levels: is one not '
      'connected, or do the channels have another order (--array)?'
    )
  correlation = _low_correlation(sums)
  if correlation.min() < _LEAST_CORRELATION_OF_ANY:
    first, second = np.unravel_index(np.argmin(correlation), correlation.shape)
    other = 'is it middle and side, ' if is_stereo else ''
    return (
      f'its channels {first + 1} and {second + 1} have opposite signs at low '
      f'frequencies, but microphones have the same: {other or "is "}'
      f'{"or is " * is_stereo}one inverted (--array)?'
    )
  return None


def _low_correlation(sums: np.ndarray) -> np.ndarray:
  """Correlation of each pair of channels below about 500 Hz."""
  level = np.sqrt(np.maximum(np.diag(sums[1]), 1e-30))
  return sums[1] / np.outer(level, level)


def number_word(number: int) -> str:
  """A number of channels in words, such as `four`; above nine in digits.

  Args:
    number: The number, 0 or more.

  Example:
    >>> from seld_jax.audio import channel_checks
    >>> channel_checks.number_word(5), channel_checks.number_word(12)
    ('five', '12')
  """
  return _WORDS[number] if number < len(_WORDS) else str(number)


def _listed(numbers: list[int]) -> str:
  """Numbers as '1', '1 and 2', '1, 2 and 3'."""
  *most, last = map(str, numbers)
  return f'{", ".join(most)} and {last}' if most else last


def _products(audio: np.ndarray) -> np.ndarray:
  wide = audio.astype(np.float64)
  return wide @ wide.T
