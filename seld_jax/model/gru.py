"""The recurrent layers of the networks: GRUs."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from seld_jax.model.streaming import STATE, is_streaming


class BiGru(nn.Module):
  """Bidirectional GRU with the gates of `flax.linen.GRUCell`.

  The products with the input are computed before the loop, and both directions
  share one loop with one batched product. Several GRUs, each with its own input
  and parameters, can share it, too: their loop takes as many steps as that of
  one.

  Attributes:
    features: Units in each direction.
    reset_first: Whether to use the cell of the published system (Cho et al.,
      2014): the state is reset before its product with the weights instead of
      after, that product has no bias, and the biases of the gates start at 1.
    dtype: Type of the computation.
  """

  features: int
  reset_first: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Runs one GRU, or several that have their own inputs.

    Args:
      x: Inputs, with shape `[batch, frames, inputs]`, or
        `[grus, batch, frames, inputs]` for several GRUs.

    Returns:
      States, with shape `[..., batch, frames, 2 * features]`.
    """
    size = self.features
    join = jnp.stack if x.ndim == 3 else jnp.concatenate
    both = join([x, jnp.flip(x, axis=-2)]).astype(self.dtype)
    # The leading axis is the direction (forwards, backwards), or for several
    # GRUs (direction, GRU).
    gates, weights = _prepare(self, both)
    states = jnp.einsum('tdbh->dbth', gru(gates, *weights, self.reset_first))
    forwards, backwards = states.reshape(2, *x.shape[:-1], size)
    return jnp.concatenate([forwards, jnp.flip(backwards, axis=-2)], axis=-1)


