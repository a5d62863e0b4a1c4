"""Refuses a run that cannot fit in memory, before anything is read.

Values of a configuration that are legal one by one can be absurd together. The
sizes of a run follow from the shapes of its arrays, without any computation.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import features
from seld_jax import labels as labels_lib
from seld_jax import model as model_lib
from seld_jax.devices import memory
from seld_jax.errors import InputError
from seld_jax.train.optimizer import make_optimizer
from seld_jax.train.step import make_model

# Share of the memory of the machine that a run may need by default. The rest is
# for the system and for Python with its packages, about 0.5 GB.
_SHARE = 0.9

# Value of train.memory_limit for the memory of the machine or device.
AUTOMATIC = -1.0

# Share of the free main memory that features may fill by default. On a CPU, the
# copies for the device may fill as much.
_SHARE_OF_FEATURES = 0.4

# Batches that exist at the same time when crops are read ahead: the one of the
# present step, and two that wait.
_BATCHES = 3

# Length of a recording for the memory of feature extraction, in seconds.
_RECORDING = 60

# Frames that a CPU transforms at once, in samples with overlaps.
_BLOCK_SAMPLES = 2**17

_FEATURE_FIELDS = ('features.n_mels', 'features.num_channels')

_MODEL_FIELDS = (
  'model.filters',
  'model.gru_features',
  'model.attention_features',
  'model.sequence_features',
  'model.head_features',
)


@dataclasses.dataclass(frozen=True)
class Part:
  """A part of the memory of a run.

  Attributes:
    name: What it is for, as a noun.
    size: Bytes.
    fields: The fields of the configuration that it grows with.
  """

  name: str
  size: int
  fields: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Needed:
  """An estimate of the memory of a run.

  Attributes:
    device: Parts on each device.
    host: Parts in main memory, beside those of the devices of a CPU.
  """

  device: list[Part]
  host: list[Part]


def check(config: config_lib.Config, mesh: jax.sharding.Mesh) -> None:
  """Checks that the memory is large enough for a run.

  Args:
    config: A valid configuration. Its `train.memory_limit` is used instead of
      the memory of the devices (on a CPU, of this machine); with 0, nothing is
      checked.
    mesh: The devices.

  Raises:
    InputError: The run needs more; the message has the sizes of all parts, and
      the fields that the largest part grows with.
  """
  limit = config.train.memory_limit
  if limit == 0:
    return
  needed = estimate(config, num_devices=mesh.size)
  own = mesh.local_devices
  machine = _SHARE * memory.machine_bytes()
  if own[0].platform == 'cpu':
    # Simulated devices share the memory of the machine.
    parts = [
      dataclasses.replace(part, size=part.size * len(own))
      for part in needed.device
    ]
    _compare(config, [*parts, *needed.host], limit, machine, 'this machine')
    return
  known = [size for d in own if (size := memory.device_bytes(d)) is not None]
  on_device = min(known, default=math.inf)
  _compare(config, needed.device, limit, on_device, 'a device')
  _compare(config, needed.host, AUTOMATIC, machine, 'this machine')


def check_extraction(config: config_lib.Config) -> None:
  """Checks that the memory is large enough for the extraction of features.

  Args:
    config: A valid configuration.

  Raises:
    InputError: The extraction needs more than `train.memory_limit`.
  """
  limit = config.train.memory_limit
  if limit == 0:
    return
  machine = _SHARE * memory.machine_bytes()
  _compare(config, [_extraction(config)], limit, machine, 'this machine')


def host_budget(config: config_lib.Config) -> float:
  """The main memory that features may fill, in GB; 0 for no limit."""
  budget = config.data.host_budget
  if budget != AUTOMATIC:
    return budget
  return _SHARE_OF_FEATURES * memory.free_bytes() / 1e9


def device_budget(config: config_lib.Config, mesh: jax.sharding.Mesh) -> float:
  """The memory of each device that features may fill, in GB.

  Args:
    config: A valid configuration.
    mesh: The devices.

  Returns:
    By default, a share of the free main memory for CPUs, or what the estimate
    of the run leaves of an accelerator. 0 means no limit, as for an accelerator
    that does not report its memory.
  """
  budget = config.data.device_budget
  if budget != AUTOMATIC:
    return budget
  own = mesh.local_devices
  if own[0].platform == 'cpu':
    return _SHARE_OF_FEATURES * memory.free_bytes() / len(own) / 1e9
  known = [size for d in own if (size := memory.device_bytes(d)) is not None]
  if not known:
    return 0.0
  needed = _total(estimate(config, num_devices=mesh.size).device)
  return max(1.0, _SHARE * min(known) - needed) / 1e9


def estimate(config: config_lib.Config, *, num_devices: int) -> Needed:
  """Estimates the memory of a run; nothing is read or computed.

  Parameters, optimizer and batches are exact. The memory for the layers of the
  network is that of `model.needed_memory`. The data are counted with one
  recording of each purpose, since their number is not known yet.

  Args:
    config: A valid configuration.
    num_devices: Number of devices that share a batch.

  Returns:
    The parts of the memory.
  """
  train, evaluation = config.train, config.eval
  shape = features.shape(**config_lib.feature_options(config))
  frame = 4 * math.prod(shape)
  pool = config_lib.label_pool(config)
  targets = config_lib.output_format(config).targets(
    labels_lib.no_events(), num_frames=1
  )
  labels = _bytes(targets)  # bytes of a frame
  network = make_model(config)

  def example(batch: int, frames: int) -> tuple[int, ...]:
    return -(-batch // num_devices), frames, *shape

  def crops_bytes(batch: int, frames: int) -> int:
    share = -(-batch // num_devices)
    return share * (frames * frame + frames // pool * labels)

  step = model_lib.needed_memory(
    network, example(train.batch_size, train.crop_frames)
  )
  params = step.variables['params']
  optimizer = jax.eval_shape(make_optimizer(config).init, params)
  # Optimizers keep some arrays of the size of the parameters; their gradients
  # are another one.
  copies = 3 if train.ema_decay else 2
  state = copies * _bytes(params) + _bytes(optimizer)
  crops = _BATCHES * crops_bytes(train.batch_size, train.crop_frames)
  # Places of all crops of one program.
  crops += 8 * train.steps_per_dispatch * train.batch_size
  training = [
    Part(
      'the layers in a training step',
      step.training,
      (
        *('train.batch_size', 'train.crop_frames', *_FEATURE_FIELDS),
        *_MODEL_FIELDS,
      ),
    ),
    Part(
      'training batches',
      crops,
      (
        *('train.batch_size', 'train.crop_frames', *_FEATURE_FIELDS),
        'train.steps_per_dispatch',
      ),
    ),
  ]
  windows = {evaluation.window, *evaluation.test_windows}
  longest = max(windows)
  size = evaluation.batch_size
  scoring = []
  # Applying the network needs less memory than training it.
  if size * longest > train.batch_size * train.crop_frames or (
    longest > train.crop_frames
  ):
    needed = model_lib.needed_memory(network, example(size, longest))
    fields = ('eval.batch_size', 'eval.window', 'eval.test_windows')
    scoring = [
      Part(
        'the layers in an evaluation',
        needed.inference,
        (*fields, *_FEATURE_FIELDS, *_MODEL_FIELDS),
      ),
      Part(
        'batches of an evaluation',
        _BATCHES * crops_bytes(size, longest),
        (*fields, *_FEATURE_FIELDS),
      ),
    ]
  return Needed(
    device=[
      Part(
        'parameters, gradients and optimizer',
        state,
        (*_MODEL_FIELDS, *_FEATURE_FIELDS),
      ),
      # Training and evaluation take turns.
      *max(training, scoring, key=_total),
    ],
    host=[_recordings(config, frame, labels), _extraction(config)],
  )


def _recordings(config: config_lib.Config, frame: int, labels: int) -> Part:
  """Recordings that are padded to the longest crop or window."""
  data = config.data
  validation = (
    data.validation_folds or data.validation_rooms or data.validation_share
  )
  purposes = sum(map(bool, (data.train_folds, validation, data.test_folds)))
  longest = max(
    *(config.train.crop_frames, config.eval.window),
    *config.eval.test_windows,
  )
  kept = purposes * longest * frame
  if data.host_budget > 0:  # the rest stays on disk
    kept = min(kept, int(1e9 * data.host_budget))
  return Part(
    f'{purposes} recordings of the length of a crop or window',
    kept + purposes * longest // config_lib.label_pool(config) * labels,
    (
      *('train.crop_frames', 'eval.window', 'eval.test_windows'),
      *_FEATURE_FIELDS,
    ),
  )


def _extraction(config: config_lib.Config) -> Part:
  """Features of one recording of a minute."""
  feats = config.features
  options = config_lib.feature_options(config)
  channels = features.num_audio_channels(
    feats.format, num_channels=feats.num_channels
  )
  samples = _RECORDING * feats.sample_rate + 2 * feats.n_fft
  frames = -(-_RECORDING * feats.sample_rate // feats.hop_length)
  # Float64; the filters are computed with four arrays of the same size.
  filters = 5 * 8 * feats.n_mels * (feats.n_fft // 2 + 1)
  block = frames * feats.n_fft
  if jax.default_backend() == 'cpu':
    block = max(_BLOCK_SAMPLES, feats.n_fft)
  # Frames of all channels, their complex spectra, and two arrays as large.
  spectra = 4 * 4 * channels * block
  kept = 2 * 4 * frames * math.prod(features.shape(**options))
  return Part(
    'features of a recording of one minute',
    2 * 4 * channels * samples + filters + spectra + kept,
    (
      *('features.n_fft', 'features.n_mels', 'features.sample_rate'),
      'features.num_channels',
    ),
  )


def _compare(
  config: config_lib.Config,
  parts: list[Part],
  limit: float,
  available: float,
  place: str,
) -> None:
  """Refuses parts that are larger than a limit.

  Args:
    config: The configuration.
    parts: The parts of the memory.
    limit: The value of `train.memory_limit`, in GB.
    available: Bytes that are available, used if that is `AUTOMATIC`.
    place: Where the parts are.
  """
  total = _total(parts)
  most = available if limit == AUTOMATIC else 1e9 * limit
  if total <= most:
    return
  source = (
    f'{place} offers {_gigabytes(most)}'
    if limit == AUTOMATIC
    else f'train.memory_limit is {_gigabytes(most)}'
  )
  ordered = sorted(parts, key=lambda part: -part.size)
  sizes = ', '.join(
    f'{part.name} {_gigabytes(part.size)}'
    for part in ordered
    if part.size >= 0.01 * total
  )
  raise InputError(
    f'The run needs about {_gigabytes(total)} of memory, but {source}: '
    f'{sizes}. Reduce {_dominating(config, ordered[0])}, or set '
    '--config.train.memory_limit=0 to start it anyway.'
  )


def _dominating(config: config_lib.Config, part: Part) -> str:
  """The fields that make a part large: those far above their defaults."""
  default = config_lib.default()
  ratios = {
    name: _largest(_value(config, name)) / _largest(_value(default, name))
    for name in part.fields
  }
  ratios = {name: ratio for name, ratio in ratios.items() if ratio > 1}
  chosen = sorted(ratios, key=lambda name: -ratios[name])
  if chosen:
    # If one field is far above its default, reducing another one that is only
    # twice its default does not help.
    most = ratios[chosen[0]]
    chosen = [name for name in chosen if ratios[name] >= most**0.5][:3]
  else:
    chosen = part.fields[:2]
  return ' or '.join(f'{name} = {_value(config, name)}' for name in chosen)


def _value(config: config_lib.Config, name: str) -> Any:
  section, _, field = name.partition('.')
  value = config[section][field]
  if name == 'features.num_channels':  # 0 stands for the usual number
    return features.num_audio_channels(
      config.features.format, num_channels=value
    )
  return value


def _largest(value: Any) -> float:
  return max(value, default=0) if isinstance(value, tuple | list) else value


def _total(parts: Iterable[Part]) -> int:
  return sum(part.size for part in parts)


def _bytes(tree: Any) -> int:
  return sum(
    math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize
    for leaf in jax.tree.leaves(tree)
  )


def _gigabytes(size: float) -> str:
  """A size as `4.2 GB`; large ones without decimals."""
  size /= 1e9
  return f'{size:,.0f} GB' if size >= 100 else f'{size:.2g} GB'
