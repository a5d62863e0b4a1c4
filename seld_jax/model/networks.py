"""The networks by name: the paper's CRNN and SELDnet of 2020, and later ones.

They are Flax Linen modules: use their pure functions `init` and `apply`.
"""

import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seld_jax import outputs
from seld_jax.errors import InputError
from seld_jax.model import blocks
from seld_jax.model.composed import ComposedNet
from seld_jax.model.cross_stitch import CrossStitch
from seld_jax.model.dcase_net import DcaseNet
from seld_jax.model.gru import BiGru
from seld_jax.model.layers import Dropout, SelfAttention, conv3x3

# The trunks of a network with soft parameter sharing: that of activity, and
# that of directions and distances.
_TRUNKS = ('sed', 'doa')


class SeldCrnn(nn.Module):
  """Self-attention CRNN of Phan et al., with one branch for each task.

  Convolutions with pooling, a bidirectional GRU, self-attention, and a fully
  connected branch for each head of the output format. In the paper these are
  event activity (sigmoid) and direction (tanh).

  A trunk is all layers before the branches. With `soft_sharing`, the network
  has two trunks for the same features, as in EINV2 of Cao et al. The first one
  is the input of the branches of activity (heads `sed` and `sed_*`), the second
  one that of directions and distances. After each pooling, and before the
  branches, the trunks exchange features through a learned 2 x 2 matrix for each
  channel (`CrossStitch`). Two trunks take about twice the time of one. The
  names of their layers start with `sed_` or `doa_`. Only the GRU has no prefix:
  both GRUs run in one loop and are one layer, whose leading axis is (direction,
  trunk).

  Attributes:
    output: What the network predicts: one branch for each of its heads.
    filters: Number of filters of each 3x3 convolution.
    pools: Max pooling (frames, bands) after each convolution; (1, 1) for none.
      The product of the frames is the number of feature frames in one label
      frame.
    gru_features: Units of the GRU in each direction.
    gru_reset_first: Whether the GRU has the cell of the published system.
    attention_features: Size of queries and keys; 0 for no attention.
    head_features: Units of the hidden layers of each branch.
    conv_dropout: Dropout rate after each pooling.
    gru_dropout: Dropout rate of the output of the GRU.
    head_dropout: Dropout rate after each hidden layer of the branches.
    bn_momentum: Momentum of the running statistics of batch normalisation.
    soft_sharing: Whether activity has a trunk of its own. The output format
      must have heads of activity and others: `class_wise` or `tracks`.
    dtype: Type of the computation; parameters and statistics are float32.
    axis_name: Name of the `pmap` axis over which batch statistics are averaged
      and examples are counted; None under `jit`, where the batch is global.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, figure 1; Cao et
    al., `An improved event-independent network for polyphonic sound event
    localization and detection <https://arxiv.org/abs/2010.13092>`_, 2021

  Example:
    >>> from seld_jax import model
    >>> network = model.SeldCrnn()
    >>> features = jnp.zeros((1, 600, 64, 7))  # 12 s in 600 frames
    >>> outputs, variables = jax.eval_shape(
    ...   network.init_with_output, jax.random.key(0), features
    ... )
    >>> outputs['sed'].shape, outputs['doa'].shape
    ((1, 120, 14), (1, 120, 14, 3))
    >>> model.count_parameters(variables['params'])
    3737976
  """

  output: outputs.OutputFormat = blocks.DEFAULT_OUTPUT
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
  soft_sharing: bool = False
  dtype: Any = jnp.float32
  axis_name: str | None = None

  @nn.compact
  def __call__(
    self, features: jax.Array, *, train: bool = False
  ) -> dict[str, jax.Array]:
    """Predicts the events of every label frame.

    Args:
      features: Standardised features, with shape
        `[batch, frames, mels, channels]`. Frames must be a multiple of the time
        pooling, and mels at least the product of the band pooling.
      train: Whether dropout is active (needs the rng `dropout`) and the
        statistics of the batch are used and recorded (needs
        `mutable=['batch_stats']`).

    Returns:
      The outputs by name, with shape `[batch, label_frames, ...]`, in float32:
      see the output format. By default `sed_logits` and `sed`, with shape
      `[batch, label_frames, classes]`, and `doa`, with shape
      `[batch, label_frames, classes, 3]`.

    Raises:
      ValueError: The number of frames is not a multiple of the time pooling, or
        the output format has no separate heads for the trunks of
        `soft_sharing`.
    """
    blocks.check_frames('SeldCrnn', features, self.pools)
    if self.soft_sharing:
      _check_trunks(self.output)
    drop = functools.partial(
      Dropout, axis_name=self.axis_name, deterministic=not train
    )
    trunks = _TRUNKS if self.soft_sharing else ('',)
    # Flax itself numbers the layers of a single trunk.
    named = lambda trunk, layer: f'{trunk}_{layer}' if trunk else None
    mixed = lambda maps: CrossStitch()(*maps) if self.soft_sharing else maps
    maps = [features.astype(self.dtype)] * len(trunks)
    layers = zip(self.filters, self.pools, strict=True)
    for number, (filters, pool) in enumerate(layers):
      for index, trunk in enumerate(trunks):
        # No bias: the normalisation that follows would subtract it again, and
        # Adam would amplify the rounding errors of its zero gradient.
        conv = conv3x3(
          filters,
          self.dtype,
          use_bias=False,
          name=named(trunk, f'Conv_{number}'),
        )
        maps[index] = blocks.normalised_maxima(
          self,
          conv(maps[index]),
          pool,
          train=train,
          name=named(trunk, f'BatchNorm_{number}'),
        )
      if tuple(pool) != (1, 1):
        maps = [drop(self.conv_dropout)(x) for x in mixed(maps)]
    maps = [x.reshape(*x.shape[:2], -1) for x in maps]
    gru = BiGru(self.gru_features, self.gru_reset_first, self.dtype)
    maps = list(gru(jnp.stack(maps))) if self.soft_sharing else [gru(maps[0])]
    maps = [drop(self.gru_dropout)(x) for x in maps]
    if self.attention_features:
      maps = [
        SelfAttention(
          self.attention_features,
          dtype=self.dtype,
          name=named(trunk, 'SelfAttention_0'),
        )(x)
        for trunk, x in zip(trunks, maps, strict=True)
      ]
    hidden = lambda y: drop(self.head_dropout)(nn.relu(y))
    return blocks.branches(self, mixed(maps), hidden)


