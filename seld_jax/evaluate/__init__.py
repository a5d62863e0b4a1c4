"""Scores of predictions against references, and analysis of the errors.

`evaluate_folders` scores two folders of CSV files, `evaluate_predictions`
recordings in memory. `confusion_matrix`, `direction_errors` and `profile` show
the errors; `read_conditions` and `snr_and_speed` say under which conditions
they occur. `ComputeSELDResults` takes the place of the published class of this
name. Nothing here needs JAX.
"""

from seld_jax.evaluate import tables
from seld_jax.evaluate.conditions import read_conditions, snr_and_speed
from seld_jax.evaluate.confusion import confusion_matrix
from seld_jax.evaluate.directions import Profile, direction_errors, profile
from seld_jax.evaluate.flags import define_folder_flags, folder_options
from seld_jax.evaluate.folders import (
  UNITS,
  FolderOptions,
  Folders,
  count_folders,
  evaluate_folders,
  read_folders,
  score_folders,
)
from seld_jax.evaluate.pairs import audio_files
from seld_jax.evaluate.predictions import BREAKDOWNS, evaluate_predictions
from seld_jax.evaluate.results_class import ComputeSELDResults
from seld_jax.evaluate.run_settings import (
  RunSettings,
  form_of_predictions,
  settings_of_run,
)
from seld_jax.evaluate.thresholds import best_thresholds

__all__ = [
  'evaluate_folders',
  'evaluate_predictions',
  'ComputeSELDResults',
  'BREAKDOWNS',
  'best_thresholds',
  'read_folders',
  'score_folders',
  'count_folders',
  'FolderOptions',
  'Folders',
  'UNITS',
  'audio_files',
  'define_folder_flags',
  'folder_options',
  'RunSettings',
  'settings_of_run',
  'form_of_predictions',
  'tables',
  'confusion_matrix',
  'direction_errors',
  'profile',
  'Profile',
  'read_conditions',
  'snr_and_speed',
]
