"""Measures what rendering new scenes beside a training costs.

Trains a network on a dataset in memory, and on new scenes that worker processes
render beside the training, each scene for some epochs. The runs take turns.
Scenes that are used in fewer epochs are more work for the processors, and the
training waits if they come too late.

Example:
  python -m benchmarks.new_scenes --reuse=8,32 --rounds=3
"""

import pathlib
import statistics
import tempfile
from collections.abc import Sequence

from absl import flags

from benchmarks import shared_flags
from seld_jax import commands, runs, scenes, train
from seld_jax.config import Config, systems
from seld_jax.errors import InputError

# Length of a crop, and so of a new scene, in seconds.
_SECONDS = 6.0
# A run is timed between its first and its last evaluation.
_EVALUATIONS = 3


def make_config(root: str, *, scale: str, steps: int, reuse: int) -> Config:
  """The configuration of a run.

  Args:
    root: Folder of the dataset.
    scale: A name in `systems.SCALES`.
    steps: Number of steps.
    reuse: Number of epochs in which a new scene is used; 0 for a training
      without new scenes.

  Returns:
    The configuration.
  """
  config = systems.make('mse', format='foa', scale=scale)
  config.data.root = root
  config.data.test_folds = ()
  config.train.num_steps = steps
  config.train.log_every = config.train.evaluate_every = steps // _EVALUATIONS
  config.train.crop_frames = round(
    _SECONDS * config.features.sample_rate / config.features.hop_length
  )
  if reuse:
    config.data.synthesize_every_epoch = 5 * config.train.batch_size
    config.data.synthesize_seconds = _SECONDS
    config.data.synthesize_reuse = reuse
  return config


def measure(config: Config, workdir: pathlib.Path) -> tuple[float, float]:
  """Trains, and reads the times of the run.

  Args:
    config: The configuration.
    workdir: The run directory.

  Returns:
    Steps in a second, and the share of the time that the training waited for
    scenes, both between the first and the last evaluation.
  """
  train.train_and_evaluate(config, workdir)
  first, *_, last = runs.read_records(workdir / runs.TIMINGS)
  seconds = last['seconds'] - first['seconds']
  waited = last.get('waiting_seconds', 0.0) - first.get('waiting_seconds', 0.0)
  return (last['step'] - first['step']) / seconds, waited / seconds


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  shared_flags.define_scale(values, default='quick')
  define.integer('steps', 300, 'Number of steps of a run.', lower_bound=30)
  define.integer('rounds', 3, 'How often each run is made.', lower_bound=1)
  define.list(
    'reuse', ['8', '32'], 'Numbers of epochs in which a scene is used.'
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Prints a row for each number of epochs."""
  commands.refuse_arguments(argv)
  choices = [0, *map(_epochs, values.reuse)]
  found: dict[int, list[tuple[float, float]]] = {one: [] for one in choices}
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder, 'data')
    # A crop of each training recording is in an epoch.
    scenes.synthesize(root, recordings=60, seconds=2 * _SECONDS)
    for number in range(values.rounds):
      for reuse in choices:
        config = make_config(
          str(root), scale=values.scale, steps=values.steps, reuse=reuse
        )
        workdir = pathlib.Path(folder, f'{number}_{reuse}')
        found[reuse].append(measure(config, workdir))
  for line in table(found):
    print(line)


def table(found: dict[int, list[tuple[float, float]]]) -> Sequence[str]:
  """The lines that are printed: medians over the rounds.

  Args:
    found: Rate and waiting share of each round, by the number of epochs; 0 is
      the training without new scenes.

  Returns:
    The lines.
  """
  lines = [f'{"epochs":>8} {"steps/s":>8} {"ratio":>6} {"waiting":>8}']
  plain = [rate for rate, _ in found[0]]
  for reuse, pairs in found.items():
    rates = [rate for rate, _ in pairs]
    ratios = [one / other for one, other in zip(rates, plain, strict=True)]
    waiting = statistics.median(share for _, share in pairs)
    lines.append(
      f'{reuse or "none":>8} {statistics.median(rates):8.2f} '
      f'{statistics.median(ratios):6.2f} {waiting:8.0%}'
    )
  return lines


def _epochs(text: str) -> int:
  """A number of epochs of the flag."""
  if not text.isdigit() or not int(text):
    raise InputError(f'--reuse must be numbers above 0, got {text!r}.')
  return int(text)


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
