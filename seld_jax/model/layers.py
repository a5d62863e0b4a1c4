"""Layers of the networks that do not come from `flax.linen`.

Each has a reason, given in its docstring: it has to equal the paper's layer, to
give the same result under `pmap` as on one device, or to be fast on a CPU.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from seld_jax.model import winograd
from seld_jax.model.batch_norm import at_least_float32, channel_sums

# Number of elements in a block of frames, which should stay in the CPU cache.
_BLOCK = 2**18


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def rectified_maxima(
  x: jax.Array, gain: jax.Array, shift: jax.Array, pool: tuple[int, int]
) -> jax.Array:
  """Max pooling of `relu(x * gain + shift)` over frames and bands.

  Frames and bands that do not fill a block are dropped. Only one element of a
  block has a gradient (the first, if several are equal). The forward pass keeps
  its position, in one byte, and its value. Therefore the gradients of gain and
  shift are sums over blocks instead of elements. On a CPU this takes a quarter
  of the time of XLA's select-and-scatter. Comparing the elements with the
  maxima in the backward pass would not be safe: a compiler may compute them
  twice with different rounding, and the gradient would be lost.

  Args:
    x: Feature maps, with shape `[batch, frames, bands, channels]`.
    gain: Factors, with shape `[channels]`.
    shift: Offsets, with shape `[channels]`.
    pool: Size of the blocks, (frames, bands), of at most 256 elements; (1, 1)
      for no pooling.

  Returns:
    Maxima, with shape `[batch, frames // p, bands // q, channels]` and the type
    of `x`.
  """
  return nn.relu(_maxima(x, gain, shift, pool)[0])


def _maxima(x, gain, shift, pool):
  """Maxima, their positions in the blocks, and the elements of x there."""
  value = lambda cell: cell * gain.astype(x.dtype) + shift.astype(x.dtype)
  blocks = _blocks(x, pool)
  chosen = blocks[:, :, 0, :, 0]
  maxima = value(chosen)
  places = jnp.zeros(maxima.shape, jnp.uint8)
  for place in range(1, pool[0] * pool[1]):
    frame, band = divmod(place, pool[1])
    cell = blocks[:, :, frame, :, band]
    candidate = value(cell)
    is_greater = candidate > maxima
    maxima = jnp.where(is_greater, candidate, maxima)
    chosen = jnp.where(is_greater, cell, chosen)
    places = jnp.where(is_greater, jnp.uint8(place), places)
  return maxima, places, chosen


def _blocks(x: jax.Array, pool: tuple[int, int]) -> jax.Array:
  """Reshapes [b, t, f, c] to [b, t // p, p, f // q, q, c]."""
  batch, frames, bands, channels = x.shape
  p, q = pool
  t, f = frames // p, bands // q
  return x[:, : t * p, : f * q].reshape(batch, t, p, f, q, channels)


def _rectified_maxima_forward(x, gain, shift, pool):
  find = _maxima if pool == (1, 1) else _kept_maxima
  maxima, places, chosen = find(x, gain, shift, pool)
  # Only the shape of x is needed; an array without elements carries it.
  shape = jnp.zeros((*x.shape[1:3], 0))
  return nn.relu(maxima), (maxima > 0, places, chosen, gain, shape)


def _kept_maxima(x, gain, shift, pool):
  """`_maxima`, in arrays that the compiler keeps for the backward pass.

  Otherwise the compiler computes the positions again where it writes the
  gradient. This is slow, and wrong on a CPU: XLA writes the gradient over x,
  element by element, and treats the view of x as blocks as another array, so
  that it searches for the maxima among gradients (jaxlib 0.10.2). The results
  of a loop are not computed again.
  """

  def at_once(x, gain, shift):
    return lax.optimization_barrier(_maxima(x, gain, shift, pool))

  # The platform where the program will run decides, not JAX's default backend:
  # on a CPU `at_once` is not only slower, but wrong.
  by_blocks = functools.partial(_maxima_of_blocks, pool=pool)
  return lax.platform_dependent(x, gain, shift, cpu=by_blocks, default=at_once)


def _maxima_of_blocks(x, gain, shift, *, pool):
  """`_maxima` in a loop over blocks of frames."""
  batch, frames, bands, channels = x.shape
  p, q = pool
  row = batch * p * bands * channels
  count, rows = winograd.even_blocks(frames // p, _BLOCK // row)

  def fill(block, kept):
    part = lax.dynamic_slice_in_dim(x, block * rows * p, rows * p, axis=1)
    return tuple(
      lax.dynamic_update_slice_in_dim(array, found, block * rows, axis=1)
      for array, found in zip(
        kept, _maxima(part, gain, shift, pool), strict=True
      )
    )

  shape = (batch, frames // p, bands // q, channels)
  kept = tuple(jnp.zeros(shape, t) for t in (x.dtype, jnp.uint8, x.dtype))
  # The barrier hides a count of 1, for which XLA would remove the loop.
  return lax.fori_loop(0, lax.optimization_barrier(count), fill, kept)


def _rectified_maxima_backward(pool, residuals, gradient):
  is_active, places, chosen, gain, shape = residuals
  gradient = jnp.where(is_active, gradient, 0)
  wide = gradient.astype(gain.dtype)
  to_gain, to_shift = channel_sums(wide * chosen, 3), channel_sums(wide, 3)
  p, q = pool
  own = np.arange(p * q, dtype=np.uint8).reshape(p, 1, q, 1)
  is_place = places[:, :, None, :, None] == own
  to_cell = gradient * gain.astype(gradient.dtype)
  blocks = jnp.where(is_place, to_cell[:, :, None, :, None], 0)
  b, t, _, f, _, c = blocks.shape
  spread = blocks.reshape(b, t * p, f * q, c)
  rest = [(0, shape.shape[0] - t * p), (0, shape.shape[1] - f * q)]
  return jnp.pad(spread, [(0, 0), *rest, (0, 0)]), to_gain, to_shift


rectified_maxima.defvjp(_rectified_maxima_forward, _rectified_maxima_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def time_maxima(x: jax.Array, pool: int) -> jax.Array:
  """Max pooling over frames.

  As in `rectified_maxima`, only one element of a block has a gradient, and the
  forward pass keeps its position. The gradient of `jnp.max` compares elements
  with maxima instead, which is not a number if no element is equal.

  Args:
    x: Vectors, with shape `[batch, frames, channels]`.
    pool: Number of frames in a block, 1 to 256, a divisor of the frames.

  Returns:
    Maxima, with shape `[batch, frames // pool, channels]`.
  """
  return _time_maxima(x, pool)[0]


def _time_maxima(x, pool):
  """Maxima, and their positions in the blocks."""
  batch, frames, channels = x.shape
  blocks = x.reshape(batch, frames // pool, pool, channels)
  maxima = blocks[:, :, 0]
  places = jnp.zeros(maxima.shape, jnp.uint8)
  for place in range(1, pool):
    is_greater = blocks[:, :, place] > maxima
    maxima = jnp.where(is_greater, blocks[:, :, place], maxima)
    places = jnp.where(is_greater, jnp.uint8(place), places)
  return maxima, places


def _time_maxima_backward(pool, places, gradient):
  own = np.arange(pool, dtype=np.uint8)[:, None]
  spread = jnp.where(places[:, :, None] == own, gradient[:, :, None], 0)
  batch, frames, _, channels = spread.shape
  return (spread.reshape(batch, frames * pool, channels),)


time_maxima.defvjp(_time_maxima, _time_maxima_backward)


class Dropout(nn.Module):
  """Dropout with a mask for each example, however the batch is divided.

  The key is folded with the index of the example in the global batch, so that
  the masks do not depend on how `pmap` divides the batch.

  Attributes:
    rate: Share of the values that become 0, in [0, 1).
    deterministic: Whether to return the input unchanged.
    axis_name: Name of the `pmap` axis; None under `jit`.
    whole_maps: Whether each channel of an example is kept or dropped as a
      whole, for arrays with shape `[batch, ..., channels]`.
  """

  rate: float
  deterministic: bool
  axis_name: str | None = None
  whole_maps: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Drops values of an array with shape `[batch, ...]`."""
    if self.deterministic or self.rate == 0:
      return x
    shape = x.shape[1:]
    if self.whole_maps:
      shape = (*[1] * (x.ndim - 2), x.shape[-1])
    keep = random_mask(
      self.make_rng('dropout'),
      (x.shape[0], *shape),
      rate=self.rate,
      axis_name=self.axis_name,
    )
    return drop(x, keep, rate=self.rate)


def random_mask(
  key: jax.Array,
  shape: Sequence[int],
  *,
  rate: float,
  axis_name: str | None = None,
) -> jax.Array:
  """Draws which values are kept, for each example by itself.

  Args:
    key: PRNG key.
    shape: Shape of the mask, `[batch, ...]`.
    rate: Share of the values that are dropped, in [0, 1).
    axis_name: Name of the `pmap` axis; None under `jit`. The masks do not
      depend on how it divides the batch.

  Returns:
    Whether each value is kept, bool with this shape.
  """
  batch, *inner = shape
  index = jnp.arange(batch)
  if axis_name is not None:
    index += lax.axis_index(axis_name) * batch
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
  # A share of 2^-16 is exact enough, and two values share a random number: on a
  # CPU, these numbers take a tenth of the time of a conformer block.
  kept = min(round((1 - rate) * 2**16), 2**16 - 1)
  return jax.vmap(lambda one: _random_halves(one, inner) < kept)(keys)


def drop(x: jax.Array, keep: jax.Array, *, rate: float) -> jax.Array:
  """Sets values to 0 that are not kept, and scales the others."""
  return jnp.where(keep, x / (1 - rate), 0)


def _random_halves(key: jax.Array, shape: Sequence[int]) -> jax.Array:
  """Random 16-bit integers, two of each 32-bit number."""
  size = math.prod(shape)
  numbers = jax.random.bits(key, (-(-size // 2),), jnp.uint32)
  halves = lax.bitcast_convert_type(numbers, jnp.uint16)
  return halves.reshape(-1)[:size].reshape(shape)


class SelfAttention(nn.Module):
  """Self-attention over time: one head, scaled dot products, no residual.

  Attributes:
    features: Size of queries and keys.
    dtype: Type of the computation; the softmax is in float32 or wider.
  """

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


class MultiHeadAttention(nn.Module):
  """Self-attention over time with several heads, as in transformers.

  Attributes:
    heads: Number of heads, a divisor of the size of the input.
    dropout_rate: Dropout rate of the weights of the attention.
    deterministic: Whether to keep all weights.
    dtype: Type of the computation; the softmax is in float32 or wider.
    axis_name: Name of the `pmap` axis, as for `Dropout`.

  References:
    Vaswani et al., `Attention Is All You Need
    <https://arxiv.org/abs/1706.03762>`_, 2017
  """

  heads: int
  dropout_rate: float
  deterministic: bool
  dtype: Any = jnp.float32
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[batch, frames, size]` to the same shape."""
    *outer, size = x.shape
    # Queries, keys and values in one product.
    together = dense(3 * size, self.dtype, name='query_key_value')(x)
    split = together.reshape(*outer, 3, self.heads, size // self.heads)
    query, key, value = jnp.moveaxis(split, -3, 0)
    scale = np.sqrt(size // self.heads)
    scores = jnp.einsum('bqhd,bkhd->bhqk', query, key) / scale
    weights = nn.softmax(scores.astype(at_least_float32(self.dtype)))
    drop = Dropout(self.dropout_rate, self.deterministic, self.axis_name)
    weights = drop(weights.astype(self.dtype))
    y = jnp.einsum('bhqk,bkhd->bqhd', weights, value).reshape(x.shape)
    return dense(size, self.dtype, name='output')(y)


def conv3x3(
  filters: int, dtype: Any, *, use_bias: bool, name: str | None = None
) -> nn.Conv:
  """A 3x3 convolution (`winograd.conv3x3`), initialised Glorot-uniform.

  Args:
    filters: Number of filters.
    dtype: Type of the computation.
    use_bias: Whether each filter has a bias.
    name: Name of its parameters; None for a number.

  Returns:
    A layer from `[batch, frames, bands, channels]` to
    `[batch, frames, bands, filters]`.
  """
  # All 3x3 layers have the strides and padding of winograd.conv3x3.
  convolve = lambda x, kernel, *_, **__: winograd.conv3x3(x, kernel)
  return nn.Conv(
    filters,
    (3, 3),
    use_bias=use_bias,
    dtype=dtype,
    kernel_init=nn.initializers.glorot_uniform(),
    conv_general_dilated=convolve,
    name=name,
  )


def dense(features: int, dtype: Any, *, name: str | None = None) -> nn.Dense:
  """A fully connected layer, initialised Glorot-uniform as in the paper.

  Args:
    features: Number of units.
    dtype: Type of the computation.
    name: Name of its parameters; None for a number.

  Returns:
    A layer from `[..., inputs]` to `[..., features]`.
  """
  return nn.Dense(
    features,
    dtype=dtype,
    kernel_init=nn.initializers.glorot_uniform(),
    name=name,
  )
