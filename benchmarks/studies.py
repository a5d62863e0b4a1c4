"""What the studies have in common: flags, steps, training and tables."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

from benchmarks import shared_flags
from seld_jax import commands
from seld_jax.config import Config
from seld_jax.errors import InputError
from seld_jax.train import many


def define_flags(values: flags.FlagValues) -> None:
  """Defines --data, --workdir, --scale, --format and --jobs."""
  define = commands.Define(values)
  define.string('data', None, 'Folder of the scenes.')
  define.string('workdir', None, 'Folder of the runs and of the tables.')
  shared_flags.define_scale(values, default='quick')
  shared_flags.define_format(values)
  define.integer('jobs', 1, 'Number of runs at the same time.', lower_bound=1)


def set_steps(config: Config, steps: int, *, num_evaluations: int) -> None:
  """Sets the length of a run, and about as many evaluations as wanted.

  Args:
    config: The configuration to change.
    steps: Number of steps.
    num_evaluations: Number of evaluations; the steps between two are a multiple
      of `train.log_every`.
  """
  train = config.train
  train.num_steps = steps
  between = steps // num_evaluations // train.log_every
  train.evaluate_every = max(between, 1) * train.log_every


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
  """Makes a table in Markdown."""
  rows = [heads, ['---'] * len(heads), *lines]
  return ''.join(f'| {" | ".join(row)} |\n' for row in rows)


def train(
  configs: Mapping[str, Config], values: flags.FlagValues
) -> dict[str, str]:
  """Trains what is not yet trained.

  Args:
    configs: The configurations by the name of their run.
    values: The flags of `define_flags`.

  Returns:
    The error message of each run that failed, by name.

  Raises:
    InputError: The scenes are missing.
  """
  if not pathlib.Path(values.data, f'{values.format}_dev').is_dir():
    raise InputError(f'{values.data} has no {values.format}_dev.')
  return many.train_many(configs, values.workdir, jobs=values.jobs)


def systems_of(runs: Iterable[str], format: str) -> dict[str, str]:
  """The system of each run, from their names by `reproduce.run_name`."""
  return {run: run.partition(f'_{format}_seed')[0] for run in runs}


def choose(
  configs: Mapping[str, Config], values: flags.FlagValues
) -> dict[str, Config]:
  """The runs of the systems that `--only` names.

  Args:
    configs: The configurations by the name of their run.
    values: The flags of a study, with `--only` and `--study`.

  Returns:
    Those that are chosen; all without `--only`.

  Raises:
    InputError: `--only` has an unknown name.
  """
  systems = systems_of(configs, values.format)
  known = list(dict.fromkeys(systems.values()))
  if unknown := sorted(set(values.only) - set(known)):
    raise InputError(
      f'--only: there is no system {unknown[0]} in the study {values.study}; '
      f'it has {", ".join(known)}.'
    )
  return {
    run: config
    for run, config in configs.items()
    if not values.only or systems[run] in values.only
  }


def report_failed(failed: Mapping[str, str]) -> None:
  """Ends a study whose tables are written.

  Args:
    failed: From `train`.

  Raises:
    InputError: A run failed.
  """
  if failed:
    raise InputError(
      '; '.join(f'{name} failed: {why}' for name, why in failed.items())
    )
