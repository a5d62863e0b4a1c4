"""Trains every system of the paper's Table 1, and writes it and Figure 2.

python -m seld_jax.reproduce --data=DIR --workdir=DIR --scale=paper
"""

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import rich.console
import rich.table
from absl import flags

from seld_jax import (
  commands,
  comparison,
  comparison_report,
  comparison_tables,
  run_folder,
  systems,
  train_many,
)
from seld_jax import config as config_lib
from seld_jax.errors import InputError


def plan(
  data: str | os.PathLike[str],
  *,
  names: Sequence[str],
  formats: Sequence[str],
  seeds: Iterable[int],
  scale: str = 'paper',
  layout: str = 'aligned',
) -> dict[str, config_lib.Config]:
  """The runs of a comparison.

  Args:
    data: Folder of the dataset.
    names: Systems, of `systems.SYSTEMS`.
    formats: `'foa'`, `'mic'` or both.
    seeds: The seeds.
    scale: One of `systems.SCALES`.
    layout: Layout of the features.

  Returns:
    A configuration for each run by its name, seed by seed, so that a table of
    all systems is there early. Systems whose only test are evaluation
    recordings are left out where there are none.
  """
  root = pathlib.Path(data)
  configs = {}
  for seed in seeds:
    for format in formats:
      has_evaluation = (root / f'{format}_eval').is_dir()
      for name in names:
        config = systems.make(name, format=format, scale=scale, layout=layout)
        if config.data.evaluation and not has_evaluation:
          continue
        config.seed = seed
        config.data.root = str(data)
        # The paper's table has the baseline on the evaluation recordings.
        config.data.evaluation |= has_evaluation and name == 'baseline'
        config.eval.watch = (
          'train',
          *(['test'] * bool(config.data.test_folds)),
        )
        config.train.log_gradient_norms = True
        configs[run_name(name, format, seed)] = config
  return configs


def run_name(system: str, format: str, seed: int) -> str:
  """The folder of a run."""
  return f'{system}_{format}_seed{seed}'


def read_results(
  workdir: str | os.PathLike[str],
  *,
  names: Sequence[str],
  formats: Sequence[str],
  seeds: Iterable[int],
) -> list[comparison.Result]:
  """The runs of a comparison that are finished.

  Args:
    workdir: Folder of all runs.
    names: As for `plan`.
    formats: As for `plan`.
    seeds: As for `plan`.

  Returns:
    Their results.
  """
  found = (
    comparison.read_result(
      pathlib.Path(workdir) / run_name(system, format, seed),
      system=system,
      format=format,
      seed=seed,
    )
    for system in names
    for format in formats
    for seed in seeds
  )
  return [result for result in found if result is not None]


def main(arguments: list[str]) -> None:
  """Runs what the flags say."""
  commands.refuse_arguments(arguments)
  values = flags.FLAGS
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
    run_folder.check(pathlib.Path(values.workdir) / name, config)
  for name in names:
    if not any(run.startswith(f'{name}_') for run in configs):
      print(f'{name} is left out: {root} has no evaluation recordings.')
  chosen = _known('only', values.only or list(configs), list(configs))
  configs = {name: configs[name] for name in chosen}
  if not configs:
    raise InputError('There is nothing to train: all systems are left out.')
  failed = train_many.train_many(configs, values.workdir, jobs=values.jobs)
  results = read_results(values.workdir, **options)
  if results:
    notes = comparison_report.describe(
      results, scale=values.scale, layout=values.layout
    )
    path = comparison_report.write_comparison(
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
        *(
          comparison_tables.format_cell(name, cells[name])
          for name in comparison.METRICS
        ),
      )
  rich.console.Console(width=120).print(table)


def define_flags() -> Mapping[str, flags.FlagHolder]:
  """Defines the flags of this command."""
  return {
    'data': flags.DEFINE_string(
      'data', None, 'Folder of TAU-NIGENS 2020 or of scenes in its layout.'
    ),
    'workdir': flags.DEFINE_string(
      'workdir', None, 'Folder of the runs and of the tables.'
    ),
    'seeds': flags.DEFINE_integer(
      'seeds', 3, 'Number of seeds.', lower_bound=1
    ),
    'scale': flags.DEFINE_enum(
      'scale', 'paper', list(systems.SCALES), 'Size of networks and training.'
    ),
    'layout': flags.DEFINE_enum(
      'layout', 'aligned', ['aligned', 'published'], 'Layout of the features.'
    ),
    'systems': flags.DEFINE_list(
      'systems', list(systems.SYSTEMS), 'Systems, separated by commas.'
    ),
    'formats': flags.DEFINE_list(
      'formats', [], 'foa, mic or both; empty: all that the dataset has.'
    ),
    'jobs': flags.DEFINE_integer(
      'jobs', 1, 'Runs at the same time.', lower_bound=1
    ),
    'only': flags.DEFINE_list(
      'only',
      [],
      'Names of single runs, e.g. mse_foa_seed0, for a scheduler that spreads '
      'them over machines.',
    ),
  }


if __name__ == '__main__':
  define_flags()
  commands.run(main, required=('data', 'workdir'), resumes=True)
