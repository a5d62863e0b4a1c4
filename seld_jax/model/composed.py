"""Networks composed of parts that a config names, and the ResNet-Conformer."""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seld_jax import outputs
from seld_jax.model import blocks
from seld_jax.model.layers import Dropout, dense, time_maxima
from seld_jax.model.sequences import SEQUENCES
from seld_jax.model.streaming import is_streaming
from seld_jax.model.trunks import TRUNKS

# Fields that only some parts use, by the part.
_PART_FIELDS = {
  'cnn': (),
  'resnet': ('stage_blocks',),
  'gru': ('gru_features', 'gru_reset_first', 'gru_layers', 'gru_dropout'),
  'conformer': (
    'attention_heads',
    'attention_distance',
    'attention_history',
    'sequence_layers',
    'feed_forward',
    'kernel',
    'sequence_dropout',
  ),
}
_PART_FIELDS['gru_attention'] = (
  *_PART_FIELDS['gru'],
  *('attention_layers', 'attention_heads', 'attention_dropout'),
  'attention_history',
)

# Fields that only causal networks use.
_CAUSAL_FIELDS = ('look_ahead', 'attention_history')


class ComposedNet(nn.Module):
  """A trunk of convolutions, a sequence over time, and a branch for each head.

  The trunk reduces the bands, and frames where `pools` says so. A fully
  connected layer over the bands and channels of each frame, which is a 1x1
  convolution, gives the sequence its width. Max pooling after the sequence
  gives label frames.

  With `causal`, the outputs of a label frame depend on no input after the
  `look_ahead` next label frames. No layer sees later frames: convolutions have
  zeros in front, attention sees the `attention_history` frames before, and GRUs
  run forwards. The look-ahead is in one place: `look_ahead` label frames of
  zeros follow the features, and the first label frames that come out of the
  sequence are left out, so that each output is of an earlier label frame. Such
  a network can also be applied part by part: see `initial_state`.

  Attributes:
    output: What the network predicts: one branch for each of its heads.
    trunk: `'cnn'` (convolutions) or `'resnet'` (stages of basic blocks).
    sequence: `'gru'`, `'gru_attention'` (GRUs, then multi-head self-attention),
      or `'conformer'`.
    filters: Number of filters of each convolution, or of each stage.
    pools: Max pooling (frames, bands) after each convolution, or stage.
    stage_blocks: Number of basic blocks of each stage (`'resnet'`).
    sequence_features: Width of the vectors that the sequence gets.
    sequence_pool: Max pooling in time after the sequence, in frames.
    gru_features: Units of each GRU in each direction.
    gru_reset_first: Whether the GRUs have the cell of `BiGru.reset_first`.
    gru_layers: Number of GRUs.
    sequence_layers: Number of conformer blocks.
    attention_layers: Number of self-attention layers (`'gru_attention'`).
    attention_heads: Heads of each attention, a divisor of its width:
      `sequence_features` (`'conformer'`) or `gru_features` (`'gru_attention'`).
    attention_distance: Largest distance of frames with a position vector of its
      own (`'conformer'`); 0 for attention without positions.
    attention_history: Number of frames that causal attention looks back.
    feed_forward: Units of the dense steps of a conformer block, as a multiple
      of its width.
    kernel: Length of the depthwise convolutions of conformer blocks, odd.
    causal: Whether no output depends on later frames than `look_ahead`.
    look_ahead: Number of later label frames that a causal network sees.
    head_features: Units of the hidden layers of each branch.
    conv_dropout: Dropout rate after each convolution, or stage.
    gru_dropout: Dropout rate of the output of each GRU.
    attention_dropout: Dropout rate of the output of each self-attention
      (`'gru_attention'`).
    sequence_dropout: Dropout rate in conformer blocks.
    head_dropout: Dropout rate after each hidden layer of the branches.
    bn_momentum: Momentum of the running statistics of batch normalisation.
    dtype: Type of the computation; parameters and statistics are float32.
    axis_name: Name of the `pmap` axis, as for `SeldCrnn`.

  Example:
    >>> from seld_jax import model
    >>> network = model.ComposedNet(trunk='cnn', sequence='gru_attention')
    >>> features = jnp.zeros((2, 250, 64, 7))  # 5 s in 250 frames
    >>> outputs, variables = jax.eval_shape(
    ...   network.init_with_output, jax.random.key(0), features
    ... )
    >>> outputs['sed'].shape, outputs['doa'].shape
    ((2, 50, 14), (2, 50, 14, 3))
    >>> sorted(name for name in variables['params'] if 'Gru' in name)
    ['BiGru_0', 'BiGru_1']
  """

  output: outputs.OutputFormat = blocks.DEFAULT_OUTPUT
  trunk: str = 'cnn'
  sequence: str = 'gru'
  filters: Sequence[int] = (64, 64, 64)
  pools: Sequence[tuple[int, int]] = ((5, 4), (1, 4), (1, 2))
  stage_blocks: Sequence[int] = (2, 2, 2)
  sequence_features: int = 256
  sequence_pool: int = 1
  gru_features: int = 128
  gru_reset_first: bool = False
  gru_layers: int = 2
  sequence_layers: int = 8
  attention_layers: int = 2
  attention_heads: int = 8
  attention_distance: int = 100
  attention_history: int = 250
  feed_forward: int = 2
  kernel: int = 7
  causal: bool = False
  look_ahead: int = 0
  head_features: Sequence[int] = (256,)
  conv_dropout: float = 0.0
  gru_dropout: float = 0.05
  attention_dropout: float = 0.05
  sequence_dropout: float = 0.1
  head_dropout: float = 0.0
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
        `[batch, frames, mels, channels]`. Frames must be a multiple of the time
        pooling, and mels at least the product of the band pooling.
      train: Whether dropout is active and the statistics of the batch are used
        and recorded, as for `SeldCrnn`.

    Returns:
      The outputs by name, with shape `[batch, label_frames, ...]`, in float32:
      see the output format.

    Raises:
      ValueError: The number of frames is not a multiple of the time pooling, a
        part does not exist, or its sizes do not fit together.
    """
    name = type(self).__name__
    pooling = (*self.pools, (self.sequence_pool, 1))
    blocks.check_frames(name, features, pooling)
    _check(self, name)
    x = features.astype(self.dtype)
    # In a stream, later parts come instead of zeros; see initial_state.
    ahead = 0 if is_streaming(self) else self.look_ahead
    if ahead:
      added = ahead * math.prod(frames for frames, _ in pooling)
      x = jnp.pad(x, ((0, 0), (0, added), (0, 0), (0, 0)))
    x = TRUNKS[self.trunk](self, x, train=train)
    x = x.reshape(*x.shape[:2], -1)
    x = dense(self.sequence_features, self.dtype, name='projection')(x)
    x = SEQUENCES[self.sequence](self, x, train=train)
    x = jnp.asarray(time_maxima(x, self.sequence_pool))[:, ahead:]

    def hidden(y):
      drop = Dropout(
        self.head_dropout, axis_name=self.axis_name, deterministic=not train
      )
      return drop(nn.relu(y))

    return blocks.branches(self, [x], hidden)


class ResNetConformer(ComposedNet):
  """The ResNet-Conformer of the winner of DCASE 2024, task 3.

  A `ComposedNet` with other defaults. Stages of two basic blocks with 24, 48,
  96 and 192 channels reduce 64 mels to 2. Eight conformer blocks with a width
  of 256 and eight heads follow; then max pooling by 5 gives label frames. Each
  branch has two layers. The number of blocks in a stage, the width of the
  hidden layer, and the largest distance of the positions are our choice.

  References:
    Wang et al., The NERC-SLIP System for Sound Event Localization and Detection
    with Source Distance Estimation of DCASE 2024 Challenge, technical report,
    2024; Niu et al., `An Experimental Study on Sound Event Localization and
    Detection under Realistic Testing Conditions
    <https://arxiv.org/abs/2302.00216>`_, 2023

  Example:
    >>> from seld_jax import model, outputs
    >>> network = model.ResNetConformer(
    ...   output=outputs.make('multi_accdoa', num_classes=13, distance=True)
    ... )
    >>> features = jnp.zeros((1, 500, 64, 7))  # 10 s in 500 frames
    >>> outputs, variables = jax.eval_shape(
    ...   network.init_with_output, jax.random.key(0), features
    ... )
    >>> outputs['accdoa'].shape
    (1, 100, 3, 13, 4)
    >>> model.count_parameters(variables['params'])
    9748732
  """

  trunk: str = 'resnet'
  sequence: str = 'conformer'
  filters: Sequence[int] = (24, 48, 96, 192)
  pools: Sequence[tuple[int, int]] = ((1, 4), (1, 4), (1, 2), (1, 1))
  stage_blocks: Sequence[int] = (2, 2, 2, 2)
  sequence_pool: int = 5


def unused_fields(*, trunk: str, sequence: str, causal: bool) -> dict[str, str]:
  """Fields of `ComposedNet` that have no effect beside others.

  Args:
    trunk: Name of the trunk.
    sequence: Name of the sequence.
    causal: Whether the network is causal.

  Returns:
    The field because of which they have no effect, by the name of the field
    without effect.

  Example:
    >>> from seld_jax import model
    >>> unused = model.unused_fields(
    ...   trunk='cnn', sequence='conformer', causal=False
    ... )
    >>> unused['stage_blocks'], unused['gru_layers'], unused['look_ahead']
    ('trunk', 'sequence', 'causal')
  """
  unused: dict[str, str] = {}
  if not causal:
    unused.update(dict.fromkeys(_CAUSAL_FIELDS, 'causal'))
  for kind, chosen, parts in (
    ('trunk', trunk, TRUNKS),
    ('sequence', sequence, SEQUENCES),
  ):
    for part in parts:
      for field in _PART_FIELDS[part]:
        if field not in _PART_FIELDS[chosen]:
          unused[field] = kind
  return unused


def _check(network: ComposedNet, name: str) -> None:
  """Checks that the sizes of the parts fit together."""
  for kind, chosen, parts in (
    ('trunk', network.trunk, TRUNKS),
    ('sequence', network.sequence, SEQUENCES),
  ):
    if chosen not in parts:
      raise ValueError(
        f'{kind} of {name} must be one of {", ".join(parts)}, got {chosen!r}.'
      )
  counts = {'filters': len(network.filters), 'pools': len(network.pools)}
  if network.trunk == 'resnet':
    counts['stage_blocks'] = len(network.stage_blocks)
    if min(network.stage_blocks, default=1) < 1:
      raise ValueError(
        f'stage_blocks = {tuple(network.stage_blocks)} of {name} must have a '
        'block or more in each stage.'
      )
  if len(set(counts.values())) > 1:
    found = ', '.join(f'{field} {count}' for field, count in counts.items())
    raise ValueError(
      f'{name} needs as many entries in each of these fields, one for each '
      f'convolution or stage; their numbers are {found}.'
    )
  width = {
    'conformer': ('sequence_features', network.sequence_features),
    'gru_attention': ('gru_features', network.gru_features),
  }.get(network.sequence)
  if width and width[1] % network.attention_heads:
    raise ValueError(
      f'attention_heads = {network.attention_heads} of {name} must divide '
      f'{width[0]} = {width[1]}.'
    )
  if network.sequence == 'conformer' and network.kernel % 2 == 0:
    raise ValueError(
      f'kernel = {network.kernel} of {name} must be odd, so that it has a '
      'middle.'
    )
  if network.look_ahead and not network.causal:
    raise ValueError(
      f'look_ahead = {network.look_ahead} of {name} has no effect, because '
      'the network sees all frames; set causal=True or look_ahead=0.'
    )
