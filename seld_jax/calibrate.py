"""Calibrates the threshold of each class on the validation recordings of a run.

The threshold with the best F20 of each class is written to RUN/thresholds.json.
From then on, predictions, exports and shared folders of the run use it. The
scores that the training wrote do not change: `seld_jax.predict` and
`seld_jax.evaluate` tell what the thresholds change on other recordings.

Example:
  python -m seld_jax.calibrate runs/mse_foa
"""

import pathlib

import rich.console
import rich.table
from absl import flags

from seld_jax import commands, labels, runs, train
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.evaluate import tables


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  commands.Define(values).enum(
    'edition',
    None,
    list(labels.EDITIONS),
    'Edition of the challenge whose F20 is used. Default: that of the run.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Calibrates a run, and prints its thresholds."""
  if len(arguments) != 1:
    raise InputError(
      'A run directory is needed: python -m seld_jax.calibrate RUN, got '
      f'{len(arguments)} arguments.'
    )
  compilation.use_persistent_cache()
  result = train.calibrate(arguments[0], edition=values.edition)
  table = rich.table.Table('class', 'threshold', 'F20 before', 'F20 after')
  for name, threshold in result.thresholds.items():
    table.add_row(
      name,
      f'{threshold:g}',
      *(
        tables.number('F20', scores['per_class'][name]['F20'])
        for scores in (result.before, result.after)
      ),
    )
  table.add_row(
    'all',
    '',
    *(
      tables.number('F20', one['F20']) for one in (result.before, result.after)
    ),
  )
  rich.console.Console().print(table)
  print(
    f'{pathlib.Path(arguments[0], runs.THRESHOLDS)}: thresholds of step '
    f'{result.step}, chosen on these validation recordings'
  )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
