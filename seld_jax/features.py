"""Features of FOA and microphone-array audio: pure functions of arrays.

Everything here works under jit, vmap and grad, on any number of leading batch
axes, and imports nothing of the rest of the project. Axes: audio is
`[..., channels, samples]`, a spectrum `[..., channels, frames, bins]` and
finished features `[..., frames, mels, channels]`, as a convolution wants them.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.spectrum import log_mel, mel_filter_bank, power, stft

__all__ = [
  'FORMATS',
  'NUM_CHANNELS',
  'foa_features',
  'gcc_phat',
  'intensity_vector',
  'log_mel',
  'mel_filter_bank',
  'mic_features',
  'stack',
  'stft',
]

# Spectral magnitudes below this are rounding noise and have no phase: one step
# of 16-bit audio is 3e-5. They contribute nothing to phase features.
_TINY = 1e-12
# Keeps the norm of an intensity vector away from 0; as in the DCASE baseline.
_INTENSITY_EPS = 1e-8


def foa_features(
  audio: jax.Array,
  *,
  sample_rate: int = 24000,
  n_fft: int = 1024,
  hop_length: int = 480,
  win_length: int = 960,
  n_mels: int = 64,
  top_db: float | None = 80.0,
  offset: float = 1e-8,
  pad_mode: str = 'constant',
  layout: str = 'aligned',
) -> jax.Array:
  """Log-mel spectrograms and intensity vectors of first-order ambisonics.

  Args:
    audio: FOA in ACN order (W, Y, Z, X), with shape `[..., 4, samples]` and
      values in [-1, 1].
    sample_rate: Sampling rate in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Samples from one frame to the next.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands.
    top_db: Each channel is clipped this many dB under its own maximum; None
      switches that off, as streaming needs.
    offset: Added to the audio first; the DCASE 2020 baseline adds 1e-8.
    pad_mode: How the edges are padded: `'constant'` (zeros) or `'reflect'`.
    layout: `'aligned'`, or `'published'` for the scrambled order which the
      published DCASE 2020 code fed to its network (see `stack`).

  Returns:
    Features with shape `[..., frames, n_mels, 7]`, where frames is
    `ceil(samples / hop_length)`: four log-mel channels in dB (W, Y, Z, X), then
    the three of the intensity vector (Y, Z, X).

  Raises:
    ValueError: The audio has no 4 channels, or an option has no known value.

  References:
    Politis et al., `A Dataset of Reverberant Spatial Sound Scenes with Moving
    Sources <https://arxiv.org/abs/2006.01919>`_, 2020
  """
  _check_channels('foa_features', audio, axis=-2)
  log_mels, spectrum, mel_filters = _spectra(
    audio,
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    top_db=top_db,
    offset=offset,
    pad_mode=pad_mode,
  )
  return stack(log_mels, intensity_vector(spectrum, mel_filters), layout=layout)


def mic_features(
  audio: jax.Array,
  *,
  sample_rate: int = 24000,
  n_fft: int = 1024,
  hop_length: int = 480,
  win_length: int = 960,
  n_mels: int = 64,
  top_db: float | None = 80.0,
  offset: float = 1e-8,
  pad_mode: str = 'constant',
  layout: str = 'aligned',
) -> jax.Array:
  """Log-mel spectrograms and GCC-PHAT of a four-microphone array.

  Args:
    audio: The four microphones, with shape `[..., 4, samples]` and values in
      [-1, 1].
    sample_rate: As in `foa_features`, like all options that follow.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Samples from one frame to the next.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands, and of lags of the cross-correlation.
    top_db: Each log-mel channel is clipped this many dB under its maximum.
    offset: Added to the audio first.
    pad_mode: How the edges are padded: `'constant'` (zeros) or `'reflect'`.
    layout: `'aligned'` or `'published'`.

  Returns:
    Features with shape `[..., frames, n_mels, 10]`: four log-mel channels in
    dB, then the six of the cross-correlations (see `gcc_phat`).

  Raises:
    ValueError: The audio has no 4 channels, or an option has no known value.
  """
  _check_channels('mic_features', audio, axis=-2)
  log_mels, spectrum, _ = _spectra(
    audio,
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    top_db=top_db,
    offset=offset,
    pad_mode=pad_mode,
  )
  return stack(log_mels, gcc_phat(spectrum, n_lags=n_mels), layout=layout)


def intensity_vector(
  spectrum: jax.Array, mel_filters: jax.typing.ArrayLike
) -> jax.Array:
  """Direction of the active acoustic intensity in mel bands.

  Args:
    spectrum: Spectrum of FOA audio in the order W, Y, Z, X, with shape
      `[..., 4, frames, bins]`.
    mel_filters: Filter bank, with shape `[mels, bins]`.

  Returns:
    Re(conj(W) [Y, Z, X]) of every bin, divided by its own norm + 1e-8 and
    projected on the mel bands, with shape `[..., 3, frames, mels]`. A plane
    wave makes it point to its source. Bins without power contribute 0.

  Raises:
    ValueError: The spectrum has no 4 channels on axis -3.
  """
  _check_channels('intensity_vector', spectrum, axis=-3)
  omni, dipoles = spectrum[..., :1, :, :], spectrum[..., 1:, :, :]
  intensity = omni.real * dipoles.real + omni.imag * dipoles.imag
  square = jnp.sum(intensity**2, axis=-3, keepdims=True)
  # The inner where keeps the gradient of the root finite where nothing sounds.
  norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0)
  filters = jnp.asarray(mel_filters, intensity.dtype)
  return jnp.matmul(
    intensity / (norm + _INTENSITY_EPS),
    filters.T,
    precision=jax.lax.Precision.HIGHEST,
  )


def gcc_phat(spectrum: jax.Array, *, n_lags: int = 64) -> jax.Array:
  """Generalised cross-correlation with phase transform of all channel pairs.

  Args:
    spectrum: Spectra of the channels, with shape
      `[..., channels, frames, bins]`.
    n_lags: Number of lags that are kept, `-n_lags // 2 .. n_lags // 2 - 1`.

  Returns:
    The correlation of the pairs (0, 1), (0, 2), ... in lexical order, with
    shape `[..., pairs, frames, n_lags]` and values in [-1, 1]. Its peak is at a
    positive lag when the second channel of the pair hears the sound later.
    Bins without power contribute 0.

  References:
    Knapp and Carter, The generalized correlation method for estimation of time
    delay, IEEE TASSP 24 (4), 1976
  """
  square = power(spectrum)
  has_phase = square > _TINY**2
  scale = jnp.where(
    has_phase, jax.lax.rsqrt(jnp.where(has_phase, square, 1.0)), 0.0
  )
  phasors = spectrum * scale
  pairs = list(itertools.combinations(range(spectrum.shape[-3]), 2))
  first, second = map(np.array, zip(*pairs, strict=True))
  cross = jnp.conj(phasors[..., first, :, :]) * phasors[..., second, :, :]
  correlation = jnp.fft.irfft(cross, axis=-1)
  half = n_lags // 2
  return jnp.concatenate(
    [correlation[..., -half:], correlation[..., : n_lags - half]], axis=-1
  )


def stack(
  log_mels: jax.Array, spatial: jax.Array, *, layout: str = 'aligned'
) -> jax.Array:
  """Puts log-mel and spatial channels into one array for a convolution.

  Args:
    log_mels: Log-mel spectrograms, with shape `[..., a, frames, mels]`.
    spatial: Intensity vectors or GCC-PHAT, with shape `[..., b, frames, mels]`.
    layout: `'aligned'`: cell (frame, mel, channel) holds what its index says.
      `'published'`: the published DCASE 2020 code, and the paper's, flattened
      both kinds to `[frames, mels * channels]` with the channel fastest, joined
      them and read the row as `[frames, mels, a + b]`, so that most cells hold
      another band and channel. For who wants the paper to the letter.

  Returns:
    Features with shape `[..., frames, mels, a + b]`.

  Raises:
    ValueError: The layout is neither.
  """
  log_mels = jnp.moveaxis(log_mels, -3, -1)
  spatial = jnp.moveaxis(spatial, -3, -1)
  if layout == 'aligned':
    return jnp.concatenate([log_mels, spatial], axis=-1)
  if layout == 'published':
    frames, mels, channels = log_mels.shape[-3:]
    lead = log_mels.shape[:-2]
    rows = jnp.concatenate(
      [log_mels.reshape(*lead, -1), spatial.reshape(*lead, -1)], axis=-1
    )
    return rows.reshape(*lead, mels, channels + spatial.shape[-1])
  raise ValueError(f"layout must be 'aligned' or 'published', got {layout!r}.")


# Audio formats by their name in a config.
FORMATS = {'foa': foa_features, 'mic': mic_features}
NUM_CHANNELS = {'foa': 7, 'mic': 10}


def _spectra(
  audio: jax.Array,
  *,
  sample_rate: int,
  n_fft: int,
  hop_length: int,
  win_length: int,
  n_mels: int,
  top_db: float | None,
  offset: float,
  pad_mode: str,
) -> tuple[jax.Array, jax.Array, np.ndarray]:
  """Log-mel spectrograms, the spectra, and the filters between them."""
  spectrum = stft(
    audio + jnp.asarray(offset, audio.dtype),
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    pad_mode=pad_mode,
  )
  mel_filters = mel_filter_bank(
    sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels
  )
  return log_mel(spectrum, mel_filters, top_db=top_db), spectrum, mel_filters


def _check_channels(caller: str, array: jax.Array, *, axis: int) -> None:
  """All formats have four channels; anything else is a mistake."""
  if array.ndim < -axis or array.shape[axis] != 4:
    raise ValueError(
      f'{caller} needs the 4 channels of the audio on axis {axis}, '
      f'got shape {tuple(array.shape)}.'
    )
