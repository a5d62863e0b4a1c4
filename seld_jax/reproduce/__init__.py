"""The paper's Table 1 and Figure 2: many runs, compared."""

from seld_jax.reproduce import comparison, page, tables
from seld_jax.reproduce.plan import (
  plan,
  read_results,
  run_name,
)

__all__ = [
  'plan',
  'read_results',
  'run_name',
  'comparison',
  'page',
  'tables',
]
