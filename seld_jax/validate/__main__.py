"""Checks a dataset before training.

python -m seld_jax.validate --root=DIR

The exit status is 0 when training can start.
"""

import collections
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import rich.table
from absl import flags

from seld_jax import (
  commands,
  config,
  evaluate,
  labels,
  metrics,
  text_tables,
)
from seld_jax.errors import InputError, printable
from seld_jax.validate.checks import CHECKS, Finding
from seld_jax.validate.inspection import Report, validate

# Findings of one kind that are printed without --all.
_SHOWN = 3


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string('root', None, 'Folder of the dataset.')
  define.integer(
    'sample_rate', 24000, 'Sample rate that the audio must have, in Hz.'
  )
  define.integer(
    'num_channels',
    0,
    'Number of microphones of the recordings in mic_dev, as '
    'config.features.num_channels; 0: four.',
    lower_bound=0,
    upper_bound=1024,
  )
  define.bool(
    'all',
    False,
    'Whether to print findings that differ only in the file and in numbers for '
    f'every file, not for the first {_SHOWN} only.',
  )
  define.enum(
    'edition',
    None,
    list(labels.EDITIONS),
    'Edition of the challenge whose dataset this is, as config.data.edition. '
    'Sets --class_map and --csv_edition.',
  )
  define.string(
    'class_map',
    '',
    f'Classes, as config.data.class_map: {", ".join(labels.CLASS_MAPS)}, or a '
    'text file with a name or index,name in each line.',
  )
  define.integer(
    'classes',
    None,
    'Number of classes. Default: that of the class map, or 14.',
    lower_bound=1,
  )
  define.enum(
    'csv_edition',
    None,
    list(labels.EDITIONS),
    'Edition that defines the columns of the label files; needed only for '
    'files whose columns are ambiguous.',
  )
  define.float(
    'label_hop',
    None,
    'Seconds from one frame of the label files to the next, as '
    'config.data.label_hop. Default: 0.1.',
  )
  define.enum(
    'distance_unit',
    '',
    ['', *evaluate.UNITS],
    'Unit of the distances in the label files, as config.data.distance_unit. '
    'Default: that of the edition, or of the columns.',
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Prints all findings; the exit status is 1 if there are errors."""
  commands.refuse_arguments(argv)
  report = validate(
    values.root,
    sample_rate=values.sample_rate,
    label_hop=values.label_hop,
    num_channels=values.num_channels,
    needs_distances=values.edition in metrics.WITH_DISTANCES,
    **_classes(values),
  )
  text_tables.show(text_tables.console(), table(report))
  for line in lines(report.findings, shown=None if values.all else _SHOWN):
    print(printable(line))
  for reading, number in sorted(
    report.readings.items(), key=lambda item: -item[1]
  ):
    text = reading or (
      'the order and signs of the channels cannot be determined from this '
      'recording alone'
    )
    if number > 1 and not reading:
      text = (
        'the order and signs of the channels cannot be determined from any of '
        'them alone'
      )
    plural = 's' * (number != 1)
    print(f'{number} FOA recording{plural}: {text}')
  for note in report.notes:
    print(note)
  if report.num_errors:
    plural = 's' * (report.num_errors > 1)
    print(f'Training cannot start: {report.num_errors} error{plural} to fix.')
    sys.exit(1)
  data, whose = config.default().data, 'the defaults'
  if (task := f'dcase{values.edition}') in config.tasks.TASKS:
    data = config.tasks.TASKS[task](config.default()).data
    whose = f'configs/{task}_*.py'
  named = {*data.train_folds, *data.validation_folds, *data.test_folds}
  if lacking := sorted(named - {*report.folds}):
    found = f'folds {_listed(report.folds)}' if report.folds else 'no fold'
    print(
      f'File names contain {found}; set train_folds, validation_folds and '
      f'test_folds of config.data, because {whose} also need '
      f'{_listed(lacking)}.'
    )
    if len(report.folds) < 4 and data.validation_folds:
      print(
        'validation_rooms or validation_share of config.data can take the '
        'place of validation_folds: they take whole rooms out of train_folds.'
      )
  print('Training can start.')


def _classes(values: flags.FlagValues) -> dict[str, Any]:
  """Number and names of the classes, and the edition of the label files."""
  settings = config.default()
  settings.data.edition = values.edition or ''
  settings.data.class_map = values.class_map
  settings.data.csv_edition = values.csv_edition or ''
  settings.data.distance_unit = values.distance_unit
  data = config.resolve(settings).data
  names = data.classes if values.edition or values.class_map else None
  number = values.classes or len(data.classes)
  if names is not None and number != len(names):
    flag = 'class_map' if values.class_map else 'edition'
    raise InputError(
      f'--{flag}={values.class_map or values.edition} has {len(names)} '
      f'classes, but --classes is {number}: leave out one of the two.'
    )
  return {
    'num_classes': number,
    'class_names': names,
    'csv_edition': data.csv_edition or None,
    'distance_scale': evaluate.UNITS.get(data.distance_unit),
  }


def lines(findings: Sequence[Finding], *, shown: int | None) -> Iterator[str]:
  """Describes findings, a line each.

  One mistake is often in every file of a dataset. Findings of one check whose
  texts differ only in names of files and in numbers are of one kind.

  Args:
    findings: The findings.
    shown: Number of findings of one kind that get a line of their own; the
      others are counted in one further line. None for all.

  Yields:
    The lines; those of one kind together, in the order of their first finding.
  """
  kinds: dict[tuple[str, str, str], list[Finding]] = {}
  for one in findings:
    text = re.sub(r'\S*\d\S*', '', one.text)
    kinds.setdefault((one.level, one.check, text), []).append(one)
  for (level, *_), alike in kinds.items():
    # A single further finding is as short as the line that counts it.
    kept = alike if len(alike) - 1 == shown else alike[:shown]
    for one in kept:
      yield f'{level}: {one.file}: {one.text}'
    if more := len(alike) - len(kept):
      yield f'{level}: and {more} more files like this (--all shows them)'


def table(report: Report) -> rich.table.Table:
  """Makes a table with the number of findings of each check."""
  shown = rich.table.Table(
    title=f'{report.num_files} sound files, {report.num_labels} label files'
  )
  shown.add_column('check')
  shown.add_column('errors', justify='right')
  shown.add_column('warnings', justify='right')
  counts = collections.Counter((f.check, f.level) for f in report.findings)
  for name, text in CHECKS.items():
    errors, warnings = counts[name, 'error'], counts[name, 'warning']
    shown.add_row(text, str(errors or '-'), str(warnings or '-'))
  return shown


def _listed(folds: Iterable[int]) -> str:
  """Numbers separated by commas."""
  return ', '.join(map(str, folds))


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags, required=('root',))
