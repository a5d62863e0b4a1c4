"""The data of a run: renders scenes, extracts features, loads folds."""

import dataclasses
import logging
import pathlib
import shutil
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import dataset, evaluate, features, labels, shards
from seld_jax.dataset import cache, placement
from seld_jax.devices import processes
from seld_jax.errors import InputError
from seld_jax.train import memory, snapshot

_log = logging.getLogger(__name__)

# The dataset of each edition: its title, its name for `seld_jax.fetch`, and the
# layout in which scenes are rendered instead.
_STARSS22 = 'STARSS22', 'starss22', 'starss23'
_STARSS23 = 'STARSS23', 'starss23', 'starss23'
_DATASETS = {
  '2020': ('TAU-NIGENS Spatial Sound Events 2020', 'tau2020', 'tau2020'),
  '2021': ('TAU-NIGENS Spatial Sound Events 2021', 'tau2021', 'tau2021'),
  '2022': _STARSS22,
  '2023': _STARSS23,
  '2024': _STARSS23,
  '2025': ('the stereo clips of DCASE 2025', 'dcase2025', 'dcase2025'),
}

# Bytes of a channel of a rendered recording: one minute of 16 bits.
_CHANNEL_BYTES = 60 * 24000 * 2


@dataclasses.dataclass(frozen=True)
class Data:
  """The folds of a run.

  Attributes:
    train: The training recordings.
    validation: The recordings that select a checkpoint, or None.
    test: The recordings of the final test, or None.
    evaluation: The evaluation recordings, or None.
    watched: Training recordings to score during the training, or None.
    statistics: `mean` and `std` of the training features, with shape
      `[mels, channels]`.
  """

  train: dataset.Fold
  validation: dataset.Fold | None
  test: dataset.Fold | None
  evaluation: dataset.Fold | None
  watched: dataset.Fold | None
  statistics: dict[str, np.ndarray]


def extract_features(
  config: config_lib.Config,
  *,
  shard: shards.Shard | None = None,
) -> tuple[dict[str, list[dataset.Recording]], dict[str, pathlib.Path]]:
  """Extracts missing features; first renders scenes if the config asks for it.

  Args:
    config: The configuration.
    shard: The part of the recordings to extract; None for all of them.

  Returns:
    Two dictionaries: the recordings by purpose (`train`, `validation`, `test`,
    `evaluation`, as far as the config has them), and the feature files by name
    of recording, only those of the shard.

  Raises:
    InputError: The dataset is missing or broken, or has to be rendered before
      it can be divided into shards.
  """
  if config.data.synthesize:
    _render_missing(config, shard)
  if not pathlib.Path(config.data.root).is_dir():
    raise InputError(*missing_dataset(config).split('\n  '))
  found = _find_recordings(config)
  by_name: dict[str, dataset.Recording] = {}
  for entry in (entry for some in found.values() for entry in some):
    other = by_name.setdefault(entry.name, entry)
    if other.audio != entry.audio:
      raise InputError(
        f'{other.audio} and {entry.audio} have the same name, but each '
        'recording needs its own name: rename one of them, and its labels.'
      )
  entries = [*by_name.values()]
  own = shards.take(entries, shard or _share())
  paths = processes.together(lambda: _extract(config, own))
  if shard is None and len(own) < len(entries):  # others extracted the rest
    folder, options = _cache_of(config)
    paths = cache.feature_paths(entries, folder, options=options)
  return found, paths


def _cache_of(
  config: config_lib.Config,
) -> tuple[pathlib.Path, dict[str, Any]]:
  """The folder of the features of a config, and their options."""
  folder = config.data.cache or pathlib.Path(config.data.root, 'features')
  return pathlib.Path(folder), config_lib.feature_options(config)


def _extract(
  config: config_lib.Config, recordings: list[dataset.Recording]
) -> dict[str, pathlib.Path]:
  """`cache.extract`; an error of the folder names the field that moves it."""
  folder, options = _cache_of(config)
  try:
    return cache.extract(
      recordings, folder, options=options, shared=bool(config.data.cache)
    )
  except InputError as error:
    cause = error.__cause__
    # Of a system error only: a damaged recording is another matter.
    if (
      isinstance(cause, OSError)
      and folder
      in pathlib.Path(str(error).partition(' could not be written')[0]).parents
    ):
      raise InputError(
        f'{error} Set --config.data.cache=FOLDER to keep the features in '
        'another folder (--cache=FOLDER of seld_jax.reproduce).'
      ) from cause
    raise


