"""Features of a part of a recording, equal to those of the whole."""

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.features import stacking
from seld_jax.features.formats import (
  check_audio,
  clips_jointly,
  framewise_channels_of,
)
from seld_jax.features.options import DEFAULTS, FeatureOptions


def window_features(
  audio: jax.Array | np.ndarray,
  num_frames: jax.typing.ArrayLike,
  *,
  format: str = 'foa',
  sample_rate: int = DEFAULTS.sample_rate,
  n_fft: int = DEFAULTS.n_fft,
  hop_length: int = DEFAULTS.hop_length,
  win_length: int = DEFAULTS.win_length,
  n_mels: int = DEFAULTS.n_mels,
  top_db: float | None = DEFAULTS.top_db,
  offset: float = DEFAULTS.offset,
  layout: str = DEFAULTS.layout,
  kind: str = DEFAULTS.kind,
  intensity: str = DEFAULTS.intensity,
  xy_correlation: bool = DEFAULTS.xy_correlation,
  num_channels: int = DEFAULTS.num_channels,
  stereo: tuple[str, ...] = DEFAULTS.stereo,
  alias_frequency: float = DEFAULTS.alias_frequency,
) -> jax.Array:
  """Features of one window of a recording, from its samples and their context.

  They equal the frames of the window in `compute` of the whole recording,
  except for `top_db`: a window is clipped below its own maximum, not below that
  of the recording.

  Args:
    audio: The samples of the window, with `n_fft // 2` samples of context
      before and after them, with shape `[channels, samples]` and values in
      [-1, 1].
    num_frames: Number of frames of the window that belong to the recording, a
      scalar of at least 1. The frames after them repeat the last of these, as
      `dataset.load_fold` does.
    format: `'foa'`, `'mic'` or `'stereo'`.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands, and of lags of each cross-correlation.
    top_db: Each log-mel channel is clipped at this many dB below its maximum
      in the window; None for no clipping.
    offset: Added to the audio before everything else.
    layout: `'aligned'` or `'published'` (see `stack`).
    kind: `'log_mel'` or `'salsa_lite'`. `'salsa'` is refused: its noise floor
      depends on all frames before.
    intensity: What intensity vectors are divided by: `'norm'` or `'energy'`.
    xy_correlation: Whether FOA has the correlation of X and Y, too.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.
    stereo: Further channels of stereo features (see `stereo_features`).
    alias_frequency: Frequency in Hz from which on the spatial channels of
      `'salsa_lite'` are 0; 0 for the published one.

  Returns:
    Features with shape `[frames, bands, channels]`, where frames is
    `ceil((samples - 2 * (n_fft // 2)) / hop_length)`, and `shape` gives the
    last two numbers.

  Raises:
    ValueError: As in `compute`, or `kind` is `'salsa'`.

  See Also:
    `compute` for whole recordings.

  Example:
    Frames 10 to 19 of a recording of one second:

    >>> from seld_jax import features
    >>> audio = jax.random.normal(jax.random.key(0), (4, 24000))
    >>> part = audio[:, 10 * 480 - 512 : 20 * 480 + 512]
    >>> window = features.window_features(part, 10, top_db=None)
    >>> window.shape
    (10, 64, 7)
    >>> whole = features.foa_features(audio, top_db=None)
    >>> bool(jnp.allclose(window, whole[10:20], atol=1e-3))
    True
  """
  options = FeatureOptions(
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    top_db=top_db,
    offset=offset,
    pad_mode='given',
    layout=layout,
    kind=kind,
    intensity=intensity,
    xy_correlation=xy_correlation,
    num_channels=num_channels,
    stereo=stereo,
    alias_frequency=alias_frequency,
  )
  channels = framewise_channels_of(format, options)
  check_audio('window_features', audio, format, options)
  parts = stacking.framewise_channels(audio, channels, options)
  frames = jnp.arange(parts[0].shape[-2])
  log_mels, spatial = (
    jnp.take(part, jnp.minimum(frames, num_frames - 1), axis=-2, mode='clip')
    for part in parts
  )
  jointly = clips_jointly(format)
  return stacking.finish(log_mels, spatial, options, jointly=jointly)
