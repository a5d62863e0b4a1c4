"""Scores of predictions against references, in folders of CSV files.

python -m seld_jax.evaluate --reference=DIR --predictions=DIR
"""

import json

from absl import flags

from seld_jax import commands, text_tables
from seld_jax.errors import InputError
from seld_jax.evaluate import averages, tables
from seld_jax.evaluate.flags import define_folder_flags, folder_options
from seld_jax.evaluate.folders import read_folders, score_folders
from seld_jax.evaluate.predictions import BREAKDOWNS
from seld_jax.labels import classes


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define_folder_flags(values)
  define.bool('json', False, 'Print one JSON object instead of a table.')
  define.bool(
    'as_published',
    False,
    'Follow the published code of the edition where it differs from these '
    'scores; the output names the differences.',
  )
  define.bool(
    'classless',
    False,
    'Score directions whatever their class, instead of the scores of an '
    'edition: mean angle, recall and precision in frames. Default lengths are '
    'those of the edition.',
  )
  per = 'Also show the scores of each class, overlap, room or fold.'
  define.enum('per', None, list(BREAKDOWNS), per)


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Prints the scores of a folder of CSV files."""
  commands.refuse_arguments(argv)
  if values.classless and values.per == 'class':
    raise InputError(
      'Scores without classes have none of each class: leave out --per=class '
      'or --classless.'
    )
  options = folder_options(values)
  found = read_folders(values.reference, values.predictions, options)
  names = options.class_names
  if names is None and not found.classless:
    names = classes.names_of(found.edition, found.num_classes)
  result = score_folders(found, class_names=names)
  averaging = averages.of_recordings(values.predictions, found.names)
  if averaging:
    result['averaging'] = averaging
  if values.json:
    unwanted = set(BREAKDOWNS.values()) - {BREAKDOWNS.get(values.per)}
    kept = {key: value for key, value in result.items() if key not in unwanted}
    print(json.dumps(kept, indent=2, allow_nan=False))
    return
  console = text_tables.console()
  text_tables.show(console, tables.table(result))
  if values.as_published:
    console.print(tables.published_notes(result))
  if values.per:
    text_tables.show(console, tables.breakdown_table(result, values.per))


if __name__ == '__main__':
  commands.run(
    main, define_flags=define_flags, required=('reference', 'predictions')
  )
