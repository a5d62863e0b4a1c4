"""Times the stages of a training step.

Each stage is compiled by itself, forward and backward, with the shapes that it
has in the step. The times need not add up to that of the step, because the
compiler fuses operations across stages.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from benchmarks import network_speed, timing
from seld_jax import augment, dataset
from seld_jax import config as config_lib
from seld_jax.config import types
from seld_jax.devices import compilation
from seld_jax.model import batch_norm, gru, layers
from seld_jax.train import optimizer, step, step_metrics


class Convolution(nn.Module):
  """A convolution, with everything between it and the next one."""

  filters: int
  pool: Sequence[int]
  momentum: float
  rate: float

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[batch, frames, bands, channels]` to its pooled shape."""
    x = layers.conv3x3(self.filters, jnp.float32, use_bias=False)(x)
    maxima = functools.partial(layers.rectified_maxima, pool=tuple(self.pool))
    x = batch_norm.BatchNorm(self.momentum, then=maxima)(x, train=True)
    if tuple(self.pool) == (1, 1):
      return x
    return layers.Dropout(self.rate, deterministic=False)(x)


class Recurrence(nn.Module):
  """The GRU with its dropout."""

  features: int
  rate: float

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps `[batch, frames, inputs]` to `[batch, frames, 2 * features]`."""
    x = gru.BiGru(self.features)(x)
    return layers.Dropout(self.rate, deterministic=False)(x)


class Heads(nn.Module):
  """The branches with the losses."""

  config: types.Config

  @nn.compact
  def __call__(self, x: jax.Array, targets: Any) -> jax.Array:
    """Maps `[batch, frames, inputs]` to the loss."""
    model, output = self.config.model, config_lib.output_format(self.config)
    raw = []
    for size in output.heads.values():
      y = x
      for width in model.head_features:
        y = nn.relu(layers.dense(width, jnp.float32)(y))
        y = layers.Dropout(model.head_dropout, deterministic=False)(y)
      raw.append(layers.dense(size, jnp.float32)(y))
    given = output.activate(jnp.concatenate(raw, axis=-1))
    sums = step_metrics.loss_sums(self.config, given, targets)
    return sum(
      (total / count for total, count in sums.values()), jnp.float32(0)
    )


def measure(
  config: config_lib.Config, *, batch: int, frames: int, rounds: int
) -> dict[str, timing.Times]:
  """Times each stage of a training step, and the whole step, in turns.

  Args:
    config: The configuration.
    batch: Number of examples.
    frames: Number of feature frames in each example.
    rounds: Number of rounds.

  Returns:
    Name of a stage -> times, in the order of the step; `step` is the whole.
  """
  given = network_speed.random_batch(config, batch=batch, frames=frames)
  calls = {'augmentation': _augmentation(config, given['features'])}
  model = config.model
  x = jnp.asarray(given['features'])
  for i, (filters, pool) in enumerate(
    zip(model.filters, model.pools, strict=True), start=1
  ):
    stage = Convolution(
      filters, tuple(pool), model.bn_momentum, model.conv_dropout
    )
    calls[f'convolution {i}'], x = _both_ways(stage, x, is_first=i == 1)
  x = x.reshape(*x.shape[:2], -1)
  stage = Recurrence(model.gru_features, model.gru_dropout)
  calls['GRU'], x = _both_ways(stage, x)
  if model.attention_features:
    stage = layers.SelfAttention(model.attention_features)
    calls['attention'], x = _both_ways(stage, x)
  targets = jax.tree.map(jnp.asarray, given['targets'])
  calls['heads and losses'], _ = _both_ways(Heads(config), x, targets)
  calls['optimiser'] = _optimiser(config)
  calls['step'] = network_speed.jax_step(config, given)
  return timing.interleave(calls, rounds=rounds)


def _compiled(function: Callable[..., Any], *arguments: Any):
  """Compiles a function; the result waits until the work is done."""
  program = jax.jit(function, compiler_options=compilation.compiler_options())
  return lambda: jax.block_until_ready(program(*arguments))


def _both_ways(module: nn.Module, x, *others, is_first: bool = False):
  """Compiles a stage forward and backward; also returns its output."""
  key = jax.random.PRNGKey(0)
  keys = {'params': key, 'dropout': key}
  variables = jax.jit(module.init)(keys, x, *others)
  params = variables.pop('params')

  def forward(params, x):
    return module.apply(
      {'params': params, **variables},
      x,
      *others,
      mutable=['batch_stats'],
      rngs={'dropout': key},
    )[0]

  def both(params, x):
    if is_first:  # the features need no gradient
      out, pull = jax.vjp(lambda params: forward(params, x), params)
    else:
      out, pull = jax.vjp(forward, params, x)
    return pull(out)

  passed_on = jax.jit(forward)(params, x)
  return _compiled(both, params, x), passed_on


def _augmentation(config: types.Config, features):
  """Compiles standardisation and masking of the batch."""
  options = config.augment
  shape = features.shape[2:]
  statistics = {'mean': jnp.zeros(shape), 'std': jnp.ones(shape)}

  def run(key, features):
    keys = jax.random.split(key, len(features))
    return jax.vmap(
      lambda key, example: augment.spec_augment(
        key,
        example,
        num_time_masks=options.num_time_masks,
        max_time_width=options.max_time_width,
        num_band_masks=options.num_band_masks,
        max_band_width=options.max_band_width,
        share_channels=options.share_channels,
      )
    )(keys, dataset.standardise(features, statistics))

  return _compiled(run, jax.random.PRNGKey(0), jnp.asarray(features))


def _optimiser(config: types.Config):
  """Compiles the update of all parameters by Adam."""
  rule = optimizer.make_optimizer(config)
  state = step.create_state(config)

  def run(gradients, opt_state, params):
    updates, opt_state = rule.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state

  return _compiled(run, state.params, state.opt_state, state.params)
