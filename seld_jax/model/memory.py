"""An estimate of the memory that a network needs, without computing it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seld_jax.model.attention import RelativeAttention
from seld_jax.model.conformer import ConformerBlock
from seld_jax.model.gru import BiGru, Gru
from seld_jax.model.layers import Dropout, MultiHeadAttention, SelfAttention

# The factors below were fitted to the memory of programs that XLA compiled for
# a CPU, for 13 networks; see `needed_memory`.

# Training keeps the output of a layer, and later needs a gradient of its size.
_KEPT = 2
# For each frame of a GRU, training keeps the gates before and after the loop
# and the states, and later needs their gradients: multiples of the output size.
_GRU_KEPT, _GRU_NEEDED = 11, 8
# Scores of the attention, their softmax, and a gradient; matrices of float32.
_SCORES_KEPT, _SCORES_NEEDED = 3, 2
# The same for attention with relative positions, which keeps no scores; the
# products with the positions are twice as many. A CPU has those of one example
# and head at a time.
_RELATIVE_NEEDED = 6
# Sums and activations of a conformer block that are no layers of their own:
# multiples of its output, beside those of the dense steps.
_BLOCK_KEPT = 4


class Memory(NamedTuple):
  """Variables of a network, and an estimate of the memory for its layers.

  Attributes:
    variables: Shapes and types of `params` and `batch_stats`.
    training: Bytes for the layers in a training step, without variables and
      gradients of parameters.
    inference: Bytes for the layers when the network is only applied.

  Example:
    >>> from seld_jax import model
    >>> model.Memory(variables={}, training=400, inference=100).training
    400
  """

  variables: Any
  training: int
  inference: int


def needed_memory(network: nn.Module, shape: Sequence[int]) -> Memory:
  """Estimates the memory that a network needs, from the shapes of its layers.

  Nothing is computed, so the sizes may be absurd. The shapes of the variables
  are exact. The estimate for training was 0.9 to 1.5 times what XLA reserved on
  a CPU for 13 networks of this package, the one for inference 0.7 to 1.9 times.

  Args:
    network: A network of `seld_jax.model`.
    shape: Shape of the features, `[batch, frames, mels, channels]`.

  Returns:
    The variables, and bytes for training and for inference.

  Example:
    >>> from seld_jax import model
    >>> needed = model.needed_memory(model.SeldCrnn(), (64, 600, 64, 7))
    >>> model.count_parameters(needed.variables['params'])
    3737976
    >>> f'{needed.training / 1e9:.1f} GB'
    '5.7 GB'
  """
  kept, needed, again = [0], [0], [0]

  def count(apply, arguments, options, context):
    outputs = apply(*arguments, **options)
    layer = context.module
    if context.method_name == '__call__' and layer.path:
      size, inside = _bytes(outputs), 0
      kept.append(_kept_bytes(layer, size, arguments[0].shape))
      if isinstance(layer, BiGru | Gru):
        inside = _GRU_NEEDED * size
      elif isinstance(layer, RelativeAttention):
        inside = _RELATIVE_NEEDED * _scores_at_once(layer, arguments[0].shape)
        again.append(inside)
      elif isinstance(layer, SelfAttention | MultiHeadAttention):
        inside = _SCORES_NEEDED * _scores_bytes(layer, arguments[0].shape)
      needed.append(2 * (_bytes(arguments) + size) + inside)
    return outputs

  with nn.intercept_methods(count):
    variables = jax.eval_shape(
      network.init,
      jax.ShapeDtypeStruct((2,), jnp.uint32),
      jax.ShapeDtypeStruct(tuple(shape), jnp.float32),
    )
  return Memory(
    variables, training=sum(kept) + max(again), inference=max(needed)
  )


def _kept_bytes(layer: nn.Module, size: int, shape: Sequence[int]) -> int:
  """Bytes of a layer in training.

  Args:
    layer: The layer.
    size: Bytes of its output.
    shape: Shape of its input.
  """
  if isinstance(layer, BiGru | Gru):
    return _GRU_KEPT * size
  if isinstance(layer, ConformerBlock):
    return (_BLOCK_KEPT + 2 * layer.feed_forward) * size
  if isinstance(layer, SelfAttention | MultiHeadAttention):
    return _KEPT * size + _SCORES_KEPT * _scores_bytes(layer, shape)
  if isinstance(layer, Dropout) and layer.rate == 0:
    return 0
  return _KEPT * size


def _scores_bytes(
  layer: SelfAttention | MultiHeadAttention, shape: Sequence[int]
) -> int:
  batch, frames, _ = shape
  heads = layer.heads if isinstance(layer, MultiHeadAttention) else 1
  return 4 * batch * heads * frames**2


def _scores_at_once(layer: RelativeAttention, shape: Sequence[int]) -> int:
  """Bytes of the scores that exist at the same time."""
  batch, frames, _ = shape
  one = 4 * frames * (frames + (layer.history or 0))
  is_cpu = jax.default_backend() == 'cpu'
  return one if is_cpu else batch * layer.heads * one


def _bytes(tree: Any) -> int:
  # XLA computes in float32 on a CPU, also when the type is bfloat16.
  least = 4 if jax.default_backend() == 'cpu' else 1
  return sum(
    math.prod(leaf.shape) * max(least, leaf.dtype.itemsize)
    for leaf in jax.tree.leaves(tree)
    if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct)
  )
