"""From a config to data in memory: scenes, features, folds."""

import dataclasses
import logging
import pathlib

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import dataset, shards
from seld_jax.dataset import cache, placement
from seld_jax.devices import processes
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Data:
  """The folds of a run, and the statistics of those it trains on."""

  train: dataset.Fold
  validation: dataset.Fold | None
  test: dataset.Fold | None
  evaluation: dataset.Fold | None
  statistics: dict[str, np.ndarray]


def extract_features(
  config: config_lib.Config,
  *,
  shard: shards.Shard | None = None,
) -> tuple[dict[str, list[dataset.Recording]], dict[str, pathlib.Path]]:
  """Finds, or renders, the dataset and computes the features that are missing.

  Args:
    config: The configuration.
    shard: Computes the features of this part only.

  Returns:
    The recordings of each purpose that the config names (`train`, `validation`,
    `test`, `evaluation`), and the file of features of each, or of each of the
    part, by its name.

  Raises:
    InputError: The dataset is missing or broken, or is to be rendered first.
  """
  options = config_lib.feature_options(config)
  root = pathlib.Path(config.data.root)
  # A set that was begun is rendered to its end; a folder that came from
  # elsewhere is used as it is.
  was_begun = (root / 'synthesis.json').exists()
  is_wanted = config.data.synthesize and (was_begun or not root.exists())
  formats = (options['format'],)
  if is_wanted:
    # Here, since it brings along what other starts need not wait for.
    from seld_jax import scenes

    asked = {
      'recordings': config.data.synthesize,
      'seed': config.data.synthesize_seed,
      'events': config.data.synthesize_events or None,
    }
    scenes.check_settings(root, **asked)
    if not scenes.is_complete(root, formats=formats):
      if shard is not None:
        raise InputError(
          f'{root} has no complete set of scenes to divide: render it first, '
          'by python -m seld_jax.synthesize or the same command without '
          '--shard.'
        )
      # Where none is asked for, what a set was begun with is kept.
      evaluation = bool(config.data.evaluation) or None
      _render(root, formats=formats, evaluation=evaluation, **asked)
  if not root.is_dir():
    raise InputError(missing_dataset(config))
  purposes = ('train', 'validation', 'test')
  found = {
    purpose: dataset.find_recordings(
      root, format=options['format'], folds=folds
    )
    for purpose in purposes
    if (folds := tuple(config.data[f'{purpose}_folds']))
  }
  if config.data.evaluation:
    found['evaluation'] = _evaluation_recordings(root, options['format'])
  folder = pathlib.Path(config.data.cache or root / 'features')
  entries = [entry for entries in found.values() for entry in entries]
  own = shards.take(entries, shard or _share())
  paths = processes.together(
    lambda: cache.extract(own, folder, options=options)
  )
  if shard is None and len(own) < len(entries):  # the others have the rest
    paths = cache.feature_paths(entries, folder, options=options)
  return found, paths


def load_data(config: config_lib.Config) -> Data:
  """Finds, or renders, the dataset and brings its features into memory.

  Args:
    config: The configuration.

  Returns:
    The folds that the config names.

  Raises:
    InputError: The dataset is missing or broken.
  """
  found, paths = extract_features(config)
  longest = max(
    config.train.crop_frames, config.eval.window, *config.eval.test_windows
  )
  folds: dict[str, dataset.Fold] = {}
  left = 1e9 * config.data.host_budget or float('inf')
  if processes.count() > 1:
    left = 0  # the devices of all hold what no process has to read whole
  for purpose, entries in found.items():
    fold = dataset.load_fold(
      entries,
      paths,
      num_classes=len(config.data.classes),
      pool=config_lib.label_pool(config),
      min_frames=longest,
      csv_edition=config.data.csv_edition or None,
      max_bytes=left,
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
    statistics=_statistics([paths[entry.name] for entry in found['train']]),
  )


def resident(
  config: config_lib.Config, data: Data, *, num_devices: int
) -> set[str]:
  """The folds that are kept on the devices, by purpose.

  Args:
    config: The configuration, whose `data.device_budget` has to hold the shares
      that a device has of them.
    data: The folds. Those that stay on disk for want of memory are not kept.
    num_devices: Number of devices.

  Returns:
    Those that fit, the first ones first.
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
  kept = dataset.fits(sizes, config.data.device_budget)
  return {
    purpose for purpose, is_kept in zip(folds, kept, strict=True) if is_kept
  }


def _share() -> shards.Shard | None:
  """The part of the work on recordings that this process does."""
  if processes.count() == 1:
    return None
  return shards.Shard(jax.process_index() + 1, processes.count())


def _render(root: pathlib.Path, **asked) -> None:
  """Renders a set of scenes, every process a part."""
  from seld_jax import scenes

  own = _share()
  if own is not None:
    processes.together(lambda: scenes.synthesize(root, shard=own, **asked))
  processes.first(lambda: scenes.synthesize(root, **asked))


def _statistics(paths: list[pathlib.Path]) -> dict[str, np.ndarray]:
  """Statistics of which every process reads its recordings."""
  own = processes.together(
    lambda: dataset.moments(shards.take(paths, _share()))
  )
  return dataset.statistics(processes.join_rows(own, len(paths)))


def _share_bytes(fold: dataset.Fold, num_devices: int) -> int:
  """Bytes of features that a device has of a fold."""
  bounds = placement.share_bounds(fold.offsets * fold.pool, num_devices)
  return 4 * int(np.diff(bounds).max() * np.prod(fold.features.shape[1:]))


def _place(fold: dataset.Fold) -> str:
  return '' if isinstance(fold.features, np.ndarray) else ' (on disk)'


def _evaluation_recordings(root: pathlib.Path, format: str):
  try:
    return dataset.find_recordings(root, format=format, split='eval')
  except InputError as error:
    raise InputError(
      f'{error} Without evaluation recordings, set '
      '--config.data.evaluation=False.'
    ) from error


def missing_dataset(config: config_lib.Config) -> str:
  """Three lines that say what to do without a dataset."""
  root, audio = config.data.root, config.features.format
  return (
    f'{root} is missing. Get TAU-NIGENS Spatial Sound Events 2020 and unpack '
    f'it to {root}/{audio}_dev and {root}/metadata_dev,\n'
    f'  or render scenes: python -m seld_jax.synthesize --out={root} '
    f'--recordings=600 --format={audio}\n'
    '  or point to a folder that has them: --config.data.root=FOLDER'
  )
