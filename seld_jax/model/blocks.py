"""Blocks of layers, and checks, that all networks share."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from seld_jax import outputs
from seld_jax.model.batch_norm import EPSILON, BatchNorm, at_least_float32
from seld_jax.model.layers import dense, rectified_maxima

# The format of the paper, with the classes of TAU-NIGENS 2020.
DEFAULT_OUTPUT = outputs.make('class_wise', num_classes=14)


class Network(Protocol):
  """The settings of a network that the blocks need."""

  output: outputs.OutputFormat
  head_features: Sequence[int]
  bn_momentum: float
  dtype: Any
  axis_name: str | None


def check_frames(
  name: str, features: jax.Array, pools: Sequence[tuple[int, int]]
) -> None:
  """Checks that the frames of features fill label frames.

  Args:
    name: Name of the network, for the message.
    features: Features, with shape `[batch, frames, mels, channels]`.
    pools: Max pooling (frames, bands) after each convolution.

  Raises:
    ValueError: The number of frames is 0 or not a multiple of the time pooling.
  """
  frames_per_label = math.prod(frames for frames, _ in pools)
  if features.shape[1] == 0 or features.shape[1] % frames_per_label:
    raise ValueError(
      f'{name} needs a multiple of {frames_per_label} frames on axis 1, '
      f'got shape {tuple(features.shape)}.'
    )


def normalised_maxima(
  network: Network,
  x: jax.Array,
  pool: Sequence[int],
  *,
  train: bool,
  axis: int = -1,
  epsilon: float = EPSILON,
  name: str | None = None,
) -> jax.Array:
  """The layers after a convolution: batch normalisation, ReLU, max pooling.

  Args:
    network: The network with the settings, from within its `__call__`.
    x: Feature maps, with shape `[batch, frames, bands, channels]`.
    pool: Size of the blocks, (frames, bands).
    train: Whether the statistics of the batch are used and recorded.
    axis: The axis that is normalised: -1, channels, or -2, bands.
    epsilon: Added to the variances of the normalisation.
    name: Name of the normalisation; None for a number.

  Returns:
    Maxima, with shape `[batch, frames // p, bands // q, channels]`.
  """
  norm = functools.partial(
    BatchNorm,
    network.bn_momentum,
    axis,
    network.axis_name,
    epsilon=epsilon,
    name=name,
  )
  maxima = functools.partial(rectified_maxima, pool=tuple(pool))
  if axis == -1:
    return norm(then=maxima)(x, train=train)
  ones, zeros = jnp.ones(x.shape[-1]), jnp.zeros(x.shape[-1])
  return maxima(norm()(x, train=train), ones, zeros)


def branches(
  network: Network,
  trunks: Sequence[jax.Array],
  hidden: Callable[[jax.Array], jax.Array],
) -> dict[str, jax.Array]:
  """One branch for each head of the output format, and the outputs.

  Args:
    network: The network with the settings, from within its `__call__`.
    trunks: The input of all branches, with shape
      `[batch, label_frames, features]`, or the outputs of both trunks.
    hidden: The activation and dropout after each hidden layer.

  Returns:
    The outputs by name, in float32 or wider.
  """
  dtype, wide = network.dtype, at_least_float32(network.dtype)
  raw = []
  for name, size in network.output.heads.items():
    y = trunks[trunk_of(name) if len(trunks) > 1 else 0]
    for layer, width in enumerate(network.head_features):
      y = hidden(dense(width, dtype, name=f'{name}_hidden_{layer}')(y))
    raw.append(dense(size, dtype, name=name)(y).astype(wide))
  return network.output.activate(jnp.concatenate(raw, axis=-1))


def trunk_of(head: str) -> int:
  """Index of the trunk on which a head stands, if there are two."""
  return int(head.partition('_')[0] != 'sed')
