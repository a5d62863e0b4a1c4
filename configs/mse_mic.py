"""The paper's proposed system on the tetrahedral microphone array."""

from seld_jax import config as config_lib


def get_config():
  """As `mse_foa`, with GCC-PHAT in place of intensity vectors."""
  config = config_lib.default()
  config.features.format = 'mic'
  return config
