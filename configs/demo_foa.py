"""The bundled demo network: three tracks, small, with much augmentation."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """About an hour on a CPU core; docs/demo.md has the scenes."""
  config = systems.narrow(systems.tracks(config_lib.default()))
  config.output.num_tracks = 3
  config.data.root = 'data/demo'
  config.model.conv_dropout = config.model.gru_dropout = 0.1
  config.model.head_dropout = 0.2
  config.augment.rotate = False  # the symmetries are more
  config.augment.steps = (
    'symmetries(count=16)',
    'gain(max_db=6.0)',
    'mixup(probability=0.3)',
    'frequency_shift(max_bands=1)',
    'masks(max_time_width=8, max_band_width=5)',
  )
  config.train.batch_size = 16
  config.train.num_steps = 15000
  config.train.log_every = 100
  config.train.evaluate_every = 1500
  config.train.ema_decay = 0.999
  config.train.log_gradient_norms = False
  config.eval.watch = ('train',)
  return config
