"""Reads the finished runs of a comparison."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seld_jax import runs
from seld_jax.errors import InputError
from seld_jax.reproduce.plan import run_name

# The columns of the paper's Table 1, in its order.
METRICS = ('LE_CD', 'LR_CD', 'ER20', 'F20', 'seld_score')
FORMATS = ('foa', 'mic')


@dataclasses.dataclass(frozen=True)
class Result:
  """The scores of a finished run.

  The mappings are by the names in scores.json: `validation`, `test`, `test_2s`
  (a test in windows of 2 s), ...

  Attributes:
    system: Name of the system, such as `mse`.
    format: `'foa'` or `'mic'`.
    seed: The seed.
    scores: The scores by metric, for each split that has labels; NaN where a
      score is not defined.
    windows: Length of the windows in seconds.
    folds: The folds; empty for evaluation recordings.
    root: Folder of the dataset, as in the configuration of the run.
    records: Losses and scores over the steps, from metrics.jsonl.
    is_selected_on_test: Whether the test folds selected the checkpoint.

  Example:
    >>> from seld_jax import reproduce
    >>> reproduce.Result(
    ...   system='mse', format='foa', seed=0, scores={'test': {'F20': 0.5}},
    ...   windows={'test': 12.0}, folds={'test': (1,)}, root='data', records=[]
    ... ).scores['test']['F20']
    0.5
  """

  system: str
  format: str
  seed: int
  scores: Mapping[str, Mapping[str, float]]
  windows: Mapping[str, float]
  folds: Mapping[str, tuple[int, ...]]
  root: str
  records: Sequence[Mapping[str, Any]]
  is_selected_on_test: bool = False


def read_result(
  workdir: str | os.PathLike[str], *, system: str, format: str, seed: int
) -> Result | None:
  """Reads the directory of one run.

  Args:
    workdir: The run directory.
    system: Name of the system that was trained.
    format: Its audio format.
    seed: Its seed.

  Returns:
    The result, or None if the run is not finished.

  Raises:
    InputError: A file of the run is damaged, or its scores are not those of
      2020, which the paper has.

  See Also:
    `read_results`, for all runs of a comparison.

  Example:
    >>> from seld_jax import reproduce
    >>> reproduce.read_result('new', system='mse', format='foa', seed=0)
  """
  if not runs.is_complete(workdir):
    return None
  run = runs.read_run(workdir)
  # Most names of scores are the same in other editions, but not their meaning.
  if (edition := runs.edition_of(run.scores)) != '2020':
    raise InputError(
      f'{workdir} has the scores of edition {edition}, but the tables compare '
      'those of 2020: train it with --config.eval.edition=2020 in another '
      '--workdir.'
    )
  results = [
    result for result in run.scores['results'] if result['scores'] is not None
  ]
  return Result(
    system=system,
    format=format,
    seed=seed,
    scores={
      result['name']: {
        name: math.nan if (score := result['scores'][name]) is None else score
        for name in METRICS
      }
      for result in results
    },
    windows={result['name']: result['window_seconds'] for result in results},
    folds={result['name']: tuple(result['folds']) for result in results},
    root=run.config['data']['root'],
    records=run.records,
    is_selected_on_test=any(one.get('selected_on') for one in results),
  )


def read_results(
  workdir: str | os.PathLike[str],
  *,
  names: Sequence[str],
  formats: Sequence[str],
  seeds: Iterable[int],
) -> list[Result]:
  """Reads the runs of a comparison that are finished.

  Args:
    workdir: Folder of all runs.
    names: Names of the systems.
    formats: `'foa'`, `'mic'` or both.
    seeds: The seeds.

  Returns:
    The results, by system, format and seed.

  Raises:
    InputError: A file of a run is damaged.

  Example:
    >>> from seld_jax import reproduce
    >>> reproduce.read_results('new', names=['mse'], formats=['foa'], seeds=[0])
    []
  """
  seeds = list(seeds)
  found = (
    read_result(
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
