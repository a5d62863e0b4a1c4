"""How much memory training takes on a set that is larger than it may use.

Makes a synthetic cache of features, of ten times the budget, and trains on it
from disk and, for comparison, from memory. Linux only: reads /proc.

Example:
  python -m benchmarks.memory --budget=0.1
"""

import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags

from benchmarks import survival_config
from seld_jax import audio, cache, commands, labels, metric_writer
from seld_jax import config as config_lib

_BUDGET = flags.DEFINE_float(
  'budget', 0.1, 'GB for features.', lower_bound=0.01
)
_RATIO = flags.DEFINE_float('ratio', 10.0, 'Size of the set, in budgets.')
_STEPS = flags.DEFINE_integer('steps', 200, 'Steps of training.')
_CONFIG = pathlib.Path(survival_config.__file__)
_FRAMES, _EVALUATE_EVERY = 6000, 20


def make_set(root: pathlib.Path, config: config_lib.Config, size: float) -> int:
  """Writes recordings of folds 1 to 3 whose features have so many bytes.

  Args:
    root: The folder of the set.
    config: Whose features to make.
    size: Bytes of the features of fold 3; folds 1 and 2 have one recording.

  Returns:
    The number of recordings of fold 3.
  """
  shape = (_FRAMES, config.features.n_mels, 7)
  count = max(config.train.batch_size, round(size / (4 * np.prod(shape))))
  for fold, number in (1, 1), (2, 1), (3, count):
    for mix in range(1, number + 1):
      name = f'fold{fold}_room1_mix{mix:03d}_ov1'
      # Never read, as the features are there.
      audio.write(root / 'foa_dev' / f'{name}.wav', np.zeros((4, 100)))
      labels.write_csv(
        root / 'metadata_dev' / f'{name}.csv',
        labels.no_events(),
        edition='2020',
      )
  recordings = cache.find_recordings(root)
  paths = cache.feature_paths(
    recordings, root / 'features', options=config_lib.feature_options(config)
  )
  rng = np.random.default_rng(0)
  for path in paths.values():
    cache.write(path, rng.standard_normal(shape, dtype=np.float32))
  return count


def train(
  root: pathlib.Path, workdir: pathlib.Path, budget: float
) -> list[float]:
  """Trains with budgets in GB; gives the memory in MB at every evaluation."""
  process = subprocess.Popen(
    [
      *(sys.executable, '-m', 'seld_jax.main', f'--config={_CONFIG}'),
      *(f'--workdir={workdir}', f'--config.data.root={root}'),
      *(f'--config.train.num_steps={_STEPS.value}',),
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
    records = metric_writer.read(workdir / metric_writer.TIMINGS)
    try:
      if len(records) > len(used):
        used.append(_resident(status))
    except (OSError, StopIteration):  # it has just ended
      break
    time.sleep(0.02)
  if process.wait():
    raise RuntimeError('the training failed')
  return used


def _resident(status: pathlib.Path) -> float:
  """Memory of a process in MB, without what is only mapped from files."""
  lines = status.read_text().splitlines()
  line = next(line for line in lines if line.startswith('RssAnon'))
  return int(line.split()[1]) / 1024


def main(argv: list[str]) -> None:
  """Prints the memory along both trainings."""
  commands.refuse_arguments(argv)
  config = survival_config.get_config()
  with tempfile.TemporaryDirectory() as folder:
    base = pathlib.Path(folder)
    size = _BUDGET.value * _RATIO.value * 1e9
    count = make_set(base / 'data', config, size)
    print(f'{count} recordings, {size / 1e9:g} GB of features')
    for name, budget in ('from disk', _BUDGET.value), ('in memory', 0.0):
      used = train(base / 'data', base / name.replace(' ', '_'), budget)
      print(
        f'{name}: {used[0]:.0f} MB after the first evaluation, '
        f'{used[len(used) // 2]:.0f} MB midway, {used[-1]:.0f} MB at the end'
      )


if __name__ == '__main__':
  commands.run(main)
