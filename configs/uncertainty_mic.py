"""Learned weights of the losses on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Cross-entropy and squared error, weighted by learned variances."""
  config = config_lib.default()
  config.features.format = 'mic'
  return systems.uncertainty(config)
