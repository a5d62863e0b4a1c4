"""The rules for a configuration; each has an error message of one sentence."""

from seld_jax import evaluate, labels, losses, metrics, outputs
from seld_jax import features as features_lib
from seld_jax import model as model_lib
from seld_jax.config import (
  augment_rules,
  editions,
  feature_rules,
  log_rules,
  network_rules,
  purposes,
  sense,
)
from seld_jax.config.defaults import default, feature_options, label_pool
from seld_jax.config.field_types import MOST, check_types, one_of
from seld_jax.config.field_types import check as _check
from seld_jax.config.formats import output_format
from seld_jax.config.types import Config
from seld_jax.dataset import sampling
from seld_jax.errors import InputError, shown

# Names of loss terms by the value of loss.sed, loss.doa or loss.distance that
# selects them.
SED_TERMS, DOA_TERMS, DISTANCE_TERMS = (
  {
    name.removeprefix(f'{task}_'): name
    for name, term in losses.TERMS.items()
    if term.task == task
  }
  for task in ('sed', 'doa', 'distance')
)


def validate(
  config: Config,
  *,
  num_devices: int,
  num_recordings: int | None = None,
  num_segments: int | None = None,
  for_training: bool = True,
) -> None:
  """Checks that a configuration can work.

  Args:
    config: The configuration.
    num_devices: Number of devices that share a batch.
    num_recordings: Number of training recordings, if known.
    num_segments: Number of segments of all training recordings, if known.
    for_training: Whether values are refused that work but cannot lead to a
      useful network. False for a network that is already trained.

  Raises:
    InputError: A field has a wrong type or value, or two fields contradict each
      other; the message names the fields.

  Example:
    >>> from seld_jax import config
    >>> settings = config.default()
    >>> config.validate(settings, num_devices=8)
    >>> settings.train.batch_size = 60
    >>> config.validate(settings, num_devices=8)
    Traceback (most recent call last):
    ...
    seld_jax.errors.InputError: train.batch_size = 60 must be a multiple of the
    number of devices, 8.
  """
  check_types('', config, default())
  check_names(config)
  check_model(config, default())
  network_rules.check_parts(config, default())
  check_ranges(config)
  log_rules.check_log(config)
  feature_rules.check_kind(config, default())
  check_features(config)
  if for_training:
    feature_rules.check_turns(config)
  check_output(config, default())
  check_lengths(config)
  if for_training:
    augment_rules.check_steps(config, default())
  check_batches(
    config,
    num_devices=num_devices,
    num_recordings=num_recordings,
    num_segments=num_segments,
  )
  purposes.check_purposes(config)
  purposes.check_new_scenes(config, default())
  if for_training:
    sense.check_sense(config)


def model_fields(config: Config) -> list[str]:
  """Fields of `config.model` that the chosen network uses.

  Args:
    config: The configuration.

  Returns:
    Their names, without `name`.

  Example:
    >>> from seld_jax import config
    >>> 'attention_features' in config.model_fields(config.default())
    True
  """
  arguments = model_lib.MODELS[config.model.name].__dataclass_fields__
  return [name for name in config.model if name in arguments and name != 'name']


# Learning rates over time.
SCHEDULES = ('paper', 'cosine', 'tri_stage')

# Most layers of one kind; with more, tracing would take hours.
_MOST_LAYERS = 100


