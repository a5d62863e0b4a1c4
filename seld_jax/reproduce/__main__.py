"""Trains the systems of the paper, and writes its Table 1 and Figure 2.

python -m seld_jax.reproduce --data=DIR --workdir=DIR --scale=paper
"""

import pathlib
from collections.abc import Sequence

import rich.table
from absl import flags

from seld_jax import commands, runs, text_tables
from seld_jax.config import systems
from seld_jax.errors import InputError
from seld_jax.reproduce import comparison, comparison_page, tables
from seld_jax.reproduce.plan import plan
from seld_jax.reproduce.results import FORMATS, METRICS, read_results
from seld_jax.train import many


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  define.string(
    'data', None, 'Folder of TAU-NIGENS 2020, or of scenes in the same layout.'
  )
  define.string('workdir', None, 'Folder of the runs and of the tables.')
  define.string(
    'cache', '', 'Folder of the features. Default: features in --data.'
  )
  define.integer('seeds', 3, 'Number of seeds.', lower_bound=1)
  define.enum(
    'scale', 'paper', list(systems.SCALES), 'Size of networks and training.'
  )
  define.enum(
    'layout', 'aligned', ['aligned', 'published'], 'Layout of the features.'
  )
  define.list(
    'systems',
    list(systems.SYSTEMS),
    'Names of the systems, separated by commas.',
  )
  define.list(
    'formats',
    [],
    'foa, mic or foa,mic. Default: all formats of the dataset.',
  )
  define.integer('jobs', 1, 'Number of runs at the same time.', lower_bound=1)
  define.list(
    'only',
    [],
    'Names of single runs, such as mse_foa_seed0, to distribute the runs over '
    'several machines. Default: all runs.',
  )


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Trains what is not yet trained, prints Table 1 and writes the files."""
  commands.refuse_arguments(arguments)
  root = pathlib.Path(values.data)
  there = [name for name in FORMATS if (root / f'{name}_dev').is_dir()]
  names = _known('systems', values.systems, list(systems.SYSTEMS))
  formats = _known('formats', values.formats or there, list(FORMATS))
  if not there:
    raise InputError(
      f'{root} has neither foa_dev nor mic_dev; `python -m seld_jax.tau2020` '
      'downloads TAU-NIGENS 2020, and `python -m seld_jax.synthesize` renders '
      'scenes.'
    )
  for format in formats:
    if format not in there:
      raise InputError(
        f'--formats: {root} has no {format}_dev; leave out {format}.'
      )
  options = {'names': names, 'formats': formats, 'seeds': range(values.seeds)}
  configs = plan(
    root,
    **options,
    scale=values.scale,
    layout=values.layout,
    cache=values.cache,
  )
  for name, config in configs.items():
    runs.check(pathlib.Path(values.workdir) / name, config)
  for name in names:
    if not any(run.startswith(f'{name}_') for run in configs):
      print(f'{name} is left out: {root} has no evaluation recordings.')
  chosen = _known('only', values.only or list(configs), list(configs))
  configs = {name: configs[name] for name in chosen}
  if not configs:
    raise InputError(
      'There is nothing to train: all systems are left out; name others '
      'with --systems, or use a dataset with evaluation recordings.'
    )
  failed = many.train_many(configs, values.workdir, jobs=values.jobs)
  results = read_results(values.workdir, **options)
  if results:
    notes = comparison_page.describe(
      results, scale=values.scale, layout=values.layout
    )
    path = comparison_page.write_comparison(
      values.workdir, results, notes=notes
    )
    _print_table(comparison.make_table(results))
    print(f'report: {path}')
  if failed:
    raise InputError(
      f'{len(failed)} of {len(configs)} runs failed: '
      + '; '.join(f'{name}: {why}' for name, why in failed.items())
    )


def _known(flag: str, given: Sequence[str], known: Sequence[str]) -> list[str]:
  """The values of a flag without repetitions; refuses unknown ones."""
  for name in given:
    if name not in known:
      raise InputError(
        f'--{flag} must be some of {", ".join(known)}, got {name!r}.'
      )
  return list(dict.fromkeys(given))


def _print_table(rows: Sequence[comparison.Row]) -> None:
  table = rich.table.Table(title='Table 1')
  table.add_column('')
  table.add_column('seeds')
  for name in METRICS:
    table.add_column(name, justify='right')
  for row in rows:
    for format, cells in row.cells.items():
      table.add_row(
        f'{row.split}, {format.upper()}: {comparison.label(row.system)}',
        str(cells['ER20'][2]),
        *(tables.format_cell(name, cells[name]) for name in METRICS),
      )
  text_tables.show(text_tables.console(file_width=120), table)


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('data', 'workdir'),
    resumes=True,
  )
