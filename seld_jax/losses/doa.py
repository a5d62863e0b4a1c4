"""Loss terms of directions of arrival.

`doa_mse` returns one value per frame. All others use active classes only and
reduce the whole batch.
"""

import jax
import jax.numpy as jnp
import optax
from jax import lax

from seld_jax import geometry
from seld_jax.losses.masks import check_shapes, kept, masked_mean, wide

# Shorter predictions are not scaled to unit length: the gradient of such a
# scaling is the inverse of their length, and one of them would rule a step.
_SHORTEST = 0.01


def doa_mse(
  predictions: jax.Array,
  targets: jax.Array,
  *,
  where: jax.Array | None = None,
) -> jax.Array:
  """Squared error of direction vectors over all classes, active or not.

  The targets of inactive classes are zero vectors, so that the length of a
  predicted vector is trained, too.

  Args:
    predictions: Direction vectors (x, y, z), with shape `[..., classes, 3]`; or
      (x, y) with shape `[..., classes, 2]`.
    targets: Unit vectors for active classes and zeros for all others, with the
      same shape.
    where: Mask of the components to use, True or False, with a shape that
      broadcasts to that of `predictions`; None for all. Masked predictions and
      targets may be NaN.

  Returns:
    Mean squared error over classes and components, with shape `[...]`; 0 where
    everything is masked.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 3

  See Also:
    `doa_masked_mse`, which uses active classes only.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    >>> targets = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> float(losses.doa_mse(predictions, targets))  # (2 + 0.25) / 6
    0.375
  """
  check_shapes(predictions, targets)
  predictions, targets = kept(where, predictions, targets)
  return masked_mean(optax.squared_error(predictions, targets), (-2, -1), where)


def doa_masked_mse(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Squared error of direction vectors of active classes, as (sum, count).

  The loss is `sum / max(count, 1)` over the whole batch. Sum and count are
  separate, because a batch that is divided over devices needs the sums of both
  before the division: the mean of the means of the devices would give events
  unequal weights.

  Args:
    predictions: Direction vectors (x, y, z), with shape `[..., classes, 3]`; or
      (x, y) with shape `[..., classes, 2]`.
    targets: Unit vectors for active classes, with the same shape. The values
      for inactive classes are ignored and may be NaN.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`.

  Returns:
    Two scalars, float32 or wider: the sum of squared errors of active classes,
    and the number of active (frame, class) pairs times that of the components.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020: equation 3 with the
    mask of the published code

  See Also:
    `doa_mse`, which uses all classes; `doa_masked_norm`, which takes a root;
    `doa_cosine` and `doa_angular`, which ignore the length of the vectors.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.5]])
    >>> targets = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> activity = jnp.array([1.0, 0.0])  # the second class is inactive
    >>> total, count = losses.doa_masked_mse(predictions, targets, activity)
    >>> float(total), float(count)
    (2.0, 3.0)
    >>> loss = total / jnp.maximum(count, 1)
  """
  check_shapes(predictions, targets, activity, components=True)
  mask = wide(activity, predictions)
  targets = jnp.where(mask[..., None] > 0, targets, 0)
  errors = wide(optax.squared_error(predictions, targets), predictions)
  axes = float(predictions.shape[-1])
  return jnp.sum(errors * mask[..., None]), axes * jnp.sum(mask)


def doa_masked_norm(
  predictions: jax.Array,
  targets: jax.Array,
  activity: jax.Array,
  *,
  axis_name: str | None = None,
) -> jax.Array:
  """Norm of all errors of active classes, divided by their number.

  The loss of the DCASE 2020 baseline. It takes the root of the sum over the
  whole batch before the division. Therefore the loss, and its weight relative
  to another loss, decrease as batches grow: with `n` active components it is
  `sqrt(mse / n)`, where `mse` is the loss of `doa_masked_mse`.

  Args:
    predictions: Direction vectors (x, y, z), with shape `[..., classes, 3]`; or
      (x, y) with shape `[..., classes, 2]`.
    targets: Unit vectors for active classes, with the same shape. The values
      for inactive classes are ignored and may be NaN.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`.
    axis_name: Name of the `pmap` axis that divides the batch; None without
      `pmap`.

  Returns:
    A scalar, float32 or wider; 0 with a zero gradient when nothing is active.
    Under `pmap` it is the share of this device: the sum of the shares over the
    axis is the loss, and the sum of their gradients is its gradient.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    `masked_mse` of the published DCASE 2020 baseline; Politis et al., `A
    Dataset of Reverberant Spatial Sound Scenes with Moving Sources
    <https://arxiv.org/abs/2006.01919>`_, 2020

  See Also:
    `doa_masked_mse`, which does not depend on the size of the batch.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[3.0, 4.0, 0.0]])
    >>> targets = jnp.zeros((1, 3))
    >>> activity = jnp.ones(1)
    >>> loss = losses.doa_masked_norm(predictions, targets, activity)
    >>> round(float(loss), 3)  # sqrt(9 + 16) / 3
    1.667
    >>> four = jnp.tile(predictions, (4, 1)), jnp.zeros((4, 3)), jnp.ones(4)
    >>> round(float(losses.doa_masked_norm(*four)), 3)  # sqrt(4 * 25) / 12
    0.833
  """
  part, count = doa_masked_mse(predictions, targets, activity)
  total, count = lax.stop_gradient((part, count))
  if axis_name is not None:
    total, count = lax.psum((total, count), axis_name)
  root = jnp.sqrt(jnp.where(total > 0, total, 1))
  # As d sqrt(s) = ds / (2 sqrt(s)), half of the share carries the gradient. The
  # other half is a constant, so that the shares add up to the root.
  share = (part + lax.stop_gradient(part)) / (2 * root)
  return share / jnp.maximum(count, 1)


def doa_cosine(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Cosine distance of directions of active classes, as (sum, count).

  The loss is `sum / max(count, 1)` over the whole batch, in [0, 2]: one minus
  the cosine of the angle between prediction and target. The length of the
  predicted vectors is not trained.

  Args:
    predictions: Direction vectors of any length, with shape
      `[..., classes, axes]`. Those shorter than 0.01 are not scaled to unit
      length but multiplied by 100, so that gradients are finite; the zero
      vector has the distance 1.
    targets: Unit vectors for active classes, with the same shape.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`. Where it
      is 0, predictions and targets are ignored and may be NaN.

  Returns:
    Two scalars, float32 or wider: the sum of the distances of active classes,
    and the number of active (frame, class) pairs.

  Raises:
    ValueError: The shapes do not fit together.

  See Also:
    `doa_angular`, whose gradient does not decrease with the error.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5]])
    >>> targets = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> activity = jnp.array([1.0, 0.0])  # the second class is inactive
    >>> total, count = losses.doa_cosine(predictions, targets, activity)
    >>> float(total), float(count)  # 1 - cos(90 degrees)
    (1.0, 1.0)
  """
  mask, predictions, targets = _active_units(predictions, targets, activity)
  cosine = jnp.sum(predictions * targets, axis=-1)
  return jnp.sum((1 - cosine) * mask), jnp.sum(mask)