def check_names(config: Config) -> None:
  """Checks the fields that have a fixed set of values."""
  feats, model, loss = config.features, config.model, config.loss
  one_of('features.format', feats.format, features_lib.FORMATS)
  one_of('features.kind', feats.kind, features_lib.KINDS)
  one_of('features.intensity', feats.intensity, ('norm', 'energy'))
  one_of('features.layout', feats.layout, ('aligned', 'published'))
  one_of('features.pad_mode', feats.pad_mode, ('constant', 'reflect'))
  one_of('model.name', model.name, model_lib.MODELS)
  one_of('model.trunk', model.trunk, model_lib.TRUNKS)
  one_of('model.sequence', model.sequence, model_lib.SEQUENCES)
  one_of('model.dtype', model.dtype, ('float32', 'bfloat16'))
  one_of('loss.sed', loss.sed, SED_TERMS)
  one_of('loss.doa', loss.doa, DOA_TERMS)
  one_of('loss.distance', loss.distance, DISTANCE_TERMS)
  one_of('loss.adpit', loss.adpit, ('mse', 'mse_by_doa'))
  one_of('loss.weighting', loss.weighting, ('fixed', 'uncertainty', 'dynamic'))
  one_of('output.format', config.output.format, outputs.FORMATS)
  one_of('output.activation', config.output.activation, outputs.ACTIVATIONS)
  one_of('eval.edition', config.eval.edition, metrics.EDITIONS)
  one_of('train.schedule', config.train.schedule, SCHEDULES)
  one_of('train.sampler', config.train.sampler, sampling.SAMPLERS)
  for index, name in enumerate(config.eval.watch):
    one_of(f'eval.watch[{index}]', name, ('train', 'test'))
  if config.data.edition:
    one_of('data.edition', config.data.edition, editions.EDITIONS)
  if config.data.distance_unit:
    one_of('data.distance_unit', config.data.distance_unit, evaluate.UNITS)
  if config.data.csv_edition:
    one_of('data.csv_edition', config.data.csv_edition, labels.EDITIONS)


def check_ranges(config: Config) -> None:
  """Checks the ranges of numbers."""
  data, feats, model = config.data, config.features, config.model
  train, augment, loss = config.train, config.augment, config.loss
  for name, value in {
    **{f'model.filters[{i}]': n for i, n in enumerate(model.filters)},
    **{
      f'model.pools[{i}][{j}]': size
      for i, pools in enumerate(model.pools)
      for j, size in enumerate(pools)
    },
    'model.gru_features': model.gru_features,
    'model.gru_layers': model.gru_layers,
    'model.attention_heads': model.attention_heads,
    **{f'model.{name}': model[name] for name in network_rules.POSITIVE},
    **{f'model.stage_blocks[{i}]': n for i, n in enumerate(model.stage_blocks)},
    **{
      f'model.head_features[{i}]': n for i, n in enumerate(model.head_features)
    },
    'features.sample_rate': feats.sample_rate,
    'features.hop_length': feats.hop_length,
    'features.win_length': feats.win_length,
    'features.n_fft': feats.n_fft,
    'features.n_mels': feats.n_mels,
    'train.batch_size': train.batch_size,
    'train.crop_frames': train.crop_frames,
    'train.learning_rate': train.learning_rate,
    'train.final_factor': train.final_factor,
    'train.steps_per_dispatch': train.steps_per_dispatch,
    'train.log_every': train.log_every,
    'train.evaluate_every': train.evaluate_every,
    'data.synthesize_reuse': data.synthesize_reuse,
    'eval.batch_size': config.eval.batch_size,
    'eval.watch_recordings': config.eval.watch_recordings,
  }.items():
    if not value > 0:
      raise InputError(f'{name} must be positive, got {value}.')
  for name, value in {
    'seed': config.seed,
    'features.top_db': config.features.top_db,
    'data.synthesize': data.synthesize,
    'data.synthesize_seed': data.synthesize_seed,
    'data.synthesize_every_epoch': data.synthesize_every_epoch,
    'data.synthesize_seconds': data.synthesize_seconds,
    'data.synthesize_workers': data.synthesize_workers,
    'model.attention_features': model.attention_features,
    'model.attention_layers': model.attention_layers,
    'model.attention_distance': model.attention_distance,
    'model.look_ahead': model.look_ahead,
    'loss.sed_weight': loss.sed_weight,
    'loss.doa_weight': loss.doa_weight,
    'loss.distance_weight': loss.distance_weight,
    'augment.num_time_masks': augment.num_time_masks,
    'augment.max_time_width': augment.max_time_width,
    'augment.num_band_masks': augment.num_band_masks,
    'augment.max_band_width': augment.max_band_width,
    'features.offset': config.features.offset,
    'train.warmup_epochs': train.warmup_epochs,
    'train.warmup_factor': train.warmup_factor,
    'train.decay_factor': train.decay_factor,
    **{f'train.decay_epochs[{i}]': n for i, n in enumerate(train.decay_epochs)},
    'train.num_epochs': train.num_epochs,
    'train.num_steps': train.num_steps,
    'train.clip_gradient': train.clip_gradient,
    'train.weight_decay': train.weight_decay,
    'train.hold_share': train.hold_share,
  }.items():
    if not value >= 0:
      raise InputError(f'{name} must not be negative, got {value}.')
  for name, value in {
    'train.memory_limit': train.memory_limit,
    'data.device_budget': data.device_budget,
    'data.host_budget': data.host_budget,
  }.items():
    _check(
      value == -1 or value >= 0,
      f'{name} must be -1 (the available memory), 0 (no limit) or a size in '
      f'GB, got {value}.',
    )
  _check(
    0 <= config.eval.threshold < 1,
    f'eval.threshold must be from 0.01 to 0.999, got {config.eval.threshold}.',
  )
  thresholds = config.eval.class_thresholds
  _check(
    not thresholds or len(thresholds) == len(data.classes),
    f'eval.class_thresholds needs a number for each of the {len(data.classes)} '
    f'data.classes, got {len(thresholds)}.',
  )
  for threshold in thresholds:
    _check(
      0.01 <= threshold <= 0.999,
      'eval.class_thresholds must be numbers from 0.01 to 0.999, got '
      f'{threshold}.',
    )
  _check(
    0.001 <= data.label_hop <= 10,
    f'data.label_hop must be from 0.001 to 10 seconds, got {data.label_hop}.',
  )
  for name, largest in (('hold_share', 1), ('final_factor', 1)):
    _check(
      train[name] <= largest,
      f'train.{name} must be at most {largest}, got {train[name]}.',
    )
  _check(
    0 <= train.ema_decay < 1,
    f'train.ema_decay must be in [0, 1), got {train.ema_decay}.',
  )
  for name in (
    *('conv_dropout', 'gru_dropout', 'attention_dropout', 'head_dropout'),
    *('sequence_dropout', 'bn_momentum'),
  ):
    if not 0 <= model[name] < 1:
      raise InputError(f'model.{name} must be in [0, 1), got {model[name]}.')


