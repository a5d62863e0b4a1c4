"""A random equaliser: gains at octaves, for audio and for features."""

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.augment.audio import floating

# Number of octaves below half the sample rate that have a gain of their own.
NUM_OCTAVES = 8

# Seconds of silence behind a signal, into which the filter may ring.
_RINGING = 0.1


def equaliser_curve(
  gains: jax.Array | np.ndarray,
  frequencies: np.ndarray,
  *,
  sample_rate: int,
) -> jax.Array:
  """The gain of an equaliser at any frequency.

  Args:
    gains: Gains in dB with shape `[octaves]`: the first at half the sample
      rate, each next one an octave lower.
    frequencies: Frequencies in Hz, 0 or more, with shape `[n]`.
    sample_rate: Sample rate in Hz.

  Returns:
    Gains in dB with shape `[n]`, float32. Between two octaves the gain changes
    like half a period of a cosine over the logarithm of the frequency; below
    the lowest octave it stays the same.

  See Also:
    `equalise`, which filters audio.

  Example:
    >>> from seld_jax import augment
    >>> hertz = np.array([12000.0, 8485.28, 6000.0, 100.0])
    >>> curve = augment.equaliser_curve(
    ...   np.array([6.0, 0.0]), hertz, sample_rate=24000
    ... )
    >>> print(curve.round(1))
    [6. 3. 0. 0.]
  """
  gains = jnp.asarray(gains, jnp.float32)
  octaves = np.log2(sample_rate / 2 / np.maximum(frequencies, 1e-6))
  octaves = np.clip(octaves, 0, len(gains) - 1)
  distance = np.abs(octaves[:, None] - np.arange(len(gains)))
  weights = (1 + np.cos(np.pi * np.minimum(distance, 1))) / 2
  return jnp.matmul(
    jnp.asarray(weights, jnp.float32),
    gains,
    precision=jax.lax.Precision.HIGHEST,
  )


def equalise(
  audio: jax.Array | np.ndarray,
  gains: jax.Array | np.ndarray,
  *,
  sample_rate: int,
) -> jax.Array:
  """Filters audio with the gains of an equaliser, without any delay.

  All channels have the same filter, so that the directions stay.

  Args:
    audio: Audio, with shape `[..., channels, samples]`.
    gains: Gains in dB with shape `[octaves]`, as in `equaliser_curve`.
    sample_rate: Sample rate in Hz.

  Returns:
    The filtered audio, with the same shape and type; float32 for integers.

  See Also:
    `equaliser`, which draws the gains.

  Example:
    >>> from seld_jax import augment
    >>> audio = np.ones((4, 2400), np.float32)
    >>> louder = augment.equalise(audio, np.full(8, 20.0), sample_rate=24000)
    >>> print(f'{louder.max():.1f}')
    10.0
  """
  from scipy import fft  # takes long to import

  audio = floating(audio)
  samples = audio.shape[-1]
  needed = samples + int(_RINGING * sample_rate)
  # Transforms of lengths with large prime factors take many times as long.
  length = fft.next_fast_len(needed, real=True) or needed
  frequencies = np.fft.rfftfreq(length, 1 / sample_rate)
  curve = equaliser_curve(gains, frequencies, sample_rate=sample_rate)
  wide = audio.astype(jnp.promote_types(audio.dtype, jnp.float32))
  factors = 10 ** (curve / 20)
  spectrum = jnp.fft.rfft(wide, n=length) * factors.astype(wide.dtype)
  return jnp.fft.irfft(spectrum, n=length)[..., :samples].astype(audio.dtype)
