"""Memory of the machine and of the devices."""

import pathlib
from typing import Any

import psutil

try:
  import resource
except ImportError:  # Windows
  resource = None

# Limits of the container or job of this process: Linux control groups of
# version 2 and 1, as seen from inside of it.
_GROUP_LIMITS = (
  pathlib.Path('/sys/fs/cgroup/memory.max'),
  pathlib.Path('/sys/fs/cgroup/memory/memory.limit_in_bytes'),
)


def machine_bytes() -> int:
  """Main memory that this process may use at most, in bytes.

  Returns:
    The memory of the machine, or the limit of its container or of `ulimit -v`,
    whichever is the lowest.

  Example:
    >>> from seld_jax.devices import memory
    >>> memory.machine_bytes() > 10**8
    True
  """
  limits = [psutil.virtual_memory().total]
  for path in _GROUP_LIMITS:
    try:
      limits.append(int(path.read_text()))
    except (OSError, ValueError):  # no such file; 'max' is no limit
      continue
  if resource is not None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
      limits.append(limit)
  return min(limits)


def free_bytes() -> int:
  """Main memory that is free, also that which the system uses for files.

  Returns:
    Bytes, at most `machine_bytes`.

  Example:
    >>> from seld_jax.devices import memory
    >>> 0 < memory.free_bytes() <= memory.machine_bytes()
    True
  """
  return min(psutil.virtual_memory().available, machine_bytes())


def device_bytes(device: Any) -> int | None:
  """Memory of an accelerator that JAX may use, in bytes.

  Args:
    device: The device, a `jax.Device`.

  Returns:
    The size; None for a CPU, whose memory is that of the machine, and for a
    device that does not report it.

  Example:
    >>> from seld_jax.devices import memory
    >>> memory.device_bytes(jax.devices('cpu')[0]) is None
    True
  """
  if device.platform == 'cpu':
    return None
  try:
    statistics = device.memory_stats() or {}
  except (NotImplementedError, RuntimeError):
    return None
  return statistics.get('bytes_limit')
