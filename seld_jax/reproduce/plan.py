"""Plans the runs of a comparison."""

import os
import pathlib
from collections.abc import Iterable, Sequence

from seld_jax import config as config_lib
from seld_jax.config import systems


def plan(
  data: str | os.PathLike[str],
  *,
  names: Sequence[str],
  formats: Sequence[str],
  seeds: Iterable[int],
  scale: str = 'paper',
  layout: str = 'aligned',
  cache: str = '',
) -> dict[str, config_lib.Config]:
  """Makes the configuration of each run of a comparison.

  A system that is tested only on evaluation recordings is left out if the
  dataset has none.

  Args:
    data: Folder of the dataset.
    names: Names of the systems, from `config.systems.SYSTEMS`.
    formats: `'foa'`, `'mic'` or both.
    seeds: The seeds.
    scale: One of `config.systems.SCALES`.
    layout: Layout of the features, `'aligned'` or `'published'`.
    cache: Folder of the features; empty for the folder `features` in `data`.

  Returns:
    Name of a run -> configuration. All runs of the first seed come first, so
    that a table of all systems can be made early.

  Example:
    >>> from seld_jax import reproduce
    >>> configs = reproduce.plan(
    ...   'data', names=['mse', 'ce_mse_1_1'], formats=['foa'], seeds=[0, 1]
    ... )
    >>> list(configs)[:3]
    ['mse_foa_seed0', 'ce_mse_1_1_foa_seed0', 'mse_foa_seed1']
    >>> configs['ce_mse_1_1_foa_seed0'].loss.sed
    'cross_entropy'
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
        config.data.cache = cache
        # The paper's table has evaluation scores of the baseline, too.
        config.data.evaluation |= has_evaluation and name == 'baseline'
        config.eval.watch = (
          'train',
          *(['test'] * bool(config.data.test_folds)),
        )
        config.train.log_gradient_norms = True
        configs[run_name(name, format, seed)] = config
  return configs


def run_name(system: str, format: str, seed: int) -> str:
  """Makes the name of a run, which is also the name of its folder.

  Args:
    system: Name of the system.
    format: `'foa'` or `'mic'`.
    seed: The seed.

  Returns:
    The name.

  Example:
    >>> from seld_jax import reproduce
    >>> reproduce.run_name('mse', 'foa', 0)
    'mse_foa_seed0'
  """
  return f'{system}_{format}_seed{seed}'
