"""Calibrates the threshold of each class on the validation recordings of a run.

The threshold with the best F-score of each class is written to
RUN/thresholds.json. From then on, predictions, exports and shared folders of
the run use it. The scores that the training wrote do not change:
`seld_jax.predict` and `seld_jax.evaluate` tell what the thresholds change on
other recordings.

Example:
  python -m seld_jax.calibrate runs/mse_foa
"""

import pathlib

import rich.table
from absl import flags

from seld_jax import commands, labels, metrics, runs, text_tables, train
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.evaluate import tables


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.enum(
    'edition',
    None,
    list(labels.EDITIONS),
    'Edition of the challenge whose F-score is used. Default: that of the run.',
  )
  define.string(
    'data',
    None,
    'Folder of the dataset. Default: where it was when the run was trained.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Calibrates a run, and prints its thresholds."""
  if len(arguments) != 1:
    raise InputError(
      'A run directory is needed: python -m seld_jax.calibrate RUN, got '
      f'{len(arguments)} arguments.'
    )
  compilation.use_persistent_cache()
  result = train.calibrate(
    arguments[0], edition=values.edition, data=values.data
  )
  score = metrics.f_score(result.before['edition'])
  table = rich.table.Table(
    'class', 'threshold', f'{score} before', f'{score} after'
  )
  for name, threshold in result.thresholds.items():
    table.add_row(
      name,
      f'{threshold:g}',
      *(
        tables.number(score, scores['per_class'][name][score])
        for scores in (result.before, result.after)
      ),
    )
  table.add_row(
    'all',
    '',
    *(
      tables.number(score, one[score]) for one in (result.before, result.after)
    ),
  )
  text_tables.show(text_tables.console(), table)
  print(
    f'{pathlib.Path(arguments[0], runs.THRESHOLDS)}: thresholds of step '
    f'{result.step}, chosen on these validation recordings'
  )


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
