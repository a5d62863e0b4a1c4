"""Accelerators by their data sheets, to compile for them without one."""

import dataclasses
from typing import Any

from jax.experimental import topologies

from seld_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Device:
  """An accelerator.

  Attributes:
    kind: Name of the accelerator.
    backend: `gpu` or `tpu`.
    topology: Number and arrangement of the devices, in the notation of XLA.
    bandwidth: Memory bandwidth of each device, in bytes per second.
    peak: FLOP/s of matrix products on each device, by data type. JAX computes
      float32 products with a shorter mantissa by default (TF32 on a GPU,
      bfloat16 on a TPU).
    target: For a GPU: the properties that XLA reads from a GPU that is present.
  """

  kind: str
  backend: str
  topology: str
  bandwidth: float
  peak: dict[str, float]
  target: str = ''


def devices(device: Device) -> list[Any]:
  """Makes device objects for shardings; no array can be put on them.

  Args:
    device: The accelerator.

  Returns:
    The devices.

  Raises:
    InputError: The XLA of the device is not installed, or cannot be used.
  """
  platform = {'gpu': 'cuda'}.get(device.backend, device.backend)
  try:
    if device.backend == 'gpu':
      described = topologies.get_topology_desc(
        platform=platform,
        target_config=device.target,
        topology=device.topology,
      )
    else:
      described = topologies.get_topology_desc(
        topology_name=device.topology, platform=platform
      )
  except (NotImplementedError, RuntimeError) as error:
    raise InputError(
      f'Compiling for {device.kind} needs its XLA '
      f"(pip install '.[{platform}]'): {error}."
    ) from error
  return list(described.devices)


def _gpu(
  kind: str,
  *,
  count: int = 1,
  capability: tuple[int, int],
  cores: int,
  gigabytes: int,
  bandwidth: float,
  cache: int,
  shared: int,
  tf32: float,
  bf16: float,
) -> Device:
  """Makes GPUs; `cache` is in MB, `shared` in kB for each multiprocessor."""
  major, minor = capability
  target = f"""
    gpu_device_info {{
      cuda_compute_capability {{ major: {major} minor: {minor} }}
      core_count: {cores}
      fpus_per_core: 128
      clock_rate_ghz: 1.98
      device_memory_size: {gigabytes * 10**9}
      memory_bandwidth: {int(bandwidth)}
      l2_cache_size: {cache * 2**20}
      shared_memory_per_core: {shared * 1024}
      shared_memory_per_block: 49152
      shared_memory_per_block_optin: {(shared - 1) * 1024}
      threads_per_warp: 32
      threads_per_block_limit: 1024
      threads_per_core_limit: {2048 if major == 9 else 1536}
      registers_per_core_limit: 65536
      registers_per_block_limit: 65536
      block_dim_limit_x: 2147483647
      block_dim_limit_y: 65535
      block_dim_limit_z: 65535
    }}
    platform_name: "CUDA"
    dnn_version_info {{ major: 9 minor: 8 }}
    runtime_version {{ major: 12 minor: 9 }}
    device_description_str: "{kind}"
  """
  peak = {'float32': tf32, 'bfloat16': bf16}
  return Device(kind, 'gpu', f'1x1x{count}', bandwidth, peak, target)


_HOPPER = {
  'capability': (9, 0),
  'cores': 132,
  'cache': 50,
  'shared': 228,
  'tf32': 495e12,
  'bf16': 989e12,
}

DEVICES = {
  'h100': _gpu('NVIDIA H100 SXM', gigabytes=80, bandwidth=3.35e12, **_HOPPER),
  'h200': _gpu('NVIDIA H200', gigabytes=141, bandwidth=4.8e12, **_HOPPER),
  'h200x8': _gpu(
    'NVIDIA H200', count=8, gigabytes=141, bandwidth=4.8e12, **_HOPPER
  ),
  'rtx4090': _gpu(
    'NVIDIA RTX 4090',
    capability=(8, 9),
    cores=128,
    gigabytes=24,
    bandwidth=1.008e12,
    cache=72,
    shared=100,
    tf32=82.6e12,
    bf16=165.2e12,
  ),
  'v5e': Device(
    'TPU v5e',
    'tpu',
    'v5e:2x2',
    819e9,
    {'float32': 197e12, 'bfloat16': 197e12},
  ),
}
