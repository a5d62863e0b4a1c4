"""Masked values: they change neither a loss nor its gradient, even as NaN."""

import jax
import jax.numpy as jnp


def kept(
  where: jax.Array | None, predictions: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Replaces masked values by 0: the gradient of a NaN would be NaN.

  Args:
    where: Mask that broadcasts to the shape of both arrays; None for all.
    predictions: Predictions, with shape `[...]`.
    targets: Targets, with the same shape.

  Returns:
    Predictions and targets with the same shape.
  """
  if where is None:
    return predictions, targets
  return jnp.where(where, predictions, 0), jnp.where(where, targets, 0)


def check_shapes(
  predictions: jax.Array,
  targets: jax.Array,
  activity: jax.Array | None = None,
  *,
  names: tuple[str, str] = ('predictions', 'targets'),
  components: bool = False,
) -> None:
  """Refuses arrays that would only broadcast: their mean would be another one.

  Args:
    predictions: Predictions, with shape `[...]`.
    targets: Targets, which need the same shape.
    activity: Activity, which needs the same shape as well; None for none.
    names: What the message calls predictions and targets.
    components: Whether activity lacks the last axis, that of the components.

  Raises:
    ValueError: The shapes do not fit together.
  """
  shape, other = jnp.shape(predictions), jnp.shape(targets)
  if shape != other:
    raise ValueError(
      f'{names[0]} and {names[1]} need the same shape, got {list(shape)} and '
      f'{list(other)}.'
    )
  expected = shape[:-1] if components else shape
  if activity is not None and jnp.shape(activity) != expected:
    raise ValueError(
      f'{names[0]} with the shape {list(shape)} need activity with the shape '
      f'{list(expected)}, got {list(jnp.shape(activity))}.'
    )


def masked_mean(
  values: jax.Array, axes: tuple[int, ...], where: jax.Array | None
) -> jax.Array:
  """Mean over axes; 0, with a zero gradient, where everything is masked.

  Args:
    values: Values with any shape.
    axes: The axes to reduce.
    where: Mask that broadcasts to the shape of the values; None for all.

  Returns:
    The mean, with the shape of the other axes.
  """
  if where is None:
    return jnp.mean(values, axis=axes)
  where = jnp.broadcast_to(where, values.shape)
  total = jnp.sum(values, axis=axes, where=where)
  return total / jnp.maximum(jnp.sum(where, axis=axes), 1)


def wide(values: jax.Array, like: jax.Array) -> jax.Array:
  """Converts to float32 or wider: a bfloat16 count would stop growing at 256.

  Args:
    values: Values with any shape.
    like: Predictions, which may be wider than float32.

  Returns:
    The values with the same shape.
  """
  return values.astype(jnp.result_type(jnp.float32, like))
