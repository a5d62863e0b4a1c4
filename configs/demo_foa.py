"""The bundled demo network: a small ResNet-Conformer with three tracks."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Less than two hours on a CPU core; docs/demo.md has the scenes."""
  config = config_lib.default()
  systems.narrow(systems.resnet_conformer(systems.tracks(config)))
  config.output.num_tracks = 3
  config.data.root = 'data/demo'
  config.features.n_mels = 64
  config.model.pools = ((2, 4), (1, 4), (1, 2))
  config.model.sequence_features = 128
  config.model.sequence_dropout = 0.1
  config.augment.rotate = False  # the symmetries are more
  config.augment.steps = (
    'symmetries(count=16)',
    'gain(max_db=6.0)',
    'frequency_shift(max_bands=1)',
    'masks(max_time_width=8, max_band_width=5)',
  )
  config.train.batch_size = 16
  config.train.num_steps = 15000
  config.train.log_every = 100
  config.train.evaluate_every = 2500
  config.train.ema_decay = 0.999
  config.train.log_gradient_norms = False
  config.eval.watch = ('train',)
  return config
