"""What a training step is fed: crops of resident features, or of a stream."""

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

# Batches that are read while a step runs.
_AHEAD = 2


def starts_of(
  config: config_lib.Config, fold: dataset.Fold, step: int
) -> np.ndarray:
  """Where the examples of a step begin: a function of seed and step.

  Args:
    config: The configuration.
    fold: The training recordings.
    step: Number of the step, from 0.

  Returns:
    First label frames, int32 with shape `[batch]`.
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
  """What a batch looks like.

  Args:
    config: The configuration.
    fold: The training recordings.

  Returns:
    Shape and type of each array of a batch.
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
  """Keeps a fold on the devices, on each a share of the recordings.

  Args:
    mesh: The devices.
    fold: The recordings.

  Returns:
    What `cut` takes.
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
  """The batch of a step from recordings on the devices, under jit.

  Args:
    config: The configuration.
    mesh: The devices, among which the batch is divided.
    placed: From `place`.
    starts: From `starts_of`.
    pool: Feature frames in a label frame.

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
  """Reads the batches of the next steps ahead, from memory or from disk.

  Args:
    config: The configuration.
    mesh: The devices, among which a batch is divided.
    fold: The training recordings.

  Yields:
    `batch_of(step)`, which gives what `cut` would, bit for bit.
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
  """The arrays of a fold, each with its frames in a label frame."""
  return {
    'features': (fold.features, fold.pool),
    'activity': (fold.activity, 1),
    'doa': (fold.doa, 1),
  }
