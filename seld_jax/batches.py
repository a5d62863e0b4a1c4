"""What a training step is fed: crops of resident features, or of a stream."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import dataset, sampling, sharding, streams

# Batches that are read while a step runs.
_AHEAD = 2


@contextlib.contextmanager
def feed(
  config: config_lib.Config,
  mesh: jax.sharding.Mesh,
  fold: dataset.Fold,
  *,
  resident: bool,
) -> Iterator[Callable[[int], dict[str, jax.Array]]]:
  """Gives the batch of any step, a function of the config's seed and the step.

  Args:
    config: The configuration.
    mesh: The devices, among which a batch is divided.
    fold: The training recordings.
    resident: Whether all of them are kept on every device and cropped there;
      otherwise a thread reads crops ahead, from memory or from disk. The
      batches are the same, bit for bit.

  Yields:
    `batch_of(step)` -> `features` with shape `[batch, frames, mels, channels]`,
    `activity` with shape `[batch, label_frames, classes]` and `doa` with shape
    `[batch, label_frames, classes, 3]`.
  """
  frames = config.train.crop_frames
  crop = frames // fold.pool

  def starts_of(step: int) -> np.ndarray:
    return sampling.SAMPLERS[config.train.sampler](
      config.seed,
      step,
      offsets=fold.offsets,
      batch_size=config.train.batch_size,
      crop_label_frames=crop,
    )

  if resident:
    arrays = fold.features, fold.activity, fold.doa
    take = _resident(mesh, arrays, fold.pool, frames)
    yield lambda step: take(starts_of(step))
    return

  def read(step: int) -> dict[str, jax.Array]:
    starts = starts_of(step)
    parts = {
      'features': (fold.features, fold.pool),
      'activity': (fold.activity, 1),
      'doa': (fold.doa, 1),
    }
    return {
      name: sharding.put_rows(
        mesh,
        starts * scale,
        lambda rows, source=source, scale=scale: streams.crops(
          source, rows, crop * scale
        ),
      )
      for name, (source, scale) in parts.items()
    }

  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    waiting: dict[int, concurrent.futures.Future[Any]] = {}

    def batch_of(step: int) -> dict[str, jax.Array]:
      for ahead in range(step, step + 1 + _AHEAD):
        if ahead not in waiting:
          waiting[ahead] = pool.submit(read, ahead)
      return waiting.pop(step).result()

    try:
      yield batch_of
    finally:
      pool.shutdown(cancel_futures=True)


def _resident(mesh, arrays, pool: int, frames: int):
  """Places the recordings on all devices, and compiles what crops them."""
  whole, parts = sharding.replicated(mesh), sharding.divided(mesh)
  on_devices = sharding.put_replicated(mesh, arrays)

  def take(features, activity, doa, starts):
    return {
      'features': sampling.take_crops(features, starts * pool, frames),
      'activity': sampling.take_crops(activity, starts, frames // pool),
      'doa': sampling.take_crops(doa, starts, frames // pool),
    }

  compiled = jax.jit(
    take, in_shardings=(whole, whole, whole, parts), out_shardings=parts
  )
  return lambda starts: compiled(*on_devices, jax.device_put(starts, parts))
