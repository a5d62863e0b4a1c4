"""A small run on synthetic scenes: minutes on two CPU cores."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """A smaller version of the proposed system, on scenes of simulated rooms."""
  config = systems.quick(config_lib.default())
  config.data.root = 'data/quick'
  config.data.synthesize = 240
  config.train.evaluate_every = 250
  return config
