"""Compares the output formats: trains each, and scores it by two editions.

    python -m benchmarks.output_study --data=data/bank --workdir=runs/outputs \\
      --scale=quick --steps=1200 --jobs=2

All systems have the same trunk, the same steps and the same batches; they
differ in the output layers and in the loss. The scores on the test fold are
those of 2020, which count a class once per second, and those of 2023, which
count every event. The command writes outputs.md (means and deviations over the
seeds) and outputs.csv (every run) into the workdir. If it is interrupted, the
same command continues it.
"""

import csv
import io
import math
import pathlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from benchmarks import studies
from seld_jax import commands, evaluate, files, reproduce, runs
from seld_jax.config import Config, systems

EDITIONS = ('2020', '2023')
# The columns of the tables: name, factor, decimals and unit.
METRICS = (
  ('seld_score', 1, 3, ''),
  ('ER20', 1, 3, ''),
  ('F20', 100, 1, ''),
  ('LE_CD', 1, 1, '°'),
  ('LR_CD', 100, 1, ''),
)


def _tracks(config: Config) -> Config:
  """Three tracks, since the scenes have up to three events at once."""
  systems.tracks(config)
  config.output.num_tracks = 3
  return config


# Name of a system -> what it is, and its change of the proposed system.
SYSTEMS: Mapping[str, tuple[str, Callable[[Config], object]]] = {
  'mse': ('class-wise, MSE + MSE (1, 1)', lambda config: None),
  'ce_mse_1_30': (
    'class-wise, CE + MSE (1, 30)',
    lambda config: systems.ce_mse(config, doa_weight=30.0),
  ),
  'uncertainty': (
    'class-wise, CE + MSE, learned weights',
    systems.LATER_SYSTEMS['uncertainty'],
  ),
  'accdoa': ('ACCDOA', systems.LATER_SYSTEMS['accdoa']),
  'multi_accdoa': (
    'multi-ACCDOA, ADPIT',
    systems.LATER_SYSTEMS['multi_accdoa'],
  ),
  'tracks': ('three tracks, PIT', _tracks),
}


def plan(
  data: str, *, scale: str, format: str, seeds: int, steps: int
) -> dict[str, Config]:
  """Makes the configuration of each run.

  Args:
    data: Folder of the scenes.
    scale: A name in `systems.SCALES`.
    format: `'foa'` or `'mic'`.
    seeds: Number of seeds.
    steps: Number of steps; 0 for that of the scale.

  Returns:
    Configurations by the name of the run. All runs of the first seed come
    first.
  """
  configs = {}
  for seed in range(seeds):
    for name, (_, change) in SYSTEMS.items():
      (config,) = reproduce.plan(
        data, names=['mse'], formats=[format], seeds=[seed], scale=scale
      ).values()
      change(config)
      if steps:
        studies.set_steps(config, steps, num_evaluations=4)
      # Formats with one loss have no gradients to compare.
      config.train.log_gradient_norms = False
      configs[reproduce.run_name(name, format, seed)] = config
  return configs


def score(workdir: pathlib.Path, config: Config) -> dict[str, Any]:
  """Scores the predictions of a finished run by each edition.

  Args:
    workdir: The run directory.
    config: Its configuration.

  Returns:
    Scores by edition and name.
  """
  root, folder = pathlib.Path(config.data.root), 'predictions/test'
  return {
    edition: evaluate.evaluate_folders(
      root / 'metadata_dev',
      workdir / folder,
      edition=edition,
      num_frames='audio',
      audio=root / f'{config.features.format}_dev',
      num_classes=len(config.data.classes),
      folds=tuple(config.data.test_folds),
    )
    for edition in EDITIONS
  }


def write(
  workdir: pathlib.Path, scores: Mapping[str, Sequence[dict[str, Any]]]
) -> list[pathlib.Path]:
  """Writes the table of means and the values of each run.

  Args:
    workdir: The folder to write to.
    scores: For each system the scores of its runs, by edition and name.

  Returns:
    The files.
  """
  heads = ['output and loss', 'seeds']
  heads += [f'{name} {edition}' for edition in EDITIONS for name, *_ in METRICS]
  lines = [
    [
      SYSTEMS[system][0],
      str(len(of_runs)),
      *(
        _cell([one[edition][name] for one in of_runs], factor, decimals, unit)
        for edition in EDITIONS
        for name, factor, decimals, unit in METRICS
      ),
    ]
    for system, of_runs in scores.items()
  ]
  text = studies.markdown(heads, lines)
  output = io.StringIO()
  writer = csv.writer(output, lineterminator='\n')
  writer.writerow(['system', 'seed', 'edition', *(n for n, *_ in METRICS)])
  for system, of_runs in scores.items():
    for seed, one in enumerate(of_runs):
      for edition in EDITIONS:
        values = [one[edition][name] for name, *_ in METRICS]
        writer.writerow(
          [system, seed, edition, *(f'{_number(v):.6g}' for v in values)]
        )
  paths = [workdir / 'outputs.md', workdir / 'outputs.csv']
  for path, content in zip(paths, (text, output.getvalue()), strict=True):
    files.write_text(path, content)
  return paths


def _cell(
  values: Sequence[float | None], factor: float, decimals: int, unit: str
) -> str:
  """Mean and sample standard deviation over the seeds."""
  numbers = [factor * _number(value) for value in values]
  text = f'{statistics.fmean(numbers):.{decimals}f}'
  if len(numbers) > 1:
    text += f' ± {statistics.stdev(numbers):.{decimals}f}'
  return text + unit


def _number(value: float | None) -> float:
  return math.nan if value is None else value


def define_flags(values: flags.FlagValues) -> None:
  """Defines the flags of this command."""
  define = commands.Define(values)
  studies.define_flags(values)
  define.integer(
    'steps',
    0,
    'Number of steps of each run; 0: as many as the scale has.',
    lower_bound=0,
  )
  define.integer('seeds', 2, 'Number of seeds.', lower_bound=1)


def main(arguments: list[str], values: flags.FlagValues) -> None:
  """Trains what is not yet trained, and writes the tables."""
  commands.refuse_arguments(arguments)
  configs = plan(
    values.data,
    scale=values.scale,
    format=values.format,
    seeds=values.seeds,
    steps=values.steps,
  )
  failed = studies.train(configs, values)
  workdir = pathlib.Path(values.workdir)
  scores: dict[str, list[dict[str, Any]]] = {}
  for system in SYSTEMS:
    names = [
      reproduce.run_name(system, values.format, seed)
      for seed in range(values.seeds)
    ]
    finished = [name for name in names if runs.is_complete(workdir / name)]
    if finished:
      scores[system] = [score(workdir / n, configs[n]) for n in finished]
  for path in write(workdir, scores):
    print(path)
  studies.report_failed(failed)


if __name__ == '__main__':
  commands.run(
    main,
    define_flags=define_flags,
    required=('data', 'workdir'),
    resumes=True,
  )
