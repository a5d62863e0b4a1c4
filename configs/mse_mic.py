"""The proposed system of the paper on the tetrahedral microphone array."""

from seld_jax import config as config_lib


def get_config():
  """Like `mse_foa`, with GCC-PHAT instead of intensity vectors."""
  config = config_lib.default()
  config.features.format = 'mic'
  return config
