"""A script in a process that sees eight devices on a CPU."""

import os
import pathlib
import subprocess
import sys


def start(script: str, *arguments: str) -> str:
  """What a script prints that sees eight devices."""
  environment = {
    **os.environ,
    # Compiling dominates here; its effort changes rounding at most.
    'XLA_FLAGS': '--xla_force_host_platform_device_count=8 '
    '--xla_backend_optimization_level=0',
    'JAX_PLATFORMS': 'cpu',
    'PYTHONPATH': os.pathsep.join(
      [*sys.path, str(pathlib.Path(__file__).parents[1])]
    ),
  }
  done = subprocess.run(
    [sys.executable, '-c', script, *arguments],
    env=environment,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr[-4000:]
  return done.stdout
