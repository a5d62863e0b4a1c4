"""The systems that the paper compares, later ones, and smaller versions.

Except for `make`, every function changes a configuration in place and returns
it. The files in `configs/` apply them to the defaults, which are the proposed
system of the paper.
"""

from collections.abc import Callable, Mapping

from seld_jax.config.defaults import default
from seld_jax.config.types import Config


def ce_mse(config: Config, *, doa_weight: float) -> Config:
  """Trains with the usual losses: cross-entropy for SED, squared error for DOA.

  Args:
    config: The configuration.
    doa_weight: Weight of the DOA loss; the SED loss has the weight 1. The paper
      uses 1 and 1000.

  Returns:
    The same object.
  """
  config.loss.sed = 'cross_entropy'
  config.loss.doa_weight = doa_weight
  return config


def baseline(config: Config) -> Config:
  """SELDnet as published for DCASE 2020: network, batches, losses, schedule.

  The published cross-entropy is a mean over the classes, ours is a sum:
  therefore the SED weight is 1 / classes. The DOA loss is the norm of the
  errors of a batch (`losses.doa_masked_norm`).

  Args:
    config: The configuration; its classes are kept.

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
  # One epoch of 400 one-minute recordings.
  train.log_every = train.evaluate_every = 15
  config.eval.window = 300
  config.eval.test_windows = (300, 100)
  return config


def submission1(config: Config) -> Config:
  """The first submission of the paper: five training folds, evaluation set.

  Trains on folds 2 to 6 and selects the checkpoint on fold 1.

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
  """The second submission of the paper: six training folds, evaluation set.

  Without validation, the last checkpoint is used.

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


def accdoa(config: Config) -> Config:
  """One vector for each class, whose length is the activity (ACCDOA).

  A class is active where its vector is longer than 0.5, as in Shimada et al.,
  2021 (https://arxiv.org/abs/2010.15306).

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.output.format = 'accdoa'
  config.eval.threshold = 0.5
  return config


def multi_accdoa(config: Config) -> Config:
  """Three vectors for each class, which may have three events at once.

  The threshold of 0.5 and the angle of 15 degrees, below which vectors of a
  class are one event, are those of Shimada et al., 2022
  (https://arxiv.org/abs/2110.07124).

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.output.format = 'multi_accdoa'
  config.output.num_tracks = 3
  config.output.unify = 15.0
  config.eval.threshold = 0.5
  return config


def tracks(config: Config) -> Config:
  """Two tracks, each with one event of any class at most.

  Cao et al., 2021 (https://arxiv.org/abs/2010.13092), also have as many tracks
  as TAU-NIGENS 2020 has events at once, equal weights, and a threshold of 0.5.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.output.format = 'tracks'
  config.output.num_tracks = 2
  config.loss.sed_weight = config.loss.doa_weight = 1.0
  config.eval.threshold = 0.5
  return config


def einv2(config: Config) -> Config:
  """Tracks, and a trunk for each task with soft parameter sharing.

  This is the principle of EINV2 (Cao et al., 2021), with the layers of the
  paper's network in each trunk.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.model.soft_sharing = True
  return tracks(config)


def uncertainty(config: Config) -> Config:
  """Cross-entropy and squared error, whose weights are learned.

  The log-variances of the losses are parameters of the run, as in Kendall et
  al., 2018 (https://arxiv.org/abs/1705.07115).

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.loss.weighting = 'uncertainty'
  return ce_mse(config, doa_weight=1.0)


def resnet_conformer(config: Config) -> Config:
  """The ResNet-Conformer of the winner of DCASE 2024, task 3.

  Only the network differs from the paper's system: that of
  `model.ResNetConformer`.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  model = config.model
  model.name = 'composed'
  model.trunk = 'resnet'
  model.sequence = 'conformer'
  model.filters = (24, 48, 96, 192)
  model.pools = ((1, 4), (1, 4), (1, 2), (1, 1))
  model.sequence_pool = 5
  model.head_features = (256,)
  model.conv_dropout = model.head_dropout = 0.0
  model.bn_momentum = 0.9
  # The fields of the paper's network, which this one does not use.
  usual = default().model
  for name in 'gru_features', 'gru_dropout', 'attention_features':
    model[name] = usual[name]
  return config


# The systems of Table 1 of the paper by their name in `configs/`.
SYSTEMS: Mapping[str, Callable[[Config], Config]] = {
  'baseline': baseline,
  'ce_mse_1_1000': lambda config: ce_mse(config, doa_weight=1000.0),
  'ce_mse_1_1': lambda config: ce_mse(config, doa_weight=1.0),
  'mse': lambda config: config,
  'submission1': submission1,
  'submission2': submission2,
}


# Later systems by their name in `configs/`: other output formats, learned
# weights, and another network.
LATER_SYSTEMS: Mapping[str, Callable[[Config], Config]] = {
  'accdoa': accdoa,
  'multi_accdoa': multi_accdoa,
  'tracks': tracks,
  'einv2': einv2,
  'uncertainty': uncertainty,
  'resnet_conformer': resnet_conformer,
}


def make(
  name: str, *, format: str, scale: str = 'paper', layout: str = 'aligned'
) -> Config:
  """Makes the configuration of a system.

  Args:
    name: A name in `SYSTEMS` or `LATER_SYSTEMS`.
    format: `'foa'` or `'mic'`.
    scale: A name in `SCALES`.
    layout: Layout of the features: `'aligned'`, or `'published'` for the
      scrambled order of DCASE 2020.

  Returns:
    A new, locked configuration.

  Example:
    >>> from seld_jax.config import systems
    >>> systems.make('baseline', format='mic').model.name
    'seld_net'
  """
  config = default()
  config.features.format = format
  config.features.layout = layout
  return SCALES[scale]({**SYSTEMS, **LATER_SYSTEMS}[name](config))


def narrow(config: Config) -> Config:
  """Makes a system small enough for two CPU cores.

  It has half the mel bands, frames of 50 ms instead of 20 ms, 3/8 of the
  filters, crops of 6 s instead of 12 s, and learning rates for minutes of
  training instead of days. A second of audio takes about 30 times less work.
  The baseline becomes smaller in the same way; as in the paper, its batches
  have twice the audio of the other systems, in segments of half the length.

  Args:
    config: The configuration; data, seed and balance of the losses are kept.

  Returns:
    The same object.
  """
  features, model, train = config.features, config.model, config.train
  features.n_fft = 2048
  features.win_length = 2048
  features.hop_length = 1200
  features.n_mels = 32
  is_composed = model.name == 'composed'
  model.conv_dropout = model.head_dropout = 0.0
  if not is_composed:
    model.gru_dropout = 0.0
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
    # The batch has a quarter of the published label frames. The DOA loss, a
    # norm divided by their number, would be twice as large.
    config.loss.doa_weight /= 2
    train.warmup_epochs = 1
    train.log_every = 25
    train.evaluate_every = 125
    config.eval.window = 60
  else:
    if is_composed:
      _narrow_composed(model)
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
  """A small system that trains for ten minutes on synthetic sounds.

  It has neither dropout nor masks, since sounds of the synthetic bank never
  repeat.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  narrow(config)
  _set_steps(config, 2400, num_evaluations=8)
  return config


def small(config: Config) -> Config:
  """A small system with regularisation, for a small number of recorded sounds.

  The network of the paper has some dropout and masks. The baseline has neither,
  as in the paper.

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
  if config.model.name == 'composed':
    config.model.sequence_dropout = 0.1
  else:
    config.model.gru_dropout = 0.1
  config.model.head_dropout = 0.2
  augment.num_time_masks = augment.num_band_masks = 2
  augment.max_time_width = 8
  augment.max_band_width = 5
  return config


# Sizes of a system: the one of the paper, and two that a CPU core trains in 20
# and in 10 minutes.
SCALES: Mapping[str, Callable[[Config], Config]] = {
  'paper': lambda config: config,
  'small': small,
  'quick': quick,
}


def _narrow_composed(model: Config) -> None:
  """A ResNet-Conformer whose step takes about as long as the narrowed CRNN."""
  model.filters = (12, 24, 48)
  model.pools = ((2, 4), (1, 2), (1, 2))
  model.stage_blocks = (1, 1, 1)
  model.sequence_pool = 1
  model.sequence_features = 64
  model.sequence_layers = 2
  model.sequence_dropout = 0.0
  model.attention_heads = 4
  model.head_features = (64,)


def _set_steps(config: Config, steps: int, *, num_evaluations: int) -> None:
  """Sets the length of a run in steps of 32 crops of 6 s."""
  if config.model.name == 'seld_net':  # its batches have twice the audio
    steps //= 2
  config.train.num_steps = steps
  config.train.evaluate_every = steps // num_evaluations
