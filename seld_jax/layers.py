"""Layers of the networks that are not taken from `flax.linen`.

Each is written out for a reason given beside it: it has to be the paper's, to
run under `pmap` as on one device, or to be fast on a CPU.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from seld_jax import convolution
from seld_jax.normalisation import at_least_float32


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def max_pool(x: jax.Array, pool: tuple[int, int]) -> jax.Array:
  """Maximum over blocks of frames and bands; what is left over is dropped.

  Its backward pass sends the gradient to the place of the maximum (the first,
  where several are equal), which the forward pass notes in a byte: a quarter of
  the time that XLA's select-and-scatter takes on a CPU, and of the memory of
  keeping `x`. Comparing `x` with the maxima afterwards instead would not do: a
  compiler may compute `x` twice and round it differently, and the gradient
  would be lost.

  Args:
    x: Feature maps, with shape `[batch, frames, bands, channels]`.
    pool: Size of the blocks, (frames, bands), of at most 256 cells.

  Returns:
    Maxima, with shape `[batch, frames // p, bands // q, channels]`.
  """
  return _maxima_and_places(x, pool)[0]


def _maxima_and_places(x, pool):
  """Runs through the cells of all blocks at once."""
  blocks = _blocks(x, pool)
  maxima = blocks[:, :, 0, :, 0]
  places = jnp.zeros(maxima.shape, jnp.uint8)
  for place in range(1, pool[0] * pool[1]):
    frame, band = divmod(place, pool[1])
    cell = blocks[:, :, frame, :, band]
    is_greater = cell > maxima
    maxima = jnp.where(is_greater, cell, maxima)
    places = jnp.where(is_greater, jnp.uint8(place), places)
  return maxima, places


def _max_pool_forward(x, pool):
  maxima, places = _maxima_and_places(x, pool)
  # Of x, only the shape is needed; an array without cells carries it.
  return maxima, (places, jnp.zeros((*x.shape[1:3], 0)))


def _max_pool_backward(pool, residuals, gradient):
  places, shape = residuals
  p, q = pool
  own = np.arange(p * q, dtype=np.uint8).reshape(p, 1, q, 1)
  is_place = places[:, :, None, :, None] == own
  blocks = jnp.where(is_place, gradient[:, :, None, :, None], 0)
  b, t, _, f, _, c = blocks.shape
  spread = blocks.reshape(b, t * p, f * q, c)
  rest = [
    (0, 0),
    (0, shape.shape[0] - t * p),
    (0, shape.shape[1] - f * q),
    (0, 0),
  ]
  return (jnp.pad(spread, rest),)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)


def _blocks(x: jax.Array, pool: tuple[int, int]) -> jax.Array:
  """Views [b, t, f, c] as [b, t // p, p, f // q, q, c]."""
  batch, frames, bands, channels = x.shape
  p, q = pool
  t, f = frames // p, bands // q
  return x[:, : t * p, : f * q].reshape(batch, t, p, f, q, channels)


class Dropout(nn.Module):
  """Dropout whose masks belong to examples, not to places on a device.

  The key is folded with the index of the example in the global batch, so that
  the masks do not depend on how `pmap` divides the batch.
  """

  rate: float
  deterministic: bool
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    if self.deterministic or self.rate == 0:
      return x
    index = jnp.arange(x.shape[0])
    if self.axis_name is not None:
      index += lax.axis_index(self.axis_name) * x.shape[0]
    keys = jax.vmap(jax.random.fold_in, (None, 0))(
      self.make_rng('dropout'), index
    )
    keep = jax.vmap(
      lambda key: jax.random.bernoulli(key, 1 - self.rate, x.shape[1:])
    )(keys)
    return jnp.where(keep, x / (1 - self.rate), 0)


class SelfAttention(nn.Module):
  """One head of scaled dot-product attention over time, without residual."""

  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[batch, frames, size]` to the same shape."""
    query = dense(self.features, self.dtype, name='query')(x)
    key = dense(self.features, self.dtype, name='key')(x)
    value = dense(x.shape[-1], self.dtype, name='value')(x)
    scores = jnp.einsum('bqd,bkd->bqk', query, key) / np.sqrt(self.features)
    wide = scores.astype(at_least_float32(self.dtype))
    weights = nn.softmax(wide).astype(self.dtype)
    return jnp.einsum('bqk,bkd->bqd', weights, value)


def conv3x3(filters: int, dtype: Any, *, use_bias: bool) -> nn.Conv:
  """A convolution of 3x3, `seld_jax.convolution`, Glorot-uniform at the start.

  Args:
    filters: Number of outputs.
    dtype: Type of the computation.
    use_bias: Whether each output has a bias.

  Returns:
    A layer from `[batch, frames, bands, channels]` to
    `[batch, frames, bands, filters]`.
  """
  # Strides and padding are those of every 3x3 layer.
  convolve = lambda x, kernel, *_, **__: convolution.conv3x3(x, kernel)
  return nn.Conv(
    filters,
    (3, 3),
    use_bias=use_bias,
    dtype=dtype,
    kernel_init=nn.initializers.glorot_uniform(),
    conv_general_dilated=convolve,
  )


def dense(features: int, dtype: Any, *, name: str | None = None) -> nn.Dense:
  """A fully connected layer with Glorot-uniform weights, as the paper's.

  Args:
    features: Units.
    dtype: Type of the computation.
    name: Name of its parameters.

  Returns:
    A layer from `[..., inputs]` to `[..., features]`.
  """
  return nn.Dense(
    features,
    dtype=dtype,
    kernel_init=nn.initializers.glorot_uniform(),
    name=name,
  )
