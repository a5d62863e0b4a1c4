"""The state of a training, and the training step, which updates it."""

import functools
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
from seld_jax.train import parameter_average, step_metrics, weighting
from seld_jax.train.optimizer import make_optimizer

Batch = Mapping[str, Any]


class TrainState(struct.PyTreeNode):
  """Everything that a run resumes from, as one pytree.

  Attributes:
    step: Number of steps done, int32 scalar.
    params: Parameters of the network, and of the loss if its weights are
      learned.
    batch_stats: Running statistics of batch normalisation.
    opt_state: State of the optimizer.
    key: PRNG key of the run; every step folds in its number.
    statistics: `mean` and `std` of the features, with shape `[mels, channels]`.
    metrics: Sums of the losses since the last record of metrics.jsonl.
    loss_history: Mean losses of the last two epochs, for dynamic weights; None
      otherwise.
    average: Moving averages of `params` (those of the network) and
      `batch_stats`, if `train.ema_decay` is above 0; None otherwise.

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
  loss_history: Any = None
  average: Any = None


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
  shape = features.shape(**config_lib.feature_options(config))
  pool = config_lib.label_pool(config)

  def create(key, statistics):
    init_key, run_key = jax.random.split(key)
    example = jnp.zeros((1, pool, *shape))
    variables = make_model(config).init(init_key, example)
    if statistics is None:  # made here, so that `eval_shape` takes no memory
      statistics = {'mean': jnp.zeros(shape), 'std': jnp.ones(shape)}
    params = weighting.with_log_variances(config, variables['params'])
    state = TrainState(
      step=jnp.zeros((), jnp.int32),
      params=params,
      batch_stats=variables.get('batch_stats', {}),
      opt_state=make_optimizer(config).init(params),
      key=run_key,
      statistics=jax.tree.map(jnp.asarray, dict(statistics)),
      metrics=step_metrics.zero_metrics(config),
      loss_history=weighting.zero_history(config),
    )
    return parameter_average.start(config, state)

  key = jax.random.PRNGKey(config.seed)
  if isinstance(key, core.Tracer):  # under another jit, or eval_shape
    return create, (key, statistics)
  # Compiled as one program; without jit, it would be about thirty.
  options = compilation.compiler_options(runs_once=True)
  return jax.jit(create, compiler_options=options), (key, statistics)


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
    output=config_lib.output_format(config),
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
  Both give the same result up to rounding, except for `mixup`, which then mixes
  examples of the same part.

  Args:
    config: The configuration.
    axis_name: Name of the axis under `pmap`; None under `jit`.
    steps_per_epoch: Number of steps in an epoch, for the learning rate and for
      dynamic weights of the losses.

  Returns:
    `train_step(state, batch) -> state`. The batch has `features` (not
    standardised) with shape `[batch, frames, mels, channels]`, and `targets`: a
    dictionary of arrays with shape `[batch, label_frames, ...]`, from
    `OutputFormat.targets`. The losses are added to `state.metrics`.

  Example:
    >>> from seld_jax import config, train
    >>> settings = config.systems.make('mse', format='foa', scale='quick')
    >>> state = jax.eval_shape(lambda: train.create_state(settings))
    >>> batch = {
    ...   'features': np.zeros((2, 120, 32, 7), np.float32),
    ...   'targets': {
    ...     'activity': np.zeros((2, 60, 14), np.float32),
    ...     'doa': np.zeros((2, 60, 14, 3), np.float32),
    ...   },
    ... }
    >>> step = jax.jit(train.make_train_step(settings), donate_argnums=0)
    >>> step.eval_shape(state, batch).metrics['loss'].shape
    ()
  """
  network = make_model(config, axis_name=axis_name)
  optimizer = make_optimizer(config, steps_per_epoch=steps_per_epoch)
  names = tuple(config_lib.trained_terms(config))

  def total(value):
    return value if axis_name is None else lax.psum(value, axis_name)

  def train_step(state: TrainState, batch: Batch) -> TrainState:
    augment_key, dropout_key = jax.random.split(
      jax.random.fold_in(state.key, state.step)
    )
    batch = _augment(augment_key, batch, state.statistics, config, axis_name)

    def loss_function(params):
      outputs, updates = network.apply(
        {
          'params': weighting.of_network(params),
          'batch_stats': state.batch_stats,
        },
        batch['features'],
        train=True,
        mutable=['batch_stats'],
        rngs={'dropout': dropout_key},
      )
      # This device's share of each mean: its sum divided by the total count.
      terms = {
        name: part / jnp.maximum(lax.stop_gradient(total(count)), 1)
        for name, (part, count) in step_metrics.loss_sums(
          config, outputs, batch['targets']
        ).items()
      }
      trained = {}
      for name in names:
        term = losses.TERMS.get(name)
        trained[name] = (
          term.batch_share(outputs, batch['targets'], axis_name)
          if term and term.batch_share
          else terms[name]
        )
      weigh = functools.partial(
        weighting.total_loss,
        config,
        params=params,
        history=state.loss_history,
        axis_name=axis_name,
      )
      # The first term is that of activity if there is one.
      parts = weigh(trained), weigh({names[0]: trained[names[0]]})
      # Empty for a network without batch normalisation.
      return parts, (terms, trained, updates.get('batch_stats', {}))

    (loss, _), pull_back, (terms, trained, batch_stats) = jax.vjp(
      loss_function, state.params, has_aux=True
    )
    one, zero = jnp.ones_like(loss), jnp.zeros_like(loss)
    (gradients,) = pull_back((one, zero))
    gradients, loss, terms = total((gradients, loss, terms))
    weights = weighting.weights_of(
      config, params=state.params, history=state.loss_history
    )
    recorded = {
      record: weights[name]
      for name, record in step_metrics.recorded_weights(config).items()
    }
    history = state.loss_history
    if history is not None:
      history = weighting.add_to_history(
        history,
        total(trained),
        step=state.step,
        steps_per_epoch=steps_per_epoch,
      )
    norms = {'gradient_norm': _norm(gradients)}
    if config.train.log_gradient_norms:
      # Only one layer of this second gradient is used; XLA removes the rest.
      # Gradients add up, so that of the DOA loss (and distances) is the rest.
      layer = model_lib.last_shared_layer(state.params)
      sed = total(pull_back((zero, one))[0][layer])
      doa = jax.tree.map(jnp.subtract, gradients[layer], sed)
      for name, tree in zip(step_metrics.SHARED_NORMS, (sed, doa), strict=True):
        norms[name] = optax.tree.norm(tree)
    updates, opt_state = optimizer.update(
      gradients, state.opt_state, state.params
    )
    after = state.replace(
      step=state.step + 1,
      params=optax.apply_updates(state.params, updates),
      batch_stats=batch_stats,
      opt_state=opt_state,
      metrics=step_metrics.add_metrics(
        state.metrics, {'loss': loss, **terms, **norms, **recorded}, state.step
      ),
      loss_history=history,
    )
    return parameter_average.advance(config, after, step=state.step)

  return train_step


