"""The first state, gradients, the learning rate, and that steps learn."""

import jax
import numpy as np
import optax
import pytest
from helpers.tiny import make_one_convolution, make_tiny

from seld_jax import config as config_lib
from seld_jax import model, train
from seld_jax.train import prepare, step_metrics
from seld_jax.train import step as train_step


def test_the_first_state_is_the_same_under_jit(tiny_config):
  make_one_convolution(tiny_config)
  eager = train.create_state(tiny_config)
  jitted = jax.jit(lambda: train.create_state(tiny_config))()
  # Another optimisation level of the compiler may round differently.
  close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
  jax.tree.map(close, eager, jitted)
  shapes = jax.eval_shape(lambda: train.create_state(tiny_config))
  for leaf, shape in zip(
    jax.tree.leaves(eager), jax.tree.leaves(shapes), strict=True
  ):
    assert (leaf.shape, leaf.dtype) == (shape.shape, shape.dtype)


def test_the_error_for_a_loss_that_is_not_finite_names_the_step(
  tiny_config, tmp_path
):
  make_one_convolution(tiny_config)
  tiny_config.train.learning_rate = 1e30
  tiny_config.train.schedule = 'paper'
  tiny_config.train.warmup_epochs = 0
  tiny_config.train.num_steps = tiny_config.train.evaluate_every = 10
  with pytest.raises(
    FloatingPointError, match=r'step \d+ is not a finite number'
  ):
    train.train_and_evaluate(tiny_config, tmp_path)
  assert not (tmp_path / 'scores.json').exists()


def test_a_gradient_that_is_not_finite_is_found_although_the_loss_is(
  tiny_config,
):
  """The loss is computed before the gradient makes the state useless."""
  metrics = step_metrics.zero_metrics(tiny_config)
  values = {
    name: np.float32(0.1)
    for name in metrics
    if name not in ('num_steps', 'failed_step')
  }
  good = step_metrics.add_metrics(metrics, values, np.int32(5))
  assert step_metrics.mean_metrics(good)['loss'] == np.float32(0.1)
  values['gradient_norm'] = np.float32(np.inf)
  added = step_metrics.add_metrics(good, values, np.int32(6))
  with pytest.raises(FloatingPointError, match='step 7 '):
    step_metrics.mean_metrics(added)


@pytest.mark.parametrize(
  ('network', 'doa'),
  [
    ('seld_crnn', 'masked_mse'),
    pytest.param('seld_net', 'masked_norm', marks=pytest.mark.slow),
  ],
)
def test_gradient_norms_are_those_of_each_loss_alone(doa, network, tiny_config):
  """They are compared with gradients of the losses, computed without a step."""
  config = make_one_convolution(tiny_config)
  config.loss.doa, config.loss.doa_weight = doa, 7.0
  if network == 'seld_net':
    config.model.attention_features = 64
    config.model.name = network
  # Without random numbers, the losses can be computed here.
  config.model.conv_dropout = config.model.gru_dropout = 0.0
  config.model.head_dropout = 0.0
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  rng = np.random.default_rng(0)
  batch = {
    'features': rng.standard_normal((2, 50, 16, 7)).astype(np.float32),
    'targets': {
      'activity': (rng.random((2, 10, 14)) < 0.2).astype(np.float32),
      'doa': rng.standard_normal((2, 10, 14, 3)).astype(np.float32),
    },
  }
  targets = batch['targets']
  state = train.create_state(config)

  def weighted_losses(params):
    outputs, _ = train_step.make_model(config).apply(
      {'params': params, 'batch_stats': state.batch_stats},
      batch['features'],
      train=True,
      mutable=['batch_stats'],
    )
    errors = (outputs['doa'] - targets['doa']) ** 2
    total = (targets['activity'][..., None] * errors).sum()
    count = 3 * targets['activity'].sum()
    doa_loss = {
      'masked_mse': total / count,
      'masked_norm': total**0.5 / count,
    }[doa]
    sed_loss = ((outputs['sed'] - targets['activity']) ** 2).mean()
    return sed_loss, 7.0 * doa_loss

  def norms_at_the_shared_layer(params):
    gradients = jax.jacrev(weighted_losses)(params)
    layers = [tree[model.last_shared_layer(tree)] for tree in gradients]
    return [optax.tree.norm(layer) for layer in layers]

  expected = jax.jit(norms_at_the_shared_layer)(state.params)
  assert 'sed_shared_gradient' not in state.metrics
  config.train.log_gradient_norms = True
  state = state.replace(metrics=step_metrics.zero_metrics(config))
  found = jax.jit(train.make_train_step(config))(state, batch).metrics
  for task, norm in zip(('sed', 'doa'), expected, strict=True):
    np.testing.assert_allclose(
      found[f'{task}_shared_gradient'], norm, rtol=1e-3
    )


@pytest.mark.parametrize(
  ('sed', 'doa'),
  [
    ('mse', 'masked_mse'),
    *(
      pytest.param(sed, doa, marks=pytest.mark.slow)
      for sed, doa in (
        ('cross_entropy', 'masked_norm'),
        ('mse', 'mse'),
        ('mse', 'masked_norm'),
        ('cross_entropy', 'masked_mse'),
        ('cross_entropy', 'mse'),
        ('focal', 'cosine'),
        ('asymmetric_focal', 'masked_mse'),
        ('soft_f1', 'angular'),
      )
    ),
  ],
)
def test_training_with_any_loss_overfits_one_batch(sed, doa, tiny_root):
  """In 200 steps on the same two crops, the loss falls to a small part."""
  config = make_tiny(config_lib.default(), tiny_root)
  config.loss.sed, config.loss.doa = sed, doa
  config.train.schedule = 'paper'
  config.train.warmup_epochs = 0
  config.train.learning_rate = 1e-2
  config.model.gru_features = 16
  config.model.conv_dropout = 0.0
  config.model.head_dropout = 0.0
  config.augment.num_time_masks = config.augment.num_band_masks = 0
  data = prepare.load_data(config)
  fold = data.train
  assert isinstance(fold.features, np.ndarray)
  targets = {
    name: np.stack([values[:10], values[40:50]])
    for name, values in fold.targets.items()
  }
  targets['activity'][:, 5:, 3] = 1
  targets['doa'][:, 5:, 3] = [0, 0.6, 0.8]
  batch = {
    'features': np.stack([fold.features[:50], fold.features[200:250]]),
    'targets': targets,
  }
  step = jax.jit(train.make_train_step(config))
  state = train.create_state(config, statistics=data.statistics)
  losses = []
  for _ in range(200):
    state = step(
      state.replace(metrics=step_metrics.zero_metrics(config)), batch
    )
    losses.append(float(state.metrics['loss']))
  # An angle falls like the root of a squared error.
  most = 0.2 if doa == 'angular' else 0.1
  assert np.mean(losses[-5:]) < most * losses[0]
