"""A page about a run or about anybody's results: how good, and where not.

python -m seld_jax.report --workdir=DIR
python -m seld_jax.report --reference=DIR --predictions=DIR --out=FILE.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from seld_jax import commands
from seld_jax.errors import InputError
from seld_jax.evaluate import define_folder_flags, folder_options
from seld_jax.report.folders import write_folder_report
from seld_jax.report.run import write_report


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  flags.DEFINE_string(
    'workdir', None, 'Directory of a finished run.', flag_values=values
  )
  define_folder_flags(values)
  flags.DEFINE_string(
    'out', None, 'The page to write, FILE.html.', flag_values=values
  )
  flags.DEFINE_list(
    'show',
    None,
    'Names of the recordings to show; when absent, the median, the worst and '
    'the best.',
    flag_values=values,
  )
  flags.DEFINE_list(
    'class_names',
    None,
    'Names of the classes in the order of their numbers, such as '
    'speech,door,keys; when absent, those of the edition.',
    flag_values=values,
  )


def main(argv: list[str], values: flags.FlagValues) -> None:
  """Writes the report of a run or of two folders, and prints where it is."""
  commands.refuse_arguments(argv)
  given = [name for name in _OF_FOLDERS if getattr(values, name)]
  if values.workdir:
    if given:
      raise InputError(
        f'--workdir is a run, which knows its data: --{given[0]} is for the '
        'results of others and does not go with it.'
      )
    print(write_report(values.workdir))
    return
  for name in _OF_FOLDERS[:3]:
    if name not in given:
      raise InputError(
        'A report needs --workdir=DIR of a run, or --reference=DIR, '
        f'--predictions=DIR and --out=FILE.html; --{name} is missing.'
      )
  print(
    write_folder_report(
      values.reference,
      values.predictions,
      out=values.out,
      show=values.show or (),
      **_named_classes(values.class_names, vars(folder_options(values))),
    )
  )


_OF_FOLDERS = (
  'reference',
  'predictions',
  'out',
  'audio',
  'show',
  'class_names',
)


def _named_classes(
  names: Sequence[str] | None, options: Mapping[str, Any]
) -> dict[str, Any]:
  """The options of a report, with as many classes as there are names."""
  if not names:
    return dict(options)
  if options['num_classes'] not in (None, len(names)):
    raise InputError(
      f'--class_names has {len(names)} names, but --classes is '
      f'{options["num_classes"]}.'
    )
  return {**options, 'num_classes': len(names), 'class_names': tuple(names)}


if __name__ == '__main__':
  commands.run(main, define_flags=define_flags)
