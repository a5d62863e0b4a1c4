"""Run directories: their lock, their configuration and their records."""

from seld_jax.runs.folder import (
  check,
  claim,
  has_run,
  is_complete,
  lock,
  write_config,
)
from seld_jax.runs.records import (
  METRICS,
  TIMINGS,
  append_record,
  read_records,
  rewind_records,
)

__all__ = [
  'check',
  'claim',
  'has_run',
  'is_complete',
  'lock',
  'write_config',
  'METRICS',
  'TIMINGS',
  'append_record',
  'read_records',
  'rewind_records',
]
