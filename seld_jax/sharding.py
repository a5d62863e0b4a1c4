"""Devices: a mesh of one axis, and where arrays lie on it."""

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
  """Places every array of a tree whole on every device."""
  return jax.device_put(tree, replicated(mesh))
