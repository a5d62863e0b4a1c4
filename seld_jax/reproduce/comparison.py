"""Systems side by side: their scores over seeds, beside the paper's."""

import csv
import dataclasses
import functools
import importlib.resources
import io
import os
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seld_jax import files, runs

# The paper's columns, in its order.
METRICS = ('LE_CD', 'LR_CD', 'ER20', 'F20', 'seld_score')
FORMATS = ('foa', 'mic')

# How the paper's table calls a system: its name and the weight of directions.
PAPER_ROWS = {
  'baseline': ('DCASE2020', '1000'),
  'ce_mse_1_1000': ('CE+MSE', '1000'),
  'ce_mse_1_1': ('CE+MSE', '1'),
  'mse': ('MSE', '1'),
  'submission1': ('Submission 1', '1'),
  'submission2': ('Submission 2', '1'),
}


# Mean, sample standard deviation (None of a single seed), number of seeds.
Cell = tuple[float, float | None, int]
# System, format, and a cell for each metric.
Difference = tuple[str, str, Mapping[str, Cell]]


@dataclasses.dataclass(frozen=True)
class Result:
  """What a finished run says.

  Attributes:
    system: The system, such as `mse`.
    format: `'foa'` or `'mic'`.
    seed: Its seed.
    scores: The scores of each split and window that was scored, by its name in
      scores.json: `validation`, `test`, `test_2s`, ...
    windows: The window of each, in seconds, by the same names.
    folds: The folds of each, by the same names; none of evaluation recordings.
    root: The dataset, as the run was given it.
    records: Losses and scores over the steps, from metrics.jsonl.
  """

  system: str
  format: str
  seed: int
  scores: Mapping[str, Mapping[str, float]]
  windows: Mapping[str, float]
  folds: Mapping[str, tuple[int, ...]]
  root: str
  records: Sequence[Mapping[str, Any]]


def read_result(
  workdir: str | os.PathLike[str], *, system: str, format: str, seed: int
) -> Result | None:
  """Reads a run directory.

  Args:
    workdir: The run directory.
    system: What was trained there.
    format: On which audio.
    seed: With which seed.

  Returns:
    The result; None where the run is not finished.
  """
  workdir = pathlib.Path(workdir)
  if not runs.is_complete(workdir):
    return None
  path = workdir / 'scores.json'
  results = [
    result
    for result in files.read_json(path)['results']
    if result['scores'] is not None
  ]
  return Result(
    system=system,
    format=format,
    seed=seed,
    scores={
      result['name']: {name: result['scores'][name] for name in METRICS}
      for result in results
    },
    windows={result['name']: result['window_seconds'] for result in results},
    folds={result['name']: tuple(result['folds']) for result in results},
    root=files.read_json(workdir / 'config.json')['data']['root'],
    records=runs.read_records(workdir / runs.METRICS),
  )


@dataclasses.dataclass(frozen=True)
class Row:
  """A line of the table: a system on a split, over seeds.

  Attributes:
    split: Name of the split and window, such as `test_2s`.
    system: Name of the system.
    windows: The windows in seconds; the baseline's is its own.
    folds: The folds, with which submission 1 has others than the rest.
    cells: A cell by format and metric.
    paper: The paper's cells as printed there, by format and metric.
  """

  split: str
  system: str
  windows: tuple[float, ...]
  folds: tuple[int, ...]
  cells: Mapping[str, Mapping[str, Cell]]
  paper: Mapping[str, Mapping[str, str]]


def make_table(results: Iterable[Result]) -> list[Row]:
  """The rows of Table 1: validation, test and evaluation, in that order.

  Args:
    results: Runs of any systems, formats and seeds.

  Returns:
    A row for each split and system that has a result.
  """
  results = list(results)
  splits = sorted(
    {split for result in results for split in result.scores},
    key=lambda split: (_SPLITS.index(split.partition('_')[0]), split),
  )
  order = [*PAPER_ROWS, *sorted({r.system for r in results} - set(PAPER_ROWS))]
  rows = []
  for split in splits:
    for system in order:
      found = [
        result
        for result in results
        if result.system == system and split in result.scores
      ]
      if not found:
        continue
      cells = {
        format: {
          metric: _over_seeds([one.scores[split][metric] for one in among])
          for metric in METRICS
        }
        for format in FORMATS
        if (among := [one for one in found if one.format == format])
      }
      windows = tuple(sorted({one.windows[split] for one in found}))
      # The paper tests in windows of 2 s, its published script in long ones:
      # its cells are quoted beside both.
      paper = paper_cells().get((split.partition('_')[0], system), {})
      folds = found[0].folds[split]
      rows.append(Row(split, system, windows, folds, cells, paper))
  return rows


_SPLITS = ('validation', 'test', 'evaluation')


def paired_differences(
  results: Iterable[Result], *, split: str = 'test', reference: str = 'mse'
) -> list[Difference]:
  """How systems differ from one, seed by seed.

  The loss combinations of one seed share crops and order, so that much of what
  a seed does to the scores is not in their differences. Systems with other
  folds are left out.

  Args:
    results: Runs.
    split: The split and window that is compared.
    reference: The system that is subtracted.

  Returns:
    System, format, and for each metric mean, deviation and number of the
    differences.
  """
  by_run = {
    (one.system, one.format, one.seed): one
    for one in results
    if split in one.scores
  }
  found = []
  for format in FORMATS:
    for system in PAPER_ROWS:
      pairs = [
        (one.scores[split], other.scores[split])
        for (name, of_format, seed), one in by_run.items()
        if (name, of_format) == (system, format)
        and (other := by_run.get((reference, format, seed)))
        and one.folds[split] == other.folds[split]
      ]
      if system != reference and pairs:
        differences = {
          metric: _over_seeds([one[metric] - two[metric] for one, two in pairs])
          for metric in METRICS
        }
        found.append((system, format, differences))
  return found


@functools.cache
def paper_cells() -> dict[tuple[str, str], dict[str, dict[str, str]]]:
  """The paper's Table 1 as printed: split and system -> format -> metric."""
  source = importlib.resources.files('seld_jax.reproduce') / 'paper_table1.csv'
  names = {value: key for key, value in PAPER_ROWS.items()}
  return {
    (row['split'], names[row['system'], row['doa_weight']]): {
      format: {
        metric: row[f'{format}_{"SELD" if metric == "seld_score" else metric}']
        for metric in METRICS
      }
      for format in FORMATS
    }
    for row in csv.DictReader(io.StringIO(source.read_text(encoding='utf-8')))
  }


def label(system: str) -> str:
  """A system as the paper's table names it, with its weights."""
  named = {
    'baseline': 'DCASE 2020 baseline',
    'ce_mse_1_1000': 'CE + MSE (1, 1000)',
    'ce_mse_1_1': 'CE + MSE (1, 1)',
    'mse': 'MSE + MSE (1, 1)',
    'submission1': 'submission 1',
    'submission2': 'submission 2',
  }
  return named.get(system, system)


def _over_seeds(values: Sequence[float]) -> Cell:
  deviation = statistics.stdev(values) if len(values) > 1 else None
  return statistics.fmean(values), deviation, len(values)
