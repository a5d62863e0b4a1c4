"""Loss terms of sound event localization and detection, and their sum.

Every term is a pure function of arrays in the manner of `optax.losses`: it
reduces the axes that belong to it and leaves frames and batch to the caller.
All work under jit, vmap, grad and pmap, in float32 and bfloat16, and have
finite gradients when no event is active.

The proposed loss of the paper is `sed_mse` plus `doa_masked_mse`; the usual one
it is compared with is `sed_cross_entropy` plus `doa_masked_mse`.
"""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from jax import lax

Arrays = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class LossTerm:
  """How training computes one loss term; the values of `TERMS`.

  Its functions take the outputs of a network (`sed_logits`, `sed` and `doa`)
  and the targets (`activity` and `doa`) by name, with the shapes of the loss
  functions of this module. Exactly one of the two functions is given.

  Attributes:
    task: `'sed'` or `'doa'`.
    sum_and_count: Maps outputs and targets to two scalars, whose ratio is the
      loss. Sums and counts of the parts of a batch add up to those of the
      batch. Every run records these losses, whichever it trains on.
    batch_share: For a loss that is no such ratio: maps outputs, targets and
      `axis_name` to a scalar. Under `pmap` the scalars of all devices add up
      to the loss. It is not recorded.

  Example:
    >>> from seld_jax import losses
    >>> term = losses.TERMS['sed_mse']
    >>> outputs = {'sed': jnp.array([[0.5, 0.0], [1.0, 1.0]])}
    >>> targets = {'activity': jnp.array([[1.0, 0.0], [1.0, 0.0]])}
    >>> total, count = term.sum_and_count(outputs, targets)
    >>> term.task, float(total), float(count)
    ('sed', 0.625, 2.0)
  """

  task: str
  sum_and_count: Callable[[Arrays, Arrays], tuple[jax.Array, jax.Array]] | None
  batch_share: Callable[[Arrays, Arrays, str | None], jax.Array] | None = None


def sed_mse(
  predictions: jax.Array,
  targets: jax.Array,
  *,
  where: jax.Array | None = None,
) -> jax.Array:
  """Squared error of event activity: detection as regression.

  Args:
    predictions: Activity after the sigmoid, in [0, 1], with shape
      `[..., classes]`.
    targets: Reference activity, 0 or 1, with the same shape.
    where: Classes that count, True or False, of a shape that broadcasts to
      that of `predictions`; all when None.

  Returns:
    Mean squared error over classes, with shape `[...]`; 0 where no class
    counts.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 2
  """
  predictions, targets = _kept(where, predictions, targets)
  return _mean(optax.squared_error(predictions, targets), (-1,), where)


def sed_cross_entropy(
  logits: jax.Array,
  targets: jax.Array,
  *,
  where: jax.Array | None = None,
) -> jax.Array:
  """Sigmoid cross-entropy of event activity, summed over classes.

  The sum is the convention of the paper's authors. The DCASE baseline takes
  the mean: give this term the weight 1 / classes.

  Args:
    logits: Activity before the sigmoid, with shape `[..., classes]`.
    targets: Reference activity in [0, 1], with the same shape.
    where: Classes that count, of a shape that broadcasts to that of `logits`;
      all when None.

  Returns:
    Cross-entropy in nats, with shape `[...]`; 0 where no class counts.

  References:
    Phan et al., 2020, equation 1
  """
  logits, targets = _kept(where, logits, targets)
  terms = optax.sigmoid_binary_cross_entropy(logits, targets)
  return jnp.sum(terms, axis=-1, where=where)


def doa_mse(
  predictions: jax.Array,
  targets: jax.Array,
  *,
  where: jax.Array | None = None,
) -> jax.Array:
  """Squared error of directions over all classes, active or not.

  Args:
    predictions: Direction vectors, with shape `[..., classes, 3]`.
    targets: Unit vectors of active classes and zeros elsewhere, with the same
      shape.
    where: Components that count, of a shape that broadcasts to that of
      `predictions`; all when None.

  Returns:
    Mean squared error over classes and axes, with shape `[...]`; 0 where
    nothing counts.

  References:
    Phan et al., 2020, equation 3
  """
  predictions, targets = _kept(where, predictions, targets)
  return _mean(optax.squared_error(predictions, targets), (-2, -1), where)


