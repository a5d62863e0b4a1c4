"""The DCASE 2020 baseline on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """SELDnet with its own batches, losses and schedule."""
  config = config_lib.default()
  config.features.format = 'mic'
  return systems.baseline(config)
