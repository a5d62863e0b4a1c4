"""Half an hour on two CPU cores, on scenes of real recordings."""

from seld_jax import config as config_lib


def get_config():
  """As `quick`, held back from learning few recordings by heart.

  Render the scenes first, from a folder of class/*.wav or a manifest:
  python -m seld_jax.synthesize --out=data/small --events=... --recordings=600
  """
  config = config_lib.narrow(config_lib.default())
  config.data.root = 'data/small'
  config.model.conv_dropout = 0.1
  config.model.gru_dropout = 0.1
  config.model.head_dropout = 0.2
  config.augment.num_time_masks = 2
  config.augment.max_time_width = 8
  config.augment.num_band_masks = 2
  config.augment.max_band_width = 5
  config.train.num_steps = 8000
  config.train.evaluate_every = 500
  return config
