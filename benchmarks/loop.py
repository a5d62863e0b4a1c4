"""Measures the overhead of the training loop, and the time to the first step.

Runs `train_and_evaluate` in stretches of steps. After each evaluation it times
the same number of bare steps on one batch that stays on the device, so that
loop and bare steps take turns in one process. Writing checkpoints is not part
of the times. Then it starts the training command twice, with an empty
compilation cache and with the cache of the first start, and measures the time
until metrics.jsonl has the first step.

Example:
  python -m benchmarks.loop --scale=paper --batch_size=8
"""

import json
import logging
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from unittest import mock

import jax
import numpy as np
from absl import flags

from benchmarks import device_speed, noise_set, shared_flags
from seld_jax import commands, runs, train
from seld_jax import config as config_lib
from seld_jax.config import systems, types
from seld_jax.devices import compilation, traced_steps
from seld_jax.train import checkpoint
from seld_jax.train import step as train_step

_POLL = 0.02  # seconds


def compare_loop(config: config_lib.Config, workdir: pathlib.Path) -> None:
  """Prints the times of a step in the loop and a bare step, and the ratio."""
  fold = device_speed.make_fold(config, 1)
  crop = config.train.crop_frames
  repeat = lambda x: np.repeat(x[None], config.train.batch_size, axis=0)
  batch = jax.device_put(
    {
      'features': repeat(np.asarray(fold.features)[:crop]),
      'targets': {
        name: repeat(values[: crop // fold.pool])
        for name, values in fold.targets.items()
      },
    }
  )
  step = jax.jit(
    train_step.make_train_step(config),
    donate_argnums=0,
    compiler_options=compilation.compiler_options(),
  )
  state = jax.block_until_ready(step(train_step.create_state(config), batch))
  stretch = config.train.evaluate_every
  bare: list[float] = []

  def after_evaluation(record: logging.LogRecord) -> None:
    nonlocal state
    if not record.getMessage().startswith('step '):
      return
    start = time.perf_counter()
    for _ in range(stretch):
      state = step(state, batch)
    jax.block_until_ready(state)
    bare.append((time.perf_counter() - start) / stretch)

  handler = logging.Handler()
  handler.emit = after_evaluation
  logging.getLogger('seld_jax.train').addHandler(handler)
  save = checkpoint.save

  def save_now(manager: checkpoint.Manager, *arguments, **keywords) -> None:
    save(manager, *arguments, **keywords)
    checkpoint.wait(manager)

  with mock.patch.object(checkpoint, 'save', save_now):
    train.train_and_evaluate(
      config,
      workdir,
      # The command keeps traces, too.
      traces=traced_steps.kept_in(workdir.parent / 'traced'),
    )
  records = runs.read_records(workdir / runs.TIMINGS)
  seconds = np.diff([record['seconds'] for record in records]) / stretch
  # The first stretch is left out, because it includes compilation.
  loop, alone = statistics.median(seconds), statistics.median(bare[1:])
  ratios = [a / b for a, b in zip(seconds, bare[1:], strict=True)]
  print(
    f'{stretch * len(seconds)} steps of {config.train.batch_size} in stretches '
    f'of {stretch}: {1000 * loop:.4g} ms a step in the loop, '
    f'{1000 * alone:.4g} ms bare; ratio {statistics.median(ratios):.3f} '
    f'({min(ratios):.3f} to {max(ratios):.3f})'
  )


def time_start(config_file: pathlib.Path, base: pathlib.Path) -> None:
  """Prints the time from the start of the command to its first step."""
  for number, name in enumerate(('empty', 'warm')):
    workdir = base / f'start{number}'
    start = time.perf_counter()
    process = subprocess.Popen(
      [
        *(sys.executable, '-m', 'seld_jax.main', f'--config={config_file}'),
        f'--workdir={workdir}',
      ],
      env=os.environ | {'JAX_COMPILATION_CACHE_DIR': str(base / 'xla')},
      stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL,
    )
    while not runs.read_records(workdir / runs.METRICS):
      if process.poll() is not None:
        raise RuntimeError('the training failed')
      time.sleep(_POLL)
    seconds = time.perf_counter() - start
    process.terminate()
    process.wait()
    print(f'first step after {seconds:.1f} s, compilation cache {name}')


def make_config(root: pathlib.Path, values: flags.FlagValues) -> types.Config:
  """Makes the configuration that is timed, for a dataset in a folder."""
  config = systems.make('mse', format='foa', scale=values.scale)
  config.data.root = str(root)
  config.data.train_folds = (3,)
  config.train.batch_size = values.batch_size or config.train.batch_size
  config.eval.test_windows = (config.eval.window,)
  # One more, because the first stretch compiles and does not count.
  stretch = values.steps // values.stretches
  config.train.log_every = config.train.evaluate_every = stretch
  config.train.num_steps = stretch * (values.stretches + 1)
  return config


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  shared_flags.define_scale(values, default='quick')
  define.integer(
    'batch_size',
    0,
    'Segments per step; 0 for the batch size of the scale.',
    lower_bound=0,
  )
  define.integer(
    'steps',
    200,
    'Number of steps in the loop, and of bare steps.',
    lower_bound=20,
  )
  define.integer(
    'stretches',
    4,
    'Number of stretches into which the steps are divided.',
    lower_bound=1,
  )
  define.bool('start', True, 'Whether starts of the command are timed, too.')


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Makes a dataset, measures, and prints the times."""
  commands.refuse_arguments(argv)
  with tempfile.TemporaryDirectory() as folder:
    base = pathlib.Path(folder)
    config = make_config(base / 'data', values)
    noise_set.make_set(
      base / 'data',
      config,
      count=config.train.batch_size,
      frames=600 * config_lib.label_pool(config),
    )
    if values.start:
      config.train.log_every = config.train.evaluate_every = 1
      text = json.dumps(config_lib.to_dict(config))
      file = base / 'timed.py'
      file.write_text(
        'import json\n'
        'from seld_jax import config as config_lib\n\n\n'
        'def get_config():\n'
        f'  return config_lib.from_dict(json.loads({text!r}))\n'
      )
      time_start(file, base)
      config = make_config(base / 'data', values)
    compare_loop(config, base / 'run')


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
