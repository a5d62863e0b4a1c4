"""The optimizer, Adam or AdamW, and its learning rate schedules."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from seld_jax import config as config_lib


def make_schedule(
  config: config_lib.Config, *, steps_per_epoch: int = 6
) -> optax.Schedule:
  """The learning rate as a function of the step.

  Args:
    config: The configuration.
    steps_per_epoch: Number of steps in an epoch; 6 in the paper (400 recordings
      in batches of 64).

  Returns:
    A function from the number of steps done to the learning rate.
  """
  train = config.train
  total = total_steps(config, steps_per_epoch=steps_per_epoch)
  # Steps are int32; a warm-up longer than any run has no end.
  warmup = min(train.warmup_epochs * steps_per_epoch, 2**31 - 1)

  def paper(step):
    epoch = step // steps_per_epoch
    decays = sum((epoch >= start) * 1.0 for start in train.decay_epochs)
    rate = train.learning_rate * train.decay_factor**decays
    return jnp.where(step < warmup, train.warmup_factor, 1.0) * rate

  def cosine(step):
    return optax.warmup_cosine_decay_schedule(
      init_value=train.learning_rate * train.warmup_factor,
      peak_value=train.learning_rate,
      warmup_steps=min(warmup, total - 1),
      decay_steps=total,
    )(step)

  def tri_stage(step):
    start = min(warmup, total - 1)
    hold = round(train.hold_share * (total - start))
    decay = max(total - start - hold, 1)
    rising = optax.linear_schedule(
      train.learning_rate * train.warmup_factor, train.learning_rate, start
    )
    falling = optax.exponential_decay(
      train.learning_rate, decay, train.final_factor
    )
    return optax.join_schedules(
      [rising, optax.constant_schedule(train.learning_rate), falling],
      [start, start + hold],
    )(step)

  return {'paper': paper, 'cosine': cosine, 'tri_stage': tri_stage}[
    train.schedule
  ]


def total_steps(config: config_lib.Config, *, steps_per_epoch: int) -> int:
  """The number of steps of a whole run."""
  return config.train.num_steps or config.train.num_epochs * steps_per_epoch


def make_optimizer(
  config: config_lib.Config, *, steps_per_epoch: int = 6
) -> optax.GradientTransformation:
  """Adam or AdamW, with the schedule and gradient clipping of a config."""
  schedule = make_schedule(config, steps_per_epoch=steps_per_epoch)
  optimizer = optax.adam(schedule)
  if config.train.weight_decay > 0:
    optimizer = optax.adamw(
      schedule, weight_decay=config.train.weight_decay, mask=are_kernels
    )
  if config.train.clip_gradient > 0:
    clip = optax.clip_by_global_norm(config.train.clip_gradient)
    return optax.chain(clip, optimizer)
  return optimizer


# The ends of the names of matrices and filters.
_KERNELS = ('kernel', 'depthwise')


def are_kernels(params: Any) -> Any:
  """Marks the parameters that weight decay makes smaller.

  Args:
    params: Parameters of a network.

  Returns:
    A tree of the same structure: True for matrices and filters, whose names end
    in `kernel` or `depthwise`; False for biases, scales, and the weights of the
    losses.
  """
  return jax.tree_util.tree_map_with_path(
    lambda path, _: jax.tree_util.keystr(path, simple=True).endswith(_KERNELS),
    params,
  )
