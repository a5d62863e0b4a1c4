"""Features of a microphone array: log-mel and GCC-PHAT."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.features import stacking
from seld_jax.features.options import DEFAULTS, FeatureOptions
from seld_jax.features.spectrum import power, unit_scale

# More pairs of channels are computed all at once, because a program with a
# statement for each would take minutes to compile.
_MOST_SINGLE_PAIRS = 15


def mic_features(
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
  layout: str = DEFAULTS.layout,
) -> jax.Array:
  """Log-mel spectrograms and GCC-PHAT of a microphone array.

  Works under jit, vmap and grad. The defaults are those of `FeatureOptions`.

  Args:
    audio: The microphones, two or more, with shape `[..., channels, samples]`
      and values in [-1, 1], float32 or float64.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands, and of lags of each cross-correlation.
    top_db: Each log-mel channel is clipped at this many dB below its own
      maximum; None for no clipping.
    offset: Added to the audio before everything else.
    pad_mode: How both ends are padded: `'constant'` (zeros) or `'reflect'`.
    layout: `'aligned'`, or `'published'` for the order of the published DCASE
      2020 code, which mixes bands and channels (see `stack`).

  Returns:
    Features with shape `[..., frames, n_mels, channels + pairs]` and the type
    of `audio`, where frames is `ceil(samples / hop_length)`: a log-mel channel
    of each microphone in dB, then the cross-correlations of all pairs of
    microphones, one lag per mel index, with values in [-1, 1] (see
    `gcc_phat`). Four microphones have 4 + 6 = 10 channels.

  Raises:
    ValueError: The audio has fewer than 2 channels or is not of a float type,
      or an option has an unknown value.

  References:
    Politis et al., `A Dataset of Reverberant Spatial Sound Scenes with Moving
    Sources <https://arxiv.org/abs/2006.01919>`_, 2020

  See Also:
    `foa_features` for first-order Ambisonics; `window_features` for a part of
    a recording.

  Example:
    >>> from seld_jax import features
    >>> audio = 0.1 * jax.random.normal(jax.random.key(0), (4, 24000))  # 1 s
    >>> features.mic_features(audio).shape
    (50, 64, 10)
  """
  stacking.check_channels('mic_features', audio, axis=-2, count=None)
  options = FeatureOptions(
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    top_db=top_db,
    offset=offset,
    pad_mode=pad_mode,
    layout=layout,
  )
  return stacking.features_of(audio, channels, options)


def channels(
  spectrum: jax.Array, options: FeatureOptions
) -> tuple[jax.Array, jax.Array]:
  """A log-mel channel a microphone, and a correlation a pair."""
  return stacking.log_mels(spectrum, options), gcc_phat(
    spectrum, n_lags=options.n_mels, n_fft=options.n_fft
  )


def gcc_phat(
  spectrum: jax.Array,
  *,
  n_lags: int = DEFAULTS.n_mels,
  n_fft: int | None = None,
) -> jax.Array:
  """Generalised cross-correlation with phase transform of all channel pairs.

  Args:
    spectrum: Complex spectra of the channels, with shape
      `[..., channels, frames, bins]`.
    n_lags: Number of lags to keep: `-(n_lags // 2)` to
      `n_lags - n_lags // 2 - 1` samples, in this order.
    n_fft: Length of the Fourier transform of the spectra in samples; None for
      the even length `2 * (bins - 1)`.

  Returns:
    The correlations of the pairs (0, 1), (0, 2), ... in lexical order, with
    shape `[..., pairs, frames, n_lags]` and values in [-1, 1]. The peak is at
    a positive lag when the sound reaches the second channel of the pair later
    than the first. Bins without power contribute 0.

  Raises:
    ValueError: There are fewer than two channels, or more lags than `n_fft`.

  References:
    Knapp and Carter, The generalized correlation method for estimation of time
    delay, IEEE TASSP 24 (4), 1976

  See Also:
    `intensity_vector`, the spatial feature of Ambisonics.

  Example:
    A sound reaches four microphones after 0, 3, 5 and 7 samples:

    >>> from seld_jax import features
    >>> sound = np.random.default_rng(0).standard_normal(24010)
    >>> audio = jnp.stack([sound[10 - d : 24010 - d] for d in (0, 3, 5, 7)])
    >>> correlation = features.gcc_phat(features.stft(audio), n_lags=64)
    >>> correlation.shape
    (6, 50, 64)
    >>> print(correlation[:, 20].argmax(axis=-1) - 32)  # frame 20
    [3 5 7 2 4 2]
  """
  stacking.check_channels('gcc_phat', spectrum, axis=-3, count=None)
  n_fft = n_fft or 2 * (spectrum.shape[-1] - 1)
  if not 1 <= n_lags <= n_fft:
    raise ValueError(
      f'n_lags must be between 1 and n_fft = {n_fft}, got {n_lags}.'
    )
  real, imaginary = spectrum.real, spectrum.imag
  scale = unit_scale(power(spectrum))
  real, imaginary = (
    jnp.moveaxis(part * scale, -3, 0) for part in (real, imaginary)
  )
  pairs = list(itertools.combinations(range(spectrum.shape[-3]), 2))
  cross = lambda i, j: (
    real[i] * real[j] + imaginary[i] * imaginary[j],
    real[i] * imaginary[j] - imaginary[i] * real[j],
  )
  if len(pairs) <= _MOST_SINGLE_PAIRS:
    # Gathering all first and all second channels takes longer.
    parts = zip(*(cross(i, j) for i, j in pairs), strict=True)
    in_phase, across = (jnp.stack(part, axis=-3) for part in parts)
  else:
    parts = cross(*np.array(pairs).T)
    in_phase, across = (jnp.moveaxis(part, 0, -3) for part in parts)
  cosines, sines = _lag_tables(n_fft, n_lags // 2)
  multiply = lambda products, table: jnp.matmul(
    products,
    jnp.asarray(table, scale.dtype),
    precision=jax.lax.Precision.HIGHEST,
  )
  even, odd = multiply(in_phase, cosines), multiply(across, sines)
  later = (even - odd)[..., : n_lags - n_lags // 2]
  earlier = (even + odd)[..., n_lags // 2 : 0 : -1]
  return jnp.concatenate([earlier, later], axis=-1)


@functools.lru_cache(maxsize=8)
def _lag_tables(n_fft: int, max_lag: int) -> tuple[np.ndarray, np.ndarray]:
  """The inverse Fourier transform to the lags 0 to `max_lag`, as two matrices.

  A correlation is an even part, which the real parts of the bins give, minus
  an odd part, which the imaginary parts give. Only a few lags are needed, so
  that two small matrix products take a third of the time of a whole transform.
  """
  num_bins = n_fft // 2 + 1
  lag_of_bin = np.outer(np.arange(num_bins), np.arange(max_lag + 1)) % n_fft
  weight = np.full((num_bins, 1), 2 / n_fft)
  # The bins at 0 Hz and at the Nyquist frequency have no mirror image. An odd
  # length has no bin at the Nyquist frequency.
  weight[[0] if n_fft % 2 else [0, -1]] = 1 / n_fft
  angle = 2 * np.pi / n_fft * lag_of_bin
  return weight * np.cos(angle), weight * np.sin(angle)
