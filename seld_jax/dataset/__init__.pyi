from . import cache, placement, sampling
from .folds import (
  Fold,
  load_fold,
  moments,
  standardise,
  statistics,
  take_recordings,
)
from .recordings import Recording, find_recordings, list_pairs
from .stored import fits

__all__ = [
  'Recording',
  'find_recordings',
  'list_pairs',
  'Fold',
  'load_fold',
  'moments',
  'standardise',
  'statistics',
  'take_recordings',
  'fits',
  'cache',
  'placement',
  'sampling',
]
