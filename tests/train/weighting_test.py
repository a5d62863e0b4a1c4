"""The loss of a step: shares of devices, learned and dynamic weights."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seld_jax import config as config_lib
from seld_jax.train import step_metrics, weighting

DEVICES = 4
WEIGHTS = {'sed_mse': 3.0, 'doa_masked_mse': 0.5}
LOG_VARIANCES = {'sed_mse': -0.7, 'doa_masked_mse': 1.3}


def make_config(kind):
  config = config_lib.default()
  config.loss.weighting = kind
  config.loss.sed_weight, config.loss.doa_weight = WEIGHTS.values()
  return config


def after(config, losses, steps_per_epoch):
  """The history after steps with these losses, of shape `[steps, 2]`."""
  history = weighting.zero_history(config)
  for step, values in enumerate(np.asarray(losses, np.float32)):
    history = weighting.add_to_history(
      history,
      dict(zip(WEIGHTS, values, strict=True)),
      step=jnp.int32(step),
      steps_per_epoch=steps_per_epoch,
    )
  return history


@pytest.mark.parametrize('steps', [1, 3])
def test_dynamic_weights_compare_the_means_of_the_last_two_epochs(steps):
  """They are 1 for two epochs, and the same in all steps of an epoch."""
  config = make_config('dynamic')
  losses = np.random.default_rng(0).uniform(0.1, 2, (4 * steps, 2))
  means = losses.reshape(4, steps, 2).mean(axis=1)
  terms = {'sed_mse': jnp.float32(0.3), 'doa_masked_mse': jnp.float32(0.9)}
  for step in range(len(losses) + 1):
    factors, epoch = np.ones(2), step // steps
    if epoch > 1:
      powers = np.exp(means[epoch - 1] / means[epoch - 2] / 2)
      factors = 2 * powers / powers.sum()
    found = weighting.total_loss(
      config,
      terms,
      params={},
      history=after(config, losses[:step], steps),
      axis_name=None,
    )
    expected = factors @ (3.0 * 0.3, 0.5 * 0.9)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize('kind', ['fixed', 'uncertainty', 'dynamic'])
def test_shares_of_devices_add_up_to_the_loss_and_its_gradient(kind):
  config = make_config(kind)
  history = weighting.zero_history(config)
  if kind == 'dynamic':
    history = after(config, [(1.0, 2.0), (0.2, 1.9)], 1)
  shares = {
    'sed_mse': jnp.array([0.1, 0.0, 0.4, 0.2]),
    'doa_masked_mse': jnp.array([0.0, 0.3, 0.1, 0.8]),
  }
  params = {name: jnp.float32(value) for name, value in LOG_VARIANCES.items()}

  def loss(params, terms, axis_name=None):
    return weighting.total_loss(
      config,
      terms,
      params={weighting.LOG_VARIANCES: params},
      history=history,
      axis_name=axis_name,
    )

  whole = jax.value_and_grad(loss)(
    params, {name: values.sum() for name, values in shares.items()}
  )
  mapped = jax.vmap(
    jax.value_and_grad(functools.partial(loss, axis_name='devices')),
    in_axes=(None, 0),
    axis_size=DEVICES,
    axis_name='devices',
  )(params, shares)
  jax.tree.map(
    lambda one, parts: np.testing.assert_allclose(one, parts.sum(), rtol=1e-5),
    whole,
    mapped,
  )


@pytest.mark.parametrize('kind', ['fixed', 'uncertainty', 'dynamic'])
def test_the_recorded_weights_are_the_derivatives_of_the_loss(kind):
  config = make_config(kind)
  history = None
  if kind == 'dynamic':
    history = after(config, [[1.0, 1.0], [0.5, 0.9]], 1)
  options = {
    'params': {weighting.LOG_VARIANCES: LOG_VARIANCES},
    'history': history,
  }
  gradient = jax.grad(
    lambda terms: weighting.total_loss(config, terms, axis_name=None, **options)
  )({name: jnp.float32(0.4) for name in WEIGHTS})
  weights = weighting.weights_of(config, **options)
  assert weights.keys() == gradient.keys()
  for name, weight in weights.items():
    np.testing.assert_allclose(weight, gradient[name], rtol=1e-6)
  records = step_metrics.recorded_weights(config)
  assert set(records) == (set() if kind == 'fixed' else set(WEIGHTS))
  zero = step_metrics.zero_metrics(config)
  assert set(records.values()) <= set(zero)
  assert not [name for name in zero if 'weight' in name and kind == 'fixed']
