"""A small run that shows the whole job on two CPU cores in minutes."""

from seld_jax import config as config_lib


def get_config():
  """The paper's network and loss, narrowed, on scenes of simulated rooms."""
  config = config_lib.default()
  config.data.root = 'data/quick'
  config.data.synthesize = 240
  # Half the bands and frames of 50 ms instead of 20: a fifth of the work.
  config.features.n_fft = 2048
  config.features.win_length = 2048
  config.features.hop_length = 1200
  config.features.n_mels = 32
  config.model.filters = (24, 24, 48, 48, 96, 96)
  config.model.pools = ((2, 2), (1, 2), (1, 2), (1, 1), (1, 2), (1, 1))
  config.model.gru_features = 96
  config.model.head_features = (192, 192)
  config.model.conv_dropout = 0.05
  config.model.gru_dropout = 0.05
  config.model.head_dropout = 0.05
  config.model.bn_momentum = 0.97
  config.augment.rotate = True
  config.augment.num_time_masks = 0
  config.augment.num_band_masks = 0
  config.train.batch_size = 32
  config.train.crop_frames = 120
  config.train.num_steps = 2000
  config.train.learning_rate = 2e-3
  config.train.schedule = 'cosine'
  config.train.warmup_epochs = 10
  config.train.log_every = 50
  config.train.evaluate_every = 250
  config.eval.window = 120
  config.eval.test_windows = (120, 40)
  return config
