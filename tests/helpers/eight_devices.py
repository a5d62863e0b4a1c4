"""Runs a script in a process with eight simulated devices on a CPU."""

import os
import pathlib
import subprocess
import sys

from helpers import compiling


def start(script: str, *arguments: str) -> str:
  """Runs a Python script with eight devices; returns what it prints."""
  environment = {
    **os.environ,
    'XLA_FLAGS': '--xla_force_host_platform_device_count=8 '
    + compiling.QUICK_FLAGS,
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
