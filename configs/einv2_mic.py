"""Two tracks and two trunks, as in EINV2, on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Two tracks; activity and directions have a trunk each."""
  config = config_lib.default()
  config.features.format = 'mic'
  return systems.einv2(config)
