"""The configuration: every default in one place, and what cannot work."""

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ml_collections

from seld_jax import features as features_lib
from seld_jax import labels
from seld_jax import model as model_lib
from seld_jax.errors import InputError

# Type checkers cannot know the fields of a ConfigDict.
if TYPE_CHECKING:
  Config = Any
else:
  Config = ml_collections.ConfigDict

# Label frames a second, in all editions of DCASE.
LABEL_RATE = 10

# How error messages call the types of fields.
_TYPE_NAMES = {
  bool: 'True or False',
  int: 'a whole number',
  float: 'a number',
  str: 'a text',
}

# Loss terms of each task by their name in a config.
SED_TERMS = {'mse': 'sed_mse', 'cross_entropy': 'sed_cross_entropy'}
DOA_TERMS = {'masked_mse': 'doa_masked_mse', 'mse': 'doa_mse'}


def default() -> Config:
  """The paper's proposed system on FOA: MSE for both tasks.

  The files in `configs/` state how they differ from this; the command line
  overrides single fields, e.g. `--config.train.batch_size=32`.

  Returns:
    A locked ConfigDict: a field that it does not have is refused.
  """
  config: Config = ml_collections.ConfigDict()
  # Everything random follows from it: parameters, crops, masks, dropout.
  config.seed = 0

  config.data = data = ml_collections.ConfigDict()
  # Folder with foa_dev (or mic_dev) and metadata_dev, as published.
  data.root = 'data/tau2020'
  # Names of the classes, in the order of their index in the CSV files.
  data.classes = labels.TAU2020_CLASSES
  # Folds of foldN_*.wav used for each purpose; no validation folds: the last
  # snapshot is tested.
  data.train_folds = (3, 4, 5, 6)
  data.validation_folds = (2,)
  data.test_folds = (1,)
  # Folder of extracted features; empty: ROOT/features.
  data.cache = ''
  # Scenes are rendered into `root` when it does not exist: the number of
  # one-minute recordings over the six folds; 0 renders none.
  data.synthesize = 0
  # Sounds of those scenes: a folder or manifest; empty: the procedural bank.
  data.synthesize_events = ''
  data.synthesize_seed = 0

  config.features = features = ml_collections.ConfigDict()
  features.format = 'foa'  # or 'mic'
  features.sample_rate = 24000  # Hz
  features.n_fft = 1024  # samples, like the next two
  features.hop_length = 480
  features.win_length = 960
  features.n_mels = 64
  features.top_db = 80.0  # dB under the maximum of a recording's channel
  features.offset = 1e-8  # added to the audio
  features.pad_mode = 'constant'  # or 'reflect'
  features.layout = 'aligned'  # or 'published': the scrambled order of 2020

  config.model = model = ml_collections.ConfigDict()
  model.name = 'seld_crnn'
  model.filters = (64, 64, 128, 128, 256, 256)
  # (frames, bands) of each max pooling; frames multiply to one label frame.
  model.pools = ((1, 1), (5, 2), (1, 2), (1, 2), (1, 2), (1, 2))
  model.gru_features = 256  # in each direction
  model.attention_features = 64
  model.head_features = (512, 512)
  model.conv_dropout = 0.5
  model.gru_dropout = 0.1
  model.head_dropout = 0.25
  model.bn_momentum = 0.999
  model.dtype = 'float32'  # of the computation; or 'bfloat16'

  config.loss = loss = ml_collections.ConfigDict()
  loss.sed = 'mse'  # or 'cross_entropy'
  loss.doa = 'masked_mse'  # or 'mse'
  loss.sed_weight = 1.0
  loss.doa_weight = 1.0

  config.augment = augment = ml_collections.ConfigDict()
  augment.rotate = False  # 16 symmetries of the sphere; FOA only
  # SpecAugment: number of masks and their largest width; 0 masks: none.
  augment.num_time_masks = 2
  augment.max_time_width = 9  # frames
  augment.num_band_masks = 2
  augment.max_band_width = 9  # bands
  augment.share_channels = False  # the same masks for all channels

  config.train = train = ml_collections.ConfigDict()
  train.batch_size = 64  # over all devices
  train.crop_frames = 600  # length of a training example
  train.num_epochs = 10000  # an epoch draws one crop of every recording
  train.num_steps = 0  # stop after this many steps; 0: after num_epochs
  train.learning_rate = 2e-4  # of Adam
  # 'paper': warm-up epochs at a fraction of the rate, then steps down.
  # 'cosine': linear warm-up, then half a cosine down to 0.
  train.schedule = 'paper'
  train.warmup_epochs = 11  # the paper's: epochs 0 to 10
  train.warmup_factor = 0.1
  train.decay_epochs = (200, 600, 1000)
  train.decay_factor = 0.8
  train.clip_gradient = 0.0  # largest global norm; 0: not clipped
  train.log_every = 100  # steps between lines in metrics.jsonl
  train.evaluate_every = 100  # steps between evaluations and checkpoints

  config.eval = evaluation = ml_collections.ConfigDict()
  evaluation.window = 600  # frames the network sees at once, validation
  # Windows that the final test reports, in frames. The paper tests on 100
  # (2 s), its published script on 600.
  evaluation.test_windows = (600, 100)
  evaluation.batch_size = 32  # windows
  evaluation.threshold = 0.5  # of activity
  return config.lock()


