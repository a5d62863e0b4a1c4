"""Sound scenes: dry sounds, rooms, arrays, rendering, writing, stereo."""

from seld_jax.scenes.arrays import array_response
from seld_jax.scenes.class_maps import CLASS_MAPS, map_of
from seld_jax.scenes.composer import Style
from seld_jax.scenes.conversion import FoaRecording, convert_foa
from seld_jax.scenes.library import EVALUATION_FOLDS
from seld_jax.scenes.new_scenes import (
  NewScenes,
  open_new_scenes,
  render_new_scene,
)
from seld_jax.scenes.pool import run_in_processes, worker_ended, workers
from seld_jax.scenes.settings import check_settings, classes_of, is_complete
from seld_jax.scenes.sounds import Variation
from seld_jax.scenes.stereo import foa_to_stereo
from seld_jax.scenes.writer import CSV_EDITIONS, LAYOUTS, synthesize

__all__ = [
  'synthesize',
  'NewScenes',
  'open_new_scenes',
  'render_new_scene',
  'check_settings',
  'is_complete',
  'classes_of',
  'Style',
  'Variation',
  'foa_to_stereo',
  'convert_foa',
  'FoaRecording',
  'array_response',
  'CLASS_MAPS',
  'map_of',
  'LAYOUTS',
  'CSV_EDITIONS',
  'EVALUATION_FOLDS',
  'run_in_processes',
  'workers',
  'worker_ended',
]
