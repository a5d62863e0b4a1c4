"""The Adam optimizer and its learning rate schedules."""

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

  return {'paper': paper, 'cosine': cosine}[train.schedule]


def total_steps(config: config_lib.Config, *, steps_per_epoch: int) -> int:
  """The number of steps of a whole run."""
  return config.train.num_steps or config.train.num_epochs * steps_per_epoch


def make_optimizer(
  config: config_lib.Config, *, steps_per_epoch: int = 6
) -> optax.GradientTransformation:
  """Adam with the learning rate and gradient clipping of a config."""
  schedule = make_schedule(config, steps_per_epoch=steps_per_epoch)
  if config.train.clip_gradient > 0:
    clip = optax.clip_by_global_norm(config.train.clip_gradient)
    return optax.chain(clip, optax.adam(schedule))
  return optax.adam(schedule)
