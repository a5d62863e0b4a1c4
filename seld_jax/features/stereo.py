"""Features of stereo: log-mel, and what differs between left and right."""

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.features import stacking
from seld_jax.features.options import DEFAULTS, FeatureOptions
from seld_jax.features.spectrum import (
  correlation,
  cross_spectrum,
  power,
  sum_bands,
  unit_scale,
)

# The further channels by name, in their order, and how many each name has.
STEREO_CHANNELS = {'mid': 1, 'side': 1, 'level': 1, 'phase': 2, 'coherence': 1}


def stereo_features(
  audio: jax.Array | np.ndarray,
  *,
  sample_rate: int = DEFAULTS.sample_rate,
  n_fft: int = DEFAULTS.n_fft,
  hop_length: int = DEFAULTS.hop_length,
  win_length: int = DEFAULTS.win_length,
  n_mels: int = DEFAULTS.n_mels,
  top_db: float | None = DEFAULTS.top_db,
  offset: float = DEFAULTS.offset,
  pad_mode: str = DEFAULTS.pad_mode,
  stereo: tuple[str, ...] = DEFAULTS.stereo,
) -> jax.Array:
  """Log-mel spectrograms of stereo, and further channels on demand.

  Without further channels these are the features of the DCASE 2025 baseline.
  Works under jit, vmap and grad.

  Args:
    audio: Left and right, with shape `[..., 2, samples]` and values in [-1, 1],
      float32 or float64.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands.
    top_db: The log-mel channels are clipped at this many dB below the maximum
      of both channels together, as published; None for no clipping.
    offset: Added to the audio before everything else.
    pad_mode: How both ends are padded: `'constant'` (zeros) or `'reflect'`.
    stereo: Names of further channels; whatever their order here, they come in
      this one:

      - `'mid'` and `'side'`: log-mel of (left + right) / 2 and of
        (left - right) / 2;
      - `'level'`: log-mel of left minus that of right in dB, both before they
        are clipped;
      - `'phase'`: two channels, cosine and sine of the phase of right minus
        that of left, each the mean over the bins of a band with the weights of
        its filter. The sine is negative if the sound reaches the right side
        later (by less than half a period). Bins without power in one of the
        channels contribute 0;
      - `'coherence'`: the absolute value of the cross-spectrum that is summed
        over a band, divided by the square roots of the powers of both channels
        in it. It is 1 if the channels have the same sound with any gain and no
        delay, about 0 if they are independent, and 0 where the power of one is
        below 1e-10, the floor of log-mel.

  Returns:
    Features with shape `[..., frames, n_mels, channels]` and the type of
    `audio`, where frames is `ceil(samples / hop_length)`: log-mel of left and
    right in dB, then the further channels.

  Raises:
    ValueError: The audio does not have 2 channels or is not of a float type,
      or an option has an unknown value.

  References:
    Shimada et al., `Stereo sound event localization and detection with
    onscreen/offscreen classification <https://arxiv.org/abs/2507.12042>`_,
    2025 (log-mel of left and right)

  See Also:
    `foa_features` for first-order Ambisonics.

  Example:
    >>> from seld_jax import features
    >>> audio = 0.1 * jax.random.normal(jax.random.key(0), (2, 24000))  # 1 s
    >>> features.stereo_features(audio).shape
    (50, 64, 2)
    >>> features.stereo_features(audio, stereo=('level', 'phase')).shape
    (50, 64, 5)
  """
  stacking.check_channels('stereo_features', audio, axis=-2, count=2)
  options = FeatureOptions(
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    top_db=top_db,
    offset=offset,
    pad_mode=pad_mode,
    stereo=stereo,
  )
  return stacking.features_of(audio, channels, options, jointly=True)


def further_channels(options: FeatureOptions) -> list[str]:
  """The names of further channels in the order of the features.

  Raises:
    ValueError: A name is unknown.
  """
  unknown = [name for name in options.stereo if name not in STEREO_CHANNELS]
  if unknown:
    raise ValueError(
      f'stereo must contain any of {", ".join(STEREO_CHANNELS)}, got '
      f'{unknown[0]!r}.'
    )
  return [name for name in STEREO_CHANNELS if name in options.stereo]


def channels(
  spectrum: jax.Array, options: FeatureOptions
) -> tuple[jax.Array, jax.Array]:
  """The log-mel channels, mid and side included, and the other channels."""
  chosen = further_channels(options)
  left, right = spectrum[..., 0, :, :], spectrum[..., 1, :, :]
  mixes = {'mid': (left + right) / 2, 'side': (left - right) / 2}
  powers = [left, right, *(mixes[name] for name in chosen if name in mixes)]
  log_mels = stacking.log_mels(jnp.stack(powers, axis=-3), options)
  weights = stacking.mel_filters(options)
  spatial = []
  if 'level' in chosen:
    spatial.append(log_mels[..., 0, :, :] - log_mels[..., 1, :, :])
  if 'phase' in chosen:
    spatial += _phase(left, right, weights)
  if 'coherence' in chosen:
    spatial.append(_coherence(left, right, weights))
  if not spatial:
    return log_mels, log_mels[..., :0, :, :]
  return log_mels, jnp.stack(spatial, axis=-3)


def _phase(
  left: jax.Array, right: jax.Array, weights: np.ndarray
) -> list[jax.Array]:
  """Mean cosine and sine of the phase of right minus that of left."""
  # Bands that are narrower than a bin have no weights; their mean is 0.
  total = weights.sum(axis=-1, keepdims=True)
  shares = np.divide(
    weights, total, out=np.zeros_like(weights), where=total > 0
  )
  scale = unit_scale(power(left)) * unit_scale(power(right))
  return [
    sum_bands(part * scale, shares) for part in cross_spectrum(left, right)
  ]


def _coherence(
  left: jax.Array, right: jax.Array, weights: np.ndarray
) -> jax.Array:
  """The absolute value of the normalised cross-spectrum of each band."""
  real, imaginary = correlation(left, right, weights)
  square = real**2 + imaginary**2
  # The inner where keeps the gradient of the root finite in silence.
  return jnp.where(
    square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0
  )
