"""One training step: state, learning rate, augmentation, losses, gradients."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import lax

from seld_jax import augment, dataset, features, losses
from seld_jax import config as config_lib
from seld_jax import model as model_lib
from seld_jax.optimizer import make_optimizer

Batch = Mapping[str, jax.Array]

_NO_STEP = 2**31 - 1


class TrainState(struct.PyTreeNode):
  """Everything a run needs to continue; one pytree, saved as it is.

  Attributes:
    step: Number of steps done, int32.
    params: Parameters of the network.
    batch_stats: Running statistics of batch normalisation.
    opt_state: State of the optimiser.
    key: PRNG key of the run; every step folds its number in.
    statistics: Mean and standard deviation of the features.
    metrics: Sums of the losses since they were last written down.
  """

  step: jax.Array
  params: Any
  batch_stats: Any
  opt_state: Any
  key: jax.Array
  statistics: Any
  metrics: Any


def create_state(
  config: config_lib.Config,
  *,
  statistics: Mapping[str, jax.typing.ArrayLike] | None = None,
) -> TrainState:
  """The state before the first step, a function of the config.

  Args:
    config: The configuration.
    statistics: `mean` and `std` of the features, with shape
      `[mels, channels]`; 0 and 1 when None.

  Returns:
    The state, on the default device.
  """
  shape = (
    config.features.n_mels,
    features.NUM_CHANNELS[config.features.format],
  )
  if statistics is None:
    statistics = {'mean': jnp.zeros(shape), 'std': jnp.ones(shape)}
  init_key, run_key = jax.random.split(jax.random.PRNGKey(config.seed))
  example = jnp.zeros((1, config_lib.label_pool(config), *shape))
  variables = jax.jit(make_model(config).init)(init_key, example)
  params = variables['params']
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=variables['batch_stats'],
    opt_state=make_optimizer(config).init(params),
    key=run_key,
    statistics=jax.tree.map(jnp.asarray, dict(statistics)),
    metrics=zero_metrics(),
  )


def make_model(
  config: config_lib.Config, *, axis_name: str | None = None
) -> nn.Module:
  """The network of a config.

  Args:
    config: The configuration.
    axis_name: Name of the axis under `pmap`; None under `jit`.

  Returns:
    A Linen module.
  """
  options = dict(config.model)
  options['dtype'] = jnp.dtype(options['dtype'])
  return model_lib.MODELS[options.pop('name')](
    num_classes=len(config.data.classes), axis_name=axis_name, **options
  )


def make_train_step(
  config: config_lib.Config,
  *,
  axis_name: str | None = None,
  steps_per_epoch: int = 6,
) -> Callable[[TrainState, Batch], TrainState]:
  """The training step as a pure function, to be compiled by the caller.

  Under `jit` the batch is the global one, on one device or divided over many.
  Under `pmap(..., axis_name=axis_name)` each device gets its part, and batch
  statistics, the sums and counts of the losses, and gradients are summed over
  the axis. The result is the same, rounding apart.

  Args:
    config: The configuration.
    axis_name: Name of the axis under `pmap`; None under `jit`.
    steps_per_epoch: Steps in an epoch, for the learning rate.

  Returns:
    `train_step(state, batch) -> state`. The batch has `features` (not
    standardised) with shape `[batch, frames, mels, channels]`, `activity` with
    shape `[batch, label_frames, classes]` and `doa` with shape
    `[batch, label_frames, classes, 3]`. `state.metrics` gathers the losses.
  """
  network = make_model(config, axis_name=axis_name)
  optimizer = make_optimizer(config, steps_per_epoch=steps_per_epoch)
  sed_term = config_lib.SED_TERMS[config.loss.sed]
  doa_term = config_lib.DOA_TERMS[config.loss.doa]
  weights = {
    sed_term: config.loss.sed_weight,
    doa_term: config.loss.doa_weight,
  }

  def total(value):
    return value if axis_name is None else lax.psum(value, axis_name)

  def train_step(state: TrainState, batch: Batch) -> TrainState:
    augment_key, dropout_key = jax.random.split(
      jax.random.fold_in(state.key, state.step)
    )
    batch = _augment(
      augment_key, batch, state.statistics, config.augment, axis_name
    )

    def loss_function(params):
      outputs, updates = network.apply(
        {'params': params, 'batch_stats': state.batch_stats},
        batch['features'],
        train=True,
        mutable=['batch_stats'],
        rngs={'dropout': dropout_key},
      )
      # This device's share of each mean: its sum by the count of all.
      terms = {
        name: part / jnp.maximum(lax.stop_gradient(total(count)), 1)
        for name, (part, count) in loss_sums(outputs, batch).items()
      }
      loss = losses.multitask({name: terms[name] for name in weights}, weights)
      return loss, (terms, updates['batch_stats'])

    (loss, (terms, batch_stats)), gradients = jax.value_and_grad(
      loss_function, has_aux=True
    )(state.params)
    gradients, loss, terms = total((gradients, loss, terms))
    updates, opt_state = optimizer.update(
      gradients, state.opt_state, state.params
    )
    values = {
      'loss': loss,
      **terms,
      'gradient_norm': optax.tree.norm(gradients),
    }
    return state.replace(
      step=state.step + 1,
      params=optax.apply_updates(state.params, updates),
      batch_stats=batch_stats,
      opt_state=opt_state,
      metrics=_add_metrics(state.metrics, values, state.step),
    )

  return train_step


def loss_sums(
  outputs: Mapping[str, jax.Array], batch: Batch
) -> dict[str, tuple[jax.Array, jax.Array]]:
  """Every loss of the project as (sum, count), trained on or not.

  Args:
    outputs: Outputs of the network, with shape `[..., classes]` (`sed`,
      `sed_logits`) and `[..., classes, 3]` (`doa`).
    batch: Targets `activity` and `doa`, with the same shapes.

  Returns:
    Name -> (sum, count); their ratio is the loss.
  """
  activity, doa = batch['activity'], batch['doa']
  sums = {
    name: (jnp.sum(values), jnp.float32(values.size))
    for name, values in {
      'sed_mse': losses.sed_mse(outputs['sed'], activity),
      'sed_cross_entropy': losses.sed_cross_entropy(
        outputs['sed_logits'], activity
      ),
      'doa_mse': losses.doa_mse(outputs['doa'], doa),
    }.items()
  }
  sums['doa_masked_mse'] = losses.doa_masked_mse(outputs['doa'], doa, activity)
  return sums


def zero_metrics() -> dict[str, jax.Array]:
  """Sums over no steps."""
  names = (
    'loss',
    'sed_mse',
    'sed_cross_entropy',
    'doa_masked_mse',
    'doa_mse',
    'gradient_norm',
  )
  return {
    **{name: jnp.zeros((), jnp.float32) for name in names},
    'num_steps': jnp.zeros((), jnp.int32),
    # The first step whose loss or gradient was not finite.
    'failed_step': jnp.full((), _NO_STEP, jnp.int32),
  }


def mean_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
  """Means over the steps that were gathered.

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
  """Refuses a state that a step spoiled.

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


def _add_metrics(metrics, values, step):
  finite = jnp.isfinite(values['loss']) & jnp.isfinite(values['gradient_norm'])
  failed = jnp.where(finite, _NO_STEP, step)
  return {
    **{name: metrics[name] + value for name, value in values.items()},
    'num_steps': metrics['num_steps'] + 1,
    'failed_step': jnp.minimum(metrics['failed_step'], failed),
  }


def _augment(key, batch, statistics, options, axis_name):
  """Rotates, standardises and masks, with draws that belong to examples."""
  crops, doa = batch['features'], batch['doa']
  index = jnp.arange(crops.shape[0])
  if axis_name is not None:
    index += lax.axis_index(axis_name) * crops.shape[0]
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
  rotate_keys, mask_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
  if options.rotate:
    crops, doa = jax.vmap(augment.rotate_foa)(rotate_keys, crops, doa)
  crops = dataset.standardise(crops, statistics)
  if options.num_time_masks or options.num_band_masks:
    mask = lambda key, example: augment.spec_augment(
      key,
      example,
      num_time_masks=options.num_time_masks,
      max_time_width=options.max_time_width,
      num_band_masks=options.num_band_masks,
      max_band_width=options.max_band_width,
      share_channels=options.share_channels,
    )
    crops = jax.vmap(mask)(mask_keys, crops)
  return {**batch, 'features': crops, 'doa': doa}
