"""Losses of training steps: sums on the device, means in metrics.jsonl."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from seld_jax import config as config_lib
from seld_jax import losses

# Norms of the gradients of the weighted SED loss and of the other losses (DOA,
# and distances if they are predicted), at the last layer that all branches
# share.
SHARED_NORMS = ('sed_shared_gradient', 'doa_shared_gradient')

_NO_STEP = 2**31 - 1


def loss_sums(
  config: config_lib.Config,
  predictions: Mapping[str, jax.Array],
  targets: Mapping[str, jax.Array],
) -> dict[str, tuple[jax.Array, jax.Array]]:
  """Every recorded loss as (sum, count), whether it is trained on or not.

  Args:
    config: The configuration.
    predictions: Outputs of the network, from `OutputFormat.activate`.
    targets: Targets, with the same leading axes.

  Returns:
    Sum and count by the name of the loss; their ratio is the loss.
  """
  terms = config_lib.output_format(config).loss_terms(predictions, targets)
  return {name: terms[name] for name in recorded_losses(config)}


def recorded_losses(config: config_lib.Config) -> tuple[str, ...]:
  """Names of the losses that metrics.jsonl has.

  Args:
    config: The configuration.

  Returns:
    The trained losses that are ratios of sums. For the format `class_wise` also
    the losses of the paper, so that runs can be compared.
  """
  trained = config_lib.trained_terms(config)
  if config.output.format != 'class_wise':
    return tuple(trained)
  return tuple(
    name
    for name, term in losses.TERMS.items()
    if term.sum_and_count and (term.is_recorded or name in trained)
  )


def recorded_weights(config: config_lib.Config) -> dict[str, str]:
  """Names of the weights of losses that metrics.jsonl has.

  Args:
    config: The configuration.

  Returns:
    For each trained loss the name of its weight; none if weights are fixed.
  """
  if config.loss.weighting == 'fixed':
    return {}
  return {name: f'{name}_weight' for name in config_lib.trained_terms(config)}


def zero_metrics(config: config_lib.Config) -> dict[str, jax.Array]:
  """Sums over no steps.

  Args:
    config: The configuration.

  Returns:
    A sum of 0 for each loss by name, `num_steps` of 0, and no `failed_step`.
  """
  names = (
    'loss',
    *recorded_losses(config),
    'gradient_norm',
    *(SHARED_NORMS if config.train.log_gradient_norms else ()),
    *recorded_weights(config).values(),
  )
  return {
    **{name: jnp.zeros((), jnp.float32) for name in names},
    'num_steps': jnp.zeros((), jnp.int32),
    # The first step whose loss or gradient was not finite.
    'failed_step': jnp.full((), _NO_STEP, jnp.int32),
  }


def add_metrics(
  metrics: Mapping[str, jax.Array],
  values: Mapping[str, jax.typing.ArrayLike],
  step: jax.typing.ArrayLike,
) -> dict[str, jax.Array]:
  """Adds the losses of a step.

  Args:
    metrics: From `zero_metrics`, or from an earlier call.
    values: The losses of the step, scalars by the same names.
    step: Number of steps done before this one, scalar.

  Returns:
    The new sums.
  """
  finite = jnp.isfinite(values['loss']) & jnp.isfinite(values['gradient_norm'])
  failed = jnp.where(finite, _NO_STEP, step)
  return {
    **{name: metrics[name] + value for name, value in values.items()},
    'num_steps': metrics['num_steps'] + 1,
    'failed_step': jnp.minimum(metrics['failed_step'], failed),
  }


def mean_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
  """Means over the steps whose losses were added.

  Args:
    metrics: `state.metrics`, fetched from the device.

  Returns:
    The mean of each loss by name.

  Raises:
    FloatingPointError: The loss or gradient of a step was not finite.
  """
  check_finite(metrics)
  count = int(metrics['num_steps'])
  return {
    name: float(value) / count
    for name, value in metrics.items()
    if name not in ('num_steps', 'failed_step')
  }


def check_finite(metrics: Mapping[str, Any]) -> None:
  """Raises an error when the loss or gradient of a step was not finite.

  Args:
    metrics: `state.metrics`, fetched from the device.

  Raises:
    FloatingPointError: The loss or gradient of a step was not finite.
  """
  failed = int(metrics['failed_step'])
  if failed != _NO_STEP:
    raise FloatingPointError(
      f'The loss or gradient of step {failed + 1} is not a finite number.'
    )
