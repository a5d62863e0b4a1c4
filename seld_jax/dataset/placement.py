"""Places recordings or their crops on devices."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from seld_jax import devices
from seld_jax.dataset import sampling, stored

# A function (first frames with shape [batch], length) -> crops with shape
# [batch, length, ...], sharded over the devices along the batch.
Source = Callable[[np.ndarray, int], jax.Array]

# Recordings on the devices, and the range of frames of each device.
Placed = tuple[jax.Array, jax.Array]


def resident(
  mesh: Mesh, array: np.ndarray | stored.Joined, offsets: np.ndarray
) -> Source:
  """Keeps recordings on the devices and cuts crops there.

  Args:
    mesh: The devices.
    array: Joined recordings, with shape `[frames, ...]`.
    offsets: First frame of each recording, and the end of the last, with shape
      `[recordings + 1]`. Each crop must lie within one recording.

  Returns:
    A function that cuts crops. Their values are exactly those of the array.

  See Also: `streamed`, for recordings that do not fit in device memory.

  Example:
    >>> from seld_jax import dataset, devices
    >>> frames = np.arange(10, dtype=np.float32)
    >>> mesh = devices.make_mesh(devices=jax.devices()[:1])
    >>> crops = dataset.placement.resident(mesh, frames, np.array([0, 6, 10]))
    >>> crops(np.array([1, 6]), 3).tolist()
    [[1.0, 2.0, 3.0], [6.0, 7.0, 8.0]]
  """
  placed = place(mesh, array, offsets)
  compiled = jax.jit(
    lambda placed, starts, length: cut(mesh, placed, starts, length),
    static_argnums=2,
  )
  return lambda starts, length: compiled(
    placed,
    devices.put_replicated(mesh, np.asarray(starts, np.int32)),
    length,
  )


def streamed(mesh: Mesh, array: np.ndarray | stored.Joined) -> Source:
  """Copies each crop to the devices when it is needed.

  Args:
    mesh: The devices. A process reads only the crops of its own devices.
    array: Joined recordings in memory or on disk, with shape `[frames, ...]`.

  Returns:
    A function that reads crops.

  See Also: `resident`, which is faster.

  Example:
    >>> from seld_jax import dataset, devices
    >>> frames = np.arange(10, dtype=np.float32)
    >>> mesh = devices.make_mesh(devices=jax.devices()[:1])
    >>> dataset.placement.streamed(mesh, frames)(np.array([1, 6]), 3).tolist()
    [[1.0, 2.0, 3.0], [6.0, 7.0, 8.0]]
  """
  return lambda starts, length: devices.put_rows(
    mesh, starts, lambda rows: stored.crops(array, rows, length)
  )


def place(
  mesh: Mesh, array: np.ndarray | stored.Joined, offsets: np.ndarray
) -> Placed:
  """Divides the recordings among the devices.

  The recordings must fit in the memory of all devices together. A process reads
  only the recordings of its own devices.

  Args:
    mesh: The devices.
    array: Joined recordings, with shape `[frames, ...]`.
    offsets: First frame of each recording, and the end of the last, with shape
      `[recordings + 1]`.

  Returns:
    The shares, zero-padded to equal length, with shape
    `[devices, frames, ...]`, and their bounds, int32 with shape
    `[devices + 1]`: see `share_bounds`.

  See Also: `cut`, which cuts crops of the result.
  """
  bounds = share_bounds(offsets, mesh.size)
  size = int(np.diff(bounds).max())

  def read(numbers: np.ndarray) -> np.ndarray:
    (number,) = numbers  # one device has one share
    first, end = bounds[number], bounds[number + 1]
    if isinstance(array, np.ndarray) and end - first == size:
      return array[None, first:end]  # without a copy
    share = np.zeros((1, size, *array.shape[1:]), np.float32)
    if isinstance(array, np.ndarray):
      share[0, : end - first] = array[first:end]
      return share
    for start, stop in zip(offsets[:-1], offsets[1:], strict=True):
      if first <= start < end:
        part = share[0, start - first : stop - first]
        part[:] = array.crop(int(start), len(part))
    return share

  shares = devices.put_rows(mesh, np.arange(mesh.size), read)
  return shares, devices.put_replicated(mesh, bounds.astype(np.int32))


def cut(
  mesh: Mesh, placed: Placed, starts: jax.Array, length: int
) -> jax.Array:
  """Cuts crops out of placed recordings and distributes them, inside jit.

  Args:
    mesh: The devices.
    placed: Result of `place`: shares and bounds.
    starts: First frame of each crop, int32 with shape `[batch]`.
    length: Number of frames of a crop.

  Returns:
    The crops, with shape `[batch, length, ...]`, sharded along the batch.
  """

  def on_device(share, bounds, starts):
    own = lax.axis_index(devices.BATCH_AXIS)
    is_here = (starts >= bounds[own]) & (starts < bounds[own + 1])
    local = jnp.where(is_here, starts - bounds[own], 0)
    crops = sampling.take_crops(share[0], local, length)
    crops = jnp.where(jnp.expand_dims(is_here, range(1, crops.ndim)), crops, 0)
    # One device has the crop and all others have zeros: the sum is the crop.
    return lax.psum_scatter(crops, devices.BATCH_AXIS, tiled=True)

  sharded, replicated = PartitionSpec(devices.BATCH_AXIS), PartitionSpec()
  return jax.shard_map(
    on_device,
    mesh=mesh,
    in_specs=(sharded, replicated, replicated),
    out_specs=sharded,
  )(*placed, starts)


def share_bounds(offsets: np.ndarray, count: int) -> np.ndarray:
  """Divides recordings into shares of about equal length.

  Args:
    offsets: First frame of each recording, and the end of the last, with shape
      `[recordings + 1]`.
    count: Number of shares. If there are fewer recordings, some are empty.

  Returns:
    First frame of each share, and the end of the last, int64 with shape
    `[count + 1]`. All of them are offsets, so that no recording is divided.

  Example:
    >>> from seld_jax.dataset import placement
    >>> placement.share_bounds(np.array([0, 10, 20, 30, 40]), 2).tolist()
    [0, 20, 40]
  """
  ideal = offsets[-1] * np.arange(count + 1) / count
  middles = (offsets[:-1] + offsets[1:]) / 2
  return offsets[np.searchsorted(middles, ideal)].astype(np.int64)


def fits(sizes: Sequence[int | None], budget: float) -> list[bool]:
  """Decides which arrays fit in a memory; earlier ones have priority.

  Args:
    sizes: Size of each array in bytes; None for an array that must not be kept.
    budget: Size of the memory in GB; 0 means no limit.

  Returns:
    For each array whether it is kept.

  Example:
    >>> from seld_jax import dataset
    >>> dataset.fits([600_000_000, 600_000_000, 300_000_000], budget=1.0)
    [True, False, True]
  """
  left = budget * 1e9 if budget else float('inf')
  kept = []
  for size in sizes:
    kept.append(size is not None and size <= left)
    if size is not None and kept[-1]:
      left -= size
  return kept
