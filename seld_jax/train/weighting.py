"""The weights of the losses in a training step: fixed, learned or adapted.

The log-variances of `loss.weighting = 'uncertainty'` are among the parameters
of a run, under the name `LOG_VARIANCES`. The mean losses of the last two
epochs, which `'dynamic'` needs, are in `TrainState.loss_history`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from seld_jax import config as config_lib
from seld_jax import losses

Terms = Mapping[str, jax.Array]

LOG_VARIANCES = 'loss_log_variances'


def with_log_variances(config: config_lib.Config, params: Any) -> Any:
  """Adds the log-variances of the losses to the parameters of a network.

  Args:
    config: The configuration.
    params: Parameters of the network.

  Returns:
    The parameters of the run; those of the network if the weights are not
    learned.
  """
  if config.loss.weighting != 'uncertainty':
    return params
  return {**params, LOG_VARIANCES: _zeros(config)}


def of_network(params: Mapping[str, Any]) -> dict[str, Any]:
  """The parameters of the network, without log-variances."""
  return {name: tree for name, tree in params.items() if name != LOG_VARIANCES}


def zero_history(config: config_lib.Config) -> Any:
  """`TrainState.loss_history` before the first step; None if not needed."""
  if config.loss.weighting != 'dynamic':
    return None
  return {
    'before': _zeros(config),
    'previous': _zeros(config),
    'sum': _zeros(config),
    'num_epochs': jnp.zeros((), jnp.int32),
  }


def total_loss(
  config: config_lib.Config,
  terms: Terms,
  *,
  params: Mapping[str, Any],
  history: Any,
  axis_name: str | None,
) -> jax.Array:
  """The loss that is minimised, or the share of some of its terms.

  Args:
    config: The configuration.
    terms: Trained losses by name, scalars: all or some of them. Under `pmap`,
      the share of this device.
    params: Parameters of the run.
    history: `TrainState.loss_history`.
    axis_name: Name of the axis under `pmap`; None under `jit`.

  Returns:
    A scalar. The scalars of all devices add up to the loss.
  """
  if config.loss.weighting != 'uncertainty':
    weights = weights_of(config, params=params, history=history)
    return losses.multitask(terms, {name: weights[name] for name in terms})
  fixed = config_lib.trained_terms(config)
  log_variances = {name: params[LOG_VARIANCES][name] for name in terms}
  weighted = {name: fixed[name] * term for name, term in terms.items()}
  loss = losses.uncertainty_loss(weighted, log_variances)
  if axis_name is None:
    return loss
  # Every device adds the log-variances, which count only once.
  share = 1 - 1 / lax.axis_size(axis_name)
  return loss - share * sum(log_variances.values()) / 2


def weights_of(
  config: config_lib.Config, *, params: Mapping[str, Any], history: Any
) -> dict[str, Any]:
  """The factor of each trained loss in the loss that is minimised.

  Args:
    config: The configuration.
    params: Parameters of the run.
    history: `TrainState.loss_history`.

  Returns:
    Factors by the name of the loss, scalars.
  """
  weights: dict[str, Any] = dict(config_lib.trained_terms(config))
  if config.loss.weighting == 'uncertainty':
    learned = params[LOG_VARIANCES]
    return {
      name: weight * jnp.exp(-learned[name]) / 2
      for name, weight in weights.items()
    }
  if config.loss.weighting == 'dynamic':
    dynamic = losses.dynamic_weights(
      history['previous'],
      history['before'],
      temperature=config.loss.temperature,
    )
    # The rates of change are known after two epochs.
    is_known = history['num_epochs'] > 1
    return {
      name: weight * jnp.where(is_known, dynamic[name], 1.0)
      for name, weight in weights.items()
    }
  return weights


def add_to_history(
  history: Any, terms: Terms, *, step: jax.Array, steps_per_epoch: int
) -> Any:
  """Adds the losses of a step; at the end of an epoch, takes their mean.

  Args:
    history: `TrainState.loss_history`, or None.
    terms: The trained losses by name, scalars of the whole batch.
    step: Number of steps done before this one.
    steps_per_epoch: Number of steps in an epoch.

  Returns:
    The new history.
  """
  if history is None:
    return None
  sums = jax.tree.map(jnp.add, history['sum'], dict(terms))
  is_end = (step + 1) % steps_per_epoch == 0
  choose = lambda new, old: jax.tree.map(
    lambda one, other: jnp.where(is_end, one, other), new, old
  )
  means = jax.tree.map(lambda value: value / steps_per_epoch, sums)
  return {
    'before': choose(history['previous'], history['before']),
    'previous': choose(means, history['previous']),
    'sum': choose(jax.tree.map(jnp.zeros_like, sums), sums),
    'num_epochs': history['num_epochs'] + is_end.astype(jnp.int32),
  }


def _zeros(config: config_lib.Config) -> dict[str, jax.Array]:
  """A zero for each trained loss."""
  names = config_lib.trained_terms(config)
  return {name: jnp.zeros((), jnp.float32) for name in names}