def doa_masked_mse(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Squared error of the directions of active classes, as (sum, count).

  The loss is the ratio `sum / max(count, 1)` over the whole batch. Both are
  returned, so that a batch that is spread over devices is reduced first and
  divided after: a mean of means would weigh its events unequally.

  Args:
    predictions: Direction vectors, with shape `[..., classes, 3]`.
    targets: Unit vectors of active classes, with the same shape; what is there
      for others is not looked at.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`.

  Returns:
    Two scalars, float32 at least: the sum of squared errors of active classes,
    and three times the number of active (frame, class) pairs.

  References:
    The published system of Phan et al., 2020, which masks equation 3
  """
  # A bfloat16 sum would stop growing after 256 events.
  wide = jnp.promote_types(jnp.float32, predictions.dtype)
  mask = activity.astype(wide)
  targets = jnp.where(mask[..., None] > 0, targets, 0)
  errors = optax.squared_error(predictions, targets).astype(wide)
  return jnp.sum(errors * mask[..., None]), 3.0 * jnp.sum(mask)


def doa_masked_norm(
  predictions: jax.Array,
  targets: jax.Array,
  activity: jax.Array,
  *,
  axis_name: str | None = None,
) -> jax.Array:
  """Norm of all errors of active classes, by their number: the baseline's.

  The root is taken of the sum over the whole batch, before it is divided, so
  that the loss and its weight against another fall as batches grow: with `n`
  active coordinates it is `sqrt(doa_masked_mse / n)`.

  Args:
    predictions: Direction vectors, with shape `[..., classes, 3]`.
    targets: Unit vectors of active classes, with the same shape; what is there
      for others is not looked at.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`.
    axis_name: The axis under `pmap` over which a batch is spread.

  Returns:
    A scalar, float32 at least; 0, with a zero gradient, when nothing is active.
    Under `pmap` this device's share, to be summed over the axis like its
    gradient.

  References:
    `masked_mse` of the published baseline of DCASE 2020 (Politis et al.,
    `A dataset of reverberant spatial sound scenes with moving sources
    <https://arxiv.org/abs/2006.01919>`_, 2020)
  """
  part, count = doa_masked_mse(predictions, targets, activity)
  total, count = lax.stop_gradient((part, count))
  if axis_name is not None:
    total, count = lax.psum((total, count), axis_name)
  root = jnp.sqrt(jnp.where(total > 0, total, 1))
  # d sqrt(s) = ds / 2 sqrt(s): half of the share carries the gradient, and the
  # other half, a constant, makes the shares sum up to the root.
  share = (part + lax.stop_gradient(part)) / (2 * root)
  return share / jnp.maximum(count, 1)


def multitask(
  terms: Mapping[str, jax.Array], weights: Mapping[str, float]
) -> jax.Array:
  """Weighted sum of loss terms.

  Args:
    terms: Scalars by name, e.g. `{'sed': ..., 'doa': ...}`.
    weights: The weight of each, by the same names.

  Returns:
    The sum, a scalar.

  Raises:
    ValueError: The names differ.

  References:
    Phan et al., 2020, equation 4
  """
  if not terms or terms.keys() != weights.keys():
    raise ValueError(
      'multitask needs one weight for each term, got the terms '
      f'{sorted(terms)} and weights for {sorted(weights)}.'
    )
  first, *others = [weights[name] * terms[name] for name in sorted(terms)]
  return sum(others, first)


def _kept(
  where: jax.Array | None, predictions: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Zeros for what does not count: the gradient of a NaN there would be NaN."""
  if where is None:
    return predictions, targets
  return jnp.where(where, predictions, 0), jnp.where(where, targets, 0)


def _mean(
  values: jax.Array, axes: tuple[int, ...], where: jax.Array | None
) -> jax.Array:
  """Mean over axes; 0, with a zero gradient, where `where` leaves nothing."""
  if where is None:
    return jnp.mean(values, axis=axes)
  where = jnp.broadcast_to(where, values.shape)
  total = jnp.sum(values, axis=axes, where=where)
  return total / jnp.maximum(jnp.sum(where, axis=axes), 1)


def _mean_of(
  function: Callable[..., jax.Array], output: str, target: str
) -> Callable[[Arrays, Arrays], tuple[jax.Array, jax.Array]]:
  """`LossTerm.sum_and_count` of a mean over frames and batch.

  Args:
    function: A loss of predictions and targets, e.g. `sed_mse`.
    output: Name of its predictions in the outputs of the network.
    target: Name of its targets.
  """

  def sum_and_count(outputs: Arrays, targets: Arrays):
    values = function(outputs[output], targets[target])
    return jnp.sum(values), jnp.float32(values.size)

  return sum_and_count


def _masked_mse(outputs: Arrays, targets: Arrays):
  return doa_masked_mse(outputs['doa'], targets['doa'], targets['activity'])


def _masked_norm(outputs: Arrays, targets: Arrays, axis_name: str | None):
  return doa_masked_norm(
    outputs['doa'], targets['doa'], targets['activity'], axis_name=axis_name
  )


# All terms. `config.loss.sed = 'mse'` selects the term 'sed_mse', and so on.
TERMS: Mapping[str, LossTerm] = {
  'sed_mse': LossTerm('sed', _mean_of(sed_mse, 'sed', 'activity')),
  'sed_cross_entropy': LossTerm(
    'sed', _mean_of(sed_cross_entropy, 'sed_logits', 'activity')
  ),
  'doa_masked_mse': LossTerm('doa', _masked_mse),
  'doa_mse': LossTerm('doa', _mean_of(doa_mse, 'doa', 'doa')),
  'doa_masked_norm': LossTerm('doa', None, batch_share=_masked_norm),
}
