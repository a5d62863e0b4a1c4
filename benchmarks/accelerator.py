"""Measures how fast an accelerator trains, also relative to its peak.

Measures training steps of the paper's network, in float32 and bfloat16, with
one and with several steps in a program, while the recordings are in the memory
of the device; the time of the GRU alone; features; an evaluation; and a short
training on rendered scenes. It uses the default devices of JAX.

Example:
  python -m benchmarks.accelerator --json=accelerator.json
"""

import json
import pathlib
from typing import Any

import jax
import rich.console
import rich.table
from absl import flags

from benchmarks import device_speed, floor, shared_flags
from seld_jax import commands, files
from seld_jax import config as config_lib
from seld_jax.config import systems
from seld_jax.devices import compilation

# Numbers of steps and of evaluations of a training in the paper.
_PAPER_STEPS, _PAPER_EVALUATIONS = 60_000, 600


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  shared_flags.define_scale(values)
  shared_flags.define_format(values)
  shared_flags.define_dtypes(values)
  define.list('dispatches', ['1', '10'], 'Steps per program.')
  define.integer('steps', 30, 'Steps per round.', lower_bound=1)
  define.integer('rounds', 5, 'Number of rounds.', lower_bound=1)
  define.integer(
    'recordings',
    100,
    'Number of one-minute recordings in the memory of the device.',
    lower_bound=1,
  )
  define.integer(
    'train_steps',
    2400,
    'Number of steps of the short training; 0 for no training.',
    lower_bound=0,
  )
  shared_flags.define_json(values)


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Measures, prints a table, and writes JSON."""
  commands.refuse_arguments(argv)
  compilation.use_persistent_cache()
  config = systems.make('mse', format=values.format, scale=values.scale)
  batch, rounds = config.train.batch_size, values.rounds
  for dtype in values.dtypes:
    config.model.dtype = dtype
    config_lib.validate(config, num_devices=jax.device_count())
  fold = device_speed.make_fold(config, max(values.recordings, batch))
  machine = device_speed.machine()
  result: dict[str, Any] = {'machine': machine, 'scale': values.scale}
  result['steps'], rows = [], []
  flops = sum(
    floor.network_flops(
      config, batch=batch, frames=config.train.crop_frames, train=True
    ).values()
  )
  for dtype in values.dtypes:
    config.model.dtype = dtype
    peak = device_speed.peak(dtype) * jax.device_count()
    rows.append((f'product of matrices, {dtype}', f'{peak / 1e12:.3g} TFLOP/s'))
    for many in map(int, values.dispatches):
      config.train.steps_per_dispatch = many
      found = device_speed.measure_steps(
        config, fold, steps=values.steps, rounds=rounds
      )
      share = flops / found['seconds'] / peak
      memory = found['peak_bytes']
      result['steps'].append(
        {
          **found,
          'dtype': dtype,
          'steps_per_dispatch': many,
          'peak_flops': peak,
          'utilisation': share,
        }
      )
      rows.append(
        (
          f'step of {batch} segments, {dtype}, {many} in a program',
          f'{1000 * found["seconds"]:.4g} ms, {100 * share:.1f} % of the peak'
          + (f', {memory / 1e9:.3g} GB at most' if memory else ''),
        )
      )
    gru = device_speed.measure_gru(config, rounds=rounds)
    result[f'gru_seconds_{dtype}'] = gru
    rows.append((f'of it the GRU, {dtype}', f'{1000 * gru:.4g} ms'))
  config.train.steps_per_dispatch = 1
  config.model.dtype = 'float32'
  minutes = device_speed.measure_features(config, rounds=rounds)
  scores = device_speed.measure_scores(config, fold, rounds=rounds)
  fastest = min(found['seconds'] for found in result['steps'])
  whole = (_PAPER_STEPS * fastest + _PAPER_EVALUATIONS * scores) / 60
  result |= {
    'feature_minutes_per_second': minutes,
    'evaluation_seconds': scores,
    'evaluation_recordings': len(fold.names),
    'paper_minutes': whole,
  }
  rows += [
    ('features', f'{minutes:.4g} minutes of audio a second'),
    (f'scores of {len(fold.names)} recordings', f'{1000 * scores:.4g} ms'),
    (
      f'{_PAPER_STEPS} steps, {_PAPER_EVALUATIONS} evaluations at this rate',
      f'{whole:.4g} minutes',
    ),
  ]
  if values.train_steps:
    found = device_speed.measure_training(
      systems.make('mse', format=values.format, scale='quick'),
      steps=values.train_steps,
    )
    result['training'] = found
    rows.append(
      (
        f'{values.train_steps} steps of the quick run',
        f'{found["steps_per_second"]:.4g} steps a second, test F20 '
        f'{found["test_F20"]:.3f}',
      )
    )
  table = rich.table.Table(
    'what',
    'figure',
    title=f'{machine["num_devices"]} x {machine["device"]}, jax '
    f'{machine["jax"]}, Python {machine["python"]}',
  )
  for row in rows:
    table.add_row(*row)
  rich.console.Console(width=100).print(table)
  if values.json:
    files.write_text(pathlib.Path(values.json), json.dumps(result, indent=2))


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