def load_data(config: config_lib.Config) -> Data:
  """Extracts the features that are missing, and loads the folds.

  Args:
    config: The configuration.

  Returns:
    The folds of the config. Features that exceed `data.host_budget` stay on
    disk.

  Raises:
    InputError: The dataset is missing or broken.
  """
  found, paths = extract_features(config)
  # Recordings are padded to what their use needs: a crop, or a window.
  longest = max(config.eval.window, *config.eval.test_windows)
  folds: dict[str, dataset.Fold] = {}
  left = 1e9 * memory.host_budget(config) or float('inf')
  if processes.count() > 1:
    left = 0  # every process reads only the recordings of its own devices
  for purpose, entries in found.items():
    is_unused = purpose == 'train' and config.data.synthesize_every_epoch
    fold = load_fold(
      config,
      entries,
      paths,
      min_frames=config.train.crop_frames if purpose == 'train' else longest,
      max_bytes=0 if is_unused else left,
    )
    if isinstance(fold.features, np.ndarray):
      left -= fold.features.nbytes
    folds[purpose] = fold
  _log.info(
    '%s: %s',
    config.data.root,
    ', '.join(
      f'{len(fold.names)} {purpose} recordings{_place(fold)}'
      for purpose, fold in folds.items()
    ),
  )
  return Data(
    train=folds['train'],
    validation=folds.get('validation'),
    test=folds.get('test'),
    evaluation=folds.get('evaluation'),
    watched=_load_watched(config, found['train'], paths, folds['train']),
    statistics=training_statistics(
      [paths[entry.name] for entry in found['train']]
    ),
  )


