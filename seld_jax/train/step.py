"""The state of a training, and the training step, which updates it."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import core, lax

from seld_jax import augment, dataset, features, losses
from seld_jax import config as config_lib
from seld_jax import model as model_lib
from seld_jax.devices import compilation
from seld_jax.train import step_metrics
from seld_jax.train.optimizer import make_optimizer

Batch = Mapping[str, jax.Array]


class TrainState(struct.PyTreeNode):
  """Everything that a run resumes from, as one pytree.

  Attributes:
    step: Number of steps done, int32 scalar.
    params: Parameters of the network.
    batch_stats: Running statistics of batch normalisation.
    opt_state: State of the optimizer.
    key: PRNG key of the run; every step folds in its number.
    statistics: `mean` and `std` of the features, with shape `[mels, channels]`.
    metrics: Sums of the losses since the last record of metrics.jsonl.

  Example:
    >>> from seld_jax import config, train
    >>> settings = config.systems.make('mse', format='foa', scale='quick')
    >>> state = jax.eval_shape(lambda: train.create_state(settings))
    >>> state.params['sed']['bias'].shape
    (14,)
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
  """Draws the state before the first step; depends on the config only.

  Args:
    config: The configuration.
    statistics: `mean` and `std` of the features, with shape
      `[mels, channels]`; 0 and 1 when None.

  Returns:
    The state, on the default device.

  Example:
    >>> from seld_jax import config, train
    >>> settings = config.systems.make('mse', format='foa', scale='quick')
    >>> state = jax.eval_shape(lambda: train.create_state(settings))
    >>> state.step.dtype, state.statistics['mean'].shape
    (dtype('int32'), (32, 7))
  """
  create, arguments = state_maker(config, statistics=statistics)
  return create(*arguments)


def state_maker(
  config: config_lib.Config,
  *,
  statistics: Mapping[str, jax.typing.ArrayLike] | None = None,
) -> tuple[Callable[..., TrainState], tuple[Any, ...]]:
  """Makes a function that creates the state, to know its shapes beforehand.

  Args:
    config: The configuration.
    statistics: `mean` and `std` of the features, with shape
      `[mels, channels]`; 0 and 1 when None.

  Returns:
    A function `create`, under `jit`, and its arguments: `create(*arguments)` is
    the state, and `create.eval_shape(*arguments)` has its shapes.

  See Also:
    `create_state`, which returns the state itself.
  """
  shape = (
    config.features.n_mels,
    features.NUM_CHANNELS[config.features.format],
  )
  pool = config_lib.label_pool(config)

  def create(key, statistics):
    init_key, run_key = jax.random.split(key)
    example = jnp.zeros((1, pool, *shape))
    variables = make_model(config).init(init_key, example)
    if statistics is None:  # made here, so that `eval_shape` takes no memory
      statistics = {'mean': jnp.zeros(shape), 'std': jnp.ones(shape)}
    return TrainState(
      step=jnp.zeros((), jnp.int32),
      params=variables['params'],
      batch_stats=variables['batch_stats'],
      opt_state=make_optimizer(config).init(variables['params']),
      key=run_key,
      statistics=jax.tree.map(jnp.asarray, dict(statistics)),
      metrics=zero_metrics(config),
    )

  key = jax.random.PRNGKey(config.seed)
  if isinstance(key, core.Tracer):  # under another jit, or eval_shape
    return create, (key, statistics)
  # Compiled as one program; without jit, it would be about thirty.
  options = compilation.compiler_options(runs_once=True)
  return jax.jit(create, compiler_options=options), (key, statistics)


def zero_metrics(config: config_lib.Config) -> dict[str, jax.Array]:
  """`TrainState.metrics` before the first step of an interval."""
  return step_metrics.zero_metrics(
    log_gradient_norms=config.train.log_gradient_norms
  )


def make_model(
  config: config_lib.Config, *, axis_name: str | None = None
) -> nn.Module:
  """Makes the network of a config.

  Args:
    config: The configuration.
    axis_name: Name of the axis under `pmap`; None under `jit`.

  Returns:
    A Flax Linen module.
  """
  options = dict(config.model)
  network = model_lib.MODELS[options.pop('name')]
  options['dtype'] = jnp.dtype(options['dtype'])
  return network(
    num_classes=len(config.data.classes),
    axis_name=axis_name,
    **{name: options[name] for name in config_lib.model_fields(config)},
  )


