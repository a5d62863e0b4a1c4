"""The systems of the paper, later ones, and small versions of them."""

import pathlib

import jax.numpy as jnp
import pytest
from helpers.config_files import load

from seld_jax import config as config_lib
from seld_jax import model
from seld_jax.config import systems

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'
everywhere = [
  pytest.param(name, format, id=f'{name}_{format}')
  for name in (*systems.SYSTEMS, *systems.LATER_SYSTEMS)
  for format in ('foa', 'mic')
]


def differences(config, other):
  """Fields that differ, with the values of the first."""
  one, two = config_lib.to_dict(config), config_lib.to_dict(other)
  return {
    f'{section}.{name}': value
    for section, fields in one.items()
    if isinstance(fields, dict)
    for name, value in fields.items()
    if two[section][name] != value
  }


@pytest.mark.parametrize(('name', 'format'), everywhere)
def test_every_config_file_is_a_system(name, format):
  path = CONFIGS / f'{name}_{format}.py'
  assert load(path) == systems.make(name, format=format)
  assert 5 <= len(path.read_text().splitlines()) <= 20


@pytest.mark.parametrize('scale', systems.SCALES)
@pytest.mark.parametrize('layout', ['aligned', 'published'])
@pytest.mark.parametrize(('name', 'format'), everywhere)
def test_every_system_is_valid_at_every_scale(name, format, layout, scale):
  config = systems.make(name, format=format, scale=scale, layout=layout)
  config_lib.validate(
    config, num_devices=1, num_recordings=400, num_segments=4000
  )
  assert config.is_locked


@pytest.mark.parametrize('scale', systems.SCALES)
def test_systems_with_other_losses_differ_in_the_losses_only(scale):
  mse = systems.make('mse', format='foa', scale=scale)
  for name, weight in ('ce_mse_1_1', 1.0), ('ce_mse_1_1000', 1000.0):
    changed = differences(systems.make(name, format='foa', scale=scale), mse)
    changed.setdefault('loss.doa_weight', 1.0)
    assert changed == {
      'loss.sed': 'cross_entropy',
      'loss.doa_weight': weight,
    }


@pytest.mark.parametrize('scale', ['small', 'quick'])
def test_the_baseline_trains_on_as_much_audio_as_the_others(scale):
  seconds = {}
  for name in 'mse', 'baseline':
    config = systems.make(name, format='foa', scale=scale)
    train, features = config.train, config.features
    crop = train.crop_frames * features.hop_length / features.sample_rate
    seconds[name] = crop * train.batch_size * train.num_steps
    evaluations = train.num_steps // train.evaluate_every
    assert evaluations == 8
  assert seconds['mse'] == seconds['baseline']


@pytest.mark.parametrize('scale', ['small', 'quick'])
def test_small_baselines_balance_their_losses_like_the_published_one(scale):
  """The DOA loss is sqrt(masked_mse / n), with n label frames in a batch."""
  weights = []
  for config in (
    systems.make('baseline', format='foa'),
    systems.make('baseline', format='foa', scale=scale),
  ):
    frames = config.train.crop_frames // config_lib.label_pool(config)
    n = config.train.batch_size * frames
    weights.append(config.loss.doa_weight / n**0.5)
  assert weights[0] == pytest.approx(weights[1])


def test_submissions_have_the_papers_folds():
  one = systems.make('submission1', format='mic').data
  two = systems.make('submission2', format='mic').data
  assert (one.train_folds, one.validation_folds) == ((2, 3, 4, 5, 6), (1,))
  assert (two.train_folds, two.validation_folds) == ((1, 2, 3, 4, 5, 6), ())
  assert one.test_folds == two.test_folds == ()
  assert one.evaluation and two.evaluation


@pytest.mark.parametrize('scale', systems.SCALES)
def test_later_systems_differ_in_output_and_losses_or_network_only(scale):
  """So that a comparison with the paper's system shows nothing else."""
  mse = systems.make('mse', format='foa', scale=scale)
  changed = {
    name: differences(systems.make(name, format='foa', scale=scale), mse)
    for name in systems.LATER_SYSTEMS
  }
  of_network = changed.pop('resnet_conformer')
  assert of_network['model.name'] == 'composed'
  assert all(name.startswith('model.') for name in of_network)
  assert changed == {
    'accdoa': {'output.format': 'accdoa'},
    'multi_accdoa': {'output.format': 'multi_accdoa'},
    'tracks': {'output.format': 'tracks', 'output.num_tracks': 2},
    'einv2': {
      'output.format': 'tracks',
      'output.num_tracks': 2,
      'model.soft_sharing': True,
    },
    'uncertainty': {
      'loss.sed': 'cross_entropy',
      'loss.weighting': 'uncertainty',
    },
  }


def test_later_systems_are_not_in_the_table_of_the_paper():
  assert not set(systems.SYSTEMS) & set(systems.LATER_SYSTEMS)


def test_the_resnet_conformer_is_that_of_the_model():
  """The fields of the config give the defaults of `model.ResNetConformer`."""
  config = systems.make('resnet_conformer', format='foa')
  usual = model.ResNetConformer()
  unused = model.unused_fields(
    trunk=usual.trunk, sequence=usual.sequence, causal=usual.causal
  )
  for name in config_lib.model_fields(config):
    if name in unused:
      continue
    expected = getattr(usual, name)
    found = config.model[name]
    if name == 'dtype':
      found = jnp.dtype(found)
    assert found == expected, name
