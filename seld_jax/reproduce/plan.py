"""Which runs a comparison needs, and which of them are finished."""

import os
import pathlib
from collections.abc import Iterable, Sequence

from seld_jax import config as config_lib
from seld_jax.config import systems
from seld_jax.reproduce import comparison


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
