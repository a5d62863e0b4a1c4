"""Loss of tracks with one event each, for the best order of the targets."""

import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
from jax import lax

from seld_jax.losses import matching
from seld_jax.losses.masks import wide


def tracks_pit(
  sed_logits: jax.Array,
  doa: jax.Array,
  sed_targets: jax.Array,
  doa_targets: jax.Array,
  weights: Sequence[jax.typing.ArrayLike],
  *,
  distance: jax.Array | None = None,
  distance_targets: jax.Array | None = None,
) -> tuple[jax.Array, ...]:
  """Terms of track-wise outputs, for the best permutation of the targets.

  Frame-level permutation invariant training: which event belongs to which track
  is free. For each frame, the targets are in the order with the smallest
  weighted sum of the terms, and this order is the same for all terms. Only the
  chosen order has a gradient; of orders with equal sums it is the first, in
  which the targets keep their places as far as possible.

  Args:
    sed_logits: Activity before the sigmoid, with shape
      `[..., tracks, classes]`.
    doa: Direction vectors, with shape `[..., tracks, axes]`.
    sed_targets: Reference activity, at most one class a track, with shape
      `[..., tracks, classes]`.
    doa_targets: Unit vectors, and zeros for tracks without an event, with shape
      `[..., tracks, axes]`.
    weights: One weight for each term: activity, direction, and distance if it
      is given. They choose the permutation; the terms are not multiplied by
      them.
    distance: Distances in metres, with shape `[..., tracks]`; None without.
    distance_targets: Reference distances in metres, with shape
      `[..., tracks]`. Those of tracks without an event are ignored and may be
      NaN.

  Returns:
    Two terms, or three with distance, each with shape `[...]`. The first one is
    the cross-entropy in nats, averaged over tracks and classes. The second one
    is the squared error of directions, averaged over axes and all tracks, even
    those without an event. The third one is the squared error of distances: the
    sum over tracks with an event, divided by the number of all tracks.

  Raises:
    ValueError: There are too few or too many weights, the numbers of tracks
      differ, or only one of the arguments about distance is given.

  References:
    Cao et al., `An Improved Event-Independent Network for Polyphonic Sound
    Event Localization and Detection <https://arxiv.org/abs/2010.13092>`_, 2021

  See Also:
    `adpit_mse`, with tracks for each class.

  Example:
    >>> from seld_jax import losses
    >>> event = jnp.array([[0.0, 1.0], [0.0, 0.0]])  # [tracks, classes]
    >>> front = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> logits = 20 * (2 * event[::-1] - 1)  # in the other track
    >>> sed, doa = losses.tracks_pit(
    ...   logits, 0.5 * front[::-1], event, front, (1.0, 1.0)
    ... )
    >>> round(float(sed), 3), round(float(doa), 3)  # 0.5^2 / 6
    (0.0, 0.042)
  """
  predictions, targets = [sed_logits, doa], [sed_targets, doa_targets]
  functions = [_cross_entropy, _squared_error]
  if distance is not None and distance_targets is not None:
    is_event = jnp.any(sed_targets > 0, axis=-1)
    reference = jnp.where(is_event, distance_targets, 0)
    predictions.append(distance[..., None])
    targets.append(jnp.stack([reference, is_event], axis=-1))
    functions.append(_distance_error)
  elif distance is not distance_targets:
    raise ValueError(
      'tracks_pit needs distance and distance_targets, or none of them.'
    )
  _check_numbers(predictions, targets, weights)
  # The choice has no gradient.
  factors = [jnp.asarray(weight) for weight in weights]
  fixed = lax.stop_gradient((predictions, targets, factors))
  errors = _pairwise(functions, *fixed)
  permutations = list(itertools.permutations(range(len(errors))))
  chosen = matching.smallest(errors, permutations)
  order = jnp.array(permutations)[chosen][..., None]
  return tuple(
    jnp.mean(function(one, jnp.take_along_axis(target, order, -2)), axis=-1)
    for function, one, target in zip(
      functions, predictions, targets, strict=True
    )
  )


def _check_numbers(
  predictions: Sequence[jax.Array],
  targets: Sequence[jax.Array],
  weights: Sequence[jax.typing.ArrayLike],
) -> None:
  """Raises a ValueError where the arguments of `tracks_pit` do not fit."""
  if len(weights) != len(predictions):
    raise ValueError(
      f'tracks_pit needs {len(predictions)} weights, one for each term, got '
      f'{len(weights)}.'
    )
  numbers = [array.shape[-2] for array in (*predictions, *targets)]
  if len(set(numbers)) > 1:
    raise ValueError(
      'tracks_pit needs the same number of tracks in all predictions and '
      f'targets, got {numbers}.'
    )


def _cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
  """Mean over classes: `[..., tracks, classes]` to `[..., tracks]`."""
  return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, targets), axis=-1)


def _squared_error(predictions: jax.Array, targets: jax.Array) -> jax.Array:
  """Mean over axes: `[..., tracks, axes]` to `[..., tracks]`."""
  return jnp.mean(optax.squared_error(predictions, targets), axis=-1)


def _distance_error(predictions: jax.Array, targets: jax.Array) -> jax.Array:
  """Squared error of each track: `[..., tracks, 1 or 2]` to `[..., tracks]`.

  Args:
    predictions: Distances.
    targets: Distance, and 1 for a track with an event; others have no error.
  """
  is_event = targets[..., 1] > 0
  predicted = jnp.where(is_event, predictions[..., 0], 0)
  return optax.squared_error(predicted, targets[..., 0])


def _pairwise(
  functions: Sequence[Callable[[jax.Array, jax.Array], jax.Array]],
  predictions: Sequence[jax.Array],
  targets: Sequence[jax.Array],
  weights: Sequence[jax.Array],
) -> list[list[jax.Array]]:
  """Weighted error of each track (first index) with each target."""

  def error(track: int, target: int) -> jax.Array:
    first, *others = [
      weight
      * function(
        wide(one[..., track, :], one), wide(reference[..., target, :], one)
      )
      for function, one, reference, weight in zip(
        functions, predictions, targets, weights, strict=True
      )
    ]
    return sum(others, first)

  tracks = range(predictions[0].shape[-2])
  return [[error(track, target) for target in tracks] for track in tracks]
