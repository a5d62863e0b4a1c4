"""The conformer block: attention and convolution between two dense layers."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seld_jax.model.attention import RelativeAttention
from seld_jax.model.batch_norm import BatchNorm
from seld_jax.model.layers import Dropout, dense
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
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps `[batch, frames, size]` to the same shape."""
    drop = functools.partial(
      Dropout,
      self.dropout_rate,
      axis_name=self.axis_name,
      deterministic=not train,
    )
    norm = functools.partial(nn.LayerNorm, _EPSILON, dtype=self.dtype)
    size = x.shape[-1]

    def dense_step(x, name):
      y = dense(self.feed_forward * size, self.dtype, name=f'{name}_in')(
        norm()(x)
      )
      y = dense(size, self.dtype, name=f'{name}_out')(drop()(nn.swish(y)))
      return x + 0.5 * drop()(y)

    x = dense_step(x, 'first')
    attention = RelativeAttention(
      self.heads, self.distance, self.history, self.dtype, name='attention'
    )
    x = x + drop()(attention(norm()(x)))
    y = dense(2 * size, self.dtype, name='gated')(norm()(x))
    y = self._convolve(nn.glu(y))
    y = BatchNorm(self.bn_momentum, axis_name=self.axis_name, epsilon=_EPSILON)(
      y, train=train
    )
    y = dense(size, self.dtype, name='mixed')(nn.swish(y))
    x = dense_step(x + drop()(y), 'last')
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
