"""Features of first-order Ambisonics: log-mel and intensity vectors."""

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.features import stacking
from seld_jax.features.options import DEFAULTS, FeatureOptions
from seld_jax.features.spectrum import correlation, sum_bands

# Keeps norm and energy away from 0; as in the DCASE baselines.
_INTENSITY_EPS = 1e-8


def foa_features(
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
  intensity: str = DEFAULTS.intensity,
  xy_correlation: bool = DEFAULTS.xy_correlation,
) -> jax.Array:
  """Log-mel spectrograms and intensity vectors of first-order Ambisonics.

  Works under jit, vmap and grad. The defaults are those of `FeatureOptions`.

  Args:
    audio: FOA in ACN order (W, Y, Z, X), with shape `[..., 4, samples]` and
      values in [-1, 1], float32 or float64.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands.
    top_db: Each log-mel channel is clipped at this many dB below its own
      maximum; None for no clipping, which streaming needs.
    offset: Added to the audio before everything else; the DCASE 2020 baseline
      adds 1e-8.
    pad_mode: How both ends are padded: `'constant'` (zeros) or `'reflect'`.
    layout: `'aligned'`, or `'published'` for the order of the published DCASE
      2020 code, which mixes bands and channels (see `stack`).
    intensity: What the intensity vector is divided by: `'norm'` as in 2020, or
      `'energy'` as in the DCASE baselines from 2021 on (see
      `intensity_vector`).
    xy_correlation: Whether there is one more channel: the real part of the
      cross-spectrum of X and Y, summed over the bins of a band with the weights
      of its filter, divided by the square roots of both powers in the band. It
      is in [-1, 1], and 0 where one of the powers is below 1e-10, the floor of
      log-mel. With it, features can be rotated by any angle (see
      `augment.rotation`).

  Returns:
    Features with shape `[..., frames, n_mels, 7 or 8]` and the type of `audio`,
    where frames is `ceil(samples / hop_length)`: four log-mel channels in dB
    (W, Y, Z, X), then three channels of the intensity vector (Y, Z, X), each
    at most the sum of the band's mel weights, then the correlation on demand.

  Raises:
    ValueError: The audio does not have 4 channels or is not of a float type,
      or an option has an unknown value.

  References:
    Politis et al., `A Dataset of Reverberant Spatial Sound Scenes with Moving
    Sources <https://arxiv.org/abs/2006.01919>`_, 2020

  See Also:
    `mic_features` for microphone arrays; `window_features` for a part of a
    recording.

  Example:
    >>> from seld_jax import features
    >>> audio = 0.1 * jax.random.normal(jax.random.key(0), (4, 24000))  # 1 s
    >>> features.foa_features(audio).shape
    (50, 64, 7)
  """
  stacking.check_channels('foa_features', audio, axis=-2)
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
    intensity=intensity,
    xy_correlation=xy_correlation,
  )
  return stacking.features_of(audio, channels, options)


def channels(
  spectrum: jax.Array, options: FeatureOptions
) -> tuple[jax.Array, jax.Array]:
  """The log-mel channels, and intensity vectors with further channels."""
  weights = stacking.mel_filters(options)
  spatial = intensity_vector(spectrum, weights, normalisation=options.intensity)
  if options.xy_correlation:
    x, y = spectrum[..., 3, :, :], spectrum[..., 1, :, :]
    real, _ = correlation(x, y, weights)
    real = jnp.clip(real, -1, 1)[..., None, :, :]
    spatial = jnp.concatenate([spatial, real], axis=-3)
  return stacking.log_mels(spectrum, options), spatial


def intensity_vector(
  spectrum: jax.Array,
  mel_filters: jax.typing.ArrayLike,
  *,
  normalisation: str = DEFAULTS.intensity,
) -> jax.Array:
  """Direction of the active acoustic intensity in mel bands.

  For a plane wave it points to the source.

  Args:
    spectrum: Complex spectrum of FOA audio in the order W, Y, Z, X, with shape
      `[..., 4, frames, bins]`.
    mel_filters: Filter bank, with shape `[mels, bins]`.
    normalisation: What the vector of each bin is divided by: its `'norm'`
      + 1e-8, as in the DCASE baseline of 2020, or the `'energy'` of the bin,
      `1e-8 + |W|^2 + (|Y|^2 + |Z|^2 + |X|^2) / 3`, as in the baselines from
      2021 on. For one plane wave with SN3D weights the energy is 4 / 3 of the
      norm; in a diffuse field, the quotient is small.

  Returns:
    `Re(conj(W) [Y, Z, X])` of each bin, divided by the norm or the energy, and
    then summed over bins with the weights of each mel band. The shape is
    `[..., 3, frames, mels]`, in the order Y, Z, X. The norm of a vector is at
    most the sum of the weights of its band; with `'energy'`, at most sqrt(3)
    / 2 of it. Bins without power contribute 0.

  Raises:
    ValueError: The spectrum does not have 4 channels on axis -3, or there is
      no such normalisation.

  References:
    Perotin et al., CRNN-Based Multiple DoA Estimation Using Acoustic Intensity
    Features for Ambisonics Recordings, IEEE JSTSP 13 (1), 2019; Politis et
    al., `A Dataset of Dynamic Reverberant Sound Scenes with Directional
    Interferers <https://arxiv.org/abs/2106.06999>`_, 2021

  See Also:
    `gcc_phat`, the spatial feature of microphone arrays.

  Example:
    A plane wave from the left, where Y is positive:

    >>> from seld_jax import features
    >>> sound = np.random.default_rng(0).standard_normal(24000)
    >>> left = jnp.stack([sound, sound, 0 * sound, 0 * sound])  # W, Y, Z, X
    >>> filters = features.mel_filter_bank()
    >>> vectors = features.intensity_vector(features.stft(left), filters)
    >>> vectors.shape
    (3, 50, 64)
    >>> y, z, x = vectors[:, 20, 30] / filters[30].sum()  # frame 20, band 30
    >>> round(float(y), 3), float(z), float(x)
    (1.0, 0.0, 0.0)
  """
  stacking.check_channels('intensity_vector', spectrum, axis=-3)
  # One array per channel: with one array for all three, XLA on a CPU would
  # compute the norm three times.
  real, imaginary = (
    jnp.moveaxis(part, -3, 0) for part in (spectrum.real, spectrum.imag)
  )
  intensity = [
    real[0] * real[axis] + imaginary[0] * imaginary[axis] for axis in (1, 2, 3)
  ]
  if normalisation == 'norm':
    square = sum(part**2 for part in intensity)
    # The inner where keeps the gradient of the root finite in silence.
    safe = jnp.where(square > 0, square, 1.0)
    size = jnp.where(square > 0, jnp.sqrt(safe), 0)
  elif normalisation == 'energy':
    energies = [real[i] ** 2 + imaginary[i] ** 2 for i in range(4)]
    size = energies[0] + (energies[1] + energies[2] + energies[3]) / 3
  else:
    raise ValueError(
      f"normalisation must be 'norm' or 'energy', got {normalisation!r}."
    )
  scale = 1 / (size + _INTENSITY_EPS)
  vectors = jnp.stack([part * scale for part in intensity], axis=-3)
  return sum_bands(vectors, mel_filters)
