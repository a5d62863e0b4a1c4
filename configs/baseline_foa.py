"""The DCASE 2020 baseline on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """SELDnet with its own batches, losses and schedule."""
  config = config_lib.default()
  return systems.baseline(config)
