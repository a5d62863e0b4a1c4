"""The configuration: every default, and its form as plain dictionaries."""

import difflib
from collections.abc import Mapping
from typing import Any

import ml_collections

from seld_jax import labels
from seld_jax.config.types import Config
from seld_jax.errors import InputError


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
  # Year whose form the CSV files have, e.g. '2023'; empty: told by each file,
  # which is refused when that is doubtful.
  data.csv_edition = ''
  # Folds of foldN_*.wav used for each purpose; no validation folds: the last
  # snapshot is tested.
  data.train_folds = (3, 4, 5, 6)
  data.validation_folds = (2,)
  data.test_folds = (1,)
  # Whether the evaluation recordings (foa_eval) are predicted at the end, and
  # scored where metadata_eval has their labels.
  data.evaluation = False
  # Folder of extracted features; empty: ROOT/features.
  data.cache = ''
  # GB of features that are kept on every device, and in memory; what does not
  # fit is read from disk as it is needed. 0: no limit.
  data.device_budget = 0.0
  data.host_budget = 0.0
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
  # Floor, in dB under the maximum of a recording's channel; 0: none.
  features.top_db = 80.0
  features.offset = 1e-8  # added to the audio
  features.pad_mode = 'constant'  # or 'reflect'
  features.layout = 'aligned'  # or 'published': the scrambled order of 2020

  config.model = model = ml_collections.ConfigDict()
  model.name = 'seld_crnn'  # or 'seld_net': the baseline of DCASE 2020
  model.filters = (64, 64, 128, 128, 256, 256)
  # (frames, bands) of each max pooling; frames multiply to one label frame.
  model.pools = ((1, 1), (5, 2), (1, 2), (1, 2), (1, 2), (1, 2))
  model.gru_features = 256  # in each direction
  # Whether the GRU resets its state before the product, as published: 3 737 464
  # parameters instead of 3 737 976.
  model.gru_reset_first = False
  model.attention_features = 64  # of seld_crnn; 0: no attention
  model.head_features = (512, 512)
  model.conv_dropout = 0.5
  model.gru_dropout = 0.1
  model.head_dropout = 0.25
  model.bn_momentum = 0.999
  model.normalise_bands = False  # of seld_net: as published, not by channel
  model.dtype = 'float32'  # of the computation; or 'bfloat16'

  config.loss = loss = ml_collections.ConfigDict()
  loss.sed = 'mse'  # or 'cross_entropy'
  loss.doa = 'masked_mse'  # or 'mse', or 'masked_norm': the baseline's
  loss.sed_weight = 1.0
  loss.doa_weight = 1.0

  config.augment = augment = ml_collections.ConfigDict()
  augment.rotate = False  # 16 symmetries of FOA, 8 of the capsules of MIC
  # SpecAugment: number of masks and their largest width; 0 masks: none.
  augment.num_time_masks = 2
  augment.max_time_width = 9  # frames
  augment.num_band_masks = 2
  augment.max_band_width = 9  # bands
  augment.share_channels = False  # the same masks for all channels

  config.train = train = ml_collections.ConfigDict()
  train.batch_size = 64  # over all devices
  train.crop_frames = 600  # length of a training example
  # 'crops': an epoch draws one crop of every recording, at a random place;
  # 'segments': all that recordings divide into, the last moved back to fit.
  train.sampler = 'crops'
  train.num_epochs = 10000
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
  # Whether the norm of each task's gradient at the last layer that they share
  # is written down with the losses.
  train.log_gradient_norms = False
  # Steps in one program, for accelerators that wait for Python otherwise; of
  # recordings on the devices only. On a CPU, more are slower.
  train.steps_per_dispatch = 1
  train.log_every = 100  # steps between lines in metrics.jsonl
  train.evaluate_every = 100  # steps between evaluations and checkpoints

  config.eval = evaluation = ml_collections.ConfigDict()
  evaluation.window = 600  # frames the network sees at once, validation
  # Windows that the final test reports, in frames. The paper tests on 100
  # (2 s), its published script on 600.
  evaluation.test_windows = (600, 100)
  # What is scored at every evaluation beside the validation folds, for curves
  # alone: 'test', and 'train', of which so many recordings are taken.
  evaluation.watch = ()
  evaluation.watch_recordings = 60
  evaluation.batch_size = 32  # windows
  evaluation.threshold = 0.5  # of activity
  return config.lock()


def label_pool(config: Config) -> int:
  """Feature frames in one label frame: the product of the time pooling."""
  product = 1
  for frames, _ in config.model.pools:
    product *= frames
  return product


def feature_options(config: Config) -> dict[str, Any]:
  """Keyword arguments of the feature function, and its name as `format`."""
  options = dict(config.features)
  options['top_db'] = options['top_db'] or None
  return options


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
