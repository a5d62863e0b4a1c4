"""Compares the speed of seld_jax with PyTorch, librosa and plain Python.

First it checks that both sides compute the same. Then the sides take turns.
Printed are the median and the range of each side, the median of the ratios, and
the ratio of our time to the floor: the time that the necessary arithmetic takes
at the speed of a large matrix product. Needs the extra `speed`.

Example:
  python -m benchmarks.speed --only=features,metrics --json=speed.json
"""

import json
import pathlib
from typing import Any

import jax
import rich.console
import rich.table
from absl import flags

from benchmarks import floor, host_speed, shared_flags, timing
from seld_jax import commands, files
from seld_jax.config import systems
from seld_jax.errors import InputError

FIGURES = (
  *('train', 'stages', 'inference', 'losses', 'features', 'metrics'),
  *('commands', 'memory', 'conformer'),
)

# The batch size of the DCASE 2024 baseline.
_PUBLISHED_BATCH = 128


def compare(
  values: flags.FlagValues, say=print
) -> tuple[list[timing.Figure], Any]:
  """Measures the times.

  Args:
    values: The flags of this command.
    say: Called with lines about the progress.

  Returns:
    The figures, and the times of the stages of a step by name.
  """
  config = systems.make('mse', format='foa', scale=values.scale)
  rounds, only = values.rounds, values.only
  sizes = {'batch': values.batch, 'frames': values.frames}
  figures, stage_times = [], {}
  if {'train', 'inference'} & set(only):
    from benchmarks import network_check, network_speed

    found = network_check.check(config)
    say(
      'PyTorch with our weights: '
      + ', '.join(f'{name} differ by {d:.1g}' for name, d in found.items())
    )
  if 'train' in only:
    figure, memory_format = network_speed.training(
      config, rounds=rounds, **sizes
    )
    say(f'PyTorch trains faster with {memory_format}')
    figures.append(figure)
  if 'stages' in only:
    from benchmarks import stages

    stage_times = stages.measure(config, rounds=rounds, **sizes)
  if 'inference' in only:
    figures.append(
      network_speed.minute(config, seconds=values.seconds, rounds=rounds)
    )
  if 'conformer' in only:
    from benchmarks import network_check, network_speed

    config = systems.make('resnet_conformer', format='foa', scale=values.scale)
    found = network_check.check(config)
    say(
      'PyTorch with our weights, ResNet-Conformer: '
      + ', '.join(f'{name} differ by {d:.1g}' for name, d in found.items())
    )
    figure, _ = network_speed.training(config, rounds=rounds, **sizes)
    figures += [
      figure,
      network_speed.minute(config, seconds=values.seconds, rounds=rounds),
    ]
  if 'losses' in only:
    from benchmarks import loss_speed

    figures += [
      loss_speed.adpit_figure(batch=batch, rounds=rounds)
      for batch in sorted({values.batch, _PUBLISHED_BATCH})
    ]
  if 'features' in only:
    for format in 'foa', 'mic':
      figures += host_speed.feature_figures(
        systems.make('mse', format=format, scale=values.scale),
        seconds=values.seconds,
        files=values.files,
        rounds=rounds,
      )
  if 'metrics' in only:
    figures += [
      measure(recordings=values.recordings, rounds=min(rounds, 3))
      for measure in (host_speed.metric_figure, host_speed.file_figure)
    ]
  if 'commands' in only:
    from benchmarks import command_speed

    figures += [
      command_speed.help_figure(rounds=rounds),
      command_speed.evaluate_figure(
        recordings=values.recordings, rounds=rounds
      ),
    ]
  return figures, stage_times


def memory(values: flags.FlagValues, system: str) -> dict[str, float]:
  """Measures the peak memory of a training step by side in bytes."""
  from benchmarks import step_memory

  return {
    side: step_memory.measure(
      side,
      system=system,
      scale=values.scale,
      batch=values.batch,
      frames=values.frames,
    )
    for side in step_memory.SIDES
  }


