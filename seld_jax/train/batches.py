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

# `features`, and `targets` by name.
Batch = dict[str, Any]

# (step) -> the training recordings of this step, from 0; None if they are not
# there yet.
FoldAt = Callable[[int], dataset.Fold | None]

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


def shapes(config: config_lib.Config, fold: dataset.Fold) -> dict[str, Any]:
  """Shapes and types of the arrays of a batch.

  Args:
    config: The configuration.
    fold: The training recordings.

  Returns:
    The batch, with shapes and types instead of arrays.
  """
  batch = config.train.batch_size
  crop = config.train.crop_frames // fold.pool
  return _map(
    lambda array, scale: jax.ShapeDtypeStruct(
      (batch, crop * scale, *array.shape[1:]), np.float32
    ),
    _arrays(fold),
    fold.pool,
  )


def place(mesh: jax.sharding.Mesh, fold: dataset.Fold) -> dict[str, Any]:
  """Places a fold on the devices; every device gets a share of the recordings.

  Args:
    mesh: The devices.
    fold: The recordings.

  Returns:
    The placed arrays, for `cut`.
  """
  return _map(
    lambda array, scale: placement.place(mesh, array, fold.offsets * scale),
    _arrays(fold),
    fold.pool,
  )


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
    `features` with shape `[batch, frames, mels, channels]`, and `targets`: a
    dictionary of arrays with shape `[batch, label_frames, ...]`.
  """
  crop = config.train.crop_frames // pool
  return _map(
    lambda one, scale: placement.cut(mesh, one, starts * scale, crop * scale),
    placed,
    pool,
  )


@contextlib.contextmanager
def stream(
  config: config_lib.Config, mesh: jax.sharding.Mesh, fold_at: FoldAt
) -> Iterator[Callable[[int], Batch]]:
  """Reads batches from memory or disk, some steps before they are needed.

  Args:
    config: The configuration.
    mesh: The devices; each gets a part of the batch.
    fold_at: The training recordings of a step, which must be there when its
      batch is asked for.

  Yields:
    A function `batch_of(step)` that returns the same bits as `cut`.
  """

  def read(fold: dataset.Fold, step: int) -> Batch:
    starts = starts_of(config, fold, step)
    crop = config.train.crop_frames // fold.pool
    return _map(
      lambda array, scale: placement.streamed(mesh, array)(
        starts * scale, crop * scale
      ),
      _arrays(fold),
      fold.pool,
    )

  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    waiting: dict[int, concurrent.futures.Future[Any]] = {}

    def batch_of(step: int) -> Batch:
      for ahead in range(step, step + 1 + _AHEAD):
        fold = fold_at(ahead)
        if ahead not in waiting and fold is not None:
          waiting[ahead] = pool.submit(read, fold, ahead)
      return waiting.pop(step).result()

    try:
      yield batch_of
    finally:
      pool.shutdown(cancel_futures=True)


def _arrays(fold: dataset.Fold) -> dict[str, Any]:
  """The arrays of a fold, in the structure of a batch."""
  return {'features': fold.features, 'targets': dict(fold.targets)}


def _map(
  function: Callable[[Any, int], Any], batch: dict[str, Any], pool: int
) -> dict[str, Any]:
  """Applies a function to each entry of a batch.

  Args:
    function: Its arguments are the entry and the number of its frames in a
      label frame.
    batch: The entries: `features`, and `targets` by name.
    pool: Number of feature frames in a label frame.

  Returns:
    The results, in the same structure.
  """
  return {
    'features': function(batch['features'], pool),
    'targets': {
      name: function(entry, 1) for name, entry in batch['targets'].items()
    },
  }
