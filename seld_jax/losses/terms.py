"""The table of all loss terms that a config can select."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from seld_jax.losses import distance, doa, sed

Arrays = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class LossTerm:
  """How training computes one loss term: the entries of `TERMS`.

  Its functions take the outputs of a network (`sed_logits`, `sed`, `doa` and
  `distance`) and the targets (`activity`, `doa` and `distance`) by name, with
  the shapes that the loss functions need. One of the two functions is None.

  Attributes:
    task: `'sed'`, `'doa'` or `'distance'`.
    sum_and_count: Maps outputs and targets to two scalars, whose ratio is the
      loss. The sums and counts of the parts of a batch add up to those of the
      batch.
    batch_share: For a loss that is not such a ratio: maps outputs, targets and
      the name of the `pmap` axis (or None) to a scalar. The scalars of all
      devices add up to the loss, which is not recorded.
    is_recorded: Whether every run with class-wise outputs records the loss,
      even if it trains on another one. Only ratios can be recorded.

  Example:
    >>> from seld_jax import losses
    >>> [name for name in losses.TERMS if name.startswith('distance_')]
    ['distance_mse', 'distance_mspe', 'distance_mape']
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
  is_recorded: bool = True


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
    wide = jnp.promote_types(jnp.float32, values.dtype)
    return jnp.sum(values, dtype=wide), jnp.float32(values.size)

  return sum_and_count


def _active(
  function: Callable[..., tuple[jax.Array, jax.Array]], name: str
) -> Callable[[Arrays, Arrays], tuple[jax.Array, jax.Array]]:
  """`LossTerm.sum_and_count` of a loss over active classes only.

  Args:
    function: A loss of predictions, targets and activity.
    name: Name of its predictions and of its targets.
  """

  def sum_and_count(outputs: Arrays, targets: Arrays):
    return function(outputs[name], targets[name], targets['activity'])

  return sum_and_count


def _masked_norm(outputs: Arrays, targets: Arrays, axis_name: str | None):
  return doa.doa_masked_norm(
    outputs['doa'], targets['doa'], targets['activity'], axis_name=axis_name
  )


def _soft_f1(outputs: Arrays, targets: Arrays, axis_name: str | None):
  return sed.sed_soft_f1(
    outputs['sed'], targets['activity'], axis_name=axis_name
  )


# All terms by name. In a config, loss.sed = 'mse' selects 'sed_mse', and
# loss.doa = 'mse' selects 'doa_mse'.
TERMS: Mapping[str, LossTerm] = {
  'sed_mse': LossTerm('sed', _mean_of(sed.sed_mse, 'sed', 'activity')),
  'sed_cross_entropy': LossTerm(
    'sed', _mean_of(sed.sed_cross_entropy, 'sed_logits', 'activity')
  ),
  'doa_masked_mse': LossTerm('doa', _active(doa.doa_masked_mse, 'doa')),
  'doa_mse': LossTerm('doa', _mean_of(doa.doa_mse, 'doa', 'doa')),
  'doa_masked_norm': LossTerm('doa', batch_share=_masked_norm),
  'sed_focal': LossTerm(
    'sed',
    _mean_of(sed.sed_focal, 'sed_logits', 'activity'),
    is_recorded=False,
  ),
  'sed_asymmetric_focal': LossTerm(
    'sed',
    _mean_of(
      functools.partial(sed.sed_asymmetric_focal, gamma=0.0, zeta=1.0),
      *('sed_logits', 'activity'),
    ),
    is_recorded=False,
  ),
  'sed_soft_f1': LossTerm('sed', batch_share=_soft_f1),
  'doa_cosine': LossTerm(
    'doa', _active(doa.doa_cosine, 'doa'), is_recorded=False
  ),
  'doa_angular': LossTerm(
    'doa', _active(doa.doa_angular, 'doa'), is_recorded=False
  ),
  'distance_mse': LossTerm(
    'distance', _active(distance.distance_mse, 'distance'), is_recorded=False
  ),
  'distance_mspe': LossTerm(
    'distance', _active(distance.distance_mspe, 'distance'), is_recorded=False
  ),
  'distance_mape': LossTerm(
    'distance', _active(distance.distance_mape, 'distance'), is_recorded=False
  ),
}
