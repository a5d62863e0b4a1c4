"""The recurrent layer against Flax, NumPy and its formula."""

import functools
import re
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import initialized, numbers
from jax import jit

from seld_jax.model import gru


def flax_gru_params(params, direction):
  """The parameters of one direction by the names of `nn.GRUCell`."""
  cell = {}
  for gate, name in enumerate('rzn'):
    cell['i' + name] = {
      'kernel': params['input_kernel'][direction, :, gate],
      'bias': params['input_bias'][direction, gate],
    }
    cell['h' + name] = {'kernel': params['hidden_kernel'][direction, :, gate]}
  cell['hn']['bias'] = params['hidden_bias'][direction]
  return {'cell': cell}


def test_bi_gru_equals_two_of_flax():
  x = numbers(3, 9, 4)
  ours = gru.BiGru(5)
  params = initialized(ours, x)['params']

  def of_flax(params, x):
    outputs: list[Any] = [
      nn.RNN(nn.GRUCell(5), reverse=reverse, keep_order=True, name=None).apply(
        {'params': flax_gru_params(params, direction)}, x
      )
      for direction, reverse in enumerate((False, True))
    ]
    return jnp.concatenate(outputs, axis=-1)

  weights = numbers(3, 9, 10, seed=2)
  results = []
  of_ours = lambda p, x: ours.apply({'params': p}, x)
  functions: list[Any] = [of_ours, of_flax]
  for function in functions:
    loss = lambda p, x, f=function: jnp.sum(f(p, x) * weights)
    gradients = jit(jax.grad(loss, argnums=(0, 1)))(params, x)
    results.append((jit(function)(params, x), gradients))
  assert results[0][0].shape == (3, 9, 10)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), *results
  )


def numpy_gru_resetting_first(params, x, direction):
  """The cell of Cho et al., 2014, frame by frame, in float64."""
  inputs, bias, hidden_kernel = (
    np.asarray(params[name][direction], np.float64)
    for name in ('input_kernel', 'input_bias', 'hidden_kernel')
  )
  sigmoid = lambda a: 1 / (1 + np.exp(-a))
  state, states = np.zeros((x.shape[0], bias.shape[-1])), []
  for frame in np.moveaxis(x, 1, 0)[:: -1 if direction else 1]:
    r, z = (
      sigmoid(frame @ inputs[:, gate] + state @ hidden_kernel[:, gate] + b)
      for gate, b in enumerate(bias[:2])
    )
    n = np.tanh(
      frame @ inputs[:, 2] + (r * state) @ hidden_kernel[:, 2] + bias[2]
    )
    state = z * state + (1 - z) * n
    states.append(state)
  return np.stack(states[:: -1 if direction else 1], axis=1)


def test_bi_gru_resetting_first_equals_numpy():
  layer = gru.BiGru(5, reset_first=True)
  x = numbers(2, 7, 4)
  fresh = jit(layer.init)(jax.random.key(0), x)['params']
  assert set(fresh) == {'input_kernel', 'input_bias', 'hidden_kernel'}
  np.testing.assert_array_equal(fresh['input_bias'][:, :2], 1)
  np.testing.assert_array_equal(fresh['input_bias'][:, 2], 0)
  variables = initialized(layer, x)
  expected = [
    numpy_gru_resetting_first(variables['params'], x.astype(np.float64), d)
    for d in range(2)
  ]
  np.testing.assert_allclose(
    jit(layer.apply)(variables, x),
    np.concatenate(expected, axis=-1),
    atol=1e-6,
  )


def plain_gru(gates, kernel, bias, reset_first):
  """Both cells in JAX, frame by frame, for automatic differentiation."""
  size = kernel.shape[1]
  state = jnp.zeros((*gates.shape[1:3], size), gates.dtype)
  states = []
  for r, z, n in (jnp.split(frame, 3, axis=-1) for frame in gates):
    of_r, of_z, of_n = jnp.split(kernel, 3, axis=-1)
    r = nn.sigmoid(r + state @ of_r)
    z = nn.sigmoid(z + state @ of_z)
    if reset_first:
      n = jnp.tanh(n + (r * state) @ of_n)
    else:
      n = jnp.tanh(n + r * (state @ of_n + bias[:, None]))
    state = (1 - z) * n + z * state
    states.append(state)
  return jnp.stack(states)


@pytest.mark.parametrize('reset_first', [False, True])
def test_gru_has_the_gradients_of_its_formula(reset_first):
  with jax.enable_x64(True):
    inputs = [
      jnp.asarray(numbers(*shape, seed=seed), jnp.float64)
      for seed, shape in enumerate([(6, 2, 3, 12), (2, 4, 12), (2, 4)])
    ]
    weights = jnp.asarray(numbers(6, 2, 3, 4, seed=3), jnp.float64)
    results = []
    for function in gru.gru, plain_gru:
      run = functools.partial(
        lambda f, *given: f(*given, reset_first), function
      )

      def states_and_gradients(inputs, run=run):
        states, backwards = jax.vjp(run, *inputs)
        return states, *backwards(weights)

      results.append(jit(states_and_gradients)(inputs))
    for actual, expected in zip(*results, strict=True):
      np.testing.assert_allclose(actual, expected, atol=1e-13)


def test_no_batch_of_qr_decompositions_is_drawn():
  """Two batches in one program, from two layers, would deadlock."""
  init = jax.jit(gru.BiGru(6).init)
  text = init.lower(jax.random.key(0), numbers(1, 2, 4)).as_text()
  calls = [line for line in text.splitlines() if '@lapack_' in line]
  assert calls
  for call in calls:
    matrix = re.search(r' : \(tensor<([0-9x]+)xf32>', call)
    assert matrix is not None and matrix[1] == '6x6'


def test_bi_gru_starts_orthogonal():
  init = jit(gru.BiGru(6).init)
  params = init(jax.random.key(0), numbers(1, 2, 4))['params']
  for direction, gate in np.ndindex(2, 3):
    kernel = params['hidden_kernel'][direction, :, gate]
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(6), atol=1e-5)
    spread = params['input_kernel'][direction, :, gate]
    assert np.abs(spread).max() <= np.sqrt(6 / (4 + 6))
  assert (
    len({float(x) for x in params['input_kernel'].ravel()}) == 2 * 4 * 3 * 6
  )
