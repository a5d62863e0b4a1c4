"""Exponential moving averages of the parameters, in `TrainState.average`."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from seld_jax.config import Config
from seld_jax.train import weighting


def start(config: Config, *, params: Any, batch_stats: Any) -> Any:
  """`TrainState.average` before the first step; None without averages.

  Args:
    config: The configuration.
    params: Parameters of the network and of the loss.
    batch_stats: Statistics of batch normalisation.

  Returns:
    Copies of the parameters of the network and of the statistics.
  """
  if not config.train.ema_decay:
    return None
  # Copies, since each step gives its buffers away.
  return jax.tree.map(
    jnp.copy,
    {'params': weighting.of_network(params), 'batch_stats': batch_stats},
  )


def advance(
  config: Config,
  average: Any,
  *,
  params: Any,
  batch_stats: Any,
  step: jax.Array,
) -> Any:
  """The averages after a step.

  The decay grows to `train.ema_decay`, so that the random parameters of the
  first steps are soon forgotten: it is (1 + n) / (10 + n) after n steps, as in
  `tf.train.ExponentialMovingAverage`, as long as that is less.

  Args:
    config: The configuration.
    average: The averages before; None without averages.
    params: Parameters after the step.
    batch_stats: Statistics of batch normalisation after the step.
    step: Number of steps done before this one.

  Returns:
    The averages; None without averages.
  """
  if average is None:
    return None
  decay = jnp.minimum(config.train.ema_decay, (1 + step) / (10 + step))
  return optax.incremental_update(
    {'params': weighting.of_network(params), 'batch_stats': batch_stats},
    average,
    1 - decay,
  )


def variables_of(state: Any) -> dict[str, Any]:
  """The variables of the network that is evaluated and exported.

  Args:
    state: A `TrainState`, or its shapes.

  Returns:
    `params` and `batch_stats`: the averages if there are any.
  """
  return state.average or {
    'params': weighting.of_network(state.params),
    'batch_stats': state.batch_stats,
  }
