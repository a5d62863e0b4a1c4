"""The audio formats by their name in a config: 'foa' and 'mic'."""

import jax
import numpy as np

from seld_jax.features import foa, mic, stacking
from seld_jax.features.options import DEFAULTS, FeatureOptions

# Feature function, number of feature channels, and spatial channels of each.
FORMATS = {'foa': foa.foa_features, 'mic': mic.mic_features}
NUM_CHANNELS = {'foa': 7, 'mic': 10}
SPATIAL = {'foa': foa.spatial, 'mic': mic.spatial}


def framewise_features(
  audio: jax.Array | np.ndarray,
  *,
  format: str,
  sample_rate: int = DEFAULTS.sample_rate,
  n_fft: int = DEFAULTS.n_fft,
  hop_length: int = DEFAULTS.hop_length,
  win_length: int = DEFAULTS.win_length,
  n_mels: int = DEFAULTS.n_mels,
  offset: float = DEFAULTS.offset,
  pad_mode: str = DEFAULTS.pad_mode,
) -> tuple[jax.Array, jax.Array]:
  """The features before clipping: each frame depends on its own samples only.

  Clipping by `top_db` depends on the maximum over all frames, and is left out.

  Args:
    audio: Four channels, with shape `[..., 4, samples]` and values in [-1, 1].
    format: `'foa'` or `'mic'`.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands, and of lags of each cross-correlation.
    offset: Added to the audio before everything else.
    pad_mode: How both ends are padded: `'constant'`, `'reflect'` or `'given'`
      (see `stft`).

  Returns:
    Log-mel spectrograms in dB, with shape `[..., 4, frames, n_mels]`, and
    intensity vectors (`'foa'`) or cross-correlations (`'mic'`), with shape
    `[..., 3 or 6, frames, n_mels]`. `stack` puts them into one array.

  Example:
    >>> from seld_jax import features
    >>> log_mels, correlations = features.framewise_features(
    ...   jnp.zeros((4, 24000)), format='mic'
    ... )
    >>> log_mels.shape, correlations.shape
    ((4, 50, 64), (6, 50, 64))
  """
  options = FeatureOptions(
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    offset=offset,
    pad_mode=pad_mode,
  )
  return stacking.framewise_channels(audio, SPATIAL[format], options)
