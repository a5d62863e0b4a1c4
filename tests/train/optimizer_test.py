"""Learning rates over time, and weight decay of kernels only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seld_jax import config as config_lib
from seld_jax import train
from seld_jax.errors import InputError
from seld_jax.train import optimizer


def test_the_schedule_paper_has_the_learning_rates_of_the_paper():
  config = config_lib.default()
  rate = optimizer.make_schedule(config, steps_per_epoch=6)
  at_epoch = lambda epoch: float(np.asarray(rate(6 * epoch)))
  np.testing.assert_allclose(at_epoch(0), 2e-5, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(10), 2e-5, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(11), 2e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(199), 2e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(200), 1.6e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(600), 1.28e-4, rtol=1e-6)
  np.testing.assert_allclose(at_epoch(9999), 1.024e-4, rtol=1e-6)
  assert optimizer.total_steps(config, steps_per_epoch=6) == 60000


@pytest.mark.parametrize('hold', [0.0, 0.25, 1.0])
@pytest.mark.parametrize('warmup', [0, 10])
def test_tri_stage_rises_holds_and_falls_to_its_last_factor(warmup, hold):
  config = config_lib.default()
  train_fields = config.train
  train_fields.schedule, train_fields.num_steps = 'tri_stage', 1000
  train_fields.warmup_epochs, train_fields.warmup_factor = warmup, 0.1
  train_fields.hold_share, train_fields.final_factor = hold, 0.01
  rate = optimizer.make_schedule(config, steps_per_epoch=10)
  rates = np.asarray(jax.vmap(rate)(jnp.arange(1000)))
  rates = rates / train_fields.learning_rate
  start, end = 10 * warmup, 10 * warmup + round(hold * (1000 - 10 * warmup))
  rises = 0.1 + 0.9 * np.arange(start) / max(start, 1)
  np.testing.assert_allclose(rates[:start], rises, rtol=1e-5)
  np.testing.assert_allclose(rates[start:end], 1, rtol=1e-5)
  # Every step of the last stage multiplies by the same number.
  falls = 0.01 ** (np.arange(1000 - end) / max(1000 - end, 1))
  np.testing.assert_allclose(rates[end:], falls, rtol=1e-4)


@pytest.mark.slow
def test_weight_decay_makes_kernels_smaller_and_nothing_else(tiny_config):
  tiny_config.loss.weighting = 'uncertainty'  # parameters of the loss, too
  tiny_config.train.update(
    weight_decay=0.5, learning_rate=0.01, schedule='cosine', warmup_epochs=0
  )
  shapes = jax.eval_shape(lambda: train.create_state(tiny_config)).params
  params = jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), shapes)
  adam = optimizer.make_optimizer(tiny_config)
  gradients = jax.tree.map(jnp.zeros_like, params)
  updates, _ = adam.update(gradients, adam.init(params), params)
  decayed = set()
  for path, update in jax.tree_util.tree_leaves_with_path(updates):
    name = path[-1].key
    value = params
    for part in path:
      value = value[part.key]
    if np.any(update):
      np.testing.assert_allclose(update, -0.01 * 0.5 * value, rtol=1e-5)
      decayed.add(name)
      assert value.ndim > 1
  assert decayed == {'kernel', 'input_kernel', 'hidden_kernel'}
  kernels = [
    path[-1].key
    for path, value in jax.tree_util.tree_leaves_with_path(params)
    if path[-1].key.endswith('kernel')
  ]
  assert decayed == set(kernels)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'ema_decay': 1.0}, r'train.ema_decay must be in \[0, 1\), got 1.0'),
    ({'weight_decay': -1.0}, 'train.weight_decay must not be negative'),
    (
      {'weight_decay': 1000.0},
      'train.weight_decay = 1000.0 .*: set train.weight_decay to 50 or less',
    ),
    ({'hold_share': 1.5}, 'train.hold_share must be at most 1, got 1.5'),
    ({'final_factor': 0.0}, 'train.final_factor must be positive, got 0.0'),
    (
      {'schedule': 'tristage'},
      "'tristage' .did you mean 'tri_stage'",
    ),
  ],
)
def test_fields_out_of_range_are_refused(fields, message):
  config = config_lib.default()
  config.train.update(fields)
  with pytest.raises(InputError, match=message):
    config_lib.validate(config, num_devices=1)


def test_filters_of_conformers_decay():
  config = config_lib.default()
  config.model.name, config.model.sequence = 'composed', 'conformer'
  config.model.sequence_layers = 1
  shapes = jax.eval_shape(lambda: train.create_state(config)).params
  block = shapes['ConformerBlock_0']
  marks = optimizer.are_kernels(block)
  assert marks['depthwise']
  kept = {
    jax.tree_util.keystr(path[-1:], simple=True)
    for path, mark in jax.tree_util.tree_leaves_with_path(marks)
    if not mark
  }
  assert kept and not {name for name in kept if 'kernel' in name}
