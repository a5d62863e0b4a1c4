"""Compares systems: scores over seeds, differences, and the paper's values."""

import csv
import dataclasses
import functools
import importlib.resources
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence

from seld_jax.reproduce.results import FORMATS, METRICS, Result

# The splits in the order of the table.
_SPLITS = ('validation', 'test', 'evaluation')

# Name of a system -> its name and its weight of the directions in the paper.
PAPER_ROWS = {
  'baseline': ('DCASE2020', '1000'),
  'ce_mse_1_1000': ('CE+MSE', '1000'),
  'ce_mse_1_1': ('CE+MSE', '1'),
  'mse': ('MSE', '1'),
  'submission1': ('Submission 1', '1'),
  'submission2': ('Submission 2', '1'),
}

# Mean, sample standard deviation (None for a single seed), number of seeds.
Cell = tuple[float, float | None, int]
# System, format, and a cell for each metric.
Difference = tuple[str, str, Mapping[str, Cell]]


@dataclasses.dataclass(frozen=True)
class Row:
  """A row of the table: the scores of a system on a split, over seeds.

  Attributes:
    split: Name of the split and window, such as `test_2s`.
    system: Name of the system.
    windows: Lengths of the windows in seconds. The baseline has its own length.
    folds: The folds. Submission 1 has other folds than the other systems.
    cells: Format -> metric -> cell.
    paper: Format -> metric -> text as printed in the paper.
    is_selected_on: Whether these recordings also selected the checkpoint of a
      run, although they are those of the test.
  """

  split: str
  system: str
  windows: tuple[float, ...]
  folds: tuple[int, ...]
  cells: Mapping[str, Mapping[str, Cell]]
  paper: Mapping[str, Mapping[str, str]]
  is_selected_on: bool = False


def make_table(results: Iterable[Result]) -> list[Row]:
  """Makes the rows of Table 1.

  Args:
    results: Results of any systems, formats and seeds.

  Returns:
    A row for each split and system that has a result: validation, test and
    evaluation, in that order.
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
          metric: over_seeds([one.scores[split][metric] for one in among])
          for metric in METRICS
        }
        for format in FORMATS
        if (among := [one for one in found if one.format == format])
      }
      windows = tuple(sorted({one.windows[split] for one in found}))
      # The paper tests in windows of 2 s, but its published script in longer
      # ones. So its values are quoted for both.
      paper = paper_cells().get((split.partition('_')[0], system), {})
      folds = found[0].folds[split]
      is_selected_on = split.startswith('test') and any(
        one.is_selected_on_test for one in found
      )
      rows.append(
        Row(split, system, windows, folds, cells, paper, is_selected_on)
      )
  return rows


def paired_differences(
  results: Iterable[Result], *, split: str = 'test', reference: str = 'mse'
) -> list[Difference]:
  """Computes the differences of systems to a reference system, seed by seed.

  Runs with the same seed share their crops and the order of their batches, so
  much of the influence of the seed cancels out. Systems with other folds than
  the reference are left out.

  Args:
    results: Results of any systems, formats and seeds.
    split: Name of the split and window to compare.
    reference: Name of the system that is subtracted.

  Returns:
    System, format, and for each metric the mean, the deviation and the number
    of the differences.
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
          metric: over_seeds([one[metric] - two[metric] for one, two in pairs])
          for metric in METRICS
        }
        found.append((system, format, differences))
  return found


@functools.cache
def paper_cells() -> dict[tuple[str, str], dict[str, dict[str, str]]]:
  """Reads the paper's Table 1.

  Returns:
    Split and system -> format -> metric -> text as printed.
  """
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
  """Makes the name of a system in the tables, with the weights of losses."""
  named = {
    'baseline': 'DCASE 2020 baseline',
    'ce_mse_1_1000': 'CE + MSE (1, 1000)',
    'ce_mse_1_1': 'CE + MSE (1, 1)',
    'mse': 'MSE + MSE (1, 1)',
    'submission1': 'submission 1',
    'submission2': 'submission 2',
  }
  return named.get(system, system)


def over_seeds(values: Sequence[float]) -> Cell:
  """Mean and deviation of a metric over the seeds of a system.

  Args:
    values: The value of each seed.

  Returns:
    Mean, sample standard deviation (None for one seed), and number of seeds.

  Example:
    >>> from seld_jax import reproduce
    >>> reproduce.comparison.over_seeds([0.25, 0.25])
    (0.25, 0.0, 2)
  """
  deviation = statistics.stdev(values) if len(values) > 1 else None
  return statistics.fmean(values), deviation, len(values)
