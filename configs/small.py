"""A quarter of an hour on two CPU cores, on scenes of real recordings."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """As `quick`, held back from learning few recordings by heart.

  Render the scenes first, from a folder of class/*.wav or a manifest:
  python -m seld_jax.synthesize --out=data/small --events=... --recordings=600
  """
  config = systems.small(config_lib.default())
  config.data.root = 'data/small'
  return config
