"""Loss terms of sound event localization and detection, and their sum.

The terms are pure functions of arrays in the style of `optax.losses`.
`sed_mse`, `sed_cross_entropy` and `doa_mse` return one value per frame: take
`jnp.mean` of their result. The losses that use active classes only
(`doa_masked_mse`, `doa_masked_norm`) reduce the whole batch. All work under
jit, vmap, grad and pmap, in float32 and bfloat16, and have finite gradients
when no event is active.

The paper proposes `sed_mse` plus `doa_masked_mse`, and compares it with the
usual `sed_cross_entropy` plus `doa_masked_mse`. `TERMS` lists all terms that a
config can select.
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
  """How training computes one loss term: the entries of `TERMS`.

  Its functions take the outputs of a network (`sed_logits`, `sed` and `doa`)
  and the targets (`activity` and `doa`) by name, with the shapes that the loss
  functions of this module need. One of the two functions is None.

  Attributes:
    task: `'sed'` or `'doa'`.
    sum_and_count: Maps outputs and targets to two scalars, whose ratio is the
      loss. The sums and counts of the parts of a batch add up to those of the
      batch. Every run records these losses, whichever it trains on.
    batch_share: For a loss that is not such a ratio: maps outputs, targets and
      the name of the `pmap` axis (or None) to a scalar. The scalars of all
      devices add up to the loss, which is not recorded.

  Example:
    >>> from seld_jax import losses
    >>> list(losses.TERMS)
    ['sed_mse', 'sed_cross_entropy', 'doa_masked_mse', 'doa_mse',
     'doa_masked_norm']
    >>> term = losses.TERMS['sed_mse']
    >>> outputs = {'sed': jnp.array([[0.5, 0.0], [1.0, 1.0]])}
    >>> targets = {'activity': jnp.array([[1.0, 0.0], [1.0, 0.0]])}
    >>> total, count = term.sum_and_count(outputs, targets)
    >>> term.task, float(total), float(count)
    ('sed', 0.625, 2.0)
  """

  task: str
  sum_and_count: (
    Callable[[Arrays, Arrays], tuple[jax.Array, jax.Array]] | None
  ) = None
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
    where: Mask of the classes to use, True or False, with a shape that
      broadcasts to that of `predictions`; None for all. Masked predictions and
      targets may be NaN.

  Returns:
    Mean squared error over the classes, in [0, 1], with shape `[...]`; 0 where
    all classes are masked.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 2

  See Also:
    `sed_cross_entropy`, which needs logits instead of probabilities.

  Example:
    >>> from seld_jax import losses
    >>> predictions = jnp.array([[0.5, 0.0], [1.0, 0.0]])  # [frames, classes]
    >>> targets = jnp.array([[1.0, 0.0], [1.0, 1.0]])
    >>> print(losses.sed_mse(predictions, targets))  # one value per frame
    [0.125 0.5  ]
    >>> loss, gradient = jax.value_and_grad(
    ...   lambda x: losses.sed_mse(x, targets).mean()
    ... )(predictions)
    >>> float(loss), gradient.shape
    (0.3125, (2, 2))
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

  The paper's authors sum over the classes. The DCASE 2020 baseline takes the
  mean over them: give this term the weight `1 / classes` for that.

  Args:
    logits: Activity before the sigmoid, with shape `[..., classes]`.
    targets: Reference activity in [0, 1], with the same shape.
    where: Mask of the classes to use, True or False, with a shape that
      broadcasts to that of `logits`; None for all. Masked logits and targets
      may be NaN.

  Returns:
    Cross-entropy in nats, at least 0, with shape `[...]`; 0 where all classes
    are masked.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 1

  See Also:
    `sed_mse`, which needs probabilities and takes the mean over classes.

  Example:
    >>> from seld_jax import losses
    >>> logits = jnp.array([0.0, -100.0, 100.0])
    >>> targets = jnp.array([1.0, 0.0, 1.0])
    >>> round(float(losses.sed_cross_entropy(logits, targets)), 3)  # log(2)
    0.693
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
  """Squared error of direction vectors over all classes, active or not.

  The targets of inactive classes are zero vectors, so that the length of a
  predicted vector is trained, too.

  Args:
    predictions: Direction vectors (x, y, z), with shape `[..., classes, 3]`.
    targets: Unit vectors for active classes and zeros for all others, with the
      same shape.
    where: Mask of the components to use, True or False, with a shape that
      broadcasts to that of `predictions`; None for all. Masked predictions and
      targets may be NaN.

  Returns:
    Mean squared error over classes and components, with shape `[...]`; 0 where
    everything is masked.

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
  predictions, targets = _kept(where, predictions, targets)
  return _mean(optax.squared_error(predictions, targets), (-2, -1), where)


