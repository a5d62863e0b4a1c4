"""Features of FOA and microphone-array audio: pure functions of arrays."""

from seld_jax.features.formats import (
  FORMATS,
  NUM_CHANNELS,
  foa_features,
  framewise_features,
  mic_features,
  stack,
)
from seld_jax.features.spatial import (
  gcc_phat,
  intensity_vector,
)
from seld_jax.features.spectrum import (
  log_mel,
  mel_filter_bank,
  stft,
)
from seld_jax.features.windows import (
  window_features,
)

__all__ = [
  'FORMATS',
  'NUM_CHANNELS',
  'foa_features',
  'mic_features',
  'framewise_features',
  'stack',
  'window_features',
  'gcc_phat',
  'intensity_vector',
  'log_mel',
  'mel_filter_bank',
  'stft',
]
