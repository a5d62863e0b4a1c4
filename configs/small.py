"""A small run on scenes of recorded sounds: 15 minutes on two CPU cores."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Like `quick`, with regularisation for a small number of sounds.

  Render the scenes first, from a folder of class/*.wav or a manifest:
  python -m seld_jax.synthesize --out=data/small --events=... --recordings=600
  """
  config = systems.small(config_lib.default())
  config.data.root = 'data/small'
  return config
