"""Features of FOA, microphone-array and stereo audio: functions of arrays.

They work under jit, vmap and grad, on any number of leading batch axes, and
need nothing else of the project. Audio has shape `[..., channels, samples]`, a
spectrum `[..., channels, frames, bins]`, and finished features
`[..., frames, bands, channels]`, the order of axes of a convolution.
"""

from seld_jax.features.bands import band_frequencies, num_direction_bands
from seld_jax.features.foa import foa_features, intensity_vector
from seld_jax.features.formats import (
  FORMATS,
  KINDS,
  compute,
  framewise_features,
  is_framewise,
  num_audio_channels,
  shape,
)
from seld_jax.features.mic import gcc_phat, mic_features
from seld_jax.features.options import FeatureOptions
from seld_jax.features.salsa import salsa_features
from seld_jax.features.salsa_lite import path_periods, salsa_lite_features
from seld_jax.features.spectrum import log_mel, mel_filter_bank, stft
from seld_jax.features.stacking import stack
from seld_jax.features.stereo import STEREO_CHANNELS, stereo_features
from seld_jax.features.windows import window_features

__all__ = [
  'FORMATS',
  'KINDS',
  'STEREO_CHANNELS',
  'FeatureOptions',
  'compute',
  'shape',
  'num_audio_channels',
  'foa_features',
  'mic_features',
  'stereo_features',
  'salsa_features',
  'salsa_lite_features',
  'window_features',
  'framewise_features',
  'is_framewise',
  'path_periods',
  'band_frequencies',
  'num_direction_bands',
  'stack',
  'intensity_vector',
  'gcc_phat',
  'stft',
  'mel_filter_bank',
  'log_mel',
]
