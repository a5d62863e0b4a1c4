"""HTML pages about a run, or about the CSV files of any system."""

from seld_jax.report import page, score_tables
from seld_jax.report.folder_page import write_folder_report
from seld_jax.report.progress_page import (
  describe_progress,
  follow_run,
  write_progress_page,
)
from seld_jax.report.run_page import write_report
from seld_jax.report.score_tables import COLUMNS
from seld_jax.runs import Run, read_run

__all__ = [
  'write_report',
  'write_folder_report',
  'write_progress_page',
  'follow_run',
  'describe_progress',
  'Run',
  'read_run',
  'COLUMNS',
  'page',
  'score_tables',
]
