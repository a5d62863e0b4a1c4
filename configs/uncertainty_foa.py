"""Learned weights of the losses on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Cross-entropy and squared error, weighted by learned variances."""
  config = config_lib.default()
  return systems.uncertainty(config)