def _load_watched(
  config: config_lib.Config,
  entries: list[dataset.Recording],
  paths: dict[str, pathlib.Path],
  fold: dataset.Fold,
) -> dataset.Fold | None:
  """The training recordings to score; None unless `eval.watch` has train."""
  if 'train' not in config.eval.watch:
    return None
  count = min(len(entries), config.eval.watch_recordings)
  # Evenly spread, so that all folds and both overlaps are represented.
  chosen = [index * len(entries) // count for index in range(count)]
  if config.eval.window <= config.train.crop_frames:
    return dataset.take_recordings(fold, chosen)
  # Short recordings need more padding than in the training.
  return load_fold(
    config,
    [entries[index] for index in chosen],
    paths,
    min_frames=config.eval.window,
    max_bytes=float('inf') if isinstance(fold.features, np.ndarray) else 0,
  )


def load_validation(config: config_lib.Config) -> dataset.Fold:
  """Loads the recordings that selected the checkpoint of a run.

  Args:
    config: The configuration.

  Returns:
    The fold, with labels.

  Raises:
    InputError: The config has no validation recordings, or the dataset is
      missing or broken.
  """
  if not pathlib.Path(config.data.root).is_dir():
    raise InputError(
      f'{config.data.root} is missing, in which the dataset of the run was; if '
      'it was moved, name its folder with --data=FOLDER.'
    )
  entries = _find_recordings(config).get('validation')
  if not entries:
    raise InputError(
      'The run has no validation recordings (config.data.validation_folds, '
      'validation_rooms or validation_share), which thresholds are calibrated '
      'on.'
    )
  paths = _extract(config, entries)
  return load_fold(config, entries, paths, min_frames=config.eval.window)


def load_fold(
  config: config_lib.Config,
  entries: list[dataset.Recording],
  paths: dict[str, pathlib.Path],
  *,
  min_frames: int,
  max_bytes: float = float('inf'),
) -> dataset.Fold:
  """Loads the features and the labels of some recordings.

  Args:
    config: The configuration.
    entries: The recordings.
    paths: The feature file of each recording, from `extract_features`.
    min_frames: As for `dataset.load_fold`.
    max_bytes: As for `dataset.load_fold`.

  Returns:
    The recordings, joined along time.

  Raises:
    InputError: As for `dataset.load_fold`; or the network predicts only
      directions in front, and a label is behind.
  """
  fold = dataset.load_fold(
    entries,
    paths,
    output=config_lib.output_format(config),
    class_names=tuple(config.data.classes),
    pool=config_lib.label_pool(config),
    min_frames=min_frames,
    csv_edition=config.data.csv_edition or None,
    label_hop=config.data.label_hop,
    distance_scale=evaluate.UNITS.get(config.data.distance_unit),
    max_bytes=max_bytes,
  )
  if snapshot.spec_of(config).is_frontal:
    _check_front(entries, fold)
  return fold


def _check_front(
  recordings: list[dataset.Recording], fold: dataset.Fold
) -> None:
  """Refuses directions that a stereo network cannot predict."""
  for entry, events in zip(recordings, fold.references, strict=True):
    if text := labels.find_behind(events):
      raise InputError(
        f'{entry.labels}: {text}, or set --config.output.axes=3 if your '
        'microphones tell more than left and right.'
      )


def resident(data: Data, *, num_devices: int, budget: float) -> frozenset[str]:
  """Selects the folds that are kept on the devices.

  Training recordings come first, then validation, test and evaluation. A fold
  is kept when the share of one device fits into what is left of the budget, and
  when its features are not on disk.

  Args:
    data: The folds.
    num_devices: Number of devices.
    budget: Memory of each device that they may fill, in GB; 0 for no limit.

  Returns:
    Their purposes, such as `train`.
  """
  folds = {
    purpose: fold
    for purpose in ('train', 'validation', 'test', 'evaluation')
    if (fold := getattr(data, purpose)) is not None
  }
  sizes = [
    _share_bytes(fold, num_devices)
    if isinstance(fold.features, np.ndarray) or processes.count() > 1
    else None
    for fold in folds.values()
  ]
  kept = dataset.fits(sizes, budget)
  return frozenset(
    purpose for purpose, is_kept in zip(folds, kept, strict=True) if is_kept
  )


def _share() -> shards.Shard | None:
  """The part of the recordings that this process works on; None for all."""
  if processes.count() == 1:
    return None
  return shards.Shard(jax.process_index() + 1, processes.count())


def _render_missing(
  config: config_lib.Config, shard: shards.Shard | None
) -> None:
  """Renders the scenes of a config, unless they are complete."""
  root = pathlib.Path(config.data.root)
  # An unfinished set of scenes is completed; any other folder is used as it is.
  if root.exists() and not (root / 'synthesis.json').exists():
    return
  feats = config.features
  size = features.num_audio_channels(
    feats.format, num_channels=feats.num_channels
  )
  if size != features.num_audio_channels(feats.format):
    raise InputError(
      'config.data.synthesize renders microphone arrays of four microphones, '
      f'but config.features.num_channels is {size}: set '
      '--config.data.synthesize=0, and give recordings of the array with '
      '--config.data.root=FOLDER.'
    )
  # Imported here because most runs do not render.
  from seld_jax import scenes

  asked = {
    'recordings': config.data.synthesize,
    'seed': config.data.synthesize_seed,
    'events': config.data.synthesize_events or None,
    'classes': scenes.map_of(config.data.classes),
    'others': config.data.synthesize_others or None,
    'rirs': config.data.synthesize_rirs or None,
  }
  scenes.check_settings(root, **asked)
  formats = (config.features.format,)
  if scenes.is_complete(root, formats=formats):
    return
  if shard is not None:
    raise InputError(
      f'{root} has no complete set of scenes: render it first, with '
      'python -m seld_jax.synthesize or with the same command without '
      '--shard.'
    )
  _check_space(config)
  # None keeps the choice that an unfinished set was begun with.
  asked |= {'formats': formats, 'evaluation': config.data.evaluation or None}
  asked |= {'csv_edition': config.data.csv_edition or None}
  # Folds and rooms as the config of an edition expects them.
  if config.data.edition in _DATASETS:
    asked |= {'layout': _DATASETS[config.data.edition][-1]}
  own = _share()
  if own is not None:
    processes.together(lambda: scenes.synthesize(root, shard=own, **asked))
  processes.first(lambda: scenes.synthesize(root, **asked))


def _check_space(config: config_lib.Config) -> None:
  """Checks that the disk has room for the scenes that are still missing."""
  root, recordings = pathlib.Path(config.data.root), config.data.synthesize
  sounds = root.glob(f'{config.features.format}_*/*.wav')
  there = sum(path.stat().st_size for path in sounds)
  channels = features.num_audio_channels(config.features.format)
  missing = recordings * channels * _CHANNEL_BYTES - there
  path = root.absolute()
  holder = next(one for one in (path, *path.parents) if one.exists())
  free = shutil.disk_usage(holder).free
  if missing > free:
    raise InputError(
      f'config.data.synthesize = {recordings} recordings need '
      f'{missing / 1e9:.3g} GB in {root}, but its disk has {free / 1e9:.3g} GB '
      'left: free some space, reduce config.data.synthesize, or choose another '
      '--config.data.root.'
    )


def _find_recordings(
  config: config_lib.Config,
) -> dict[str, list[dataset.Recording]]:
  """The recordings of a config by purpose."""
  data, format = config.data, config.features.format
  root = data.root
  folds = {
    purpose: tuple(data[f'{purpose}_folds'])
    for purpose in ('train', 'validation', 'test')
    if data[f'{purpose}_folds']
  }
  # Listed once: to list the 30,000 clips of 2025 takes seconds.
  listed = dataset.find_recordings(
    root, format=format, folds={one for some in folds.values() for one in some}
  )
  found = {
    purpose: [one for one in listed if one.fold in some]
    for purpose, some in folds.items()
  }
  if data.validation_rooms or data.validation_share:
    found['train'], found['validation'] = dataset.split_rooms(
      found['train'],
      rooms=data.validation_rooms,
      share=data.validation_share,
      seed=config.seed,
    )
    rooms = dataset.rooms_of([one.name for one in found['validation']])
    _log.info('rooms of the validation: %s', ', '.join(rooms))
  if config.data.evaluation:
    found['evaluation'] = _evaluation_recordings(root, format)
  return found


def training_statistics(paths: list[pathlib.Path]) -> dict[str, np.ndarray]:
  """Statistics of the training features; every process reads a part.

  Args:
    paths: The feature files of the training recordings.

  Returns:
    `mean` and `std`, with shape `[mels, channels]`.
  """
  own = processes.together(
    lambda: dataset.moments(shards.take(paths, _share()))
  )
  return dataset.statistics(processes.join_rows(own, len(paths)))


def _share_bytes(fold: dataset.Fold, num_devices: int) -> int:
  """Bytes of features of a fold on the device that has most of them."""
  bounds = placement.share_bounds(fold.offsets * fold.pool, num_devices)
  return 4 * int(np.diff(bounds).max() * np.prod(fold.features.shape[1:]))


def _place(fold: dataset.Fold) -> str:
  return '' if isinstance(fold.features, np.ndarray) else ' (on disk)'


def _evaluation_recordings(root: pathlib.Path, format: str):
  try:
    return dataset.find_recordings(root, format=format, split='eval')
  except InputError as error:
    raise InputError(
      f'{error} If there are no evaluation recordings, set '
      '--config.data.evaluation=False.'
    ) from error


def missing_dataset(config: config_lib.Config) -> str:
  """The message for a missing dataset: three ways to get one."""
  root, audio = config.data.root, config.features.format
  edition = '2025' if audio == 'stereo' else config.data.edition
  if edition not in _DATASETS or (edition == '2025') != (audio == 'stereo'):
    edition = '2020'
  title, name, layout = _DATASETS[edition]
  scenes = f'--recordings=600 --format={audio}'
  if edition != '2020':
    scenes += f' --layout={layout} --csv_edition={edition}'
  count = config.features.num_channels
  own = ''
  if count not in (0, features.num_audio_channels(audio)):
    own = f'Record with your array, and put the recordings of {count} channels'
  elif tuple(config.data.classes) not in labels.CLASS_MAPS.values():
    own = 'Put your recordings'
  if own:
    return (
      f'{root} is missing. {own} in {root}/{audio}_dev and their labels in '
      f'{root}/metadata_dev,\n'
      '  or point to a folder that has them: --config.data.root=FOLDER'
    )
  return (
    f'{root} is missing. Get {title}, which comes to {root}/{audio}_dev and '
    f'{root}/metadata_dev: python -m seld_jax.fetch {name} --out={root} '
    f'--formats={audio}\n'
    f'  or render scenes: python -m seld_jax.synthesize --out={root} '
    f'{scenes}\n'
    '  or point to a folder that has them: --config.data.root=FOLDER'
  )
