"""Features of FOA and microphone-array audio: pure functions of arrays.

Everything here works under jit, vmap and grad, on any number of leading batch
axes, and imports nothing of the rest of the project. Axes: audio is
`[..., channels, samples]`, a spectrum `[..., channels, frames, bins]` and
finished features `[..., frames, mels, channels]`, as a convolution wants them.
"""

import functools

import jax
import jax.numpy as jnp

from seld_jax.features.spatial import check_channels, gcc_phat, intensity_vector
from seld_jax.features.spectrum import (
  clip_decibels,
  framewise,
  log_mel,
  mel_filter_bank,
  stft,
)

__all__ = [
  'FORMATS',
  'NUM_CHANNELS',
  'foa_features',
  'framewise_features',
  'gcc_phat',
  'intensity_vector',
  'log_mel',
  'mel_filter_bank',
  'mic_features',
  'stack',
  'stft',
]


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
  check_channels('foa_features', audio, axis=-2)
  log_mels, spatial = framewise_features(
    audio,
    format='foa',
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    offset=offset,
    pad_mode=pad_mode,
  )
  return stack(clip_decibels(log_mels, top_db), spatial, layout=layout)


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
  check_channels('mic_features', audio, axis=-2)
  log_mels, spatial = framewise_features(
    audio,
    format='mic',
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    offset=offset,
    pad_mode=pad_mode,
  )
  return stack(clip_decibels(log_mels, top_db), spatial, layout=layout)


def framewise_features(
  audio: jax.Array,
  *,
  format: str,
  sample_rate: int = 24000,
  n_fft: int = 1024,
  hop_length: int = 480,
  win_length: int = 960,
  n_mels: int = 64,
  offset: float = 1e-8,
  pad_mode: str = 'constant',
) -> tuple[jax.Array, jax.Array]:
  """What a frame has of itself, before `clip_decibels` looks at all of them.

  Args:
    audio: Four channels, with shape `[..., 4, samples]`.
    format: `'foa'` or `'mic'`.
    sample_rate: As in `foa_features`, like all options that follow.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Samples from one frame to the next.
    win_length: Length of the Hann window in samples.
    n_mels: Number of mel bands.
    offset: Added to the audio first.
    pad_mode: How the edges are padded, as in `stft`.

  Returns:
    Log-mel spectrograms in dB, with shape `[..., 4, frames, n_mels]`, and the
    intensity vectors or cross-correlations, with shape
    `[..., 3 or 6, frames, n_mels]`.
  """
  mel_filters = mel_filter_bank(
    sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels
  )
  spatial = {
    'foa': functools.partial(intensity_vector, mel_filters=mel_filters),
    'mic': functools.partial(gcc_phat, n_lags=n_mels, n_fft=n_fft),
  }[format]
  return framewise(
    lambda part: (log_mel(part, mel_filters, top_db=None), spatial(part)),
    audio + jnp.asarray(offset, audio.dtype),
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    pad_mode=pad_mode,
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
