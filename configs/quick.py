"""A small run that shows the whole job on two CPU cores in minutes."""

from seld_jax import config as config_lib
from seld_jax import systems


def get_config():
  """The paper's network and loss, narrowed, on scenes of simulated rooms."""
  config = systems.narrow(config_lib.default())
  config.data.root = 'data/quick'
  config.data.synthesize = 240
  config.train.num_steps = 2400
  return config
