"""What a causal layer remembers when a recording arrives in parts.

A causal network can be applied to a recording part by part. Each layer that
looks back keeps what it needs of the past in the collection `state`, so that
the outputs equal those for the whole recording.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

# The collection of variables that carries the past from part to part.
STATE = 'state'


class Past(nn.Module):
  """Puts the frames before an array in front of it.

  Before a recording there are zeros. In a stream (`is_streaming`), the frames
  before a part are the last ones of the parts before it.

  Attributes:
    frames: Number of frames of the past, 1 or more.
    only_in_streams: Whether an array that is not part of a stream is returned
      unchanged, instead of with zeros.
  """

  frames: int
  only_in_streams: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[batch, frames, ...]` to the same array with more frames."""
    shape = (x.shape[0], self.frames, *x.shape[2:])
    if not is_streaming(self):
      if self.only_in_streams:
        return x
      return jnp.concatenate([jnp.zeros(shape, x.dtype), x], axis=1)
    kept = self.variable(STATE, 'past', jnp.zeros, shape, x.dtype)
    both = jnp.concatenate([kept.value, x], axis=1)
    kept.value = both[:, -self.frames :]
    return both


def is_streaming(module: nn.Module) -> bool:
  """Whether a module is applied to a part of a recording."""
  return module.is_mutable_collection(STATE) and not module.is_initializing()


def initial_state(
  network: nn.Module, variables: Mapping[str, Any], shape: Sequence[int]
) -> Any:
  """State of a causal network before the first frame of a recording.

  Apply the network with the state of the part before and with
  `mutable=['state']`: it returns the outputs of a part and the next state. The
  outputs of a part are `network.look_ahead` label frames late: the first ones
  of a recording belong to no label frame. After its last frame, add
  `look_ahead` label frames of zeros.

  Args:
    network: A network of `seld_jax.model` with `causal=True`.
    variables: Its `params` and `batch_stats`, or their shapes.
    shape: Shape of a part of the features, `[batch, frames, mels, channels]`.
      The state does not depend on the number of frames.

  Returns:
    The content of the collection `state`.

  Raises:
    ValueError: The network is not causal, so that it needs whole recordings.

  Example:
    Two parts of 10 label frames give the outputs of the whole:

    >>> from seld_jax import model
    >>> network = model.ComposedNet(
    ...   filters=(4,), pools=((5, 8),), sequence_features=8, gru_features=8,
    ...   causal=True,
    ... )
    >>> features = jax.random.normal(jax.random.key(0), (1, 100, 16, 7))
    >>> variables = jax.jit(network.init)(jax.random.key(1), features)
    >>> whole = network.apply(variables, features)
    >>> state = model.initial_state(network, variables, (1, 50, 16, 7))
    >>> parts = []
    >>> for part in jnp.split(features, 2, axis=1):
    ...   outputs, after = network.apply(
    ...     {**variables, 'state': state}, part, mutable=['state']
    ...   )
    ...   state = after['state']
    ...   parts.append(outputs['sed'])
    >>> bool(jnp.allclose(jnp.concatenate(parts, 1), whole['sed'], atol=1e-5))
    True
  """
  if not getattr(network, 'causal', False):
    raise ValueError(
      f'{type(network).__name__} is not causal, so that it cannot be applied '
      'part by part: make it with causal=True.'
    )
  _, changed = jax.eval_shape(
    lambda variables, part: network.apply(variables, part, mutable=[STATE]),
    {name: variables.get(name, {}) for name in ('params', 'batch_stats')},
    jax.ShapeDtypeStruct(tuple(shape), jnp.float32),
  )
  return jax.tree.map(
    lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), changed[STATE]
  )
