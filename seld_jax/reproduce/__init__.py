"""The paper's Table 1 and Figure 2: plan the runs, read them, compare them."""

from seld_jax.reproduce import comparison, comparison_page, tables
from seld_jax.reproduce.plan import plan, run_name
from seld_jax.reproduce.results import (
  FORMATS,
  METRICS,
  Result,
  read_result,
  read_results,
)

__all__ = [
  'plan',
  'run_name',
  'Result',
  'read_result',
  'read_results',
  'FORMATS',
  'METRICS',
  'comparison',
  'tables',
  'comparison_page',
]