def narrow(config: Config) -> Config:
  """Makes a config small enough for two CPU cores, in place.

  Half the bands and frames of 50 ms instead of 20, a third of the filters,
  crops of 6 s instead of 12, and the rates that go with minutes of training
  instead of days: about 30 times less work for a second of audio.

  Args:
    config: The configuration; its data, losses and seed are left alone.

  Returns:
    The same object.
  """
  config.features.n_fft = 2048
  config.features.win_length = 2048
  config.features.hop_length = 1200
  config.features.n_mels = 32
  config.model.filters = (24, 24, 48, 48, 96, 96)
  config.model.pools = ((2, 2), (1, 2), (1, 2), (1, 1), (1, 2), (1, 1))
  config.model.gru_features = 96
  config.model.head_features = (192, 192)
  config.model.conv_dropout = 0.05
  config.model.gru_dropout = 0.05
  config.model.head_dropout = 0.05
  config.model.bn_momentum = 0.97
  config.augment.rotate = config.features.format == 'foa'
  config.augment.num_time_masks = 0
  config.augment.num_band_masks = 0
  config.train.batch_size = 32
  config.train.crop_frames = 120
  config.train.learning_rate = 2e-3
  config.train.schedule = 'cosine'
  config.train.warmup_epochs = 10
  config.train.log_every = 50
  config.train.evaluate_every = 250
  config.eval.window = 120
  config.eval.test_windows = (120, 40)
  return config


def label_pool(config: Config) -> int:
  """Feature frames in one label frame: the product of the time pooling."""
  product = 1
  for frames, _ in config.model.pools:
    product *= frames
  return product


def feature_options(config: Config) -> dict[str, Any]:
  """Keyword arguments of the feature function, and its name as `format`."""
  return dict(config.features)


def to_dict(config: Config) -> dict[str, Any]:
  """The configuration as plain dictionaries and lists, as JSON holds it."""

  def plain(value: Any) -> Any:
    if isinstance(value, ml_collections.ConfigDict | Mapping):
      return {key: plain(value[key]) for key in value}
    if isinstance(value, tuple | list):
      return [plain(entry) for entry in value]
    return value

  return plain(config)


def from_dict(values: Mapping[str, Any]) -> Config:
  """The configuration that `to_dict` was given.

  Args:
    values: Dictionaries by section, as read from config.json.

  Returns:
    A locked ConfigDict.

  Raises:
    InputError: A field is not one of this version's, or of another type.
  """

  def tuples(value):
    if isinstance(value, list):
      return tuple(tuples(entry) for entry in value)
    return value

  config = default()
  for section, entry in values.items():
    is_section = isinstance(entry, Mapping)
    for field, value in (entry if is_section else {section: entry}).items():
      path = f'{section}.{field}' if is_section else section
      refuse_unknown(path)
      target = config[section] if is_section else config
      try:
        target[field] = tuples(value)
      except TypeError as error:
        raise InputError(f'{path} cannot be {value!r}: {error}.') from error
  return config


