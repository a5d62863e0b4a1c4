"""HTML pages about a run, or about the CSV files of any system."""

from seld_jax.report import page
from seld_jax.report.folders import (
  write_folder_report,
)
from seld_jax.report.run import (
  write_report,
)
from seld_jax.report.score_tables import (
  COLUMNS,
)

__all__ = [
  'write_report',
  'write_folder_report',
  'COLUMNS',
  'page',
]