def doa_masked_mse(
  predictions: jax.Array, targets: jax.Array, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Squared error of direction vectors of active classes, as (sum, count).

  The loss is `sum / max(count, 1)` over the whole batch. Sum and count are
  separate, because a batch that is divided over devices needs the sums of both
  before the division: the mean of the means of the devices would give events
  unequal weights.

  Args:
    predictions: Direction vectors (x, y, z), with shape `[..., classes, 3]`.
    targets: Unit vectors for active classes, with the same shape. The values
      for inactive classes are ignored and may be NaN.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`.

  Returns:
    Two scalars, float32 or wider: the sum of squared errors of active classes,
    and three times the number of active (frame, class) pairs.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020: equation 3 with the
    mask of the published code

  See Also:
    `doa_mse`, which uses all classes; `doa_masked_norm`, which takes a root.

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
  # A bfloat16 count would stop growing at 256.
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
  """Norm of all errors of active classes, divided by their number.

  The loss of the DCASE 2020 baseline. It takes the root of the sum over the
  whole batch before the division. Therefore the loss, and its weight relative
  to another loss, decrease as batches grow: with `n` active components it is
  `sqrt(mse / n)`, where `mse` is the loss of `doa_masked_mse`.

  Args:
    predictions: Direction vectors (x, y, z), with shape `[..., classes, 3]`.
    targets: Unit vectors for active classes, with the same shape. The values
      for inactive classes are ignored and may be NaN.
    activity: Reference activity, 0 or 1, with shape `[..., classes]`.
    axis_name: Name of the `pmap` axis that divides the batch; None without
      `pmap`.

  Returns:
    A scalar, float32 or wider; 0 with a zero gradient when nothing is active.
    Under `pmap` it is the share of this device: the sum of the shares over the
    axis is the loss, and the sum of their gradients is its gradient.

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


def multitask(
  terms: Mapping[str, jax.Array], weights: Mapping[str, float]
) -> jax.Array:
  """Weighted sum of loss terms.

  Args:
    terms: Scalars by name, e.g. `{'sed': ..., 'doa': ...}`.
    weights: The weight of each term, by the same names.

  Returns:
    The sum, a scalar.

  Raises:
    ValueError: The names of terms and weights differ, or there is no term.

  References:
    Phan et al., `On Multitask Loss Function for Audio Event Detection and
    Localization <https://arxiv.org/abs/2009.05527>`_, 2020, equation 4

  Example:
    >>> from seld_jax import losses
    >>> terms = {'sed': jnp.float32(0.25), 'doa': jnp.float32(0.5)}
    >>> float(losses.multitask(terms, {'sed': 1.0, 'doa': 2.0}))
    1.25
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
  """Replaces masked values by 0: the gradient of a NaN would be NaN."""
  if where is None:
    return predictions, targets
  return jnp.where(where, predictions, 0), jnp.where(where, targets, 0)


def _mean(
  values: jax.Array, axes: tuple[int, ...], where: jax.Array | None
) -> jax.Array:
  """Mean over axes; 0, with a zero gradient, where everything is masked."""
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
    target: Name of its targets in the batch.
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


# All terms by name. In a config, loss.sed = 'mse' selects 'sed_mse', and
# loss.doa = 'mse' selects 'doa_mse'.
TERMS: Mapping[str, LossTerm] = {
  'sed_mse': LossTerm('sed', _mean_of(sed_mse, 'sed', 'activity')),
  'sed_cross_entropy': LossTerm(
    'sed', _mean_of(sed_cross_entropy, 'sed_logits', 'activity')
  ),
  'doa_masked_mse': LossTerm('doa', _masked_mse),
  'doa_mse': LossTerm('doa', _mean_of(doa_mse, 'doa', 'doa')),
  'doa_masked_norm': LossTerm('doa', batch_share=_masked_norm),
}