def _augment(key, batch, statistics, config, axis_name):
  """Rotates, standardises and masks, or applies the steps of the config.

  Every example has its own draws.
  """
  crops, targets, options = (
    batch['features'],
    batch['targets'],
    config.augment,
  )
  index = jnp.arange(crops.shape[0])
  if axis_name is not None:
    index += lax.axis_index(axis_name) * crops.shape[0]
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
  rotate_keys, mask_keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
  if options.steps:
    before, after, _ = config_lib.augmentation_steps(config)
    crops, targets = _apply(before, rotate_keys, crops, targets)
    crops = dataset.standardise(crops, statistics)
    crops, targets = _apply(after, mask_keys, crops, targets)
    return {'features': crops, 'targets': targets}
  if options.rotate:
    turn = augment.make_turns(
      microphones=config_lib.microphone_positions(config),
      **config_lib.feature_options(config),
    ).draw
    # Turned unit vectors x, y and z are the columns of the rotation's matrix.
    crops, columns = jax.vmap(turn, (0, 0, None))(
      rotate_keys, crops, jnp.eye(3)
    )
    output = config_lib.output_format(config)
    targets = jax.vmap(output.turn)(targets, jnp.swapaxes(columns, -1, -2))
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
  return {'features': crops, 'targets': targets}


def _apply(step, keys, crops, targets):
  """Applies a step to each example; mixup finds the others by the axis."""
  return jax.vmap(step, axis_name=augment.EXAMPLES)(keys, crops, dict(targets))


def _norm(tree: Any) -> jax.Array:
  """The norm of all numbers in a tree.

  `optax.tree.norm` sums over each array, which are three kernels on a CPU. With
  hundreds of arrays, they make the program larger than the copy that is made
  here.
  """
  flat = jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)])
  # Otherwise, the sum would look for the array of each of its numbers.
  flat = lax.optimization_barrier(flat)
  return jnp.sqrt(jnp.vdot(flat, flat))
