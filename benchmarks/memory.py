"""Measures the memory of a training on a dataset larger than its budget.

Makes a cache of random features that is ten times as large as the budget, and
trains on it from disk and, for comparison, from memory. Linux only, because it
reads /proc.

Example:
  python -m benchmarks.memory --budget=0.1
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from absl import flags

from benchmarks import noise_set, survival_config
from seld_jax import commands, runs

_CONFIG = pathlib.Path(survival_config.__file__)
_FRAMES, _EVALUATE_EVERY = 6000, 20


def train(
  root: pathlib.Path, workdir: pathlib.Path, budget: float, *, steps: int
) -> list[float]:
  """Trains with a budget in GB; returns the memory in MB at each evaluation."""
  process = subprocess.Popen(
    [
      *(sys.executable, '-m', 'seld_jax.main', f'--config={_CONFIG}'),
      *(f'--workdir={workdir}', f'--config.data.root={root}'),
      *(f'--config.train.num_steps={steps}',),
      *(f'--config.train.evaluate_every={_EVALUATE_EVERY}',),
      '--config.data.train_folds=(3,)',
      f'--config.data.host_budget={budget}',
      f'--config.data.device_budget={budget}',
    ],
    stdout=subprocess.DEVNULL,
  )
  used: list[float] = []
  status = pathlib.Path(f'/proc/{process.pid}/status')
  while process.poll() is None:
    records = runs.read_records(workdir / runs.TIMINGS)
    try:
      if len(records) > len(used):
        used.append(_resident(status))
    except (OSError, StopIteration):  # the process has just ended
      break
    time.sleep(0.02)
  if process.wait():
    raise RuntimeError('the training failed')
  return used


def _resident(status: pathlib.Path) -> float:
  """Memory of a process in MB, without files that are mapped into it."""
  lines = status.read_text().splitlines()
  line = next(line for line in lines if line.startswith('RssAnon'))
  return int(line.split()[1]) / 1024


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.float('budget', 0.1, 'Budget in GB.', lower_bound=0.01)
  define.float('ratio', 10.0, 'Size of the dataset divided by the budget.')
  define.integer('steps', 200, 'Number of training steps.')


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Prints the memory at the start, in the middle and at the end."""
  commands.refuse_arguments(argv)
  config = survival_config.get_config()
  with tempfile.TemporaryDirectory() as folder:
    base = pathlib.Path(folder)
    size = values.budget * values.ratio * 1e9
    count = round(size / (4 * _FRAMES * config.features.n_mels * 7))
    count = max(count, config.train.batch_size)
    noise_set.make_set(base / 'data', config, count=count, frames=_FRAMES)
    print(f'{count} recordings, {size / 1e9:g} GB of features')
    for name, budget in ('from disk', values.budget), ('in memory', 0.0):
      used = train(
        base / 'data', base / name.replace(' ', '_'), budget, steps=values.steps
      )
      print(
        f'{name}: {used[0]:.0f} MB after the first evaluation, '
        f'{used[len(used) // 2]:.0f} MB midway, {used[-1]:.0f} MB at the end'
      )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