def _table(title: str, *headings: str) -> rich.table.Table:
  table = rich.table.Table(title=title, title_justify='left')
  for number, heading in enumerate(headings):
    table.add_column(heading, justify='right' if number else 'left')
  return table


def _stage_table(
  times: dict[str, timing.Times], flops: dict[str, float], peak: float
) -> rich.table.Table:
  """Table of the stages of a step, with their shares of the step and peak."""
  table = _table(
    'Where a training step goes, each stage compiled by itself',
    *('stage', 'time', 'of the step', 'GFLOP', 'of the peak'),
  )
  whole = times['step'].median
  parts = sum(t.median for name, t in times.items() if name != 'step')
  flops = {**flops, 'step': sum(flops.values())}
  for name, taken in times.items():
    work = flops.get(name)
    table.add_row(
      name,
      taken.text(),
      f'{taken.median / whole:.1%}',
      '' if work is None else f'{work / 1e9:.1f}',
      '' if work is None else f'{work / taken.median / peak:.0%}',
    )
  table.add_row('all stages', f'{parts:.3g} s', f'{parts / whole:.1%}', '', '')
  return table


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.list('only', list(FIGURES), 'What to measure.')
  shared_flags.define_scale(values)
  define.integer(
    'batch', 8, 'Number of examples in a training step.', lower_bound=1
  )
  define.integer(
    'frames', 600, 'Number of feature frames in each example.', lower_bound=1
  )
  define.float(
    'seconds', 60.0, 'Length of a recording in seconds.', lower_bound=1.0
  )
  define.integer(
    'files',
    6,
    'Number of WAV files that become cached features.',
    lower_bound=1,
  )
  define.integer(
    'recordings', 600, 'Number of recordings that are scored.', lower_bound=1
  )
  define.integer('rounds', 5, 'Number of rounds.', lower_bound=1)
  shared_flags.define_json(values)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Measures, prints the tables, and writes the JSON."""
  commands.refuse_arguments(arguments)
  only = values.only
  for name in only:
    if name not in FIGURES:
      raise InputError(
        f'--only must be some of {", ".join(FIGURES)}, got {name!r}.'
      )
  console = rich.console.Console(width=120, highlight=False)
  peak = floor.peak()
  console.print(
    f'{jax.local_device_count()} {jax.default_backend()} device, jax '
    f'{jax.__version__}: {peak / 1e9:.0f} GFLOP/s in a large product'
  )
  figures, stage_times = compare(values, say=console.print)
  peak = max(peak, floor.peak())
  result: dict[str, Any] = {
    'peak_flops': peak,
    'figures': [figure.record(peak=peak) for figure in figures],
  }
  if figures:
    table = _table(
      'In turns, median (range)',
      *('what', 'seld_jax', 'other', 'ratio', 'target', '', 'floor'),
    )
    for row in timing.rows(figures, peak=peak):
      table.add_row(*row)
    console.print(table)
  if stage_times:
    config = systems.make('mse', format='foa', scale=values.scale)
    flops = floor.network_flops(
      config, batch=values.batch, frames=values.frames, train=True
    )
    console.print(_stage_table(stage_times, flops, peak))
    result['stages'] = {n: list(t.seconds) for n, t in stage_times.items()}
  for name, system in ('memory', 'mse'), ('conformer', 'resnet_conformer'):
    if name not in only:
      continue
    used = memory(values, system)
    result['memory' if name == 'memory' else f'memory_{name}'] = used
    table = _table(f'Peak memory of a training step, {system}', 'side', 'MB')
    for side, amount in used.items():
      row = side if side == 'seld_jax' else f'PyTorch, {side}'
      table.add_row(row, f'{amount / 1e6:.0f}')
    console.print(table)
    ours, *others = used.values()
    verdict = 'met' if ours <= min(others) else 'missed'
    console.print(f"target, not above PyTorch's: {verdict}")
  if values.json:
    text = json.dumps(result, indent=2)
    files.write_text(pathlib.Path(values.json), text)


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
