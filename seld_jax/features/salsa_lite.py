"""SALSA-Lite: log powers of bins and phases between microphones."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.features import stacking
from seld_jax.features.options import FeatureOptions
from seld_jax.features.spectrum import log_power, power, unit_scale

# Speed of sound in m/s, as in the published code.
SPEED_OF_SOUND = 343.0

# Frequencies in Hz, as in the published code: the lowest and the highest one of
# the bins, and the one from which on phases are ambiguous.
_LOWEST = 50.0
_HIGHEST = 9000.0
_ALIAS_FREQUENCY = 2000.0


def salsa_lite_features(
  audio: jax.Array | np.ndarray,
  *,
  sample_rate: int = 24000,
  n_fft: int = 512,
  hop_length: int = 300,
  win_length: int = 512,
  offset: float = 0.0,
  pad_mode: str = 'reflect',
  alias_frequency: float = 0.0,
) -> jax.Array:
  """SALSA-Lite of a microphone array: log powers and path differences.

  The spectra keep their bins, so that power and phase of a sound are at the
  same place. The defaults are those of the published code; the DCASE baselines
  of 2022 to 2024 use other frames: `n_fft=1024, hop_length=480,
  win_length=960, offset=1e-8, pad_mode='constant'`. Works under jit, vmap and
  grad.

  Args:
    audio: The microphones, two or more, with shape `[..., channels, samples]`
      and values in [-1, 1], float32 or float64.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    offset: Added to the audio before everything else.
    pad_mode: How both ends are padded: `'constant'` (zeros) or `'reflect'`.
    alias_frequency: Frequency in Hz from which on the phases are left out (0),
      because half a wavelength is shorter than the distance of the microphones
      and the phase ambiguous; 0 for 2000 Hz, as published for arrays of 7 to
      8 cm. The published code counts the bins up to 2000 Hz from the lowest bin
      that it keeps. For 512 points that is the same; for the 1024 points of the
      DCASE baselines, it keeps one more phase, at 2016 Hz, as
      `alias_frequency=2030` does.

  Returns:
    Features with shape `[..., frames, bins, 2 * channels - 1]` and the type of
    `audio`, where frames is `ceil(samples / hop_length)`. The bins are those
    from `max(1, floor(50 n_fft / sample_rate))` to below
    `floor(9000 n_fft / sample_rate)`: 191 bins for 512 points at 24 kHz, 382
    for 1024. The first channels are the log powers of the microphones in dB, at
    least -100, not clipped otherwise. Then comes for each microphone but the
    first the phase against the first, divided by 2 pi f / 343 m/s: how much
    shorter in metres the path of the sound is to this microphone than to the
    first. Bins without power in one of the two have 0.

  Raises:
    ValueError: The audio has fewer than 2 channels or is not of a float type,
      an option has an unknown value, or there are no bins up to 9000 Hz.

  References:
    Nguyen et al., `SALSA-Lite: A Fast and Effective Feature for Polyphonic
    Sound Event Localization and Detection with Microphone Arrays
    <https://arxiv.org/abs/2111.08192>`_, 2022

  See Also:
    `salsa_features`, which looks at several frames; `mic_features`.

  Example:
    A sound reaches the second microphone 5 samples after the first:

    >>> from seld_jax import features
    >>> sound = np.random.default_rng(0).standard_normal(24005)
    >>> audio = jnp.stack([sound[5:], sound[:-5]])
    >>> x = features.salsa_lite_features(audio)
    >>> x.shape
    (80, 191, 3)
    >>> shorter = np.median(x[:, :42, 2])  # in metres
    >>> print(f'{-shorter / 343 * 24000:.1f} samples')
    5.0 samples
  """
  stacking.check_channels('salsa_lite_features', audio, axis=-2, count=None)
  options = FeatureOptions(
    kind='salsa_lite',
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    offset=offset,
    pad_mode=pad_mode,
    alias_frequency=alias_frequency,
  )
  return stacking.features_of(audio, channels, options)


def channels(
  spectrum: jax.Array, options: FeatureOptions
) -> tuple[jax.Array, jax.Array]:
  """The log powers of all microphones, and the phases against the first."""
  first, stop = bins(options)
  spectrum = spectrum[..., first:stop]
  log_powers = log_power(spectrum)
  spectrum = spectrum[..., : phase_stop(options) - first]
  scale = unit_scale(power(spectrum))
  real, imaginary = spectrum.real * scale, spectrum.imag * scale
  cross = (
    real[..., 1:, :, :] * real[..., :1, :, :]
    + imaginary[..., 1:, :, :] * imaginary[..., :1, :, :],
    imaginary[..., 1:, :, :] * real[..., :1, :, :]
    - real[..., 1:, :, :] * imaginary[..., :1, :, :],
  )
  shorter = path_differences(*cross, first=first, options=options)
  return log_powers, pad_bins(shorter, log_powers.shape[-1])


def bins(options: FeatureOptions) -> tuple[int, int]:
  """The bins of SALSA-Lite: the first one, and the one after the last."""
  first = max(1, _bin(_LOWEST, options))
  stop = min(_bin(_HIGHEST, options), options.n_fft // 2 + 1)
  if first >= stop:
    raise ValueError(
      f'n_fft = {options.n_fft} is too short for SALSA-Lite: it has no bins '
      f'between {_LOWEST:g} and {_HIGHEST:g} Hz at {options.sample_rate} Hz.'
    )
  return first, stop


def phase_stop(options: FeatureOptions) -> int:
  """The first bin at or above the frequency from which on there is no phase."""
  if options.alias_frequency < 0:
    raise ValueError(
      f'alias_frequency must be 0 or more, got {options.alias_frequency}.'
    )
  frequency = options.alias_frequency or _ALIAS_FREQUENCY
  first, stop = bins(options)
  exact = frequency * options.n_fft / options.sample_rate
  return min(max(first, math.ceil(exact)), stop)


def path_periods(*, format: str, **options: Any) -> np.ndarray:
  """The wavelengths of SALSA-Lite: differences of its phases are modulo these.

  Args:
    format: Audio format; only `'mic'` has SALSA-Lite.
    **options: Fields of `FeatureOptions`; the others have their defaults.

  Returns:
    The wavelength in metres at the frequency of each band, with shape
    `[bands]`.

  Raises:
    ValueError: There is no SALSA-Lite with this format and these options.

  Example:
    >>> from seld_jax import features
    >>> lengths = features.path_periods(format='mic', n_fft=512)
    >>> print(f'{lengths[0]:.2f} m, {lengths[41]:.3f} m')  # 47 and 1969 Hz
    7.32 m, 0.174 m
  """
  if format != 'mic':
    raise ValueError(f"Only the format 'mic' has SALSA-Lite, got {format!r}.")
  chosen = FeatureOptions(**options)
  index = np.arange(*bins(chosen))
  return SPEED_OF_SOUND * chosen.n_fft / chosen.sample_rate / index


def path_differences(
  real: jax.Array,
  imaginary: jax.Array,
  *,
  first: int,
  options: FeatureOptions,
) -> jax.Array:
  """Phases as lengths in metres.

  Args:
    real: Real part of a cross-spectrum, with shape `[..., bins]`.
    imaginary: Its imaginary part, with the same shape.
    first: Index of the first of these bins in the whole spectrum, 1 or more.
    options: Options of the features.

  Returns:
    The phase of each bin, divided by 2 pi f / c, with the same shape; 0 where
    the cross-spectrum is 0.
  """
  # The inner where keeps the gradient finite where both parts are 0.
  is_zero = (real == 0) & (imaginary == 0)
  phase = jnp.arctan2(imaginary, jnp.where(is_zero, 1.0, real))
  index = np.arange(first, first + real.shape[-1])
  wave_number = (
    2 * np.pi * options.sample_rate / (options.n_fft * SPEED_OF_SOUND) * index
  )
  return phase * jnp.asarray(1 / wave_number, phase.dtype)


def pad_bins(array: jax.Array, count: int) -> jax.Array:
  """Adds zeros at the end of the last axis, up to `count` elements."""
  missing = count - array.shape[-1]
  return jnp.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])


def _bin(frequency: float, options: FeatureOptions) -> int:
  return int(frequency * options.n_fft / options.sample_rate)
