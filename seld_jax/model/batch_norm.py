"""Batch normalisation with the statistics of the global batch."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

# Added to variances, as in Keras.
EPSILON = 1e-3


class BatchNorm(nn.Module):
  """Batch normalisation with the statistics of the global batch.

  Under `jit` the mean is over the global batch, whatever its sharding. Under
  `pmap` the first and second moments are averaged over the devices before the
  variance is computed.

  Attributes:
    momentum: Momentum of the running statistics.
    axis: The axis whose indices have separate statistics: -1, the channels, or
      -2, the bands.
    axis_name: Name of the `pmap` axis; None under `jit`.
    then: Computes the output from the input, and from a gain and a shift for
      each index, along an axis; None for `scale_and_shift`.
    epsilon: Added to the variances.
  """

  momentum: float
  axis: int = -1
  axis_name: str | None = None
  then: Callable[..., jax.Array] | None = None
  epsilon: float = EPSILON

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Normalises an array; in training, with the moments of the batch."""
    axis = self.axis % x.ndim
    size = (x.shape[axis],)
    scale = self.param('scale', nn.initializers.ones, size, jnp.float32)
    bias = self.param('bias', nn.initializers.zeros, size, jnp.float32)
    running_mean = self.variable(
      'batch_stats', 'mean', jnp.zeros, size, jnp.float32
    )
    running_var = self.variable(
      'batch_stats', 'var', jnp.ones, size, jnp.float32
    )
    if train and not self.is_initializing():
      wide = x.astype(at_least_float32(x.dtype))
      mean, square = (
        jnp.divide(channel_sums(part, axis), x.size // size[0])
        for part in (wide, wide**2)
      )
      if self.axis_name is not None:
        mean, square = lax.pmean((mean, square), self.axis_name)
      var = jnp.maximum(square - mean**2, 0)
      for variable, value in (running_mean, mean), (running_var, var):
        variable.value = (
          self.momentum * variable.value + (1 - self.momentum) * value
        )
    else:
      mean, var = running_mean.value, running_var.value
    gain = scale * lax.rsqrt(var + self.epsilon)
    then = self.then or functools.partial(scale_and_shift, axis=axis)
    return then(x, gain, bias - mean * gain)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def channel_sums(x: jax.Array, axis: int) -> jax.Array:
  """Sums over all axes but one.

  On a CPU, XLA adds single values one after the other if the axis that remains
  is the last. Therefore feature maps are divided into up to eight blocks of
  bands, which XLA adds as vectors, and only their sum is reduced. This takes a
  fifth to a half of the time, and the rounding errors are no larger.

  Args:
    x: Values, with shape `[..., channels, ...]`.
    axis: The axis that remains, counted from 0.

  Returns:
    Sums, with shape `[channels]`.
  """
  if jax.default_backend() == 'cpu' and x.ndim == 4 and axis == 3:
    frames, bands = x.shape[1:3]
    count = max(k for k in range(1, 9) if bands % k == 0)
    blocks = x.reshape(-1, frames, count, bands // count, x.shape[3])
    # Without the barrier XLA merges both sums into one again.
    x = lax.optimization_barrier(sum(blocks[:, :, k] for k in range(count)))
  return jnp.sum(x, axis=tuple(set(range(x.ndim)) - {axis}))


def _channel_sums_forward(x, axis):
  # Only the shape of x is needed; an array without elements carries it.
  return channel_sums(x, axis), jnp.zeros((*x.shape, 0), x.dtype)


def _channel_sums_backward(axis, shape, gradient):
  shape = shape.shape[:-1]
  return (jnp.broadcast_to(_along(gradient, axis, len(shape)), shape),)


channel_sums.defvjp(_channel_sums_forward, _channel_sums_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def scale_and_shift(
  x: jax.Array, gain: jax.Array, shift: jax.Array, axis: int
) -> jax.Array:
  """Multiplies and adds along one axis; its gradients use `channel_sums`.

  Args:
    x: Values, with shape `[..., channels, ...]`.
    gain: Factors, with shape `[channels]`.
    shift: Offsets, with shape `[channels]`.
    axis: The axis of the channels, counted from 0.

  Returns:
    `x * gain + shift`, with the shape and type of `x`.
  """
  gain, shift = (
    _along(part, axis, x.ndim).astype(x.dtype) for part in (gain, shift)
  )
  return x * gain + shift


def _scale_and_shift_forward(x, gain, shift, axis):
  return scale_and_shift(x, gain, shift, axis), (x, gain)


def _scale_and_shift_backward(axis, residuals, gradient):
  x, gain = residuals
  wide = gradient.astype(gain.dtype)
  return (
    gradient * _along(gain, axis, x.ndim).astype(x.dtype),
    channel_sums(wide * x, axis),
    channel_sums(wide, axis),
  )


scale_and_shift.defvjp(_scale_and_shift_forward, _scale_and_shift_backward)


def _along(vector: jax.Array, axis: int, ndim: int) -> jax.Array:
  """Reshapes a vector so that it broadcasts along one axis of an array."""
  return vector.reshape(-1, *[1] * (ndim - 1 - axis))


def at_least_float32(dtype: Any) -> Any:
  """The type for sums and exponentials: float32 or wider."""
  return jnp.promote_types(jnp.float32, dtype)
