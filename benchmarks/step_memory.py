"""Measures the peak memory of a training step in a separate process.

Linux only: reads and resets the peak in /proc. The memory of the libraries and
of compilation is not counted: compiled programs come from a cache, the peak is
reset after the first step, and the memory before the state was made is
subtracted.

Example:
  python -m benchmarks.step_memory seld_jax mse paper 8 600
"""

import ctypes
import gc
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks import network_speed
from seld_jax import commands
from seld_jax import config as config_lib
from seld_jax.config import systems
from seld_jax.errors import InputError

SIDES = ('seld_jax', 'channels first', 'channels last')

_STEPS = 2


def measure(
  side: str, *, scale: str, batch: int, frames: int, system: str = 'mse'
) -> float:
  """Measures the peak memory of a training step.

  Args:
    side: One of `SIDES`; the last two are memory formats of PyTorch.
    scale: One of `systems.SCALES`.
    batch: Number of examples.
    frames: Number of feature frames in each example.
    system: The system whose network is trained, `'mse'` or
      `'resnet_conformer'`.

  Returns:
    Bytes of the state, the batch and the step.
  """
  with tempfile.TemporaryDirectory() as folder:
    run = lambda: subprocess.run(
      [
        *(sys.executable, '-m', 'benchmarks.step_memory'),
        *(side, system, scale, str(batch), str(frames)),
      ],
      capture_output=True,
      text=True,
      check=False,
      env={
        **os.environ,
        'JAX_COMPILATION_CACHE_DIR': folder,
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
      },
    )
    done = run()
    if side == 'seld_jax':  # again, with the programs from the cache
      done = run()
  if done.returncode:
    raise RuntimeError(f'{side} failed: {done.stderr[-2000:]}')
  return float(done.stdout.split()[-1])


def _start(side: str, config, *, batch: int, frames: int):
  """Makes the state, and a function that does a step."""
  given = network_speed.random_batch(config, batch=batch, frames=frames)
  if side == 'seld_jax':
    return network_speed.jax_step(config, given)
  return network_speed.torch_step(config, given, memory_format=side)


def _status(name: str) -> float:
  """Reads a line of /proc/self/status in bytes."""
  lines = pathlib.Path('/proc/self/status').read_text().splitlines()
  line = next(line for line in lines if line.startswith(f'{name}:'))
  return 1024.0 * int(line.split()[1])


def _give_back() -> None:
  """Returns freed memory to the system, so that it is not counted."""
  gc.collect()
  ctypes.CDLL('libc.so.6').malloc_trim(0)


def main(arguments: list[str]) -> None:
  """Prints the bytes of one side; see the example for the arguments."""
  if len(arguments) != 5 or arguments[0] not in SIDES:
    raise InputError(
      f'Expected a side ({", ".join(SIDES)}), system, scale, batch and frames, '
      f'got {arguments}.'
    )
  side, system, scale, batch, frames = arguments
  config = systems.make(system, format='foa', scale=scale)
  # A small network first, so that threads and libraries are not counted.
  _start(side, config, batch=1, frames=4 * config_lib.label_pool(config))()
  _give_back()
  before = _status('VmRSS')
  step = _start(side, config, batch=int(batch), frames=int(frames))
  step()  # compiles
  _give_back()
  pathlib.Path('/proc/self/clear_refs').write_text('5')
  for _ in range(_STEPS):
    step()
  print(_status('VmHWM') - before)


if __name__ == '__main__':
  commands.run(lambda arguments, values: main(arguments))