def refuse_unknown(path: str) -> None:
  """Refuses the name of a field that no configuration has.

  Args:
    path: A field by section and name, such as `train.batch_size`.

  Raises:
    InputError: There is no such field; the nearest one is named.
  """
  config = default()
  sections = {
    name
    for name in config
    if isinstance(config[name], ml_collections.ConfigDict)
  }
  fields = [name for name in config if name not in sections]
  fields += [f'{name}.{field}' for name in sections for field in config[name]]
  if path in sections or path in fields:
    return
  section, _, field = path.rpartition('.')
  inside = {
    name.rpartition('.')[2]: name
    for name in fields
    if name.rpartition('.')[0] == section
  }
  namesakes = sorted(n for n in fields if n.rpartition('.')[2] == field)
  close = (
    [inside[name] for name in difflib.get_close_matches(field, inside, n=1)]
    or difflib.get_close_matches(path, namesakes, n=1, cutoff=0)
    or difflib.get_close_matches(path, sorted(fields), n=1)
  )
  hint = f'; did you mean config.{close[0]}?' if close else '.'
  raise InputError(f'There is no field config.{path}{hint}')


def validate(
  config: Config,
  *,
  num_devices: int,
  num_recordings: int | None = None,
) -> None:
  """Refuses what cannot work, each in one sentence.

  Args:
    config: The configuration.
    num_devices: Number of devices that share a batch.
    num_recordings: Number of training recordings, when they are known.

  Raises:
    InputError: A field has no known value, or fields contradict each other.
  """
  _check_types('', config, default())
  data, feats, model = config.data, config.features, config.model
  train, augment, loss = config.train, config.augment, config.loss
  _one_of('features.format', feats.format, features_lib.FORMATS)
  _one_of('features.layout', feats.layout, ('aligned', 'published'))
  _one_of('features.pad_mode', feats.pad_mode, ('constant', 'reflect'))
  _one_of('model.name', model.name, model_lib.MODELS)
  _one_of('model.dtype', model.dtype, ('float32', 'bfloat16'))
  _one_of('loss.sed', loss.sed, SED_TERMS)
  _one_of('loss.doa', loss.doa, DOA_TERMS)
  _one_of('train.schedule', train.schedule, ('paper', 'cosine'))
  for name, value in {
    **{f'model.filters[{i}]': n for i, n in enumerate(model.filters)},
    **{
      f'model.pools[{i}][{j}]': size
      for i, pools in enumerate(model.pools)
      for j, size in enumerate(pools)
    },
    'model.gru_features': model.gru_features,
    'model.attention_features': model.attention_features,
    **{
      f'model.head_features[{i}]': n for i, n in enumerate(model.head_features)
    },
    'features.sample_rate': feats.sample_rate,
    'features.hop_length': feats.hop_length,
    'features.win_length': feats.win_length,
    'features.n_mels': feats.n_mels,
    'train.batch_size': train.batch_size,
    'train.crop_frames': train.crop_frames,
    'train.learning_rate': train.learning_rate,
    'train.log_every': train.log_every,
    'train.evaluate_every': train.evaluate_every,
    'eval.batch_size': config.eval.batch_size,
  }.items():
    if not value > 0:
      raise InputError(f'{name} must be positive, got {value}.')
  for name, value in {
    'seed': config.seed,
    'data.synthesize': data.synthesize,
    'data.synthesize_seed': data.synthesize_seed,
    'loss.sed_weight': loss.sed_weight,
    'loss.doa_weight': loss.doa_weight,
    'augment.num_time_masks': augment.num_time_masks,
    'augment.max_time_width': augment.max_time_width,
    'augment.num_band_masks': augment.num_band_masks,
    'augment.max_band_width': augment.max_band_width,
    'train.num_epochs': train.num_epochs,
    'train.num_steps': train.num_steps,
    'train.clip_gradient': train.clip_gradient,
  }.items():
    if not value >= 0:
      raise InputError(f'{name} must not be negative, got {value}.')
  for name in 'conv_dropout', 'gru_dropout', 'head_dropout', 'bn_momentum':
    if not 0 <= model[name] < 1:
      raise InputError(f'model.{name} must be in [0, 1), got {model[name]}.')
  _check(
    feats.win_length <= feats.n_fft,
    f'features.win_length = {feats.win_length} does not fit into '
    f'features.n_fft = {feats.n_fft}.',
  )
  _check(
    len(set(data.classes)) == len(data.classes) > 0,
    'data.classes must name at least one class and none twice, got '
    f'{tuple(data.classes)}.',
  )
  _check(
    len(model.filters) == len(model.pools),
    f'model.filters has {len(model.filters)} entries and model.pools '
    f'{len(model.pools)}; every convolution needs both.',
  )
  pool = label_pool(config)
  _check(
    feats.hop_length * pool * LABEL_RATE == feats.sample_rate,
    f'features.hop_length = {feats.hop_length} times the time pooling {pool} '
    f'is {1000 * feats.hop_length * pool / feats.sample_rate:g} ms at '
    f'{feats.sample_rate} Hz, but labels come every {1000 // LABEL_RATE} ms.',
  )
  bands = feats.n_mels
  for _, size in model.pools:
    bands //= size
  _check(
    bands >= 1,
    f'model.pools leave nothing of features.n_mels = {feats.n_mels} bands.',
  )
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
      f'{pool}.',
    )
  _check(
    len(config.eval.test_windows) > 0,
    'eval.test_windows must name at least one window.',
  )
  for name, size in {
    'train.batch_size': train.batch_size,
    'eval.batch_size': config.eval.batch_size,
  }.items():
    _check(
      size % num_devices == 0,
      f'{name} = {size} cannot be divided among {num_devices} devices.',
    )
  _check(
    num_recordings is None or train.batch_size <= num_recordings,
    f'train.batch_size = {train.batch_size} is more than the '
    f'{num_recordings} training recordings, of which each gives one example '
    'an epoch.',
  )
  _check(
    train.num_epochs > 0 or train.num_steps > 0,
    'train.num_epochs or train.num_steps must be positive.',
  )
  _check(
    train.evaluate_every % train.log_every == 0,
    f'train.evaluate_every = {train.evaluate_every} must be a multiple of '
    f'train.log_every = {train.log_every}.',
  )
  purposes = {
    'train_folds': set(data.train_folds),
    'validation_folds': set(data.validation_folds),
    'test_folds': set(data.test_folds),
  }
  _check(bool(data.train_folds), 'data.train_folds must not be empty.')
  for first, second in (
    ('train_folds', 'validation_folds'),
    ('train_folds', 'test_folds'),
    ('validation_folds', 'test_folds'),
  ):
    shared = purposes[first] & purposes[second]
    _check(
      not shared,
      f'data.{first} and data.{second} share the folds {sorted(shared)}.',
    )
  _check(
    not augment.rotate or (feats.format == 'foa' and feats.layout == 'aligned'),
    'augment.rotate works on features.format = foa in the aligned layout, got '
    f'{feats.format} and {feats.layout}.',
  )


