"""Downloads and unpacks a published dataset of the DCASE challenges.

python -m seld_jax.fetch NAME --out=DIR

NAME is tau2020, tau2021, starss22, starss23 or dcase2025. The licence and the
citation of the dataset are printed. An interrupted run continues when the
command is started again. When all files are there, the command does nothing.
"""

import difflib

from absl import flags

from seld_jax import commands
from seld_jax.errors import InputError
from seld_jax.fetch import command
from seld_jax.fetch.published import DATASETS, RECORD_URL, URL, select


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  # Flags may follow the name.
  values.set_gnu_getopt(True)
  command.define_flags(values)
  define = commands.Define(values)
  define.enum(
    'formats',
    None,
    ['foa', 'mic', 'both', 'stereo'],
    'First-order Ambisonics (foa), the microphone array (mic), both of them, '
    'or stereo. Default: all that the dataset has.',
  )
  define.string(
    'url',
    URL,
    'Address of the archives, such as a mirror; {name} stands for the file '
    'name of an archive, and {record} for the number of the record.',
  )
  define.string(
    'record_url',
    RECORD_URL,
    'Address of the list of archives of a record, with their checksums, which '
    'is read for those that are not known in advance.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Fetches the archives that the flags select."""
  dataset = DATASETS[_name(arguments)]
  selected = select(
    dataset.name, formats=values.formats or '', splits=values.splits
  )
  print(dataset.about(), flush=True)
  command.fetch_dataset(
    dataset.name,
    selected,
    values,
    url=values.url,
    record_url=values.record_url,
  )


def _name(arguments: list[str]) -> str:
  """The name of the dataset on the command line."""
  names = ', '.join(DATASETS)
  if len(arguments) != 1:
    got = ' and '.join(map(repr, arguments)) or 'none'
    raise InputError(
      'Name one dataset, as in python -m seld_jax.fetch starss23 '
      f'--out=FOLDER; there are {names}; got {got}.'
    )
  (name,) = arguments
  if name not in DATASETS:
    close = difflib.get_close_matches(name.lower(), list(DATASETS), n=1)
    hint = f' (did you mean {close[0]!r}?)' if close else ''
    raise InputError(f'The dataset must be one of {names}, got {name!r}{hint}.')
  return name


def _about_all() -> str:
  """Name, title and formats of all datasets, for the help."""
  lines = ['', 'Datasets:']
  for one in DATASETS.values():
    lines += [f'  {one.name}: {one.title}']
    licence = one.licence.partition(' (')[0]
    lines += [f'      {", ".join(one.formats)}; licence {licence}']
  return '\n'.join(lines)


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('out',),
    more_help=_about_all,
    resumes=True,
  )
