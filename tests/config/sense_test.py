"""Values that work but cannot lead to a useful network are refused."""

import pytest

from seld_jax import config as config_lib
from seld_jax.errors import InputError


def changed(fields):
  config = config_lib.default()
  for path, value in fields.items():
    section, _, name = path.rpartition('.')
    (config[section] if section else config)[name] = value
  return config


NONSENSE = [
  ({'eval.threshold': 0.0}, ['eval.threshold', '0.01 or more']),
  ({'eval.threshold': 1e-9}, ['eval.threshold', '0.01 or more']),
  ({'eval.threshold': 0.9999999999}, ['eval.threshold', '0.999 or less']),
  ({'model.conv_dropout': 0.9999999}, ['model.conv_dropout', '0.95 or less']),
  ({'model.bn_momentum': 0.99999999999}, ['bn_momentum', '0.9999 or less']),
  ({'augment.max_time_width': 10**9}, ['augment.max_time_width', 'at most']),
  ({'features.n_fft': 1000000}, ['features.n_fft', 'or less']),
  ({'features.win_length': 1}, ['features.win_length = 1', '480 or more']),
  ({'features.n_mels': 4000}, ['4000', '513 or less']),
  ({'features.top_db': 1e-3}, ['features.top_db', '1 dB or more', '0 for no']),
  ({'features.offset': 2.0}, ['features.offset = 2.0', 'less than 1']),
  ({'data.classes': ('a', '')}, ['data.classes[1]', "''"]),
  ({'data.classes': (' ',)}, ['data.classes[0]', "' '"]),
  ({'data.classes': ('a\n',)}, ['data.classes[0]', r"'a\n'"]),
  ({'data.train_folds': (3, 3)}, ['data.train_folds', '3 twice: remove one']),
  ({'data.test_folds': (1, 1)}, ['data.test_folds', '1 twice: remove one']),
  ({'eval.test_windows': (600, 600)}, ['eval.test_windows', '600 twice']),
  ({'eval.watch': ('test', 'test')}, ['eval.watch', "'test' twice"]),
  (
    {'loss.sed_weight': 0.0, 'loss.doa_weight': 0.0},
    ['loss.sed_weight', 'loss.doa_weight', 'nor directions'],
  ),
  (
    {'loss.weighting': 'uncertainty', 'loss.sed_weight': 0.0},
    ['loss.sed_weight is 0', 'loss.weighting = uncertainty', 'fixed'],
  ),
  (
    {
      'loss.weighting': 'dynamic',
      'output.distance': True,
      'loss.distance_weight': 0.0,
    },
    ['loss.distance_weight is 0', 'loss.weighting = dynamic'],
  ),
  (
    {'output.distance': True, 'loss.distance_weight': 0.0},
    ['loss.distance_weight = 0', 'untrained', 'output.distance to False'],
  ),
  ({'train.decay_epochs': (3, 2)}, ['train.decay_epochs', 'set it to (2, 3)']),
  ({'train.decay_epochs': (2, 2)}, ['train.decay_epochs', 'set it to (2,)']),
  (
    {'train.schedule': 'cosine', 'train.decay_epochs': (1,)},
    ['train.decay_epochs = (1,) has no effect', 'schedule=paper'],
  ),
  (
    {'train.learning_rate': 6e-4, 'train.weight_decay': 20.0},
    ['train.weight_decay', 'to 16.66 or less'],
  ),
  (
    {'train.hold_share': 0.9},
    ['train.hold_share = 0.9 has no effect', 'schedule=tri_stage'],
  ),
  (
    {'train.warmup_factor': 0.0, 'train.num_epochs': 5},
    ['train.warmup_factor', 'reduce train.warmup_epochs'],
  ),
  (
    {'train.decay_factor': 0.0},
    ['train.decay_factor is 0', 'from epoch 200 on'],
  ),
  (
    {'augment.num_time_masks': 10**9},
    ['augment.num_time_masks', 'at most train.crop_frames = 600'],
  ),
  (
    {'augment.num_band_masks': 65},
    ['augment.num_band_masks', 'at most features.n_mels = 64'],
  ),
]


@pytest.mark.parametrize(
  ('fields', 'words'), NONSENSE, ids=lambda value: str(list(value))[:40]
)
def test_training_with_such_values_is_refused_and_the_remedy_is_named(
  fields, words
):
  with pytest.raises(InputError) as error:
    config_lib.validate(changed(fields), num_devices=1)
  for word in words:
    assert word in str(error.value)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('fields', [fields for fields, _ in NONSENSE], ids=str)
def test_a_network_that_was_trained_with_them_can_still_be_used(fields):
  config_lib.validate(changed(fields), num_devices=1, for_training=False)


@pytest.mark.parametrize(
  'fields',
  [
    {'eval.threshold': 0.01},
    {'loss.weighting': 'dynamic', 'loss.temperature': 5.0},
    {'loss.weighting': 'uncertainty', 'loss.sed_weight': 0.1},
    {'features.win_length': 120},
    {'features.top_db': 0.0},
    {'loss.sed_weight': 0.0},
    {'loss.doa_weight': 0.0},
    {'loss.weighting': 'uncertainty', 'loss.doa_weight': 0.5},
    {'train.decay_epochs': ()},
    {'train.decay_epochs': (), 'train.schedule': 'cosine'},
    {'train.learning_rate': 6e-4, 'train.weight_decay': 16.66},
    {
      'train.crop_frames': 5,
      'augment.num_time_masks': 0,
      'augment.num_band_masks': 0,
    },
    {'train.schedule': 'tri_stage', 'train.hold_share': 0.9},
    {'train.warmup_factor': 0.0},
    {'data.classes': ('female speech, woman speaking', 'Tür')},
  ],
  ids=str,
)
def test_unusual_values_that_make_sense_are_accepted(fields):
  config_lib.validate(changed(fields), num_devices=1)
