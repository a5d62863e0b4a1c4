"""Run directories: whose they are, and the records in them."""

from seld_jax.runs.folder import (
  check,
  claim,
  has_run,
  is_complete,
  lock,
  note,
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
  'note',
  'METRICS',
  'TIMINGS',
  'append_record',
  'read_records',
  'rewind_records',
]
