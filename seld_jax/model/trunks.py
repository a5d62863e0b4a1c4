"""Trunks of composed networks: convolutions that reduce the bands.

A trunk is a function of a network and its feature maps. It is called within
the `__call__` of the network, so that its layers are those of the network.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp

from seld_jax import outputs
from seld_jax.model import blocks
from seld_jax.model.batch_norm import BatchNorm
from seld_jax.model.layers import Dropout, conv3x3, rectified_maxima
from seld_jax.model.streaming import Past

# Added to variances in batch normalisation, as in PyTorch.
_EPSILON = 1e-5


class Convolutional(Protocol):
  """The settings of a network that the trunks need."""

  output: outputs.OutputFormat
  head_features: Sequence[int]
  filters: Sequence[int]
  pools: Sequence[tuple[int, int]]
  stage_blocks: Sequence[int]
  conv_dropout: float
  bn_momentum: float
  causal: bool
  dtype: Any
  axis_name: str | None


def cnn(network: Convolutional, x: jax.Array, *, train: bool) -> jax.Array:
  """A 3x3 convolution, normalisation, ReLU and max pooling for each size.

  Args:
    network: The network with the settings, from within its `__call__`.
    x: Features, with shape `[batch, frames, bands, channels]`.
    train: Whether dropout is active and the statistics of the batch are used
      and recorded.

  Returns:
    Maps, with shape `[batch, frames // p, bands // q, filters]`, where p and q
    are the products of the pooling.
  """
  for filters, pool in zip(network.filters, network.pools, strict=True):
    x = _normalised_maxima(
      network, _convolution(network, x, filters), pool, train=train
    )
    x = _dropout(network, x, train=train)
  return x


def resnet(network: Convolutional, x: jax.Array, *, train: bool) -> jax.Array:
  """Stages of basic blocks, each with max pooling at its end.

  A basic block has two 3x3 convolutions with normalisation, a ReLU between
  them, a residual connection, and a ReLU after it. Where the number of channels
  changes, the residual connection has a 1x1 convolution with normalisation.

  Args:
    network: The network with the settings, from within its `__call__`.
    x: Features, with shape `[batch, frames, bands, channels]`.
    train: As for `cnn`.

  Returns:
    Maps, with the shape that `cnn` returns.

  References:
    He et al., `Deep Residual Learning for Image Recognition
    <https://arxiv.org/abs/1512.03385>`_, 2015
  """
  stages = zip(
    network.filters, network.pools, network.stage_blocks, strict=True
  )
  for filters, pool, count in stages:
    for block in range(count):
      is_last = block == count - 1
      x = _basic_block(
        network, x, filters, tuple(pool) if is_last else (1, 1), train=train
      )
    x = _dropout(network, x, train=train)
  return x


# The trunks by their name in a config.
TRUNKS: Mapping[str, Callable[..., jax.Array]] = {'cnn': cnn, 'resnet': resnet}


def _basic_block(network, x, filters, pool, *, train) -> Any:
  norm = functools.partial(
    BatchNorm,
    network.bn_momentum,
    axis_name=network.axis_name,
    epsilon=_EPSILON,
  )
  y = _convolution(network, x, filters)
  y = _normalised_maxima(network, y, (1, 1), train=train)
  y = norm()(_convolution(network, y, filters), train=train)
  if x.shape[-1] != filters:
    widen = nn.Dense(  # a 1x1 convolution
      filters,
      use_bias=False,
      dtype=network.dtype,
      kernel_init=nn.initializers.glorot_uniform(),
    )
    x = norm()(widen(x), train=train)
  if pool == (1, 1):
    return nn.relu(x + y)
  ones, zeros = jnp.ones(filters), jnp.zeros(filters)
  return jnp.asarray(rectified_maxima(x + y, ones, zeros, pool))


def _convolution(network, x, filters):
  """A 3x3 convolution that sees two earlier frames if the network is causal."""
  # No bias: the normalisation that follows would subtract it again.
  conv = conv3x3(filters, network.dtype, use_bias=False)
  if not network.causal:
    return conv(x)
  # With two frames in front of the maps, the outputs of the convolution are one
  # frame early; the first and the last of them saw zeros around these frames.
  return conv(Past(2)(x))[:, 1:-1]


def _normalised_maxima(network, x, pool, *, train):
  return blocks.normalised_maxima(
    network, x, pool, train=train, epsilon=_EPSILON
  )


def _dropout(network, x, *, train):
  drop = Dropout(
    network.conv_dropout,
    axis_name=network.axis_name,
    deterministic=not train,
  )
  return drop(x)