def check_model(config: Config, example: Config) -> None:
  """Checks that no field is changed that the chosen network does not use."""
  used = model_fields(config)
  for name, value in config.model.items():
    if name not in used and name != 'name' and value != example.model[name]:
      raise InputError(
        f'model.{name} = {value} has no effect, because the network model.name '
        f'= {config.model.name} has no such field; leave it at its default, '
        f'{example.model[name]}.'
      )
  for name in 'gru_layers', 'attention_layers', 'sequence_layers':
    _check(
      config.model[name] <= _MOST_LAYERS,
      f'model.{name} must be at most {_MOST_LAYERS}, got {config.model[name]}.',
    )
  model = config.model
  _check(
    model.name != 'dcase_net'
    or not model.attention_layers
    or model.gru_features % max(1, model.attention_heads) == 0,
    f'model.attention_heads = {model.attention_heads} must divide '
    f'model.gru_features = {model.gru_features}: each head has an equal share '
    'of the units.',
  )


# Fields of `config.output` and `config.loss` that only some formats use.
_USED_BY = {
  'output.num_tracks': ('multi_accdoa', 'tracks'),
  'output.unify': ('multi_accdoa',),
  'loss.sed': ('class_wise',),
  'loss.doa': ('class_wise',),
  'loss.distance': ('class_wise',),
  'loss.adpit': ('multi_accdoa',),
  'loss.sed_weight': ('class_wise', 'tracks'),
  'loss.doa_weight': ('class_wise', 'tracks'),
  'loss.distance_weight': ('class_wise', 'tracks'),
  'loss.weighting': ('class_wise', 'tracks'),
}


