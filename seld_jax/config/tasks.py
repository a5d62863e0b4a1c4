"""The published baselines of the DCASE challenges of 2021 to 2025.

Every function changes a configuration in place and returns it, like those of
`systems`. They set dataset, features, network, output format, losses and
training as the published code has them. What differs, for reasons of method, is
what selects the checkpoint: since 2022 the published code selects it by the
scores of the test fold. Here, whole rooms of the training fold select it;
`eval.select_on_test` follows the published code.

Sources: the repositories `seld-dcase2021`, `seld-dcase2022` and
`seld-dcase2023` of S. Adavanne, and `DCASE2024_seld_baseline` and
`DCASE2025_seld_baseline` of P. Sudarsanam.
"""

from collections.abc import Callable, Mapping

from seld_jax.config.types import Config

# Share of the recordings of the training fold that select the checkpoint.
_VALIDATION_SHARE = 0.2


def dcase2021(config: Config) -> Config:
  """SELDnet with ACCDOA on TAU-NIGENS 2021.

  Args:
    config: The configuration; its `features.format` is `'foa'` or `'mic'`.

  Returns:
    The same object.
  """
  config.data.edition = '2021'
  config.data.root = 'data/tau2021'
  config.data.train_folds = (1, 2, 3, 4)
  config.data.validation_folds = (5,)
  config.data.test_folds = (6,)
  config.output.format = 'accdoa'
  config.model.name = 'seld_net'
  # As in Keras 2.2: batch normalisation of the bands, and its cell of the GRU.
  config.model.normalise_bands = True
  config.model.gru_reset_first = True
  config.model.bn_momentum = 0.99
  for name in 'conv_dropout', 'gru_dropout', 'head_dropout':
    config.model[name] = 0.0
  _train(config, window=300, batch_size=256, num_epochs=50)
  return _layers(config)


def dcase2022(config: Config) -> Config:
  """SELDnet with multi-ACCDOA on STARSS22.

  Args:
    config: The configuration; its `features.format` is `'foa'` or `'mic'`.

  Returns:
    The same object.
  """
  config.model.attention_layers = 0
  return _starss(config, edition='2022', root='data/starss22', num_epochs=100)


def dcase2023(config: Config) -> Config:
  """SELDnet with self-attention and multi-ACCDOA on STARSS23.

  Args:
    config: The configuration; its `features.format` is `'foa'` or `'mic'`.

  Returns:
    The same object.
  """
  return _starss(config, edition='2023', root='data/starss23', num_epochs=100)


def dcase2024(config: Config) -> Config:
  """Like 2023, with distances and linear outputs.

  Args:
    config: The configuration; its `features.format` is `'foa'` or `'mic'`.

  Returns:
    The same object.
  """
  config.output.distance = True
  config.output.activation = 'linear'
  return _starss(config, edition='2024', root='data/starss23', num_epochs=250)


def dcase2025(config: Config) -> Config:
  """Like 2024, for stereo clips of 5 s: azimuths and distances.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.features.format = 'stereo'
  config.features.offset = 0.0
  config.output.axes = 2
  config.output.distance = True
  config.output.activation = 'linear'
  config.loss.adpit = 'mse_by_doa'
  _starss(config, edition='2025', root='data/dcase2025', num_epochs=200)
  config.train.batch_size = 256
  config.train.evaluate_every = 60  # an epoch of 15,000 clips has 50 steps
  return config


def salsa_lite(config: Config) -> Config:
  """SALSA-Lite features of a microphone array instead of GCC-PHAT.

  Args:
    config: The configuration.

  Returns:
    The same object.
  """
  config.features.format = 'mic'
  config.features.kind = 'salsa_lite'
  # The published code keeps the bin at 2016 Hz, and no other above 2000 Hz.
  config.features.alias_frequency = 2030.0
  return config


# The tasks by the beginning of their names in `configs/`.
TASKS: Mapping[str, Callable[[Config], Config]] = {
  'dcase2021': dcase2021,
  'dcase2022': dcase2022,
  'dcase2023': dcase2023,
  'dcase2024': dcase2024,
  'dcase2025': dcase2025,
}


def _starss(
  config: Config, *, edition: str, root: str, num_epochs: int
) -> Config:
  """What the baselines since 2022 have in common."""
  config.data.edition = edition
  config.data.root = root
  config.data.train_folds = (3,)
  config.data.validation_folds = ()
  config.data.validation_share = _VALIDATION_SHARE
  config.data.test_folds = (4,)
  config.output.format = 'multi_accdoa'
  config.model.name = 'dcase_net'
  config.model.bn_momentum = 0.9
  for name in 'conv_dropout', 'gru_dropout', 'attention_dropout':
    config.model[name] = 0.05
  _train(config, window=250, batch_size=128, num_epochs=num_epochs)
  return _layers(config)


def _layers(config: Config) -> Config:
  """The sizes that all networks have in common, and the intensity."""
  model = config.model
  model.filters = (64, 64, 64)
  model.pools = ((5, 4), (1, 4), (1, 2))
  model.gru_features = 128
  model.head_features = (128,)
  if config.features.format == 'foa':
    config.features.intensity = 'energy'
  return config


def _train(
  config: Config, *, window: int, batch_size: int, num_epochs: int
) -> None:
  """Batches, learning rate and windows; no augmentation."""
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  train = config.train
  train.sampler = 'segments'
  train.batch_size = batch_size
  train.crop_frames = window
  train.num_epochs = num_epochs
  train.learning_rate = 1e-3
  train.warmup_epochs = 0
  train.decay_epochs = ()
  train.log_every = train.evaluate_every = 20
  config.eval.window = window
  config.eval.test_windows = (window,)
