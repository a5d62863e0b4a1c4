"""What a training step is fed: crops of resident features, or of a stream."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax

from seld_jax import config as config_lib
from seld_jax import dataset, sampling, sources

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
    resident: Whether all of them are kept on the devices and cropped there;
      otherwise a thread reads crops ahead, from memory or from disk. The
      batches are the same, bit for bit.

  Yields:
    `batch_of(step)` -> `features` with shape `[batch, frames, mels, channels]`,
    `activity` with shape `[batch, label_frames, classes]` and `doa` with shape
    `[batch, label_frames, classes, 3]`.
  """
  crop = config.train.crop_frames // fold.pool
  arrays = {
    'features': (fold.features, fold.pool),
    'activity': (fold.activity, 1),
    'doa': (fold.doa, 1),
  }
  take = {
    name: sources.resident(mesh, array, fold.offsets * scale)
    if resident
    else sources.streamed(mesh, array)
    for name, (array, scale) in arrays.items()
  }

  def batch_of(step: int) -> dict[str, jax.Array]:
    starts = sampling.SAMPLERS[config.train.sampler](
      config.seed,
      step,
      offsets=fold.offsets,
      batch_size=config.train.batch_size,
      crop_label_frames=crop,
    )
    return {
      name: take[name](starts * scale, crop * scale)
      for name, (_, scale) in arrays.items()
    }

  if resident:
    yield batch_of
    return

  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    waiting: dict[int, concurrent.futures.Future[Any]] = {}

    def read_ahead(step: int) -> dict[str, jax.Array]:
      for ahead in range(step, step + 1 + _AHEAD):
        if ahead not in waiting:
          waiting[ahead] = pool.submit(batch_of, ahead)
      return waiting.pop(step).result()

    try:
      yield read_ahead
    finally:
      pool.shutdown(cancel_futures=True)
