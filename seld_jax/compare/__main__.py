"""Compares runs, or the CSV files of any systems, on the same recordings.

python -m seld_jax.compare runs/a runs/b
python -m seld_jax.compare --reference=DIR DIR_A DIR_B --out=page.html
"""

import dataclasses
import pathlib
from collections.abc import Sequence

from absl import flags

from seld_jax import commands, runs, text_tables
from seld_jax.compare import documents
from seld_jax.compare.comparison import System, compare_systems
from seld_jax.compare.systems import (
  check_classes,
  read_csv_folders,
  read_runs,
  short_names,
)
from seld_jax.errors import InputError
from seld_jax.evaluate import (
  define_folder_flags,
  folder_options,
  settings_of_run,
)

# Flags about folders of CSV files, which runs do not need.
_FOLDER_FLAGS = (
  *('frames', 'audio', 'csv_edition', 'predictions_form', 'label_hop'),
  *('classes', 'class_names', 'missing', 'folds'),
  *('reference_unit', 'predictions_unit'),
)


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define_folder_flags(values, predictions='a folder of predictions')
  define.string(
    'out',
    None,
    'File to write: a page FILE.html, or FILE.md. Default: only the terminal.',
  )
  define.list(
    'names',
    None,
    'Names of the systems, in their order. Default: those of their folders.',
  )
  define.string(
    'result',
    None,
    'Result of the runs to compare, such as test, validation or test_2s. '
    'Default: test if all runs have it, otherwise evaluation or validation.',
  )
  define.bool(
    'common',
    False,
    'Compare only the recordings that all systems have; otherwise they must '
    'have the same ones.',
  )
  define.integer(
    'bootstrap',
    1000,
    'Number of resamples of the bootstrap; 0 leaves it out.',
    lower_bound=0,
    upper_bound=10_000,
  )
  define.integer('seed', 0, 'Seed of the bootstrap.', lower_bound=0)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Compares systems, prints tables, and writes a page on request."""
  if len(arguments) < 2:
    raise InputError(
      'A comparison needs at least two runs, or --reference=DIR and at least '
      f'two folders of predictions, got {len(arguments)}.'
    )
  suffix = pathlib.Path(values.out or '').suffix
  if values.out is not None and suffix not in ('.html', '.md'):
    raise InputError(
      f'--out must be a page FILE.html or FILE.md, got {values.out}.'
    )
  class_names = None
  if values.reference:
    systems, class_names = _of_folders(arguments, values)
  else:
    for name in _FOLDER_FLAGS:
      if getattr(values, name) is not None:
        raise InputError(
          f'--{name} is for folders of CSV files: add --reference=DIR, or '
          'leave it out to compare runs.'
        )
    systems = read_runs(
      arguments,
      names=values.names,
      result=values.result,
      edition=values.edition,
      common=values.common,
    )
    class_names = _class_names(systems)
  found = compare_systems(
    systems,
    class_names=class_names,
    common=values.common,
    resamples=values.bootstrap,
    seed=values.seed,
  )
  documents.show(found, text_tables.console(file_width=120))
  if values.out:
    write = documents.write_page
    if suffix == '.md':
      write = documents.write_markdown
    print(write(found, values.out))


def _of_folders(
  arguments: Sequence[str], values: flags.FlagValues
) -> tuple[list[System], Sequence[str] | None]:
  """Reads folders of CSV files; that of a run is its folder of predictions."""
  if values.result is not None and not any(map(runs.is_complete, arguments)):
    raise InputError(
      '--result names a result of a finished run, but all of '
      f'{", ".join(arguments)} are folders of CSV files: leave it out.'
    )
  folders = [_folder(one, values.result) for one in arguments]
  options = [folder_options(values, predictions=one) for one in folders]
  # A run has the name of its directory, like other folders.
  names = values.names or short_names(arguments)
  of_runs = {
    name: run.class_names
    for name, folder in zip(names, folders, strict=False)
    if (run := settings_of_run(folder))
  }
  check_classes(of_runs)
  # Those of all runs, or of --class_names. Folders without names get them, too.
  class_names = next(filter(None, (one.class_names for one in options)), None)
  options = [
    dataclasses.replace(one, class_names=class_names) for one in options
  ]
  systems = read_csv_folders(
    values.reference,
    folders,
    options,
    names=names,
    common=values.common,
  )
  return systems, class_names


def _folder(argument: str, result: str | None) -> str:
  """The folder of predictions of a run, or the folder itself."""
  if not runs.is_complete(argument):
    return argument
  wanted = result or 'test'
  for one in runs.read_scores(argument)['results']:
    if one['name'] == wanted:
      return str(runs.predictions_folder(argument, one))
  raise InputError(
    f'{argument} has no result {wanted}; name one of its results with --result.'
  )


def _class_names(systems: Sequence[System]) -> Sequence[str] | None:
  """The class names of runs, which are the same for all with predictions."""
  for system in systems:
    if system.found is not None and system.training is not None:
      return system.training.config['data']['classes']
  return None


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
