"""Trains every system of the paper's Table 1, and writes it and Figure 2.

python -m seld_jax.reproduce --data=DIR --workdir=DIR --scale=paper
"""

import pathlib
from collections.abc import Sequence

import rich.console
import rich.table
from absl import flags

from seld_jax import commands, runs
from seld_jax.config import systems
from seld_jax.errors import InputError
from seld_jax.reproduce import comparison, page, tables
from seld_jax.reproduce.plan import plan, read_results
from seld_jax.train import many


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  flags.DEFINE_string(
    'data',
    None,
    'Folder of TAU-NIGENS 2020 or of scenes in its layout.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'workdir', None, 'Folder of the runs and of the tables.', flag_values=values
  )
  flags.DEFINE_integer(
    'seeds', 3, 'Number of seeds.', lower_bound=1, flag_values=values
  )
  flags.DEFINE_enum(
    'scale',
    'paper',
    list(systems.SCALES),
    'Size of networks and training.',
    flag_values=values,
  )
  flags.DEFINE_enum(
    'layout',
    'aligned',
    ['aligned', 'published'],
    'Layout of the features.',
    flag_values=values,
  )
  flags.DEFINE_list(
    'systems',
    list(systems.SYSTEMS),
    'Systems, separated by commas.',
    flag_values=values,
  )
  flags.DEFINE_list(
    'formats',
    [],
    'foa, mic or both; empty: all that the dataset has.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'jobs', 1, 'Runs at the same time.', lower_bound=1, flag_values=values
  )
  flags.DEFINE_list(
    'only',
    [],
    'Names of single runs, e.g. mse_foa_seed0, for a scheduler that spreads '
    'them over machines.',
    flag_values=values,
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Runs what the flags say."""
  commands.refuse_arguments(arguments)
  root = pathlib.Path(values.data)
  there = [
    name for name in comparison.FORMATS if (root / f'{name}_dev').is_dir()
  ]
  names = _known('systems', values.systems, list(systems.SYSTEMS))
  formats = _known('formats', values.formats or there, list(comparison.FORMATS))
  if not there:
    raise InputError(
      f'{root} has neither foa_dev nor mic_dev; `python -m seld_jax.tau2020` '
      'fetches TAU-NIGENS 2020, `python -m seld_jax.synthesize` renders scenes.'
    )
  for format in formats:
    if format not in there:
      raise InputError(f'--formats: {root} has no {format}_dev.')
  options = {'names': names, 'formats': formats, 'seeds': range(values.seeds)}
  configs = plan(root, **options, scale=values.scale, layout=values.layout)
  for name, config in configs.items():
    runs.check(pathlib.Path(values.workdir) / name, config)
  for name in names:
    if not any(run.startswith(f'{name}_') for run in configs):
      print(f'{name} is left out: {root} has no evaluation recordings.')
  chosen = _known('only', values.only or list(configs), list(configs))
  configs = {name: configs[name] for name in chosen}
  if not configs:
    raise InputError('There is nothing to train: all systems are left out.')
  failed = many.train_many(configs, values.workdir, jobs=values.jobs)
  results = read_results(values.workdir, **options)
  if results:
    notes = page.describe(results, scale=values.scale, layout=values.layout)
    path = page.write_comparison(values.workdir, results, notes=notes)
    _print_table(comparison.make_table(results))
    print(f'report: {path}')
  if failed:
    raise InputError(
      f'{len(failed)} of {len(configs)} runs failed: '
      + '; '.join(f'{name}: {why}' for name, why in failed.items())
    )


def _known(flag: str, given: Sequence[str], known: Sequence[str]) -> list[str]:
  """The values of a flag, each once; refuses one that is not known."""
  for name in given:
    if name not in known:
      raise InputError(f'--{flag} must be of {", ".join(known)}, got {name!r}.')
  return list(dict.fromkeys(given))


def _print_table(rows: Sequence[comparison.Row]) -> None:
  table = rich.table.Table(title='Table 1')
  table.add_column('')
  table.add_column('seeds')
  for name in comparison.METRICS:
    table.add_column(name, justify='right')
  for row in rows:
    for format, cells in row.cells.items():
      table.add_row(
        f'{row.split}, {format.upper()}: {comparison.label(row.system)}',
        str(cells['ER20'][2]),
        *(tables.format_cell(name, cells[name]) for name in comparison.METRICS),
      )
  rich.console.Console(width=120).print(table)


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('data', 'workdir'),
    resumes=True,
  )
