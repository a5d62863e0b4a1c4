"""The conformer block: attention and convolution between two dense layers."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from seld_jax.model.attention import RelativeAttention
from seld_jax.model.batch_norm import BatchNorm
from seld_jax.model.layers import dense, drop, random_mask
from seld_jax.model.streaming import Past

# Added to variances in batch and layer normalisation, as in PyTorch.
_EPSILON = 1e-5


class ConformerBlock(nn.Module):
  """A conformer block: half a dense step, attention, convolution, the other.

  Each of the four has layer normalisation before it, dropout after it, and a
  residual connection; the block ends with layer normalisation. The attention
  has relative positions (`RelativeAttention`) instead of those of the paper.

  Attributes:
    heads: Number of heads of the attention, a divisor of the size of the input.
    distance: Largest distance of frames with a position vector of its own.
    feed_forward: Units of a dense step, as a multiple of the size of the input.
    kernel: Length of the depthwise convolution in frames, odd.
    history: Number of frames that the attention looks back, for a block that
      sees no later frames; None for a block that sees all frames.
    dropout_rate: Dropout rate, also between the layers of a dense step.
    bn_momentum: Momentum of the running statistics of batch normalisation.
    dtype: Type of the computation; parameters and statistics are float32.
    axis_name: Name of the `pmap` axis; None under `jit`.

  References:
    Gulati et al., `Conformer: Convolution-augmented Transformer for Speech
    Recognition <https://arxiv.org/abs/2005.08100>`_, 2020
  """

  heads: int
  distance: int
  feed_forward: int
  kernel: int
  history: int | None = None
  dropout_rate: float = 0.1
  bn_momentum: float = 0.9
  dtype: Any = jnp.float32
  axis_name: str | None = None

  @nn.compact
  def __call__(
    self, x: jax.Array, *, train: bool, keep: jax.Array | None = None
  ) -> jax.Array:
    """Maps `[batch, frames, size]` to the same shape.

    `keep` says which values dropout keeps, from `random_masks`; None: the block
    draws them itself.
    """
    norm = functools.partial(nn.LayerNorm, _EPSILON, dtype=self.dtype)
    size = x.shape[-1]
    wide = self.feed_forward * size
    if keep is None:
      (keep,) = random_masks(
        self.make_rng,
        x,
        layers=1,
        feed_forward=self.feed_forward,
        rate=self.dropout_rate if train else 0.0,
        axis_name=self.axis_name,
      )
    dropped = _droppers(keep, _places(size, wide), rate=self.dropout_rate)

    def dense_step(x, name):
      y = dense(wide, self.dtype, name=f'{name}_in')(norm()(x))
      y = dense(size, self.dtype, name=f'{name}_out')(
        next(dropped)(nn.swish(y))
      )
      return x + 0.5 * next(dropped)(y)

    x = dense_step(x, 'first')
    attention = RelativeAttention(
      self.heads, self.distance, self.history, self.dtype, name='attention'
    )
    x = x + next(dropped)(attention(norm()(x)))
    y = dense(2 * size, self.dtype, name='gated')(norm()(x))
    y = self._convolve(nn.glu(y))
    y = BatchNorm(self.bn_momentum, axis_name=self.axis_name, epsilon=_EPSILON)(
      y, train=train
    )
    y = dense(size, self.dtype, name='mixed')(nn.swish(y))
    x = dense_step(x + next(dropped)(y), 'last')
    return norm()(x)

  def _convolve(self, x: jax.Array) -> jax.Array:
    """A convolution of each channel over time, without bias."""
    # No bias: the normalisation that follows would subtract it again.
    kernel = self.param(
      'depthwise',
      nn.initializers.variance_scaling(
        1.0, 'fan_in', 'uniform', in_axis=0, out_axis=1
      ),
      (self.kernel, x.shape[-1]),
      jnp.float32,
    )
    if self.history is None:
      half = self.kernel // 2
      x = jnp.pad(x, ((0, 0), (half, half), (0, 0)))
    elif self.kernel > 1:
      x = Past(self.kernel - 1)(x)
    return depthwise(x, kernel.astype(self.dtype))


def random_masks(
  make_rng: Callable[[str], jax.Array],
  x: jax.Array,
  *,
  layers: int,
  feed_forward: int,
  rate: float,
  axis_name: str | None = None,
) -> list[jax.Array | None]:
  """Draws which values dropout keeps in some blocks.

  One program draws those of each block in turn. With a draw for each place of a
  block, the program of a CPU would have hundreds of small kernels more, which
  take memory; with one draw for all, the random numbers would not stay in its
  cache.

  Args:
    make_rng: That of the module, from within its `__call__`. It is called for
      the rng `dropout`.
    x: The input of the first block, with shape `[batch, frames, size]`.
    layers: Number of blocks.
    feed_forward: Their factor of the dense steps.
    rate: Their dropout rate; 0 for no dropout.
    axis_name: Name of the `pmap` axis; None under `jit`.

  Returns:
    The argument `keep` of each block.
  """
  if rate == 0 or layers == 0:
    return [None] * layers
  *outer, size = x.shape
  count = sum(_places(size, feed_forward * size))
  draw = functools.partial(
    random_mask, shape=(*outer, count), rate=rate, axis_name=axis_name
  )
  keys = jax.random.split(make_rng('dropout'), layers)
  return [*lax.map(draw, keys)]


def _places(size: int, wide: int) -> tuple[int, ...]:
  """The size of the arrays with dropout in a block, in their order."""
  return wide, size, size, size, wide, size


def _droppers(
  keep: jax.Array | None, places: Sequence[int], *, rate: float
) -> Iterator[Callable[[jax.Array], jax.Array]]:
  """A function for each place that drops the values that are not kept."""
  if keep is None:
    return itertools.repeat(lambda x: x)
  parts = jnp.split(keep, np.cumsum(places)[:-1], axis=-1)
  return (functools.partial(drop, keep=part, rate=rate) for part in parts)


def depthwise(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Correlates each channel with its own kernel over time, without padding.

  It is a sum of shifted products. On a CPU, XLA's convolution with a group for
  each channel takes many times as long.

  Args:
    x: Inputs, with shape `[batch, frames, channels]`.
    kernel: Weights, with shape `[length, channels]`.

  Returns:
    Outputs, with shape `[batch, frames - length + 1, channels]`.
  """
  length = kernel.shape[0]
  frames = x.shape[1] - length + 1
  return sum(
    (x[:, shift : shift + frames] * kernel[shift] for shift in range(length)),
    start=jnp.zeros((), x.dtype),
  )
