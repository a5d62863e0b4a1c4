"""Devices: a mesh of one axis, and where arrays lie on it."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

BATCH_AXIS = 'batch'


def make_mesh(*, devices: Any = None) -> Mesh:
  """All devices in a row; batches are divided along it.

  Args:
    devices: The devices to use, all of JAX's when None.

  Returns:
    A mesh with the one axis `batch`.
  """
  devices = jax.devices() if devices is None else devices
  # Explicit axes, the default, cannot be gathered from under vmap.
  return jax.make_mesh(
    (len(devices),),
    (BATCH_AXIS,),
    axis_types=(AxisType.Auto,),
    devices=np.asarray(devices).tolist(),
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """The whole array on every device."""
  return NamedSharding(mesh, PartitionSpec())


def divided(mesh: Mesh) -> NamedSharding:
  """The first axis divided among the devices."""
  return NamedSharding(mesh, PartitionSpec(BATCH_AXIS))


def put_replicated(mesh: Mesh, tree: Any) -> Any:
  """Places every array of a tree whole on every device.

  Args:
    mesh: The devices, of one process or of several.
    tree: Arrays that are the same in every process.

  Returns:
    The tree, of arrays that belong to all devices.
  """
  whole = replicated(mesh)
  if mesh.is_multi_process:

    def place(leaf):
      if isinstance(leaf, jax.Array) and leaf.sharding == whole:
        return leaf
      # Without asking the other processes whether theirs is equal.
      array = np.asarray(leaf)
      return jax.make_array_from_callback(
        array.shape, whole, lambda index: array[index]
      )

    return jax.tree.map(place, tree)
  return jax.device_put(tree, whole)


def put_rows(
  mesh: Mesh, rows: np.ndarray, read: Callable[[np.ndarray], np.ndarray]
) -> jax.Array:
  """Places what is read for each row of a batch on the device that has the row.

  Args:
    mesh: The devices.
    rows: What tells the rows apart, with shape `[batch]`.
    read: Gives the array of some of them, with shape `[rows, ...]`; called for
      the rows of the devices of this process alone.

  Returns:
    An array with shape `[batch, ...]`, divided along the first axis.
  """
  sharding = divided(mesh)
  places = sharding.addressable_devices_indices_map((len(rows),))
  parts = [
    jax.device_put(read(rows[place[0]]), device)
    for device, place in places.items()
    if place is not None
  ]
  shape = (len(rows), *parts[0].shape[1:])
  return jax.make_array_from_single_device_arrays(shape, sharding, parts)
