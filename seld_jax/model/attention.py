"""Self-attention with relative positions, over all frames or only the past."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from seld_jax.model.batch_norm import at_least_float32
from seld_jax.model.layers import dense
from seld_jax.model.streaming import Past

# Score of a frame that must not be attended to; its weight is exactly 0.
_EXCLUDED = -1e30


class RelativeAttention(nn.Module):
  """Multi-head self-attention that knows the distances of frames.

  A learned vector of the distance of two frames, the same for all heads, is
  added to the key (not to the value). Distances beyond the largest one have its
  vector.

  Attributes:
    heads: Number of heads, a divisor of the size of the input.
    distance: Largest distance in frames with a vector of its own; 0 for no
      vectors.
    history: Number of frames before a frame that it attends to, and to no later
      ones; None for all frames.
    dtype: Type of the computation; the softmax is in float32 or wider.

  References:
    Shaw et al., `Self-Attention with Relative Position Representations
    <https://arxiv.org/abs/1803.02155>`_, 2018
  """

  heads: int
  distance: int = 0
  history: int | None = None
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[batch, frames, size]` to the same shape."""
    *outer, size = x.shape
    width = size // self.heads
    # Queries, keys and values in one product, without bias: that of the keys
    # would have no effect, and that of the values is in the output layer.
    together = nn.Dense(
      3 * size,
      use_bias=False,
      dtype=self.dtype,
      kernel_init=nn.initializers.glorot_uniform(),
      name='query_key_value',
    )(x)
    split = together.reshape(*outer, 3, self.heads, width)
    query, key, value = jnp.moveaxis(split, -3, 0)
    positions = None
    if self.distance:
      positions = self.param(
        'positions',
        nn.initializers.normal(0.02),
        (2 * self.distance + 1, width),
        jnp.float32,
      ).astype(self.dtype)
    exists = None
    if self.history:
      # Frames before the start of a stream do not exist.
      past = functools.partial(Past, self.history, only_in_streams=True)
      exists = past()(jnp.ones(x.shape[:2], bool))
      key, value = past()(key), past()(value)
    y = attend(query, key, value, positions, exists, history=self.history)
    return dense(size, self.dtype, name='output')(y.reshape(x.shape))


def attend(
  query: jax.Array,
  key: jax.Array,
  value: jax.Array,
  positions: jax.Array | None = None,
  exists: jax.Array | None = None,
  *,
  history: int | None = None,
) -> jax.Array:
  """Mean of the values, weighted by products of queries and keys.

  Queries are of the last frames of the keys. The scores are computed again in
  the backward pass, so that training does not keep them. A CPU computes them
  for one example and head after the other: they then stay in its cache, and
  take half the time and little memory.

  Args:
    query: Queries, with shape `[batch, frames, heads, width]`.
    key: Keys, with shape `[batch, keys, heads, width]`, and at least as many
      keys as frames.
    value: Values, with the shape of the keys.
    positions: Vectors that are added to keys, by their distance from the query,
      with shape `[2 * distance + 1, width]` for the distances `-distance` (the
      past) to `distance`; None for none.
    exists: Whether a key may be attended to, booleans with shape
      `[batch, keys]`; None for all.
    history: Number of frames before a frame that it attends to, and to no later
      ones; None for all frames.

  Returns:
    The means, with the shape of the queries.
  """
  mask = None
  if history is not None:
    apart = _distances(query.shape[1], key.shape[1])
    mask = (apart <= 0) & (apart >= -history)
  # The heads become examples, [batch, heads, ...].
  parts = [jnp.swapaxes(part, 1, 2) for part in (query, key, value)]
  if exists is not None:
    parts.append(jnp.broadcast_to(exists[:, None], parts[1].shape[:3]))
  once = functools.partial(_attend_once, positions=positions, mask=mask)
  # An exported program is for any batch size and device, unknown here.
  is_known = all(isinstance(size, int) for size in query.shape)
  if jax.default_backend() == 'cpu' and is_known:
    # No compiler merges both computations of the scores across a loop.
    again = jax.checkpoint(once, prevent_cse=False)
    flat = tuple(part.reshape(-1, *part.shape[2:]) for part in parts)
    means = lax.map(lambda part: again(*part), flat).reshape(parts[0].shape)
  else:
    means = jax.checkpoint(jax.vmap(jax.vmap(once)))(*parts)
  return jnp.swapaxes(means, 1, 2)


def _attend_once(query, key, value, exists=None, *, positions, mask):
  """The means for one example and head, from arrays [frames, width]."""
  scores = query @ key.T
  if positions is not None:
    products = _of_all_distances(query @ positions.T, len(key))
    scores += _by_distance(products, len(key))
  wide = scores.astype(at_least_float32(scores.dtype))
  wide = wide / np.sqrt(query.shape[-1])
  for allowed in mask, exists:
    if allowed is not None:
      wide = jnp.where(allowed, wide, _EXCLUDED)
  weights = nn.softmax(wide)
  return weights.astype(value.dtype) @ value


def _distances(frames: int, keys: int) -> np.ndarray:
  """Distances from queries to keys in frames, with shape [frames, keys]."""
  return np.arange(keys) - np.arange(keys - frames, keys)[:, None]


def _of_all_distances(products: jax.Array, keys: int) -> jax.Array:
  """Products for all distances that occur, from those that have a vector.

  Beyond the largest distance, they are those of that distance: they are copied,
  because a product with each copy of its vector would take most of the time.

  Args:
    products: Products for the distances `-most` to `most`, with shape
      `[frames, 2 * most + 1]`.
    keys: Number of keys.

  Returns:
    Products for the distances `1 - keys` to `frames - 1`, with shape
    `[frames, keys + frames - 1]`.
  """
  frames, most = len(products), products.shape[1] // 2
  first, last = 1 - keys, frames - 1
  own = products[:, max(first, -most) + most : min(last, most) + most + 1]
  before, after = max(0, -most - first), max(0, last - most)
  return jnp.pad(own, ((0, 0), (before, after)), mode='edge')


def _by_distance(products: jax.Array, keys: int) -> jax.Array:
  """Products of each query with the vectors of its distances to the keys.

  Row t needs its products from column `frames - 1 - t` on. In one long row,
  these starts are one less than a row apart: a cut and another length of rows
  move them below each other, without an index for each product.

  Args:
    products: Products with the vectors of all distances in ascending order,
      with shape `[frames, keys + frames - 1]`.
    keys: Number of keys.

  Returns:
    Products with shape `[frames, keys]`.
  """
  frames = len(products)
  if frames == 1:
    return products
  row = keys + frames - 2
  cut = lax.slice_in_dim(
    products.reshape(-1), frames - 1, frames - 1 + frames * row
  )
  return cut.reshape(frames, row)[:, :keys]
