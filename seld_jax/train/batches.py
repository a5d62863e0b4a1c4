"""Batches of training crops, cut on the devices or read ahead."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import dataset
from seld_jax.dataset import placement, sampling

Batch = dict[str, jax.Array]

# Number of batches that are read while a step runs.
_AHEAD = 2


def starts_of(
  config: config_lib.Config, fold: dataset.Fold, step: int
) -> np.ndarray:
  """Draws where the crops of a step begin; depends on seed and step only.

  Args:
    config: The configuration.
    fold: The training recordings.
    step: Number of the step, from 0.

  Returns:
    First label frame of each crop in the joined recordings, int32 with shape
    `[batch]`.
  """
  return sampling.SAMPLERS[config.train.sampler](
    config.seed,
    step,
    offsets=fold.offsets,
    batch_size=config.train.batch_size,
    crop_label_frames=config.train.crop_frames // fold.pool,
  )


def shapes(
  config: config_lib.Config, fold: dataset.Fold
) -> dict[str, jax.ShapeDtypeStruct]:
  """Shapes and types of the arrays of a batch.

  Args:
    config: The configuration.
    fold: The training recordings.

  Returns:
    Shape and type by the name of the array: `features`, `activity`, `doa`.
  """
  batch = config.train.batch_size
  crop = config.train.crop_frames // fold.pool
  return {
    name: jax.ShapeDtypeStruct(
      (batch, crop * scale, *array.shape[1:]), np.float32
    )
    for name, (array, scale) in _arrays(fold).items()
  }


def place(mesh: jax.sharding.Mesh, fold: dataset.Fold) -> dict[str, Any]:
  """Places a fold on the devices; every device gets a share of the recordings.

  Args:
    mesh: The devices.
    fold: The recordings.

  Returns:
    The placed arrays, for `cut`.
  """
  return {
    name: placement.place(mesh, array, fold.offsets * scale)
    for name, (array, scale) in _arrays(fold).items()
  }


def cut(
  config: config_lib.Config,
  mesh: jax.sharding.Mesh,
  placed: dict[str, Any],
  starts: jax.Array,
  pool: int,
) -> Batch:
  """Cuts the batch of a step from recordings on the devices, under `jit`.

  Args:
    config: The configuration.
    mesh: The devices; each gets a part of the batch.
    placed: From `place`.
    starts: From `starts_of`.
    pool: Number of feature frames in a label frame.

  Returns:
    `features` with shape `[batch, frames, mels, channels]`, `activity` with
    shape `[batch, label_frames, classes]` and `doa` with shape
    `[batch, label_frames, classes, 3]`.
  """
  frames = config.train.crop_frames
  scales = {'features': pool, 'activity': 1, 'doa': 1}
  return {
    name: placement.cut(
      mesh, placed[name], starts * scale, frames * scale // pool
    )
    for name, scale in scales.items()
  }


@contextlib.contextmanager
def stream(
  config: config_lib.Config, mesh: jax.sharding.Mesh, fold: dataset.Fold
) -> Iterator[Callable[[int], Batch]]:
  """Reads batches from memory or disk, some steps before they are needed.

  Args:
    config: The configuration.
    mesh: The devices; each gets a part of the batch.
    fold: The training recordings.

  Yields:
    A function `batch_of(step)` that returns the same bits as `cut`.
  """
  take = {
    name: (placement.streamed(mesh, array), scale)
    for name, (array, scale) in _arrays(fold).items()
  }
  crop = config.train.crop_frames // fold.pool

  def read(step: int) -> Batch:
    starts = starts_of(config, fold, step)
    return {
      name: source(starts * scale, crop * scale)
      for name, (source, scale) in take.items()
    }

  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    waiting: dict[int, concurrent.futures.Future[Any]] = {}

    def batch_of(step: int) -> Batch:
      for ahead in range(step, step + 1 + _AHEAD):
        if ahead not in waiting:
          waiting[ahead] = pool.submit(read, ahead)
      return waiting.pop(step).result()

    try:
      yield batch_of
    finally:
      pool.shutdown(cancel_futures=True)


def _arrays(fold: dataset.Fold) -> dict[str, tuple[Any, int]]:
  """The arrays of a fold, each with its number of frames per label frame."""
  return {
    'features': (fold.features, fold.pool),
    'activity': (fold.activity, 1),
    'doa': (fold.doa, 1),
  }
