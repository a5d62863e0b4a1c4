"""Multi-ACCDOA on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Three vectors for each class, for several events of a class."""
  config = config_lib.default()
  return systems.multi_accdoa(config)
