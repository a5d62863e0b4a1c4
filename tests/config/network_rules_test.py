"""Rules for networks that are composed of parts."""

import pytest

from seld_jax import config as config_lib
from seld_jax.config import systems
from seld_jax.errors import InputError
from seld_jax.train import step


def composed(**fields):
  config = systems.make('resnet_conformer', format='foa')
  for name, value in fields.items():
    config.model[name] = value
  return config


@pytest.mark.parametrize(
  'fields',
  [
    {},
    {'causal': True, 'look_ahead': 3, 'attention_history': 100},
    {'trunk': 'cnn', 'sequence': 'gru_attention', 'attention_layers': 1},
    {'sequence': 'gru', 'gru_layers': 1, 'causal': True},
  ],
)
def test_parts_can_be_combined(fields):
  config = composed(**fields)
  config_lib.validate(config, num_devices=1)
  network = step.make_model(config)
  for name, value in fields.items():
    assert getattr(network, name) == value
  assert config_lib.label_pool(config) == 5


@pytest.mark.parametrize(
  ('fields', 'parts'),
  [
    ({'trunk': 'vgg'}, ['model.trunk', 'cnn, resnet']),
    (
      {'sequence': 'conformers'},
      ['model.sequence', "did you mean 'conformer'"],
    ),
    (
      {'trunk': 'cnn', 'stage_blocks': (1,)},
      ['model.stage_blocks = (1,) has no effect', 'model.trunk = cnn'],
    ),
    (
      {'sequence': 'gru', 'kernel': 9},
      ['model.kernel = 9 has no effect', 'model.sequence = gru', 'default, 7'],
    ),
    (
      {'look_ahead': 2},
      ['model.look_ahead = 2 has no effect', 'model.causal = False'],
    ),
    ({'attention_history': 9}, ['attention_history', 'model.causal = False']),
    ({'attention_features': 8}, ['attention_features', 'no such field']),
    ({'stage_blocks': (2, 2)}, ['stage_blocks has 2', 'model.filters 4']),
    ({'stage_blocks': (2, 2, 2, 0)}, ['stage_blocks[3] must be positive']),
    ({'stage_blocks': (2, 2, 2, 900)}, ['stage_blocks[3]', 'at most 100']),
    (
      {'attention_heads': 7},
      ['attention_heads = 7', 'sequence_features = 256'],
    ),
    (
      {'sequence': 'gru_attention', 'attention_heads': 7},
      ['attention_heads = 7', 'model.gru_features = 256'],
    ),
    ({'kernel': 4}, ['model.kernel = 4 must be odd', 'set it to 5']),
    ({'sequence_pool': 1}, ['model.pools and model.sequence_pool']),
    ({'sequence_pool': 300}, ['sequence_pool must be at most 256']),
    ({'sequence_features': 0}, ['sequence_features must be positive']),
    ({'sequence_layers': 101}, ['sequence_layers must be at most 100']),
    ({'look_ahead': -1, 'causal': True}, ['look_ahead must not be negative']),
    ({'sequence_dropout': 1.0}, ['sequence_dropout must be in [0, 1)']),
  ],
)
def test_parts_that_do_not_fit_are_refused(fields, parts):
  with pytest.raises(InputError) as error:
    config_lib.validate(composed(**fields), num_devices=1)
  for part in parts:
    assert part in str(error.value)


def test_other_networks_have_no_parts():
  config = config_lib.default()
  config.model.causal = True
  with pytest.raises(InputError, match='model.causal = True has no effect'):
    config_lib.validate(config, num_devices=1)