class Gru(nn.Module):
  """GRU forwards in time, with the cell of `BiGru`.

  In a stream of parts of a recording, it continues from its last state.

  Attributes:
    features: Units.
    reset_first: Whether it has the cell of `BiGru.reset_first`.
    dtype: Type of the computation.
  """

  features: int
  reset_first: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[batch, frames, inputs]` to `[batch, frames, features]`."""
    gates, weights = _prepare(self, x[None].astype(self.dtype))
    if not is_streaming(self):
      states = jnp.asarray(gru(gates, *weights, self.reset_first))
    else:
      shape = (1, x.shape[0], self.features)
      last = self.variable(STATE, 'last', jnp.zeros, shape, self.dtype)
      states, _ = _run(gates, *weights, self.reset_first, last.value)
      last.value = states[-1]
    return jnp.swapaxes(states[:, 0], 0, 1)


def _prepare(
  module: BiGru | Gru, x: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  """The arguments of `gru`, with new parameters of the module.

  Args:
    module: The module, from within its `__call__`.
    x: Inputs of each GRU, with shape `[grus, batch, frames, inputs]`.
  """
  count, size = x.shape[0], module.features
  # The gates are in the order r, z, n.
  input_kernel = module.param(
    'input_kernel',
    _per_gate_glorot,
    (count, x.shape[-1], 3, size),
    jnp.float32,
  )
  input_bias = module.param(
    'input_bias',
    _open_gates if module.reset_first else nn.initializers.zeros,
    (count, 3, size),
    jnp.float32,
  )
  hidden_kernel = module.param(
    'hidden_kernel',
    _per_gate_orthogonal,
    (count, size, 3, size),
    jnp.float32,
  )
  hidden_bias = jnp.zeros((count, size))  # not used if reset_first
  if not module.reset_first:
    hidden_bias = module.param(
      'hidden_bias', nn.initializers.zeros, (count, size), jnp.float32
    )
  input_kernel, input_bias, hidden_kernel, hidden_bias = (
    array.astype(module.dtype)
    for array in (input_kernel, input_bias, hidden_kernel, hidden_bias)
  )
  gates = jnp.einsum(
    'dbti,dio->tdbo', x, input_kernel.reshape(count, -1, 3 * size)
  ) + input_bias.reshape(count, 1, 3 * size)
  return gates, (hidden_kernel.reshape(count, size, 3 * size), hidden_bias)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def gru(
  gates: jax.Array, kernel: jax.Array, bias: jax.Array, reset_first: bool
) -> jax.Array:
  """Runs several GRUs side by side in one loop, from states of zeros.

  The backward pass is written by hand for two reasons: the gradient of the
  weights is one product after the loop instead of a sum inside it, and the
  weights are transposed once instead of in every step.

  Args:
    gates: Contribution of the input to the gates r, z and n, with shape
      `[frames, grus, batch, 3 * size]`.
    kernel: Weights of the state, with shape `[grus, size, 3 * size]`.
    bias: Added to the contribution of the state to n before the reset, with
      shape `[grus, size]`; not used if `reset_first`.
    reset_first: Whether the state is reset before its product with the weights
      of n instead of after.

  Returns:
    States, with shape `[frames, grus, batch, size]`.
  """
  return _run(gates, kernel, bias, reset_first)[0]


def _run(gates, kernel, bias, reset_first, start=None):
  """The states, and the values of each frame that the backward pass needs."""
  _, grus, batch, _ = gates.shape
  size = kernel.shape[1]
  kernel_rz, kernel_n = kernel[..., : 2 * size], kernel[..., 2 * size :]

  def step(state, gates):
    gates_rz, gates_n = gates[..., : 2 * size], gates[..., 2 * size :]
    if reset_first:
      rz = nn.sigmoid(gates_rz + _product(state, kernel_rz))
      r, z = jnp.split(rz, 2, axis=-1)
      inner = _product(r * state, kernel_n)
      n = jnp.tanh(gates_n + inner)
    else:
      recurrent = _product(state, kernel)
      rz = nn.sigmoid(gates_rz + recurrent[..., : 2 * size])
      r, z = jnp.split(rz, 2, axis=-1)
      inner = recurrent[..., 2 * size :] + bias[:, None]
      n = jnp.tanh(gates_n + r * inner)
    state = (1 - z) * n + z * state
    # One array, so that a frame has one write. On a GPU every write is a kernel
    # of its own, and their number determines the time of the loop.
    return state, (state, jnp.concatenate([rz, n, inner], axis=-1))

  if start is None:
    start = jnp.zeros((grus, batch, size), gates.dtype)
  return lax.scan(step, start, gates)[1]


def _gru_forward(gates, kernel, bias, reset_first):
  states, of_frames = _run(gates, kernel, bias, reset_first)
  return states, (states, of_frames, kernel, bias)


def _gru_backward(reset_first, residuals, gradients):
  states, of_frames, kernel, bias = residuals
  size = kernel.shape[1]
  previous = jnp.concatenate([jnp.zeros_like(states[:1]), states[:-1]])
  transposed = jnp.swapaxes(kernel, 1, 2)
  transposed_rz = transposed[:, : 2 * size]
  transposed_n = transposed[:, 2 * size :]

  def step(d_state, frame):
    gradient, state, of_frame = frame
    r, z, n, inner = jnp.split(of_frame, 4, axis=-1)
    d_state += gradient
    d_z = d_state * (state - n) * z * (1 - z)
    d_n = d_state * (1 - z) * (1 - n**2)
    d_state *= z
    if reset_first:
      d_inner = d_n
      d_reset = _product(d_inner, transposed_n)
      d_r = d_reset * state * r * (1 - r)
      d_rz = jnp.concatenate([d_r, d_z], axis=-1)
      d_state += d_reset * r + _product(d_rz, transposed_rz)
    else:
      d_inner = d_n * r
      d_r = d_n * inner * r * (1 - r)
      d_recurrent = jnp.concatenate([d_r, d_z, d_inner], axis=-1)
      d_state += _product(d_recurrent, transposed)
    return d_state, jnp.concatenate([d_r, d_z, d_n], axis=-1)

  _, d_gates = lax.scan(
    step,
    jnp.zeros_like(states[0]),
    (gradients, previous, of_frames),
    reverse=True,
  )
  r, d_n = of_frames[..., :size], d_gates[..., 2 * size :]
  d_inner = d_n if reset_first else d_n * r
  d_kernel = jnp.concatenate(
    [
      jnp.einsum('tgbi,tgbo->gio', state, gradient)
      for state, gradient in (
        (previous, d_gates[..., : 2 * size]),
        (r * previous if reset_first else previous, d_inner),
      )
    ],
    axis=-1,
  )
  d_bias = jnp.zeros_like(bias) if reset_first else jnp.sum(d_inner, (0, 2))
  return d_gates, d_kernel, d_bias


gru.defvjp(_gru_forward, _gru_backward)


def _product(state: jax.Array, kernel: jax.Array) -> jax.Array:
  return jnp.einsum('gbi,gio->gbo', state, kernel)


def _open_gates(key, shape, dtype):
  """1 for the gates r and z, 0 for n."""
  del key
  return jnp.ones(shape, dtype).at[:, 2].set(0)


def _per_gate_glorot(key, shape, dtype):
  """Glorot-uniform for each gate and direction of [grus, inputs, 3, size]."""
  return _per_gate(nn.initializers.glorot_uniform(), key, shape, dtype)


def _per_gate_orthogonal(key, shape, dtype):
  """Orthogonal for each gate and direction of [grus, size, 3, size]."""
  return _per_gate(nn.initializers.orthogonal(), key, shape, dtype)


def _per_gate(init, key, shape, dtype):
  directions, rows, gates, columns = shape
  keys = jax.random.split(key, directions * gates)
  # One after the other. XLA gives a batch of QR decompositions to the same
  # thread pool that waits for the result, so that two batches in one program,
  # from two layers, can deadlock.
  drawn = lax.map(lambda k: init(k, (rows, columns), dtype), keys)
  drawn = drawn.reshape(directions, gates, rows, columns)
  return jnp.moveaxis(drawn, 1, 2)
