"""Refuses values that work, but cannot lead to a useful network.

Without these rules, such a run would train for hours and end with meaningless
scores, without any warning.
"""

import decimal
import itertools
from collections.abc import Sequence
from typing import Any

from seld_jax import features
from seld_jax.config.defaults import default, feature_options
from seld_jax.config.types import Config
from seld_jax.errors import InputError, shown

# Below this threshold, nearly every class is active in every frame.
_LEAST_THRESHOLD = 0.01

# Above this threshold, hardly any output is active.
_LARGEST_THRESHOLD = 0.999

# Above these, a network learns nothing: its values are dropped, or statistics
# of its features hardly change.
_LARGEST_DROPOUT = 0.95
_LARGEST_MOMENTUM = 0.9999

# Largest part of a kernel that weight decay may remove in a step.
_LARGEST_SHRINKAGE = 0.01

# Zeros that may be added to a window, as a factor of its length.
_MOST_PADDING = 16

# Least share of the audio that the windows cover.
_LEAST_COVERED = 0.25

# Least dynamic range of features in dB; with less, all values are equal.
_LEAST_RANGE = 1.0


# Fields of `config.train` that only some schedules use, and a value that asks
# for nothing beside the default.
_OF_SCHEDULES = {
  'decay_epochs': ('paper', ()),
  'decay_factor': ('paper', 1.0),
  'hold_share': ('tri_stage', 0.0),
  'final_factor': ('tri_stage', 1.0),
}


def unused_schedule_fields(schedule: str) -> list[str]:
  """The fields of `config.train` that a schedule does not use.

  Args:
    schedule: A value of `config.train.schedule`.

  Returns:
    Their names.

  Example:
    >>> from seld_jax import config
    >>> config.unused_schedule_fields('cosine')[:2]
    ['decay_epochs', 'decay_factor']
  """
  return [name for name, (one, _) in _OF_SCHEDULES.items() if one != schedule]


def check_sense(config: Config) -> None:
  """Checks that training can lead to a useful network.

  Args:
    config: The configuration; every value is in its range.

  Raises:
    InputError: A value makes no sense; the message names the field, says what
      it would lead to, and what to set instead.
  """
  _check_features(config)
  _check_classes(config)
  _check_training(config)
  _check_schedule(config, default())
  for name, values in {
    'data.train_folds': config.data.train_folds,
    'data.validation_folds': config.data.validation_folds,
    'data.validation_rooms': config.data.validation_rooms,
    'data.test_folds': config.data.test_folds,
    'eval.test_windows': config.eval.test_windows,
    'eval.watch': config.eval.watch,
  }.items():
    twice = _repeated(values)
    _refuse_if(
      bool(twice),
      f'{name} = {shown(tuple(values))} contains {twice} twice: remove one.',
    )


def _check_features(config: Config) -> None:
  feats, augment = config.features, config.augment
  _refuse_if(
    feats.win_length < _LEAST_COVERED * feats.hop_length,
    f'features.win_length = {feats.win_length} covers less than a quarter of '
    f'features.hop_length = {feats.hop_length}; the audio between the windows '
    'would be ignored: set features.win_length to '
    f'{feats.hop_length} or more.',
  )
  longest = _MOST_PADDING * feats.win_length
  _refuse_if(
    feats.n_fft > longest,
    f'features.n_fft = {feats.n_fft} would fill windows of '
    f'features.win_length = {feats.win_length} with so many zeros that their '
    f'spectra take very long: set features.n_fft to {longest} or less.',
  )
  bins = feats.n_fft // 2 + 1
  _refuse_if(
    feats.kind == 'log_mel' and feats.n_mels > bins,
    f'features.n_mels = {feats.n_mels} is more than the {bins} frequencies of '
    f'features.n_fft = {feats.n_fft}, so that bands would be empty: set '
    f'features.n_mels to {bins} or less.',
  )
  _refuse_if(
    0 < feats.top_db < _LEAST_RANGE,
    f'features.top_db = {feats.top_db} would make all features of a recording '
    f'equal: use {_LEAST_RANGE:g} dB or more, or 0 for no limit.',
  )
  _refuse_if(
    feats.offset >= 1,
    f'features.offset = {feats.offset} must be less than 1, the full scale of '
    'the audio that it is added to.',
  )
  bands, _ = features.shape(**feature_options(config))
  is_mel = feats.kind == 'log_mel'
  for masks, size, field in (
    ('time', config.train.crop_frames, 'train.crop_frames'),
    ('band', bands, 'features.n_mels' if is_mel else 'the number of bands'),
  ):
    if augment.steps:  # these have masks of their own
      break
    if not augment[f'num_{masks}_masks']:
      continue
    for name, what in (
      (f'num_{masks}_masks', 'more masks leave'),
      (f'max_{masks}_width', 'a wider mask leaves'),
    ):
      _refuse_if(
        augment[name] > size,
        f'augment.{name} = {augment[name]} must be at most {field} = {size}: '
        f'{what} nothing of an example.',
      )


