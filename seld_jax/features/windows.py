"""Features of a window that was cut out of a recording, as of the whole."""

import jax
import jax.numpy as jnp

from seld_jax.features import formats
from seld_jax.features.spectrum import clip_decibels


def window_features(
  audio: jax.Array,
  num_frames: jax.typing.ArrayLike,
  *,
  format: str = 'foa',
  sample_rate: int = 24000,
  n_fft: int = 1024,
  hop_length: int = 480,
  win_length: int = 960,
  n_mels: int = 64,
  top_db: float | None = 80.0,
  offset: float = 1e-8,
  layout: str = 'aligned',
) -> jax.Array:
  """Features of one window, given the samples around it.

  They are those that `features.FORMATS[format]` computes of the whole recording
  in these frames, but for `top_db`: a window is clipped under its own maximum,
  whatever comes before or after it.

  Args:
    audio: The window and `n_fft // 2` samples before and after it, with shape
      `[4, samples]`.
    num_frames: Frames that belong to the recording, a scalar of at least 1;
      those after them repeat the last, as `dataset.load_fold` fills.
    format: `'foa'` or `'mic'`.
    sample_rate: As in `features.foa_features`, like all options that follow.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Samples from one frame to the next.
    win_length: Length of the Hann window in samples.
    n_mels: Number of mel bands.
    top_db: Largest distance to the maximum of the window's own channel.
    offset: Added to the audio first.
    layout: `'aligned'` or `'published'`.

  Returns:
    Features with shape `[frames, n_mels, channels]`, where frames is
    `ceil((samples - 2 (n_fft // 2)) / hop_length)`.
  """
  parts = formats.framewise_features(
    audio,
    format=format,
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    offset=offset,
    pad_mode='given',
  )
  frames = jnp.arange(parts[0].shape[-2])
  log_mels, spatial = (
    jnp.take(part, jnp.minimum(frames, num_frames - 1), axis=-2, mode='clip')
    for part in parts
  )
  return formats.stack(clip_decibels(log_mels, top_db), spatial, layout=layout)
