"""Synthetic sound scenes: dry sounds, rooms, arrays, rendering, writing."""

from seld_jax.scenes.composer import Style
from seld_jax.scenes.library import EVALUATION_FOLDS
from seld_jax.scenes.pool import run_in_processes
from seld_jax.scenes.settings import check_settings, is_complete
from seld_jax.scenes.sounds import Variation
from seld_jax.scenes.writer import CSV_EDITIONS, synthesize

__all__ = [
  'synthesize',
  'check_settings',
  'is_complete',
  'Style',
  'Variation',
  'CSV_EDITIONS',
  'EVALUATION_FOLDS',
  'run_in_processes',
]
