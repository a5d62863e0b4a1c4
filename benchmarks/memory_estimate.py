"""Compares the memory that a run is expected to need with what it needs.

The estimate is the one by which training refuses configurations that do not fit
(`seld_jax.train.memory`), for parameters, batches and a training step. The
memory is that of `benchmarks.step_memory`. Linux only.

Example:
  python -m benchmarks.memory_estimate --sizes=quick:32:120,paper:8:600
"""

from absl import flags

from benchmarks import step_memory
from seld_jax import commands, train
from seld_jax.config import systems
from seld_jax.errors import InputError


def estimated(scale: str, *, batch: int, frames: int) -> int:
  """Bytes of the state, the batches and the step by estimate."""
  config = systems.make('mse', format='foa', scale=scale)
  config.train.batch_size, config.train.crop_frames = batch, frames
  # The training step only, not the evaluation.
  config.eval.batch_size, config.eval.window = 1, frames
  config.eval.test_windows = (frames,)
  needed = train.memory.estimate(config, num_devices=1)
  return sum(part.size for part in needed.device)


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string(
    'sizes',
    'quick:32:120,small:32:120,quick:2:12000,paper:8:600,paper:32:600',
    'Training steps: SCALE:BATCH:FRAMES, separated by commas.',
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Prints measured and estimated memory of each step, in GB."""
  commands.refuse_arguments(argv)
  print('scale   batch  frames  measured  estimated  ratio')
  for size in values.sizes.split(','):
    try:
      scale, *numbers = size.split(':')
      batch, frames = map(int, numbers)
    except ValueError as error:
      raise InputError(
        f'--sizes: expected SCALE:BATCH:FRAMES, got {size!r}.'
      ) from error
    found = step_memory.measure(
      'seld_jax', scale=scale, batch=batch, frames=frames
    )
    guess = estimated(scale, batch=batch, frames=frames)
    print(
      f'{scale:6} {batch:>6} {frames:>7} {found / 1e9:9.2f} {guess / 1e9:10.2f}'
      f' {guess / found:6.2f}',
      flush=True,
    )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
