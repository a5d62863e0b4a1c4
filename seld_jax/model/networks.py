"""The networks: the paper's CRNN with self-attention, and the baseline.

Flax Linen modules, used by Linen's pure `init` and `apply`.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.model.batch_norm import BatchNorm, at_least_float32
from seld_jax.model.gru import BiGru
from seld_jax.model.layers import (
  Dropout,
  SelfAttention,
  conv3x3,
  dense,
  rectified_maxima,
)


class SeldCrnn(nn.Module):
  """Self-attention CRNN of Phan et al., with one branch per task.

  Convolutions with pooling, a bidirectional GRU, self-attention, and two
  fully connected branches: event activity (sigmoid) and direction (tanh).

  Attributes:
    num_classes: Number of event classes.
    filters: Filters of each 3x3 convolution.
    pools: Max pooling (frames, bands) after each convolution; (1, 1) for none.
    gru_features: Units of the GRU in each direction.
    gru_reset_first: Whether the GRU has the cell of the published system.
    attention_features: Size of queries and keys; 0: no attention.
    head_features: Units of the hidden layers of each branch.
    conv_dropout: Dropout rate after each pooling.
    gru_dropout: Dropout rate of the GRU's output.
    head_dropout: Dropout rate after each hidden layer of the branches.
    bn_momentum: Momentum of the running statistics of batch normalisation.
    dtype: Type of the computation; parameters and statistics are float32.
    axis_name: The axis under `pmap` over which batch statistics are averaged
      and examples are counted; None under `jit`, which sees the global batch.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, figure 1
  """

  num_classes: int = 14
  filters: Sequence[int] = (64, 64, 128, 128, 256, 256)
  pools: Sequence[tuple[int, int]] = (
    (1, 1),
    (5, 2),
    (1, 2),
    (1, 2),
    (1, 2),
    (1, 2),
  )
  gru_features: int = 256
  gru_reset_first: bool = False
  attention_features: int = 64
  head_features: Sequence[int] = (512, 512)
  conv_dropout: float = 0.5
  gru_dropout: float = 0.1
  head_dropout: float = 0.25
  bn_momentum: float = 0.999
  dtype: Any = jnp.float32
  axis_name: str | None = None

  @nn.compact
  def __call__(
    self, features: jax.Array, *, train: bool = False
  ) -> dict[str, jax.Array]:
    """Activity and directions of every class in every label frame.

    Args:
      features: Standardised features, with shape
        `[batch, frames, mels, channels]`. Frames must be a multiple of the time
        pooling, mels at least the product of the band pooling.
      train: Whether dropout is on (needs the rng `dropout`) and batch
        statistics are used and updated (needs `mutable=['batch_stats']`).

    Returns:
      `sed_logits` and `sed`, with shape `[batch, label_frames, num_classes]`,
      and `doa`, with shape `[batch, label_frames, num_classes, 3]`, in float32.

    Raises:
      ValueError: The frames are no multiple of the time pooling.
    """
    _check_frames('SeldCrnn', features, self.pools)
    drop = functools.partial(
      Dropout, axis_name=self.axis_name, deterministic=not train
    )
    x = features.astype(self.dtype)
    for filters, pool in zip(self.filters, self.pools, strict=True):
      # No bias: the normalisation that follows would take it out again, and
      # Adam would turn its zero gradient into noise.
      x = conv3x3(filters, self.dtype, use_bias=False)(x)
      x = _normalised_maxima(self, x, pool, train=train)
      if tuple(pool) != (1, 1):
        x = drop(self.conv_dropout)(x)
    x = x.reshape(*x.shape[:2], -1)
    x = BiGru(self.gru_features, self.gru_reset_first, self.dtype)(x)
    x = drop(self.gru_dropout)(x)
    if self.attention_features:
      x = SelfAttention(self.attention_features, dtype=self.dtype)(x)
    hidden = lambda y: drop(self.head_dropout)(nn.relu(y))
    return _branches(self, x, hidden)


class SeldNet(nn.Module):
  """SELDnet, the baseline of DCASE 2020: a CRNN with linear branches.

  Convolutions with pooling, bidirectional GRUs whose directions are multiplied,
  and for each task a fully connected layer without activation before its
  output.

  Attributes:
    num_classes: Number of event classes.
    filters: Filters of each 3x3 convolution.
    pools: Max pooling (frames, bands) after each convolution.
    gru_features: Units of each GRU in each direction.
    gru_reset_first: Whether the GRUs have the cell of the published system.
    gru_layers: Number of bidirectional GRUs.
    head_features: Units of the hidden layers of each branch.
    conv_dropout: Dropout rate after each pooling.
    gru_dropout: Dropout rate of the output of each GRU.
    head_dropout: Dropout rate after each hidden layer of the branches.
    bn_momentum: Momentum of the running statistics of batch normalisation.
    normalise_bands: Whether batch normalisation has statistics for each band,
      as the published code has by a slip of axes, instead of each channel.
    dtype: Type of the computation; parameters and statistics are float32.
    axis_name: The axis under `pmap`, as for `SeldCrnn`.

  References:
    Adavanne et al., `Sound event localization and detection of overlapping
    sources using convolutional recurrent neural networks
    <https://arxiv.org/abs/1807.00129>`_, 2018; Politis et al., `A dataset of
    reverberant spatial sound scenes with moving sources
    <https://arxiv.org/abs/2006.01919>`_, 2020
  """

  num_classes: int = 14
  filters: Sequence[int] = (64, 64, 64)
  pools: Sequence[tuple[int, int]] = ((5, 4), (1, 4), (1, 2))
  gru_features: int = 128
  gru_reset_first: bool = False
  gru_layers: int = 2
  head_features: Sequence[int] = (128,)
  conv_dropout: float = 0.0
  gru_dropout: float = 0.0
  head_dropout: float = 0.0
  bn_momentum: float = 0.99
  normalise_bands: bool = False
  dtype: Any = jnp.float32
  axis_name: str | None = None

  @nn.compact
  def __call__(
    self, features: jax.Array, *, train: bool = False
  ) -> dict[str, jax.Array]:
    """Activity and directions, with the arguments and results of `SeldCrnn`.

    Args:
      features: Standardised features, with shape
        `[batch, frames, mels, channels]`.
      train: Whether dropout is on and batch statistics are updated.

    Returns:
      `sed_logits` and `sed`, with shape `[batch, label_frames, num_classes]`,
      and `doa`, with shape `[batch, label_frames, num_classes, 3]`, in float32.

    Raises:
      ValueError: The frames are no multiple of the time pooling.
    """
    _check_frames('SeldNet', features, self.pools)
    drop = functools.partial(
      Dropout, axis_name=self.axis_name, deterministic=not train
    )
    x = features.astype(self.dtype)
    for filters, pool in zip(self.filters, self.pools, strict=True):
      # With a bias, as published, though it matters to `normalise_bands` only.
      x = conv3x3(filters, self.dtype, use_bias=True)(x)
      axis = -2 if self.normalise_bands else -1
      x = _normalised_maxima(self, x, pool, train=train, axis=axis)
      x = drop(self.conv_dropout)(x)
    x = x.reshape(*x.shape[:2], -1)
    for _ in range(self.gru_layers):
      both = BiGru(self.gru_features, self.gru_reset_first, self.dtype)(x)
      forwards, backwards = jnp.split(both, 2, axis=-1)
      x = drop(self.gru_dropout)(forwards * backwards)
    # A layer of its own for each call, with a key of its own.
    return _branches(self, x, lambda y: drop(self.head_dropout)(y))


# Networks by their name in a config.
MODELS = {'seld_crnn': SeldCrnn, 'seld_net': SeldNet}


def last_shared_layer(params: Mapping[str, Any]) -> str:
  """The layer before the branches part, whose gradient both tasks share.

  Args:
    params: Parameters of a network.

  Returns:
    Its name in `params`: the attention, or the last GRU where there is none.
  """
  if 'SelfAttention_0' in params:
    return 'SelfAttention_0'
  return max(name for name in params if name.startswith('BiGru_'))


def count_parameters(params: Any) -> int:
  """Number of trainable numbers in a tree of parameters."""
  return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


def _check_frames(
  name: str, features: jax.Array, pools: Sequence[tuple[int, int]]
) -> None:
  frames_per_label = math.prod(frames for frames, _ in pools)
  if features.shape[1] == 0 or features.shape[1] % frames_per_label:
    raise ValueError(
      f'{name} needs a multiple of {frames_per_label} frames on axis 1, '
      f'got shape {tuple(features.shape)}.'
    )


def _normalised_maxima(
  network: SeldCrnn | SeldNet,
  x: jax.Array,
  pool: Sequence[int],
  *,
  train: bool,
  axis: int = -1,
) -> jax.Array:
  """What follows a convolution: batch normalisation, ReLU and max pooling.

  Args:
    network: Whose fields count, from within its `__call__`.
    x: Feature maps, with shape `[batch, frames, bands, channels]`.
    pool: Size of the blocks, (frames, bands).
    train: Whether batch statistics are used and updated.
    axis: The axis that is normalised: -1, channels, or -2, bands.

  Returns:
    Maxima, with shape `[batch, frames // p, bands // q, channels]`.
  """
  norm = functools.partial(
    BatchNorm, network.bn_momentum, axis, network.axis_name
  )
  maxima = functools.partial(rectified_maxima, pool=tuple(pool))
  if axis == -1:
    return norm(then=maxima)(x, train=train)
  ones, zeros = jnp.ones(x.shape[-1]), jnp.zeros(x.shape[-1])
  return maxima(norm()(x, train=train), ones, zeros)


def _branches(
  network: SeldCrnn | SeldNet,
  x: jax.Array,
  hidden: Callable[[jax.Array], jax.Array],
) -> dict[str, jax.Array]:
  """The branches of both tasks, and the outputs of the network.

  Args:
    network: Whose fields count, from within its `__call__`.
    x: What the branches share, with shape `[batch, label_frames, features]`.
    hidden: What follows each hidden layer.

  Returns:
    `sed_logits`, `sed` and `doa`, in float32 at least.
  """
  dtype = network.dtype
  wide, classes = at_least_float32(dtype), network.num_classes
  outputs = {}
  for name, size in ('sed', classes), ('doa', 3 * classes):
    y = x
    for layer, width in enumerate(network.head_features):
      y = hidden(dense(width, dtype, name=f'{name}_hidden_{layer}')(y))
    outputs[name] = dense(size, dtype, name=name)(y).astype(wide)
  doa = jnp.tanh(outputs['doa'])
  return {
    'sed_logits': outputs['sed'],
    'sed': nn.sigmoid(outputs['sed']),
    'doa': doa.reshape(*doa.shape[:-1], classes, 3),
  }
