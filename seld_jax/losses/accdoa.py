"""Losses of vectors that hold activity and direction together.

ACCDOA (activity-coupled Cartesian direction of arrival) is the product of the
activity and a unit vector; the distance may follow as one more component.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import optax
from jax import lax

from seld_jax.losses import matching
from seld_jax.losses.masks import check_shapes, wide

_NUM_TRACKS = 3


def _candidates(count: int) -> tuple[matching.Assignment, ...]:
  """Every way to place so many sources on the tracks, each at least once."""
  every = itertools.product(range(count), repeat=_NUM_TRACKS)
  return tuple(sources for sources in every if len(set(sources)) == count)


# 1, 6 and 6 candidates. Without a source, the first slot is zeros.
_ONE, _TWO, _THREE = (_candidates(count) for count in (1, 2, 3))


def accdoa_mse(predictions: jax.Array, targets: jax.Array) -> jax.Array:
  """Squared error of activity-coupled direction vectors.

  One vector a class holds both activity, as its length, and direction. So there
  is one loss, and no weights of detection and localization.

  Args:
    predictions: Vectors, with shape `[..., classes, vector]`. A vector has the
      components x, y, z, or x, y alone, and may end with the distance.
    targets: Activity times unit vector, with the same shape: zeros for inactive
      classes.

  Returns:
    Mean squared error over classes and components, with shape `[...]`.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Shimada et al., `ACCDOA: Activity-Coupled Cartesian Direction of Arrival
    Representation for Sound Event Localization and Detection
    <https://arxiv.org/abs/2010.15306>`_, 2021

  See Also:
    `adpit_mse`, for several sources of the same class at a time.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    >>> targets = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> float(losses.accdoa_mse(predictions, targets))  # (2 + 0.25) / 6
    0.375
  """
  check_shapes(predictions, targets)
  return jnp.mean(optax.squared_error(predictions, targets), axis=(-2, -1))


def adpit_mse(
  predictions: jax.Array,
  sources: jax.Array,
  count: jax.Array,
  *,
  doa_axes: int | None = None,
) -> jax.Array:
  """Squared error of three tracks per class, for the best placement of sources.

  This is auxiliary duplicating permutation invariant training (ADPIT), the loss
  of multi-ACCDOA. A candidate target places every source of the class on at
  least one track. For each frame and class, the loss takes the candidate with
  the smallest error. Where there are fewer sources than tracks, a source is on
  more than one track, so that no track has to be silent while its class is
  active.

  There are 13 candidates: 1 for no source or one source, 6 for two and 6 for
  three sources. The nine squared differences between tracks and sources are
  computed once, and the error of a candidate is the sum of three of them. Only
  the chosen candidate has a gradient. If several candidates have the smallest
  error, the first one is chosen.

  Args:
    predictions: Vectors of the tracks, with shape
      `[..., 3, classes, vector]`. A vector has the components x, y, z, or x, y
      alone, and may end with the distance.
    sources: Vectors of the sources of each class, with the same shape: unit
      vectors, with the distance behind them. Slots from `count` on are taken as
      zeros, whatever they hold, also NaN.
    count: Number of sources of each class, 0 to 3, with shape
      `[..., classes]`.
    doa_axes: Components of the direction, if directions alone choose the
      candidate and the loss is the mean over their components plus the mean
      over the others, as in the DCASE 2025 baseline. None: all components
      choose, and the loss is one mean over all, as in that of 2024.

  Returns:
    The mean squared error of the chosen candidate over tracks and components,
    averaged over the classes, with shape `[...]`.

  Raises:
    ValueError: There are not three tracks and three slots for sources, shapes
      do not fit together, or vectors have fewer than `doa_axes` components.

  References:
    Shimada et al., `Multi-ACCDOA: Localizing and Detecting Overlapping Sounds
    from the Same Class with Auxiliary Duplicating Permutation Invariant
    Training <https://arxiv.org/abs/2110.07124>`_, 2022

  See Also:
    `accdoa_mse`, for one source of each class; `tracks_pit`, for tracks that
    all classes share.

  Example:
    >>> from seld_jax import losses
    >>> front, left, none = jnp.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 0]])
    >>> sources = jnp.stack([front, left, none])[:, None]  # [3, 1 class, 3]
    >>> predictions = jnp.stack([left, front, front])[:, None]
    >>> count = jnp.array([2])
    >>> float(losses.adpit_mse(predictions, sources, count))
    0.0
    >>> predictions = jnp.stack([left, left, left])[:, None]
    >>> round(float(losses.adpit_mse(predictions, sources, count)), 3)  # 2 / 9
    0.222
  """
  for name, array in ('predictions', predictions), ('sources', sources):
    if array.ndim < 3 or array.shape[-3] != _NUM_TRACKS:
      raise ValueError(
        f'adpit_mse needs {name} with the shape [..., 3, classes, vector], got '
        f'{list(array.shape)}.'
      )
  check_shapes(predictions, sources, names=('predictions', 'sources'))
  if count.shape != (*predictions.shape[:-3], predictions.shape[-2]):
    raise ValueError(
      f'predictions with the shape {list(predictions.shape)} need count with '
      f'the shape [..., classes], got {list(count.shape)}.'
    )
  size = predictions.shape[-1]
  if doa_axes is not None and not 1 <= doa_axes <= size:
    raise ValueError(
      f'doa_axes must be 1 to {size}, the number of components, got {doa_axes}.'
    )
  slots = jnp.arange(_NUM_TRACKS)[:, None]
  is_source = slots < count[..., None, :]
  sources = jnp.where(is_source[..., None], sources, 0)
  compared = (predictions[..., :doa_axes], sources[..., :doa_axes])
  placed = _best_sources(lax.stop_gradient(compared), count)
  first, second, third = (
    sources[..., slot : slot + 1, :, :] for slot in range(_NUM_TRACKS)
  )
  others = jnp.where(placed == 1, second, third)
  targets = jnp.where(placed == 0, first, others)
  errors = optax.squared_error(predictions, targets)
  mean = functools.partial(jnp.mean, axis=(-3, -2, -1))
  if doa_axes is None or doa_axes == size:
    return mean(errors)
  return mean(errors[..., :doa_axes]) + mean(errors[..., doa_axes:])


def _best_sources(
  vectors: tuple[jax.Array, jax.Array], count: jax.Array
) -> jax.Array:
  """The source on each track of the candidate with the smallest error.

  Args:
    vectors: Predictions and sources, with shape `[..., 3, classes, vector]`.
    count: Number of sources, with shape `[..., classes]`.

  Returns:
    Index of a source, with shape `[..., 3, classes, 1]`.
  """
  predictions, sources = (wide(array, vectors[0]) for array in vectors)
  tracks = range(_NUM_TRACKS)
  errors = [
    [
      _squared_distance(predictions[..., track, :, :], sources[..., slot, :, :])
      for slot in tracks
    ]
    for track in tracks
  ]
  several = jnp.where(
    count > 2,
    len(_ONE + _TWO) + matching.smallest(errors, _THREE),
    len(_ONE) + matching.smallest(errors, _TWO),
  )
  candidate = jnp.where(count > 1, several, 0)
  table = jnp.array(_ONE + _TWO + _THREE)
  return jnp.moveaxis(table[candidate], -1, -2)[..., None]


def _squared_distance(a: jax.Array, b: jax.Array) -> jax.Array:
  """Sum of squares over the last axis, written out because it is short."""
  differences = [a[..., i] - b[..., i] for i in range(a.shape[-1])]
  first, *others = [one * one for one in differences]
  return sum(others, first)
