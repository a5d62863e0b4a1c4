"""Measures how many times faster than real time a network predicts.

The network has random parameters, which take as long as trained ones. It
predicts a minute of noise, including the features. One call before compiles the
programs and is not timed.

Example:
  python -m benchmarks.prediction --scale=paper
"""

import statistics
import time

import numpy as np
from absl import flags

from benchmarks import shared_flags
from seld_jax import commands, predictor, train
from seld_jax.config import systems
from seld_jax.train import snapshot

_SECONDS = 60


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  shared_flags.define_scale(values)
  shared_flags.define_format(values)
  define.integer('runs', 5, 'Number of timed calls.', lower_bound=1)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Prints the median and the range over the calls."""
  commands.refuse_arguments(arguments)
  config = systems.make('mse', format=values.format, scale=values.scale)
  state = train.create_state(config)
  predict = predictor.Predictor(
    snapshot.make_program(config),
    {
      'params': state.params,
      'batch_stats': state.batch_stats,
      'statistics': state.statistics,
    },
    snapshot.spec_of(config),
    source='random parameters',
  )
  rate = config.features.sample_rate
  noise = np.random.default_rng(0).standard_normal((4, rate * _SECONDS))
  audio = (0.05 * noise).astype(np.float32)
  predict(audio, rate)
  factors = []
  for _ in range(values.runs):
    start = time.perf_counter()
    predict(audio, rate)
    factors.append(_SECONDS / (time.perf_counter() - start))
  print(
    f'{values.scale}, {values.format}: {statistics.median(factors):.0f} times '
    f'real time ({min(factors):.0f} to {max(factors):.0f} of {len(factors)})'
  )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