def check_output(config: Config, example: Config) -> None:
  """Checks the output format, and that every changed field has an effect."""
  format = config.output.format
  for name, formats in _USED_BY.items():
    section, _, field = name.partition('.')
    value, default_value = config[section][field], example[section][field]
    _check(
      format in formats or value == default_value,
      f'{name} = {shown(value)} has no effect, because output.format = '
      f'{format} does not use it; leave it at its default, '
      f'{shown(default_value)}.',
    )
  for field in 'distance', 'adpit', 'distance_weight':
    value, default_value = config.loss[field], example.loss[field]
    _check(
      config.output.distance or value == default_value,
      f'loss.{field} = {shown(value)} has no effect, because output.distance '
      f'is False; set --config.output.distance=True, or leave loss.{field} at '
      f'its default, {shown(default_value)}.',
    )
  _check(
    config.eval.edition not in metrics.WITH_DISTANCES or config.output.distance,
    f'eval.edition = {config.eval.edition} scores distances, but '
    'output.distance is False: set --config.output.distance=True, or another '
    '--config.eval.edition, such as 2023.',
  )
  _check(
    config.loss.weighting == 'dynamic'
    or config.loss.temperature == example.loss.temperature,
    f'loss.temperature = {shown(config.loss.temperature)} has no effect, '
    f'because loss.weighting is {config.loss.weighting}; set '
    '--config.loss.weighting=dynamic, or leave loss.temperature at its '
    f'default, {shown(example.loss.temperature)}.',
  )
  _check(
    config.loss.temperature > 0,
    f'loss.temperature must be above 0, got {config.loss.temperature}.',
  )
  _check(
    not config.train.log_gradient_norms or 'accdoa' not in format,
    'train.log_gradient_norms compares the losses of activity and directions, '
    f'but output.format = {format} has one loss for both; set '
    '--config.train.log_gradient_norms=False.',
  )
  _check(
    not config.train.log_gradient_norms or not config.model.soft_sharing,
    'train.log_gradient_norms needs a layer that activity and directions '
    'share, but with model.soft_sharing they share none; set '
    '--config.train.log_gradient_norms=False.',
  )
  _check(
    not config.model.soft_sharing or 'accdoa' not in format,
    'model.soft_sharing gives activity and directions a trunk each, but '
    f'output.format = {format} has one head for both; set '
    '--config.model.soft_sharing=False, or --config.output.format=tracks.',
  )
  try:
    output_format(config)
  except InputError as error:
    raise InputError(f'config.output: {error}') from error


def check_features(config: Config) -> None:
  """Checks that features, network and labels fit together."""
  data, feats, model = config.data, config.features, config.model
  _check(
    feats.win_length <= feats.n_fft,
    f'features.win_length = {feats.win_length} must not be larger than '
    f'features.n_fft = {feats.n_fft}.',
  )
  _check(
    len(set(data.classes)) == len(data.classes) > 0,
    'data.classes must contain at least one class and no class twice, got '
    f'{shown(tuple(data.classes))}.',
  )
  _check(
    len(model.filters) == len(model.pools),
    f'model.filters has {len(model.filters)} entries and model.pools '
    f'{len(model.pools)}; give both one entry for every convolution.',
  )
  for name in 'filters', 'head_features':
    _check(
      len(model[name]) <= _MOST_LAYERS,
      f'model.{name} must have at most {_MOST_LAYERS} entries, got '
      f'{len(model[name])}.',
    )
  for index, (frames, bands) in enumerate(model.pools):
    _check(
      frames * bands <= 256,
      f'model.pools[{index}] = ({frames}, {bands}) must have at most 256 '
      f'elements, not {frames * bands}.',
    )
  pool, rate = label_pool(config), labels.FRAMES_PER_SECOND
  exact, rest = divmod(feats.sample_rate, pool * rate)
  remedy = f'set features.hop_length to {exact}'
  if rest or not exact:
    remedy = 'change model.pools or features.sample_rate'
  pooled = 'model.pools'
  if model.name == 'composed':
    pooled = 'model.pools and model.sequence_pool'
  _check(
    feats.hop_length * pool * rate == feats.sample_rate,
    f'features.hop_length = {feats.hop_length} times the time pooling {pool} '
    f'of {pooled} is {1000 * feats.hop_length * pool / feats.sample_rate:g} '
    f'ms at features.sample_rate = {feats.sample_rate} Hz, but a label frame '
    f'has {1000 // rate} ms: {remedy}.',
  )
  given, _ = features_lib.shape(**feature_options(config))
  bands = given
  for _, size in model.pools:
    bands //= size
  which, remedy = f'the {given} bands of features.kind = {feats.kind}', ''
  if feats.kind == 'log_mel':
    which = f'features.n_mels = {given} bands'
    remedy = 'increase features.n_mels, or '
  _check(
    bands >= 1,
    f'model.pools reduce {which} to 0: {remedy}reduce the second numbers in '
    'model.pools.',
  )