class SeldNet(nn.Module):
  """SELDnet, the baseline of DCASE 2020: a CRNN with linear branches.

  Convolutions with pooling, bidirectional GRUs whose two directions are
  multiplied, and for each task a fully connected layer without activation
  before its output.

  Attributes:
    output: What the network predicts: one branch for each of its heads.
    filters: Number of filters of each 3x3 convolution.
    pools: Max pooling (frames, bands) after each convolution.
    gru_features: Units of each GRU in each direction.
    gru_reset_first: Whether the GRUs have the cell of the published system.
    gru_layers: Number of bidirectional GRUs.
    head_features: Units of the hidden layers of each branch.
    conv_dropout: Dropout rate after each pooling.
    gru_dropout: Dropout rate of the output of each GRU.
    head_dropout: Dropout rate after each hidden layer of the branches.
    bn_momentum: Momentum of the running statistics of batch normalisation.
    normalise_bands: Whether batch normalisation has statistics for each band
      instead of each channel. The published code does this, because it mixed
      up two axes.
    dtype: Type of the computation; parameters and statistics are float32.
    axis_name: Name of the `pmap` axis, as for `SeldCrnn`.

  References:
    Adavanne et al., `Sound event localization and detection of overlapping
    sources using convolutional recurrent neural networks
    <https://arxiv.org/abs/1807.00129>`_, 2018; Politis et al., `A Dataset of
    Reverberant Spatial Sound Scenes with Moving Sources
    <https://arxiv.org/abs/2006.01919>`_, 2020

  Example:
    >>> from seld_jax import model
    >>> network = model.SeldNet(  # tiny, to be quick
    ...   filters=(4,), pools=((5, 8),), gru_features=4, gru_layers=1
    ... )
    >>> features = jnp.zeros((2, 50, 64, 7))
    >>> variables = jax.jit(network.init)(jax.random.key(0), features)
    >>> outputs = jax.jit(network.apply)(variables, features)
    >>> outputs['sed'].shape, outputs['doa'].shape
    ((2, 10, 14), (2, 10, 14, 3))
  """

  output: outputs.OutputFormat = blocks.DEFAULT_OUTPUT
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
    """Predicts the events of every label frame.

    Args:
      features: Standardised features, with shape
        `[batch, frames, mels, channels]`, as for `SeldCrnn`.
      train: Whether dropout is active and the statistics of the batch are used
        and recorded, as for `SeldCrnn`.

    Returns:
      The outputs by name, with shape `[batch, label_frames, ...]`, in float32:
      see the output format. By default `sed_logits` and `sed`, with shape
      `[batch, label_frames, classes]`, and `doa`, with shape
      `[batch, label_frames, classes, 3]`.

    Raises:
      ValueError: The number of frames is not a multiple of the time pooling.
    """
    blocks.check_frames('SeldNet', features, self.pools)
    drop = functools.partial(
      Dropout, axis_name=self.axis_name, deterministic=not train
    )
    x = features.astype(self.dtype)
    for filters, pool in zip(self.filters, self.pools, strict=True):
      # With a bias, as published; only `normalise_bands` makes it matter.
      x = conv3x3(filters, self.dtype, use_bias=True)(x)
      axis = -2 if self.normalise_bands else -1
      x = blocks.normalised_maxima(self, x, pool, train=train, axis=axis)
      x = drop(self.conv_dropout)(x)
    x = x.reshape(*x.shape[:2], -1)
    for _ in range(self.gru_layers):
      both = BiGru(self.gru_features, self.gru_reset_first, self.dtype)(x)
      forwards, backwards = jnp.split(both, 2, axis=-1)
      x = drop(self.gru_dropout)(forwards * backwards)
    # The lambda makes a new dropout layer, with its own key, for each call.
    return blocks.branches(self, [x], lambda y: drop(self.head_dropout)(y))