def _check_classes(config: Config) -> None:
  for index, name in enumerate(config.data.classes):
    _refuse_if(
      not name.strip() or not name.isprintable(),
      f'data.classes[{index}] must be a name with at least one visible '
      f'character and no control characters, got {shown(name)}.',
    )


def _check_training(config: Config) -> None:
  train, loss = config.train, config.loss
  _refuse_if(
    config.eval.threshold < _LEAST_THRESHOLD,
    f'eval.threshold = {config.eval.threshold} would make every class active '
    f'in every frame: use {_LEAST_THRESHOLD} or more, such as 0.5.',
  )
  _refuse_if(
    config.eval.threshold > _LARGEST_THRESHOLD,
    f'eval.threshold = {config.eval.threshold} would make hardly any class '
    f'active: use {_LARGEST_THRESHOLD} or less, such as 0.5.',
  )
  model = config.model
  for name, largest in (
    ('conv_dropout', _LARGEST_DROPOUT),
    ('gru_dropout', _LARGEST_DROPOUT),
    ('attention_dropout', _LARGEST_DROPOUT),
    ('sequence_dropout', _LARGEST_DROPOUT),
    ('head_dropout', _LARGEST_DROPOUT),
    ('bn_momentum', _LARGEST_MOMENTUM),
  ):
    _refuse_if(
      model[name] > largest,
      f'model.{name} = {model[name]} would keep the network from learning: use '
      f'{largest} or less.',
    )
  _refuse_if(
    loss.sed_weight == 0 and loss.doa_weight == 0,
    'loss.sed_weight and loss.doa_weight are both 0, so that neither activity '
    'nor directions would be learned: set at least one of them above 0.',
  )
  for task in ('sed', 'doa', *(['distance'] if config.output.distance else [])):
    _refuse_if(
      loss.weighting != 'fixed' and loss[f'{task}_weight'] == 0,
      f'loss.{task}_weight is 0, but loss.weighting = {loss.weighting} weighs '
      f'this loss against the others: set loss.{task}_weight above 0, or '
      'loss.weighting to fixed.',
    )
  _refuse_if(
    loss.distance_weight == 0,
    'loss.distance_weight = 0 would leave the predicted distances untrained: '
    'set it above 0, or set output.distance to False.',
  )
  _refuse_if(
    train.warmup_factor == 0
    and train.num_steps == 0
    and 0 < train.num_epochs <= train.warmup_epochs
    and train.schedule == 'paper',
    f'train.warmup_factor is 0 and train.warmup_epochs = {train.warmup_epochs} '
    f'is not less than train.num_epochs = {train.num_epochs}, so that nothing '
    'would be learned: reduce train.warmup_epochs.',
  )
  _refuse_if(
    train.decay_factor == 0 and bool(train.decay_epochs),
    f'train.decay_factor is 0, so that nothing would be learned from epoch '
    f'{min(train.decay_epochs, default=0)} on: set it above 0.',
  )
  _refuse_if(
    train.weight_decay * train.learning_rate > _LARGEST_SHRINKAGE,
    f'train.weight_decay = {train.weight_decay} times train.learning_rate = '
    f'{train.learning_rate} is the part of each kernel that a step removes; '
    f'more than {_LARGEST_SHRINKAGE} would leave nothing of what was learned: '
    'set train.weight_decay to '
    f'{_rounded_down(_LARGEST_SHRINKAGE / train.learning_rate)} or less.',
  )
  epochs = tuple(train.decay_epochs)
  _refuse_if(
    any(first >= second for first, second in itertools.pairwise(epochs)),
    f'train.decay_epochs = {epochs} must be in ascending order: set it to '
    f'{tuple(sorted(set(epochs)))}.',
  )


def _check_schedule(config: Config, example: Config) -> None:
  for name in unused_schedule_fields(config.train.schedule):
    schedule, nothing = _OF_SCHEDULES[name]
    value, default_value = config.train[name], example.train[name]
    _refuse_if(
      value not in (default_value, nothing),
      f'train.{name} = {shown(value)} has no effect, because train.schedule = '
      f'{config.train.schedule} does not use it; set '
      f'--config.train.schedule={schedule}, or leave train.{name} at its '
      f'default, {shown(default_value)}.',
    )


def _rounded_down(value: float) -> str:
  """A number with four digits that is not above the value."""
  context = decimal.Context(prec=4, rounding=decimal.ROUND_FLOOR)
  return f'{float(context.create_decimal(value)):g}'


def _repeated(values: Sequence[Any]) -> str:
  """The values that occur more than once, as text."""
  found = {repr(value) for value in values if list(values).count(value) > 1}
  return ' and '.join(sorted(found))


def _refuse_if(is_wrong: bool, message: str) -> None:
  if is_wrong:
    raise InputError(message)
