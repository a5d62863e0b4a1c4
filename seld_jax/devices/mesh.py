"""The mesh of all devices, and how arrays are placed on it."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

BATCH_AXIS = 'batch'


def make_mesh(*, devices: Any = None) -> Mesh:
  """Makes a mesh with one axis, along which batches are divided.

  Args:
    devices: The devices to use; None for all devices that JAX has.

  Returns:
    A mesh with the axis `batch`.

  Example:
    >>> from seld_jax import devices
    >>> devices.make_mesh().axis_names
    ('batch',)
  """
  devices = jax.devices() if devices is None else devices
  # With explicit axes, the default of JAX, vmap cannot gather from an array.
  return jax.make_mesh(
    (len(devices),),
    (BATCH_AXIS,),
    axis_types=(AxisType.Auto,),
    devices=np.asarray(devices).tolist(),
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """A sharding that places the whole array on every device.

  Args:
    mesh: The devices.

  Returns:
    The sharding.

  Example:
    >>> from seld_jax import devices
    >>> devices.replicated(devices.make_mesh()).is_fully_replicated
    True
  """
  return NamedSharding(mesh, PartitionSpec())


def divided(mesh: Mesh) -> NamedSharding:
  """A sharding that divides the first axis among the devices.

  Args:
    mesh: The devices.

  Returns:
    The sharding.

  Example:
    >>> from seld_jax import devices
    >>> mesh = devices.make_mesh(devices=jax.devices()[:1])
    >>> devices.divided(mesh).shard_shape((8, 3))
    (8, 3)
  """
  return NamedSharding(mesh, PartitionSpec(BATCH_AXIS))


def put_replicated(mesh: Mesh, tree: Any) -> Any:
  """Places the arrays of a tree on the devices, each whole on every device.

  Args:
    mesh: The devices, of one process or of several.
    tree: Arrays of any shape, equal in all processes.

  Returns:
    The tree with the sharding of `replicated`.

  Example:
    >>> from seld_jax import devices
    >>> mesh = devices.make_mesh()
    >>> tree = devices.put_replicated(mesh, {'x': np.arange(3)})
    >>> tree['x'].sharding == devices.replicated(mesh)
    True
  """
  whole = replicated(mesh)
  if mesh.is_multi_process:

    def place(leaf):
      if isinstance(leaf, jax.Array) and leaf.sharding == whole:
        return leaf
      # Unlike device_put, this does not compare the array between processes.
      array = np.asarray(leaf)
      return jax.make_array_from_callback(
        array.shape, whole, lambda index: array[index]
      )

    return jax.tree.map(place, tree)
  return jax.device_put(tree, whole)


def put_rows(
  mesh: Mesh, rows: np.ndarray, read: Callable[[np.ndarray], np.ndarray]
) -> jax.Array:
  """Reads the rows of a batch, each for the device that it belongs to.

  Args:
    mesh: The devices.
    rows: The keys of the rows, with shape `[batch]`.
    read: Reads rows: it gets some of the keys and returns an array with shape
      `[rows, ...]`. It is called for the devices of this process only.

  Returns:
    An array with shape `[batch, ...]` and the sharding of `divided`.

  Example:
    >>> from seld_jax import devices
    >>> mesh = devices.make_mesh(devices=jax.devices()[:1])
    >>> devices.put_rows(mesh, np.array([3, 1]), lambda rows: 10 * rows)
    Array([30, 10], dtype=int32)
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
