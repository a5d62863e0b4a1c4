"""Measures how many minutes of scenes are rendered per minute.

Renders one-minute recordings of synthetic sounds, in rooms with a reverberation
time of 0.5 s, into a temporary folder. The time includes the start of the
processes.

Example:
  python -m benchmarks.scenes --recordings=24
"""

import os
import tempfile
import time
from collections.abc import Sequence

from absl import flags

from seld_jax import commands, scenes
from seld_jax.scenes import composer

_FORMATS = {'foa': ('foa',), 'foa and mic': ('foa', 'mic')}


def measure(
  formats: Sequence[str], *, recordings: int, num_workers: int, rt60: float
) -> float:
  """Measures the time to render a dataset in seconds."""
  with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    scenes.synthesize(
      folder,
      recordings=recordings,
      formats=formats,
      num_workers=num_workers,
      style=composer.Style(rt60=(rt60, rt60)),
    )
    return time.perf_counter() - start


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.integer(
    'recordings',
    24,
    'Number of one-minute recordings for each row.',
    lower_bound=1,
  )
  define.integer(
    'workers', os.cpu_count() or 1, 'Number of processes.', lower_bound=1
  )
  define.float('rt60', 0.5, 'Reverberation time in seconds.')


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Prints a row for each choice of formats."""
  commands.refuse_arguments(argv)
  count, workers = values.recordings, values.workers
  rows = []
  for name, formats in _FORMATS.items():
    seconds = measure(
      formats, recordings=count, num_workers=workers, rt60=values.rt60
    )
    rows.append((name, seconds, 60 * count / seconds))
  print(f'{count} minutes, RT60 {values.rt60:g} s, {workers} processes')
  print(f'{"format":12} {"seconds":>8} {"minutes of audio a minute":>26}')
  for name, seconds, rate in rows:
    print(f'{name:12} {seconds:8.1f} {rate:26.1f}')


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