def check_lengths(config: Config) -> None:
  """Checks lengths and intervals that must be multiples of each other."""
  train, pool = config.train, label_pool(config)
  lengths = {
    'train.crop_frames': train.crop_frames,
    'eval.window': config.eval.window,
  }
  for index, frames in enumerate(config.eval.test_windows):
    lengths[f'eval.test_windows[{index}]'] = frames
  for name, frames in lengths.items():
    _check(
      frames > 0 and frames % pool == 0,
      f'{name} = {frames} must be a positive multiple of the time pooling '
      f'{pool}: the nearest is {max(1, round(frames / pool)) * pool}.',
    )
  _check(
    len(config.eval.test_windows) > 0,
    'eval.test_windows must contain at least one window.',
  )
  _check(
    train.num_epochs > 0 or train.num_steps > 0,
    'train.num_epochs or train.num_steps must be positive.',
  )
  _check(
    train.log_every % train.steps_per_dispatch == 0,
    f'train.log_every = {train.log_every} must be a multiple of '
    f'train.steps_per_dispatch = {train.steps_per_dispatch}.',
  )
  _check(
    train.evaluate_every % train.log_every == 0,
    f'train.evaluate_every = {train.evaluate_every} must be a multiple of '
    f'train.log_every = {train.log_every}.',
  )


def check_batches(
  config: Config,
  *,
  num_devices: int,
  num_recordings: int | None,
  num_segments: int | None,
) -> None:
  """Checks that a batch can be divided among the devices, and filled."""
  train = config.train
  examples = {'crops': num_recordings, 'segments': num_segments}[train.sampler]
  if examples is not None and not train.num_steps:
    steps = train.num_epochs * (examples // train.batch_size)
    _check(
      steps <= MOST,
      f'train.num_epochs = {train.num_epochs} gives {steps} steps, but a run '
      f'has at most {MOST}: set train.num_steps instead.',
    )
  for name, size in {
    'train.batch_size': train.batch_size,
    'eval.batch_size': config.eval.batch_size,
  }.items():
    _check(
      size % num_devices == 0,
      f'{name} = {size} must be a multiple of the number of devices, '
      f'{num_devices}.',
    )
  _check(
    train.sampler != 'crops'
    or num_recordings is None
    or train.batch_size <= num_recordings,
    f'train.batch_size = {train.batch_size} is more than the '
    f'{num_recordings} training recordings, each of which gives one crop per '
    'epoch: reduce it, or set train.sampler=segments.',
  )
  _check(
    train.sampler != 'segments'
    or num_segments is None
    or train.batch_size <= num_segments,
    f'train.batch_size = {train.batch_size} is more than the {num_segments} '
    f'segments of {train.crop_frames} frames that the training recordings '
    'have: reduce train.batch_size or train.crop_frames.',
  )
