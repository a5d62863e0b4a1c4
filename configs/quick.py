"""A small run that shows the whole job on two CPU cores in minutes."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """The paper's network and loss, narrowed, on scenes of simulated rooms."""
  config = systems.quick(config_lib.default())
  config.data.root = 'data/quick'
  config.data.synthesize = 240
  config.train.evaluate_every = 250
  return config
