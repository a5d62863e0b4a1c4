"""Makes a dataset with random features and no real sound."""

import pathlib

import numpy as np

from seld_jax import audio, dataset, labels
from seld_jax import config as config_lib
from seld_jax import features as features_lib
from seld_jax.dataset import cache


def make_set(
  root: pathlib.Path, config: config_lib.Config, *, count: int, frames: int
) -> None:
  """Writes FOA recordings in folds 1 to 3, with random features in the cache.

  Args:
    root: The folder of the dataset.
    config: The configuration of the features.
    count: Number of recordings in fold 3. Folds 1 and 2 have one recording.
    frames: Number of feature frames in each recording.
  """
  for fold, number in (1, 1), (2, 1), (3, count):
    for mix in range(1, number + 1):
      name = f'fold{fold}_room1_mix{mix:03d}_ov1'
      # This sound is never read, because the features are in the cache.
      audio.write(root / 'foa_dev' / f'{name}.wav', np.zeros((4, 100)))
      labels.write_csv(
        root / 'metadata_dev' / f'{name}.csv',
        labels.no_events(),
        edition='2020',
      )
  options = config_lib.feature_options(config)
  paths = cache.feature_paths(
    dataset.find_recordings(root), root / 'features', options=options
  )
  shape = (frames, *features_lib.shape(**options))
  rng = np.random.default_rng(0)
  for path in paths.values():
    cache.write(path, rng.standard_normal(shape, dtype=np.float32))