def _check_types(name: str, value: Any, example: Any) -> None:
  """Refuses what is not of the type of the default.

  A ConfigDict guards the types of its fields, but neither what is in a tuple
  nor a section that is replaced as a whole.
  """
  if isinstance(example, ml_collections.ConfigDict):
    for field in example:
      path = f'{name}.{field}' if name else field
      if field not in value:
        raise InputError(f'The configuration lacks the field {path}.')
      _check_types(path, value[field], example[field])
  elif isinstance(example, tuple):
    # Pairs in a tuple; a tuple of any length elsewhere.
    is_pair = name.endswith(']')
    if not isinstance(value, tuple | list) or (
      is_pair and len(value) != len(example)
    ):
      kind = f' of {len(example)} numbers' if is_pair else ''
      raise InputError(f'{name} must be a tuple{kind}, got {value!r}.')
    for index, entry in enumerate(value):
      _check_types(f'{name}[{index}]', entry, example[0])
  elif not (value is None and name == 'features.top_db'):
    kinds = (int, float) if isinstance(example, float) else type(example)
    is_flag = isinstance(value, bool) and not isinstance(example, bool)
    if is_flag or not isinstance(value, kinds):
      raise InputError(
        f'{name} must be {_TYPE_NAMES[type(example)]}, got {value!r}.'
      )


def _one_of(name: str, value: Any, known: Any) -> None:
  if value not in known:
    close = difflib.get_close_matches(str(value), list(known), n=1)
    hint = f' (did you mean {close[0]!r}?)' if close else ''
    raise InputError(
      f'{name} must be one of {", ".join(known)}, got {value!r}{hint}.'
    )


def _check(condition: bool, message: str) -> None:
  if not condition:
    raise InputError(message)
