"""The systems that the paper compares, as changes of a configuration.

Every function changes a configuration in place and returns it. The files in
`configs/` apply them to the defaults, which are the paper's proposed system.
"""

from collections.abc import Callable, Mapping

from seld_jax.config.defaults import default
from seld_jax.config.types import Config


def ce_mse(config: Config, *, doa_weight: float) -> Config:
  """The usual loss: cross-entropy for activity, squared error for directions.

  Args:
    config: The configuration.
    doa_weight: Weight of the directions; that of activity is 1. The paper has
      systems of 1 and 1000.

  Returns:
    The same object.
  """
  config.loss.sed = 'cross_entropy'
  config.loss.doa_weight = doa_weight
  return config


def baseline(config: Config) -> Config:
  """SELDnet as published for DCASE 2020: network, batches, losses, schedule.

  Its cross-entropy is averaged over the classes where ours is summed, and its
  directions are trained by the norm of their errors (`losses.doa_masked_norm`).

  Args:
    config: The configuration; the number of its classes is kept.

  Returns:
    The same object.
  """
  model, train = config.model, config.train
  model.name = 'seld_net'
  model.filters = (64, 64, 64)
  model.pools = ((5, 4), (1, 4), (1, 2))
  model.gru_features = 128
  model.head_features = (128,)
  model.conv_dropout = model.gru_dropout = model.head_dropout = 0.0
  model.bn_momentum = 0.99
  config.loss.sed = 'cross_entropy'
  config.loss.sed_weight = 1 / len(config.data.classes)
  config.loss.doa = 'masked_norm'
  config.loss.doa_weight = 1000.0
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  train.sampler = 'segments'
  train.batch_size = 256
  train.crop_frames = 300
  train.num_epochs = 50
  train.learning_rate = 1e-3
  train.warmup_epochs = 0
  train.decay_epochs = ()
  # An epoch of 400 one-minute recordings.
  train.log_every = train.evaluate_every = 15
  config.eval.window = 300
  config.eval.test_windows = (300, 100)
  return config


def submission1(config: Config) -> Config:
  """The paper's first submission: trained on more, tested on the evaluation.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.data.train_folds = (2, 3, 4, 5, 6)
  config.data.validation_folds = (1,)
  config.data.test_folds = ()
  config.data.evaluation = True
  return config


def submission2(config: Config) -> Config:
  """The paper's second submission: trained on all, its last snapshot used.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.data.train_folds = (1, 2, 3, 4, 5, 6)
  config.data.validation_folds = ()
  config.data.test_folds = ()
  config.data.evaluation = True
  return config


# The systems of the paper's Table 1 by their name in `configs/`.
SYSTEMS: Mapping[str, Callable[[Config], Config]] = {
  'baseline': baseline,
  'ce_mse_1_1000': lambda config: ce_mse(config, doa_weight=1000.0),
  'ce_mse_1_1': lambda config: ce_mse(config, doa_weight=1.0),
  'mse': lambda config: config,
  'submission1': submission1,
  'submission2': submission2,
}


def make(
  name: str, *, format: str, scale: str = 'paper', layout: str = 'aligned'
) -> Config:
  """The configuration of a system.

  Args:
    name: One of `SYSTEMS`.
    format: `'foa'` or `'mic'`.
    scale: One of `SCALES`.
    layout: `'aligned'`, or `'published'`: the scrambled features of 2020.

  Returns:
    A new, locked configuration.
  """
  config = default()
  config.features.format = format
  config.features.layout = layout
  return SCALES[scale](SYSTEMS[name](config))


def narrow(config: Config) -> Config:
  """Makes a config small enough for two CPU cores.

  Half the bands and frames of 50 ms instead of 20, three eighths of the
  filters, crops of 6 s instead of 12, and the rates that go with minutes of
  training instead of days: about 30 times less work for a second of audio. The
  baseline is narrowed likewise; its batches have twice the audio of the others,
  in segments half as long, as in the paper.

  Args:
    config: The configuration; its data, seed and balance of losses are left
      alone.

  Returns:
    The same object.
  """
  features, model, train = config.features, config.model, config.train
  features.n_fft = 2048
  features.win_length = 2048
  features.hop_length = 1200
  features.n_mels = 32
  model.conv_dropout = model.gru_dropout = model.head_dropout = 0.0
  model.bn_momentum = 0.97
  config.augment.rotate = features.layout == 'aligned'
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  train.learning_rate = 2e-3
  train.schedule = 'cosine'
  if model.name == 'seld_net':
    model.filters = (24, 24, 24)
    model.pools = ((2, 4), (1, 4), (1, 2))
    model.gru_features = 48
    model.head_features = (48,)
    train.batch_size = 128
    train.crop_frames = 60
    # A quarter of the label frames of the published batch: the norm of its
    # errors by their number is twice as large, and would outweigh activity.
    config.loss.doa_weight /= 2
    train.warmup_epochs = 1
    train.log_every = 25
    train.evaluate_every = 125
    config.eval.window = 60
  else:
    model.filters = (24, 24, 48, 48, 96, 96)
    model.pools = ((2, 2), (1, 2), (1, 2), (1, 1), (1, 2), (1, 1))
    model.gru_features = 96
    model.head_features = (192, 192)
    train.batch_size = 32
    train.crop_frames = 120
    train.warmup_epochs = 10
    train.log_every = 50
    train.evaluate_every = 250
    config.eval.window = 120
  config.eval.test_windows = (config.eval.window, 40)
  return config


def quick(config: Config) -> Config:
  """Narrow, for ten minutes of training on scenes without end.

  Nothing holds it back from learning by heart: for the procedural bank, whose
  sounds never repeat.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  narrow(config)
  _set_steps(config, 2400, num_evaluations=8)
  return config


def small(config: Config) -> Config:
  """Narrow, and held back from learning few recordings by heart.

  The paper's network gets some of its dropout and masks back; the baseline has
  none of either in the paper and gets none here.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  narrow(config)
  _set_steps(config, 4000, num_evaluations=8)
  if config.model.name == 'seld_net':
    return config
  augment = config.augment
  config.model.conv_dropout = 0.1
  config.model.gru_dropout = 0.1
  config.model.head_dropout = 0.2
  augment.num_time_masks = augment.num_band_masks = 2
  augment.max_time_width = 8
  augment.max_band_width = 5
  return config


# Sizes of every system: the paper's, and what a CPU core trains in 20 minutes,
# or in ten.
SCALES: Mapping[str, Callable[[Config], Config]] = {
  'paper': lambda config: config,
  'small': small,
  'quick': quick,
}


def _set_steps(config: Config, steps: int, *, num_evaluations: int) -> None:
  """Sets the length of a run, in steps of 32 crops of 6 s, for all alike."""
  if config.model.name == 'seld_net':  # its batches are twice as large
    steps //= 2
  config.train.num_steps = steps
  config.train.evaluate_every = steps // num_evaluations