def doa_angular(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Angular error of directions of active classes in radians, as (sum, count).

  The loss is `sum / max(count, 1)` over the whole batch, in [0, pi]: the angle
  between prediction and target, which the scores measure, too. The length of
  the predicted vectors is not trained.

  The angle is `2 atan2(|p - t|, |p + t|)` of the unit vectors p and t. It is
  accurate near 0 and 180 degrees, where the arc cosine loses half of the
  digits and its gradient is not finite. The angle has no derivative at exactly
  0 and 180 degrees, and the gradient is 0 there.

  Args:
    predictions: Direction vectors of any length, with shape
      `[..., classes, axes]`. Those shorter than 0.01 are not scaled to unit
      length but multiplied by 100, so that gradients are finite; the zero
      vector has the angle pi / 2.
    targets: Unit vectors for active classes, with the same shape.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`. Where it
      is 0, predictions and targets are ignored and may be NaN.

  Returns:
    Two scalars, float32 or wider: the sum of the angles of active classes, and
    the number of active (frame, class) pairs.

  Raises:
    ValueError: The shapes do not fit together.

  References:
    Kahan, `How Futile are Mindless Assessments of Roundoff in Floating-Point
    Computation?
    <https://people.eecs.berkeley.edu/~wkahan/Mindless.pdf>`_, 2006

  See Also:
    `doa_cosine`, whose gradient becomes small near the target.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5]])
    >>> targets = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> activity = jnp.array([1.0, 0.0])  # the second class is inactive
    >>> total, count = losses.doa_angular(predictions, targets, activity)
    >>> round(float(jnp.rad2deg(total)), 3), float(count)
    (90.0, 1.0)
  """
  mask, predictions, targets = _active_units(predictions, targets, activity)
  far = geometry.norm(predictions - targets)
  near = geometry.norm(predictions + targets)
  # The arc tangent has no derivative where both are 0: for inactive classes.
  angle = 2 * jnp.arctan2(far, jnp.where(far + near > 0, near, 1))
  return jnp.sum(angle * mask), jnp.sum(mask)


def _active_units(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """The mask, and vectors of unit length; zeros for inactive classes."""
  check_shapes(predictions, targets, activity, components=True)
  mask = wide(activity, predictions)
  vectors = kept(mask[..., None] > 0, predictions, targets)
  predicted, reference = (_unit(wide(v, predictions)) for v in vectors)
  return mask, predicted, reference


def _unit(vectors: jax.Array) -> jax.Array:
  """Scales to unit length all vectors that are not very short."""
  squares = jnp.sum(vectors * vectors, axis=-1, keepdims=True)
  return vectors / jnp.sqrt(jnp.maximum(squares, _SHORTEST**2))
