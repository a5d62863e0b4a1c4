"""The network of the DCASE baselines since 2022, as a Flax Linen module."""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seld_jax import outputs
from seld_jax.model import blocks
from seld_jax.model.gru import BiGru
from seld_jax.model.layers import Dropout, MultiHeadAttention, conv3x3

# Added to variances in batch and layer normalisation, as in PyTorch.
_EPSILON = 1e-5


class DcaseNet(nn.Module):
  """SELDnet with stacked GRUs and self-attention: the baselines since 2022.

  Convolutions with pooling; bidirectional GRUs, of which the last one has the
  tanh of its two directions multiplied; multi-head self-attention, each with a
  residual connection and layer normalisation; and for each head of the output
  format a fully connected layer without activation before its output. The
  baseline of 2022 has no attention, those of 2023 to 2025 have two layers. (The
  baseline of 2021 is `SeldNet` with the output format `accdoa`.)

  As published, except that two kinds of biases are left out, which another
  parameter replaces exactly: those of the convolutions, which batch
  normalisation subtracts again, and the second ones of the gates r and z of
  each GRU, which are added to the first.

  Attributes:
    output: What the network predicts: one branch for each of its heads.
    filters: Number of filters of each 3x3 convolution.
    pools: Max pooling (frames, bands) after each convolution.
    gru_features: Units of each GRU in each direction.
    gru_reset_first: Whether the GRUs have the cell of `BiGru.reset_first`.
    gru_layers: Number of bidirectional GRUs; each but the first has both
      directions of the one before as input.
    attention_layers: Number of self-attention layers; 0 for none.
    attention_heads: Number of heads of each, a divisor of `gru_features`.
    head_features: Units of the hidden layers of each branch.
    conv_dropout: Dropout rate of whole feature maps after each pooling.
    gru_dropout: Dropout rate of the output of each GRU but the last.
    attention_dropout: Dropout rate of the weights of each self-attention.
    bn_momentum: Momentum of the running statistics of batch normalisation.
    dtype: Type of the computation; parameters and statistics are float32.
    axis_name: Name of the `pmap` axis, as for `SeldCrnn`.

  References:
    Politis et al., `STARSS22: A dataset of spatial recordings of real scenes
    with spatiotemporal annotations of sound events
    <https://arxiv.org/abs/2206.01948>`_, 2022; Shimada et al., `STARSS23: An
    Audio-Visual Dataset of Spatial Recordings of Real Scenes with
    Spatiotemporal Annotations of Sound Events
    <https://arxiv.org/abs/2306.09126>`_, 2023

  Example:
    >>> from seld_jax import model, outputs
    >>> network = model.DcaseNet(
    ...   output=outputs.make(
    ...     'multi_accdoa', num_classes=13, distance=True, activation='linear'
    ...   )
    ... )
    >>> features = jnp.zeros((2, 250, 64, 7))  # 5 s in 250 frames
    >>> outputs, variables = jax.eval_shape(
    ...   network.init_with_output, jax.random.key(0), features
    ... )
    >>> outputs['accdoa'].shape  # tracks, classes, (x, y, z, distance)
    (2, 50, 3, 13, 4)
    >>> model.count_parameters(variables['params'])
    740956
  """

  output: outputs.OutputFormat = blocks.DEFAULT_OUTPUT
  filters: Sequence[int] = (64, 64, 64)
  pools: Sequence[tuple[int, int]] = ((5, 4), (1, 4), (1, 2))
  gru_features: int = 128
  gru_reset_first: bool = False
  gru_layers: int = 2
  attention_layers: int = 2
  attention_heads: int = 8
  head_features: Sequence[int] = (128,)
  conv_dropout: float = 0.05
  gru_dropout: float = 0.05
  attention_dropout: float = 0.05
  bn_momentum: float = 0.9
  dtype: Any = jnp.float32
  axis_name: str | None = None

  @nn.compact
  def __call__(
    self, features: jax.Array, *, train: bool = False
  ) -> dict[str, jax.Array]:
    """Predicts the events of every label frame.

    Args:
      features: Standardised features, with shape
        `[batch, frames, mels, channels]`, as for `SeldCrnn`.
      train: Whether dropout is active and the statistics of the batch are used
        and recorded, as for `SeldCrnn`.

    Returns:
      The outputs by name, with shape `[batch, label_frames, ...]`, in float32:
      see the output format.

    Raises:
      ValueError: The number of frames is not a multiple of the time pooling, or
        the attention heads do not divide the units of the GRU.
    """
    blocks.check_frames('DcaseNet', features, self.pools)
    if self.attention_layers and self.gru_features % self.attention_heads:
      raise ValueError(
        f'attention_heads = {self.attention_heads} must divide gru_features = '
        f'{self.gru_features}.'
      )
    drop = functools.partial(
      Dropout, axis_name=self.axis_name, deterministic=not train
    )
    x = features.astype(self.dtype)
    for filters, pool in zip(self.filters, self.pools, strict=True):
      x = conv3x3(filters, self.dtype, use_bias=False)(x)
      x = blocks.normalised_maxima(self, x, pool, train=train, epsilon=_EPSILON)
      x = drop(self.conv_dropout, whole_maps=True)(x)
    x = x.reshape(*x.shape[:2], -1)
    for layer in range(self.gru_layers):
      if layer:
        x = drop(self.gru_dropout)(x)
      x = BiGru(self.gru_features, self.gru_reset_first, self.dtype)(x)
    forwards, backwards = jnp.split(jnp.tanh(x), 2, axis=-1)
    x = forwards * backwards
    for _ in range(self.attention_layers):
      y = MultiHeadAttention(
        self.attention_heads,
        dropout_rate=self.attention_dropout,
        deterministic=not train,
        dtype=self.dtype,
        axis_name=self.axis_name,
      )(x)
      x = nn.LayerNorm(_EPSILON, dtype=self.dtype)(x + y)
    return blocks.branches(self, [x], lambda y: y)
