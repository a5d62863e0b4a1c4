"""Scores of predictions against references, and where a system errs."""

from seld_jax.evaluate import tables
from seld_jax.evaluate.breakdowns import (
  BREAKDOWNS,
  evaluate_predictions,
)
from seld_jax.evaluate.conditions import conditions_of_events, read_conditions
from seld_jax.evaluate.confusion import (
  confusion_matrix,
)
from seld_jax.evaluate.directions import (
  Profile,
  direction_errors,
  profile,
)
from seld_jax.evaluate.flags import (
  define_folder_flags,
  folder_options,
)
from seld_jax.evaluate.folders import (
  UNITS,
  Folders,
  evaluate_folders,
  read_folders,
  score_folders,
)
from seld_jax.evaluate.pairs import (
  audio_files,
)

__all__ = [
  'Folders',
  'evaluate_folders',
  'read_folders',
  'score_folders',
  'UNITS',
  'BREAKDOWNS',
  'evaluate_predictions',
  'audio_files',
  'define_folder_flags',
  'folder_options',
  'confusion_matrix',
  'Profile',
  'direction_errors',
  'profile',
  'read_conditions',
  'conditions_of_events',
  'tables',
]
