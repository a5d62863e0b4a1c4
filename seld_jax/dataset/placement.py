"""Crops of joined recordings, on the devices that train on or predict them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from seld_jax import devices
from seld_jax.dataset import sampling, stored

# (first frames with shape [batch], length) -> crops with shape
# [batch, length, ...], divided among the devices along the batch.
Source = Callable[[np.ndarray, int], jax.Array]

# Recordings on the devices, and which device has which frames.
Placed = tuple[jax.Array, jax.Array]


def resident(
  mesh: Mesh, array: np.ndarray | stored.Joined, offsets: np.ndarray
) -> Source:
  """Keeps recordings on the devices, and cuts crops there.

  Args:
    mesh: The devices.
    array: Joined recordings, with shape `[frames, ...]`.
    offsets: First frame of each recording, and the end of the last, with shape
      `[recordings + 1]`. A crop has to lie within one recording.

  Returns:
    What gives the crops. Their values are those of the array, bit for bit.
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
  """Reads every crop when it is needed, from memory or from disk.

  Args:
    mesh: The devices; a process reads the crops of its own alone.
    array: Joined recordings, with shape `[frames, ...]`.

  Returns:
    What gives the crops.
  """
  return lambda starts, length: devices.put_rows(
    mesh, starts, lambda rows: stored.crops(array, rows, length)
  )


def place(
  mesh: Mesh, array: np.ndarray | stored.Joined, offsets: np.ndarray
) -> Placed:
  """Places on every device a share of the recordings.

  So recordings have to fit the memory of all devices together, and a process
  reads those of its own devices alone.

  Args:
    mesh: The devices.
    array: Joined recordings, with shape `[frames, ...]`.
    offsets: First frame of each recording, and the end of the last, with shape
      `[recordings + 1]`.

  Returns:
    The shares, filled up with zeros to equal length, with shape
    `[devices, frames, ...]`, and their bounds, as `share_bounds` gives them.
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
  """Cuts crops where they lie and hands them to their devices, under jit.

  Args:
    mesh: The devices.
    placed: From `place`.
    starts: First frames, int32 with shape `[batch]`.
    length: Number of frames of each.

  Returns:
    The crops, with shape `[batch, length, ...]`, divided along the batch.
  """

  def on_device(share, bounds, starts):
    own = lax.axis_index(devices.BATCH_AXIS)
    is_here = (starts >= bounds[own]) & (starts < bounds[own + 1])
    local = jnp.where(is_here, starts - bounds[own], 0)
    crops = sampling.take_crops(share[0], local, length)
    crops = jnp.where(jnp.expand_dims(is_here, range(1, crops.ndim)), crops, 0)
    # One device has the crop and the others zeros: their sum is the crop.
    return lax.psum_scatter(crops, devices.BATCH_AXIS, tiled=True)

  divided, whole = PartitionSpec(devices.BATCH_AXIS), PartitionSpec()
  return jax.shard_map(
    on_device,
    mesh=mesh,
    in_specs=(divided, whole, whole),
    out_specs=divided,
  )(*placed, starts)


def share_bounds(offsets: np.ndarray, count: int) -> np.ndarray:
  """Divides recordings into shares of about equal length.

  Args:
    offsets: First frame of each recording, and the end of the last, with shape
      `[recordings + 1]`.
    count: Number of shares; those without a recording are empty.

  Returns:
    First frame of each share, and the end of the last, int64 with shape
    `[count + 1]`; each is one of the offsets.
  """
  ideal = offsets[-1] * np.arange(count + 1) / count
  middles = (offsets[:-1] + offsets[1:]) / 2
  return offsets[np.searchsorted(middles, ideal)].astype(np.int64)
