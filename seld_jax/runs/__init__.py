"""Run directories: their lock, their configuration and their records."""

from seld_jax.runs.contents import (
  Run,
  edition_of,
  is_inside,
  predictions_folder,
  read_config,
  read_run,
  read_scores,
)
from seld_jax.runs.folder import (
  check,
  claim,
  has_run,
  has_stopped,
  is_complete,
  lock,
  write_config,
)
from seld_jax.runs.predictions import Predicted, read_predictions
from seld_jax.runs.records import (
  METRICS,
  TIMINGS,
  append_record,
  read_records,
  rewind_records,
)
from seld_jax.runs.settings import differing_fields
from seld_jax.runs.thresholds import (
  THRESHOLD_RANGE,
  THRESHOLDS,
  read_thresholds,
  write_thresholds,
)
from seld_jax.runs.training import Training, read_training

__all__ = [
  'check',
  'claim',
  'has_run',
  'has_stopped',
  'is_complete',
  'lock',
  'write_config',
  'Run',
  'read_run',
  'read_config',
  'read_scores',
  'edition_of',
  'predictions_folder',
  'is_inside',
  'Predicted',
  'read_predictions',
  'Training',
  'read_training',
  'differing_fields',
  'METRICS',
  'TIMINGS',
  'append_record',
  'read_records',
  'rewind_records',
  'THRESHOLDS',
  'THRESHOLD_RANGE',
  'read_thresholds',
  'write_thresholds',
]
