"""Pooling, dropout and attention against Flax, NumPy and whole batches."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import compiling
from helpers.random_arrays import initialized, numbers
from helpers.reference_convolution import xla_convolution
from jax import jit

from seld_jax.model import layers


def values_and_gradients(ours, theirs, *inputs):
  """Pairs of the values, and of each gradient, of both functions."""

  @jit
  def both(*inputs):
    results = []
    for function in ours, theirs:
      y, backwards = jax.vjp(function, *inputs)
      weights = jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
      results.append((y, *backwards(weights)))
    return results

  return zip(*both(*inputs), strict=True)


# With and without frames and bands that are left over.
every_pool = pytest.mark.parametrize(
  ('shape', 'pool'),
  [
    ((2, 20, 12, 3), (1, 1)),
    ((2, 20, 12, 3), (5, 2)),
    ((1, 23, 9, 3), (5, 2)),
    ((2, 5, 7, 3), (1, 2)),
    ((1, 23, 9, 3), (2, 3)),
    ((2, 5, 7, 3), (4, 4)),
  ],
)


@every_pool
def test_rectified_maxima_equal_flax(pool, shape):
  x, gain, shift = numbers(*shape), jnp.array([2.0, -1, 0]), numbers(3, seed=1)
  ours = functools.partial(layers.rectified_maxima, pool=pool)
  theirs = lambda x, gain, shift: nn.max_pool(
    nn.relu(x * gain + shift), pool, strides=pool
  )

  for actual, expected in values_and_gradients(ours, theirs, x, gain, shift):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@every_pool
def test_maxima_without_scale_and_shift_equal_those_of_flax(pool, shape):
  x = numbers(*shape)
  ones, zeros = jnp.ones(shape[-1]), jnp.zeros(shape[-1])
  ours = lambda x: layers.rectified_maxima(x, ones, zeros, pool)
  theirs = lambda x: nn.max_pool(nn.relu(x), pool, strides=pool)

  for actual, expected in values_and_gradients(ours, theirs, x):
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize('pool', [1, 2, 5])
def test_time_maxima_equal_flax(pool):
  x = numbers(2, 20, 3)
  ours = functools.partial(layers.time_maxima, pool=pool)
  theirs = lambda x: nn.max_pool(x, (pool,), strides=(pool,))
  for actual, expected in values_and_gradients(ours, theirs, x):
    np.testing.assert_array_equal(actual, expected)


def test_time_maxima_give_each_block_one_gradient_among_equal_values():
  total = lambda x: jnp.sum(jnp.asarray(layers.time_maxima(x, 4)))
  slope = jax.grad(total)(jnp.ones((1, 8, 2)))
  expected = np.zeros((1, 8, 2))
  expected[:, ::4] = 1
  np.testing.assert_array_equal(slope, expected)


def test_rectified_maxima_of_bfloat16_sum_their_gradients_in_float32():
  """A sum of many small numbers stops growing in bfloat16."""
  x = jnp.ones((8, 64, 16, 3), jnp.bfloat16)
  y = lambda shift: layers.rectified_maxima(x, jnp.ones(3), shift, (1, 1))
  loss = lambda shift: jnp.sum(jnp.asarray(y(shift)).astype(jnp.float32))
  shift = jnp.zeros(3)
  np.testing.assert_array_equal(jit(jax.grad(loss))(shift), x.size / 3)


@pytest.mark.parametrize('options', [None, compiling.USUAL])
def test_rectified_maxima_never_lose_a_gradient(options):
  """The compiler may compute the input twice with different rounding."""

  def loss(scale, maxima):
    x = xla_convolution(features, kernel)
    return jnp.sum(maxima(x * scale, scale, 0.1 * scale**2, (5, 2)) ** 2)

  features, kernel = numbers(4, 30, 16, 7), numbers(3, 3, 7, 6, seed=1)
  theirs = lambda x, gain, shift, pool: nn.max_pool(
    nn.relu(x * gain + shift), pool, strides=pool
  )
  gradients = [
    jax.jit(
      jax.grad(functools.partial(loss, maxima=maxima)),
      compiler_options=options,
    )(jnp.linspace(0.3, 1.7, 6))
    for maxima in (layers.rectified_maxima, theirs)
  ]
  np.testing.assert_allclose(*gradients, rtol=1e-4)


def dropped(x, *, rate=0.4, key=0, axis_name=None):
  layer = layers.Dropout(rate, deterministic=False, axis_name=axis_name)
  return layer.apply({}, x, rngs={'dropout': jax.random.key(key)})


def test_dropout_masks_belong_to_examples():
  x = jnp.ones((8, 30, 11))
  whole = jit(dropped)(x)
  for parts in 2, 8:
    on_device = functools.partial(dropped, axis_name='devices')
    split = jit(jax.vmap(on_device, axis_name='devices'))(
      x.reshape(parts, -1, 30, 11)
    )
    np.testing.assert_array_equal(split.reshape(whole.shape), whole)
  np.testing.assert_array_equal(jit(dropped)(x[:3]), whole[:3])
  assert len({np.asarray(one).tobytes() for one in whole}) == 8
  other = jit(functools.partial(dropped, key=1))(x)
  assert (other != whole).any()


def test_dropout_keeps_the_mean_and_its_share():
  x = jnp.full((8, 100, 20), 3.0)
  kept = np.asarray(jit(dropped)(x))
  np.testing.assert_allclose(kept[kept != 0], 3 / 0.6, rtol=1e-6)
  assert abs(np.mean(kept == 0) - 0.4) < 0.02
  off = layers.Dropout(0.4, deterministic=True).apply({}, x)
  np.testing.assert_array_equal(off, x)
  np.testing.assert_array_equal(dropped(x, rate=0.0), x)


def test_attention_equals_numpy():
  x = numbers(2, 6, 5)
  layer = layers.SelfAttention(3)
  variables = initialized(layer, x)
  maps = {
    name: x.astype(np.float64) @ np.asarray(p['kernel']) + np.asarray(p['bias'])
    for name, p in variables['params'].items()
  }
  expected = np.zeros((2, 6, 5))
  for example in range(2):
    for frame in range(6):
      scores = maps['key'][example] @ maps['query'][example, frame]
      weights = np.exp(scores / np.sqrt(3))
      weights /= weights.sum()
      expected[example, frame] = weights @ maps['value'][example]
  actual: Any = layer.apply(variables, x)
  np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_whole_maps_are_dropped_together():
  x = 1 + np.abs(numbers(30, 4, 3, 5))
  drop = layers.Dropout(0.4, deterministic=False, whole_maps=True)
  y = np.asarray(
    jit(lambda x: drop.apply({}, x, rngs={'dropout': jax.random.key(0)}))(x)
  )
  is_kept = y[:, 0, 0, :] != 0
  assert 0.4 < is_kept.mean() < 0.8
  np.testing.assert_allclose(y, x / 0.6 * is_kept[:, None, None, :], rtol=1e-6)


def test_multi_head_attention_equals_that_of_flax():
  x = numbers(2, 7, 12)
  ours = layers.MultiHeadAttention(3, dropout_rate=0.5, deterministic=True)
  variables = initialized(ours, x)
  theirs = nn.MultiHeadDotProductAttention(3)
  together = variables['params']['query_key_value']
  output = variables['params']['output']
  of_flax = {
    name: {
      'kernel': kernel.reshape(12, 3, 4),
      'bias': bias.reshape(3, 4),
    }
    for name, kernel, bias in zip(
      ('query', 'key', 'value'),
      np.split(together['kernel'], 3, axis=1),
      np.split(together['bias'], 3),
      strict=True,
    )
  }
  of_flax['out'] = {
    'kernel': output['kernel'].reshape(3, 4, 12),
    'bias': output['bias'],
  }
  np.testing.assert_allclose(
    jit(ours.apply)(variables, x),
    jit(theirs.apply)({'params': of_flax}, x),
    atol=1e-5,
  )
