"""Measures how time and memory grow if a size is doubled several times.

Doubles the batch and the segments of training steps, and the recordings and
classes of scores. Attention grows with the square of the segment, which shows
only for segments of minutes. Linux only: the memory is the peak memory of a
separate process (`benchmarks.step_memory`).

Example:
  python -m benchmarks.growth --scale=small
"""

import json
import pathlib
import time
from collections.abc import Callable, Sequence

import rich.console
import rich.table
from absl import flags

from benchmarks import (
  host_speed,
  network_speed,
  shared_flags,
  step_memory,
  timing,
)
from seld_jax import commands, files, metrics
from seld_jax import config as config_lib
from seld_jax.config import systems

Row = dict[str, float]


def doubled(first: int, *, times: int) -> list[int]:
  """Makes a list of a number, its double, the double of that, and so on."""
  return [first * 2**power for power in range(times + 1)]


def growth(values: Sequence[float]) -> list[float]:
  """Computes the ratio of each value to the value before it."""
  return [b / a for a, b in zip(values, values[1:], strict=False)]


def steps(
  sizes: Sequence[tuple[int, int]], *, scale: str, rounds: int
) -> list[Row]:
  """Measures time and memory of training steps.

  Args:
    sizes: Batch size and number of feature frames of each step.
    scale: One of `systems.SCALES`.
    rounds: Number of rounds.

  Returns:
    `seconds` and `bytes` of each step.
  """
  config = systems.make('mse', format='foa', scale=scale)
  calls = {}
  for batch, frames in sizes:
    given = network_speed.random_batch(config, batch=batch, frames=frames)
    calls[f'{batch} {frames}'] = network_speed.jax_step(config, given)
  times = timing.interleave(calls, rounds=rounds)
  return [
    {
      'seconds': times[f'{batch} {frames}'].median,
      'bytes': step_memory.measure(
        'seld_jax', scale=scale, batch=batch, frames=frames
      ),
    }
    for batch, frames in sizes
  ]


def scores(sizes: Sequence[tuple[int, int]], *, rounds: int) -> list[Row]:
  """Measures the time to compute the scores of one-minute recordings.

  Args:
    sizes: Number of recordings and number of classes of each call.
    rounds: Number of rounds.

  Returns:
    `seconds` of each call.
  """

  def call(recordings: int, classes: int) -> Callable[[], None]:
    pairs = host_speed.random_pairs(recordings, num_classes=classes)

    def run() -> None:
      counts = metrics.counts_each(pairs, num_frames=600, num_classes=classes)
      metrics.scores(metrics.merge(counts))

    return run

  calls = {f'{a} {b}': call(a, b) for a, b in sizes}
  times = timing.interleave(calls, rounds=rounds)
  return [{'seconds': times[f'{a} {b}'].median} for a, b in sizes]


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  shared_flags.define_scale(values, default='small')
  define.integer('batch', 8, 'Smallest batch size.', lower_bound=1)
  define.integer(
    'labels',
    60,
    'Number of label frames in the shortest segment.',
    lower_bound=1,
  )
  define.integer(
    'recordings', 100, 'Smallest number of recordings.', lower_bound=1
  )
  define.integer('classes', 14, 'Smallest number of classes.', lower_bound=1)
  define.integer(
    'doublings', 2, 'How often each size is doubled.', lower_bound=1
  )
  define.integer(
    'rounds',
    5,
    'Number of rounds, in each of which every size is timed once.',
    lower_bound=1,
  )
  shared_flags.define_json(values)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Prints time, memory and growth of each size, and writes the JSON."""
  commands.refuse_arguments(arguments)
  scale, times, rounds = values.scale, values.doublings, values.rounds
  config = systems.make('mse', format='foa', scale=scale)
  frames = values.labels * config_lib.label_pool(config)
  batches = doubled(values.batch, times=times)
  lengths = doubled(frames, times=times)
  recordings = doubled(values.recordings, times=times)
  classes = doubled(values.classes, times=times)
  started = time.perf_counter()
  measured = {
    'step: batch': (
      batches,
      steps([(b, frames) for b in batches], scale=scale, rounds=rounds),
    ),
    'step: frames': (
      lengths,
      steps([(values.batch, n) for n in lengths], scale=scale, rounds=rounds),
    ),
    'scores: recordings': (
      recordings,
      scores([(n, values.classes) for n in recordings], rounds=rounds),
    ),
    'scores: classes': (
      classes,
      scores([(values.recordings, n) for n in classes], rounds=rounds),
    ),
  }
  table = rich.table.Table(
    title='Each size doubled; 2 is linear', title_justify='left'
  )
  for heading in 'what', 'size', 'time', 'growth', 'memory', 'growth':
    table.add_column(heading, justify='right')
  for name, (sizes, rows) in measured.items():
    columns = {}
    for key in rows[0]:
      numbers = [row[key] for row in rows]
      columns[key] = numbers, [None, *growth(numbers)]
    for i, size in enumerate(sizes):
      cells = [name if i == 0 else '', str(size)]
      for key, unit, factor in ('seconds', 'ms', 1e3), ('bytes', 'MB', 1e-6):
        if key not in columns:
          cells += ['', '']
          continue
        numbers, grown = columns[key]
        by = grown[i]
        cells.append(f'{factor * numbers[i]:.3g} {unit}')
        cells.append('' if by is None else f'x {by:.2f}')
      table.add_row(*cells)
    table.add_section()
  console = rich.console.Console(width=100, highlight=False)
  console.print(table)
  console.print(f'{time.perf_counter() - started:.0f} s in all')
  if values.json:
    result = {
      name: [{'size': size, **row} for size, row in zip(*pair, strict=True)]
      for name, pair in measured.items()
    }
    files.write_text(pathlib.Path(values.json), json.dumps(result, indent=2))


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
