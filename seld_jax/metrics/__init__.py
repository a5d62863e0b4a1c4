"""DCASE scores of every edition. NumPy and SciPy only."""

from seld_jax.metrics import matching
from seld_jax.metrics.counting import (
  DEFAULT_NUM_FRAMES,
  counts,
  counts_each,
  jackknife,
  merge,
  of_class,
  scores,
)
from seld_jax.metrics.dcase2020 import (
  Counts,
  Scores,
)
from seld_jax.metrics.editions import (
  EDITIONS,
)
from seld_jax.metrics.matching import (
  ANGLE_TOLERANCE,
)

__all__ = [
  'counts',
  'counts_each',
  'merge',
  'of_class',
  'scores',
  'jackknife',
  'DEFAULT_NUM_FRAMES',
  'EDITIONS',
  'Counts',
  'Scores',
  'ANGLE_TOLERANCE',
  'matching',
]
