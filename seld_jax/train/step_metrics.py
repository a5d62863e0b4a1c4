"""Losses of training steps: sums on the device, means in metrics.jsonl."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from seld_jax import losses

# Norms of the gradients of the weighted SED and DOA losses, each at the last
# layer that both branches share.
SHARED_NORMS = ('sed_shared_gradient', 'doa_shared_gradient')

_NO_STEP = 2**31 - 1


def loss_sums(
  outputs: Mapping[str, jax.Array], batch: Mapping[str, jax.Array]
) -> dict[str, tuple[jax.Array, jax.Array]]:
  """Every recorded loss as (sum, count), whether it is trained on or not.

  Args:
    outputs: Outputs of the network, with shape `[..., classes]` (`sed`,
      `sed_logits`) and `[..., classes, 3]` (`doa`).
    batch: Targets `activity` and `doa`, with the same shapes.

  Returns:
    Sum and count by the name of the loss; their ratio is the loss.
  """
  return {
    name: term.sum_and_count(outputs, batch)
    for name, term in losses.TERMS.items()
    if term.sum_and_count is not None and term.is_recorded
  }


def zero_metrics(*, log_gradient_norms: bool = False) -> dict[str, jax.Array]:
  """Sums over no steps.

  Args:
    log_gradient_norms: Whether the norms of each task's gradient are kept.

  Returns:
    A sum of 0 for each loss by name, `num_steps` of 0, and no `failed_step`.
  """
  names = (
    'loss',
    *(n for n, t in losses.TERMS.items() if t.sum_and_count and t.is_recorded),
    'gradient_norm',
    *(SHARED_NORMS if log_gradient_norms else ()),
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