def make_train_step(
  config: config_lib.Config,
  *,
  axis_name: str | None = None,
  steps_per_epoch: int = 6,
) -> Callable[[TrainState, Batch], TrainState]:
  """Makes the training step: a pure function that the caller compiles.

  Under `jit`, the batch is the whole batch, on one device or sharded over
  several. Under `pmap(..., axis_name=axis_name)`, every device gets its part of
  the batch; batch statistics, losses and gradients are summed over the axis.
  Both give the same result up to rounding.

  Args:
    config: The configuration.
    axis_name: Name of the axis under `pmap`; None under `jit`.
    steps_per_epoch: Number of steps in an epoch, for the learning rate.

  Returns:
    `train_step(state, batch) -> state`. The batch has `features` (not
    standardised) with shape `[batch, frames, mels, channels]`, `activity` with
    shape `[batch, label_frames, classes]` and `doa` with shape
    `[batch, label_frames, classes, 3]`. The losses are added to
    `state.metrics`.

  Example:
    >>> from seld_jax import config, train
    >>> settings = config.systems.make('mse', format='foa', scale='quick')
    >>> state = jax.eval_shape(lambda: train.create_state(settings))
    >>> batch = {
    ...   'features': np.zeros((2, 120, 32, 7), np.float32),
    ...   'activity': np.zeros((2, 60, 14), np.float32),
    ...   'doa': np.zeros((2, 60, 14, 3), np.float32),
    ... }
    >>> step = jax.jit(train.make_train_step(settings), donate_argnums=0)
    >>> step.eval_shape(state, batch).metrics['loss'].shape
    ()
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
    batch = _augment(augment_key, batch, state.statistics, config, axis_name)

    def loss_function(params):
      outputs, updates = network.apply(
        {'params': params, 'batch_stats': state.batch_stats},
        batch['features'],
        train=True,
        mutable=['batch_stats'],
        rngs={'dropout': dropout_key},
      )
      # This device's share of each mean: its sum divided by the total count.
      terms = {
        name: part / jnp.maximum(lax.stop_gradient(total(count)), 1)
        for name, (part, count) in step_metrics.loss_sums(
          outputs, batch
        ).items()
      }
      trained = dict(terms)
      for name in weights:
        if batch_share := losses.TERMS[name].batch_share:
          trained[name] = batch_share(outputs, batch, axis_name)
        elif (ratio := losses.TERMS[name].sum_and_count) and name not in terms:
          part, count = ratio(outputs, batch)
          count = jnp.maximum(lax.stop_gradient(total(count)), 1)
          trained[name] = part / count
      trained = {name: trained[name] for name in weights}
      loss = losses.multitask(trained, weights)
      sed_loss = weights[sed_term] * trained[sed_term]
      return (loss, sed_loss), (terms, updates['batch_stats'])

    (loss, _), pull_back, (terms, batch_stats) = jax.vjp(
      loss_function, state.params, has_aux=True
    )
    one, zero = jnp.ones_like(loss), jnp.zeros_like(loss)
    (gradients,) = pull_back((one, zero))
    gradients, loss, terms = total((gradients, loss, terms))
    norms = {'gradient_norm': optax.tree.norm(gradients)}
    if config.train.log_gradient_norms:
      # Only one layer of this second gradient is used; XLA removes the rest.
      # Gradients add up, so the gradient of the DOA loss is the difference.
      layer = model_lib.last_shared_layer(state.params)
      sed = total(pull_back((zero, one))[0][layer])
      doa = jax.tree.map(jnp.subtract, gradients[layer], sed)
      for name, tree in zip(step_metrics.SHARED_NORMS, (sed, doa), strict=True):
        norms[name] = optax.tree.norm(tree)
    updates, opt_state = optimizer.update(
      gradients, state.opt_state, state.params
    )
    return state.replace(
      step=state.step + 1,
      params=optax.apply_updates(state.params, updates),
      batch_stats=batch_stats,
      opt_state=opt_state,
      metrics=step_metrics.add_metrics(
        state.metrics, {'loss': loss, **terms, **norms}, state.step
      ),
    )

  return train_step


def _augment(key, batch, statistics, config, axis_name):
  """Rotates, standardises and masks; every example has its own draws."""
  crops, doa, options = batch['features'], batch['doa'], config.augment
  index = jnp.arange(crops.shape[0])
  if axis_name is not None:
    index += lax.axis_index(axis_name) * crops.shape[0]
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
  rotate_keys, mask_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
  if options.rotate:
    turn = augment.TURNS[config.features.format]
    crops, doa = jax.vmap(turn)(rotate_keys, crops, doa)
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
