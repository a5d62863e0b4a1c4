"""Batch normalisation against NumPy, Flax and undivided batches."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import numbers
from jax import jit

from seld_jax.model import batch_norm as normalisation


@pytest.mark.parametrize('backend', ['cpu', 'gpu'])
@pytest.mark.parametrize(
  ('shape', 'axis'),
  [
    ((2, 5, 64, 3), 3),
    ((2, 5, 12, 3), 3),  # not divisible into eight blocks of bands
    ((2, 5, 11, 3), 3),  # not divisible at all
    ((2, 5, 1, 3), 3),
    ((2, 5, 8, 3), 2),
    ((40, 3), 1),
  ],
)
def test_channel_sums_are_sums_and_their_gradient_is_the_same_everywhere(
  monkeypatch, shape, axis, backend
):
  monkeypatch.setattr(jax, 'default_backend', lambda: backend)
  x = numbers(*shape) + np.float32(3)
  others = tuple(set(range(len(shape))) - {axis})
  weights = numbers(shape[axis], seed=1)
  sums_of = lambda x: jnp.asarray(normalisation.channel_sums(x, axis))
  loss = lambda x: jnp.sum(weights * sums_of(x))
  total, gradient = jit(jax.value_and_grad(loss))(x)
  sums = jit(sums_of)(x)
  exact = x.astype(np.float64).sum(axis=others)
  np.testing.assert_allclose(sums, exact, rtol=2e-6)
  np.testing.assert_allclose(total, weights @ exact, rtol=1e-5)
  along = weights.reshape(-1, *[1] * (len(shape) - 1 - axis))
  np.testing.assert_array_equal(gradient, np.broadcast_to(along, shape))


@pytest.mark.parametrize('axis', [2, 3])
def test_scale_and_shift_has_the_gradients_of_its_formula(axis):
  x, y = numbers(3, 4, 16, 16), numbers(3, 4, 16, 16, seed=1)
  gain, shift = numbers(16, seed=2), numbers(16, seed=3)
  along = lambda part: part[:, None] if axis == 2 else part
  plain = lambda x, gain, shift: x * along(gain) + along(shift)
  ours = lambda *inputs: normalisation.scale_and_shift(*inputs, axis)
  for function in plain, ours:
    value, backwards = jax.vjp(function, x, gain, shift)
    results = value, *backwards(y)
    if function is plain:
      expected = results
  for actual, other in zip(results, expected, strict=True):
    np.testing.assert_allclose(actual, other, rtol=1e-5, atol=1e-4)


def test_batch_norm_of_bfloat16_sums_its_gradients_in_float32():
  """A sum of many small numbers stops growing in bfloat16."""
  x = jnp.ones((8, 64, 16, 3), jnp.bfloat16)
  shift = jnp.zeros(3)
  y = lambda shift: normalisation.scale_and_shift(x, jnp.ones(3), shift, 3)
  loss = lambda shift: jnp.sum(jnp.asarray(y(shift)).astype(jnp.float32))
  np.testing.assert_array_equal(jit(jax.grad(loss))(shift), x.size / 3)


def batch_norm(
  x, *, train, variables=None, momentum=0.9, axis_name=None
) -> Any:
  layer = normalisation.BatchNorm(momentum=momentum, axis_name=axis_name)
  variables = variables or {
    'params': {'scale': numbers(3, seed=3), 'bias': numbers(3, seed=4)},
    'batch_stats': {
      'mean': jnp.array([1.0, 2, 3]),
      'var': jnp.array([4.0, 5, 6]),
    },
  }
  return variables, layer.apply(
    variables, x, train=train, mutable=['batch_stats']
  )


def test_batch_norm_in_training_equals_numpy():
  x = 3 * numbers(4, 5, 6, 3) + np.array([10, 0, -2], np.float32)
  variables, (y, state) = batch_norm(x, train=True)
  wide = x.astype(np.float64)
  mean, var = wide.mean(axis=(0, 1, 2)), wide.var(axis=(0, 1, 2))
  params, stats = variables['params'], variables['batch_stats']
  expected = (wide - mean) / np.sqrt(var + 1e-3) * params['scale']
  np.testing.assert_allclose(y, expected + params['bias'], atol=1e-4)
  new = state['batch_stats']
  np.testing.assert_allclose(
    new['mean'], 0.9 * stats['mean'] + 0.1 * mean, rtol=1e-5
  )
  np.testing.assert_allclose(
    new['var'], 0.9 * stats['var'] + 0.1 * var, rtol=1e-5
  )


@pytest.mark.parametrize('train', [False, True])
def test_batch_norm_by_band_equals_that_by_channel_with_exchanged_axes(train):
  x = numbers(4, 5, 3, 6) + np.arange(3, dtype=np.float32)[:, None]
  with jax.enable_x64(True):  # because they add in different orders
    x = x.astype(np.float64)
    variables, (expected, state) = batch_norm(np.swapaxes(x, 2, 3), train=train)
    layer = normalisation.BatchNorm(momentum=0.9, axis=-2)
    actual, own = layer.apply(
      variables, x, train=train, mutable=['batch_stats']
    )
  np.testing.assert_allclose(actual, np.swapaxes(expected, 2, 3), atol=1e-6)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-6), own, state
  )


def test_batch_norm_outside_of_training_uses_its_running_statistics():
  x = numbers(4, 5, 6, 3)
  variables, (y, state) = batch_norm(x, train=False)
  params, stats = variables['params'], variables['batch_stats']
  expected = (x - stats['mean']) / np.sqrt(stats['var'] + 1e-3)
  np.testing.assert_allclose(
    y, expected * params['scale'] + params['bias'], atol=1e-5
  )
  for name, value in stats.items():
    np.testing.assert_array_equal(state['batch_stats'][name], value)


def test_batch_norm_has_the_statistics_and_gradient_of_the_global_batch():
  # The parts have different means, so that means of variances would be wrong.
  x = numbers(4, 5, 6, 3) + 5 * np.arange(4, dtype='f')[:, None, None, None]
  reference = nn.BatchNorm(
    momentum=0.9, epsilon=1e-3, use_running_average=False
  )
  variables, (_, state) = batch_norm(x, train=True)

  def split_loss(x):
    parts = x.reshape(2, 2, 5, 6, 3)
    one = lambda part: batch_norm(
      part, train=True, variables=variables, axis_name='devices'
    )[1]
    y, states = jax.vmap(one, axis_name='devices')(parts)
    return jnp.sum(jnp.sin(y)), states

  def flax_loss(x):
    y, state = reference.apply(variables, x, mutable=['batch_stats'])
    return jnp.sum(jnp.sin(y)), state

  theirs, their_state = jit(jax.grad(flax_loss, has_aux=True))(x)
  ours, our_states = jit(jax.grad(split_loss, has_aux=True))(x)
  np.testing.assert_allclose(ours, theirs, atol=1e-4)
  for name in 'mean', 'var':
    expected = their_state['batch_stats'][name]
    np.testing.assert_allclose(state['batch_stats'][name], expected, rtol=1e-5)
    for device in range(2):
      np.testing.assert_allclose(
        our_states['batch_stats'][name][device], expected, rtol=1e-5
      )


def test_constant_channels_do_not_blow_up():
  x = jnp.full((2, 3, 4, 3), 1e4)
  variables, (y, state) = batch_norm(x, train=True)
  assert jnp.isfinite(y).all()
  assert (state['batch_stats']['var'] >= 0).all()
  loss = lambda x: batch_norm(x, train=True, variables=variables)[1][0].sum()
  assert jnp.isfinite(jit(jax.grad(loss))(x)).all()
