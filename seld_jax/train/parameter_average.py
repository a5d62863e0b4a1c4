"""Exponential moving averages of the parameters, in `TrainState.average`."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from seld_jax.config import Config
from seld_jax.train import weighting


def start(config: Config, state: Any) -> Any:
  """Lets the averages start from the variables of a state.

  Args:
    config: The configuration.
    state: A `TrainState`.

  Returns:
    The state, whose `average` has copies of the parameters of the network and
    of the statistics, or is None if the configuration has no averages.
  """
  if not config.train.ema_decay:
    return state
  # Copies, since each step gives its buffers away.
  return state.replace(average=jax.tree.map(jnp.copy, _current(state)))


def advance(config: Config, state: Any, *, step: jax.Array) -> Any:
  """Updates the averages after a step.

  The decay grows to `train.ema_decay`, so that the random parameters of the
  first steps are soon forgotten: it is (1 + n) / (10 + n) after n steps, as in
  `tf.train.ExponentialMovingAverage`, as long as that is less.

  Args:
    config: The configuration.
    state: The `TrainState` after the step, except for its averages.
    step: Number of steps done before this one.

  Returns:
    The state with its averages, if there are any.
  """
  if state.average is None:
    return state
  decay = jnp.minimum(config.train.ema_decay, (1 + step) / (10 + step))
  return state.replace(
    average=optax.incremental_update(_current(state), state.average, 1 - decay)
  )


def variables_of(state: Any) -> dict[str, Any]:
  """The variables of the network that is evaluated and exported.

  Args:
    state: A `TrainState`, or its shapes.

  Returns:
    `params` and `batch_stats`: the averages if there are any.
  """
  return state.average or _current(state)


def _current(state: Any) -> dict[str, Any]:
  """The variables of the network that is trained."""
  return {
    'params': weighting.of_network(state.params),
    'batch_stats': state.batch_stats,
  }
