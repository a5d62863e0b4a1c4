"""Loss terms of the distance of sources, over active classes only."""

import jax
import jax.numpy as jnp

from seld_jax.losses.masks import check_shapes, kept, wide


def distance_mse(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Squared error of distances of active classes, as (sum, count).

  The loss is `sum / max(count, 1)` over the whole batch, in square metres. Sum
  and count are separate for the reason that `doa_masked_mse` gives.

  Args:
    predictions: Distances in metres, with shape `[..., classes]`.
    targets: Reference distances in metres, with the same shape.
    activity: Reference activity, 0 or 1, with the same shape. Where it is 0,
      predictions and targets are ignored and may be NaN.

  Returns:
    Two scalars, float32 or wider: the sum of the squared errors of active
    classes, and the number of active (frame, class) pairs.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Krause et al., `Sound Event Detection and Localization with Distance
    Estimation <https://arxiv.org/abs/2403.11827>`_, 2024

  See Also:
    `distance_mspe` and `distance_mape`, which are relative to the reference.

  Example:
    >>> from seld_jax import losses
    >>> predictions, targets = jnp.array([3.0, 9.0]), jnp.array([2.0, 0.0])
    >>> activity = jnp.array([1.0, 0.0])  # the second class is inactive
    >>> total, count = losses.distance_mse(predictions, targets, activity)
    >>> float(total), float(count)
    (1.0, 1.0)
  """
  check_shapes(predictions, targets, activity)
  mask = wide(activity, predictions)
  errors = _errors(predictions, targets, mask)
  return jnp.sum(errors * errors * mask), jnp.sum(mask)


def distance_mspe(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Squared relative error of distances of active classes, as (sum, count).

  The loss is `sum / max(count, 1)` over the whole batch: the mean squared
  percentage error, as a fraction. An error of 10 cm counts as much at 1 m as
  one of 1 m at 10 m.

  Args:
    predictions: Distances in metres, with shape `[..., classes]`.
    targets: Reference distances in metres, with the same shape. A distance of
      0 has no relative error: it is left out of sum and count.
    activity: Reference activity, 0 or 1, with the same shape. Where it is 0,
      predictions and targets are ignored and may be NaN.

  Returns:
    Two scalars, float32 or wider: the sum of the squared relative errors of
    active classes, and the number of active (frame, class) pairs.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Krause et al., `Sound Event Detection and Localization with Distance
    Estimation <https://arxiv.org/abs/2403.11827>`_, 2024

  See Also:
    `distance_mape`, on which single large errors have less influence.

  Example:
    >>> from seld_jax import losses
    >>> predictions, targets = jnp.array([3.0, 9.0]), jnp.array([2.0, 0.0])
    >>> activity = jnp.array([1.0, 0.0])
    >>> total, count = losses.distance_mspe(predictions, targets, activity)
    >>> float(total), float(count)  # ((3 - 2) / 2)^2
    (0.25, 1.0)
  """
  errors, mask = _relative_errors(predictions, targets, activity)
  return jnp.sum(errors * errors * mask), jnp.sum(mask)


def distance_mape(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Relative error of distances of active classes, as (sum, count).

  The loss is `sum / max(count, 1)` over the whole batch: the mean absolute
  percentage error, as a fraction. It is the relative distance error of the
  scores of DCASE 2024. Its gradient at the target is 0.

  Args:
    predictions: Distances in metres, with shape `[..., classes]`.
    targets: Reference distances in metres, with the same shape. A distance of
      0 has no relative error: it is left out of sum and count.
    activity: Reference activity, 0 or 1, with the same shape. Where it is 0,
      predictions and targets are ignored and may be NaN.

  Returns:
    Two scalars, float32 or wider: the sum of the relative errors of active
    classes, and the number of active (frame, class) pairs.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Krause et al., `Sound Event Detection and Localization with Distance
    Estimation <https://arxiv.org/abs/2403.11827>`_, 2024

  See Also:
    `distance_mspe`, whose gradient becomes small for small errors.

  Example:
    >>> from seld_jax import losses
    >>> predictions, targets = jnp.array([3.0, 9.0]), jnp.array([2.0, 0.0])
    >>> activity = jnp.array([1.0, 0.0])
    >>> total, count = losses.distance_mape(predictions, targets, activity)
    >>> float(total), float(count)  # |3 - 2| / 2
    (0.5, 1.0)
  """
  errors, mask = _relative_errors(predictions, targets, activity)
  return jnp.sum(jnp.abs(errors) * mask), jnp.sum(mask)


def _errors(
  predictions: jax.Array, targets: jax.Array, mask: jax.Array
) -> jax.Array:
  """Differences in metres; 0 where the mask is 0."""
  predictions, targets = kept(mask > 0, predictions, targets)
  return wide(predictions, predictions) - wide(targets, predictions)


def _relative_errors(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Differences divided by the reference, and the mask of those that count."""
  check_shapes(predictions, targets, activity)
  mask = wide(activity, predictions)
  mask = jnp.where(targets == 0, 0, mask)
  divisors = jnp.where(mask > 0, wide(targets, predictions), 1)
  return _errors(predictions, targets, mask) / divisors, mask
