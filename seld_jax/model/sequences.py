"""Sequences of composed networks: layers over time.

A sequence is a function of a network and of vectors in time. It is called
within the `__call__` of the network, so that its layers are those of the
network. With `causal`, no layer sees later frames.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import flax.linen as nn
import jax

from seld_jax.model.attention import RelativeAttention
from seld_jax.model.conformer import ConformerBlock, random_masks
from seld_jax.model.gru import BiGru, Gru
from seld_jax.model.layers import Dropout

# Added to variances in layer normalisation, as in PyTorch.
_EPSILON = 1e-5


class Sequential(Protocol):
  """The settings of a network that the sequences need."""

  gru_features: int
  gru_reset_first: bool
  gru_layers: int
  gru_dropout: float
  attention_layers: int
  attention_heads: int
  attention_dropout: float
  attention_distance: int
  attention_history: int
  sequence_layers: int
  feed_forward: int
  kernel: int
  sequence_dropout: float
  bn_momentum: float
  causal: bool
  dtype: Any
  axis_name: str | None

  def make_rng(self, name: str) -> jax.Array:
    """A new key of the rng of this name."""
    ...


def gru(network: Sequential, x: jax.Array, *, train: bool) -> jax.Array:
  """Stacked GRUs in both directions, or forwards in time if causal.

  Args:
    network: The network with the settings, from within its `__call__`.
    x: Inputs, with shape `[batch, frames, size]`.
    train: Whether dropout is active.

  Returns:
    States, with shape `[batch, frames, 2 * gru_features]`; half as many
    features if the network is causal.
  """
  kind = Gru if network.causal else BiGru
  for _ in range(network.gru_layers):
    x = kind(network.gru_features, network.gru_reset_first, network.dtype)(x)
    x = _dropout(network, network.gru_dropout, train)(x)
  return x


def gru_attention(
  network: Sequential, x: jax.Array, *, train: bool
) -> jax.Array:
  """GRUs, then self-attention with residuals and layer normalisation.

  Args:
    network: The network with the settings, from within its `__call__`.
    x: Inputs, with shape `[batch, frames, size]`.
    train: Whether dropout is active.

  Returns:
    Outputs, with the shape that `gru` returns.
  """
  x = gru(network, x, train=train)
  for _ in range(network.attention_layers):
    y = RelativeAttention(
      network.attention_heads, history=_history(network), dtype=network.dtype
    )(x)
    y = _dropout(network, network.attention_dropout, train)(y)
    x = nn.LayerNorm(_EPSILON, dtype=network.dtype)(x + y)
  return x


def conformer(network: Sequential, x: jax.Array, *, train: bool) -> jax.Array:
  """Conformer blocks.

  Args:
    network: The network with the settings, from within its `__call__`.
    x: Inputs, with shape `[batch, frames, size]`.
    train: Whether dropout is active and the statistics of the batch are used
      and recorded.

  Returns:
    Outputs, with the shape of the inputs.
  """
  masks = random_masks(
    network.make_rng,
    x,
    layers=network.sequence_layers,
    feed_forward=network.feed_forward,
    rate=network.sequence_dropout if train else 0.0,
    axis_name=network.axis_name,
  )
  for keep in masks:
    x = ConformerBlock(
      heads=network.attention_heads,
      distance=network.attention_distance,
      feed_forward=network.feed_forward,
      kernel=network.kernel,
      history=_history(network),
      dropout_rate=network.sequence_dropout,
      bn_momentum=network.bn_momentum,
      dtype=network.dtype,
      axis_name=network.axis_name,
    )(x, train=train, keep=keep)
  return x


# The sequences by their name in a config.
SEQUENCES: Mapping[str, Callable[..., jax.Array]] = {
  'gru': gru,
  'conformer': conformer,
  'gru_attention': gru_attention,
}


def _history(network: Sequential) -> int | None:
  return network.attention_history if network.causal else None


def _dropout(network: Sequential, rate: float, train: bool) -> Dropout:
  return Dropout(rate, axis_name=network.axis_name, deterministic=not train)