# The networks by their name in a config.
MODELS: Mapping[str, type[nn.Module]] = {
  'seld_crnn': SeldCrnn,
  'seld_net': SeldNet,
  'dcase_net': DcaseNet,
  'composed': ComposedNet,
}

# Kinds of layers of which the last one is the last that all branches share: the
# first kind that a network has.
_SHARED = (
  'ConformerBlock',
  'SelfAttention',
  'MultiHeadAttention',
  'RelativeAttention',
  'BiGru',
  'Gru',
)


def last_shared_layer(params: Mapping[str, Any]) -> str:
  """Name of the last layer that both branches share.

  Args:
    params: Parameters of a network.

  Returns:
    The last conformer block or attention, or the last GRU if the network has
    none: a key of `params`.

  Raises:
    InputError: The network has a trunk for each task (`soft_sharing`), so that
      the branches share no layer, or no layer of a known kind.

  Example:
    >>> from seld_jax import model
    >>> features = jnp.zeros((1, 50, 64, 7))
    >>> shapes = jax.eval_shape(
    ...   model.SeldNet().init, jax.random.key(0), features
    ... )
    >>> model.last_shared_layer(shapes['params'])
    'BiGru_1'
  """
  if 'CrossStitch_0' in params:
    raise InputError(
      'With soft_sharing, the branches stand on different trunks and share no '
      'layer.'
    )
  layers = {
    kind: [name for name in params if re.fullmatch(rf'{kind}_\d+', name)]
    for kind in _SHARED
  }
  last = next((names for names in layers.values() if names), None)
  if last is None:
    raise InputError(
      'The last layer that activity and directions share is not known for a '
      f'network without layers such as {", ".join(_SHARED[:4])}: set '
      '--config.train.log_gradient_norms=False.'
    )
  return max(last, key=lambda name: int(name.rpartition('_')[2]))


def count_parameters(params: Any) -> int:
  """Number of trainable parameters.

  Args:
    params: A tree of arrays, or of shapes as from `jax.eval_shape`.

  Returns:
    The sum of the sizes of its leaves.

  Example:
    >>> from seld_jax import model
    >>> model.count_parameters({'kernel': np.ones((3, 4)), 'bias': np.ones(4)})
    16
  """
  # Of integers of Python, since shapes of a configuration may be absurd.
  return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def _check_trunks(output: outputs.OutputFormat) -> None:
  trunks = {blocks.trunk_of(head) for head in output.heads}
  if len(trunks) != len(_TRUNKS):
    raise ValueError(
      'soft_sharing needs heads of activity and heads of directions, but the '
      f'output format {output.name} has {", ".join(output.heads)} only.'
    )
