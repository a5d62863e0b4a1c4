from . import cache, placement, sampling
from .crops import CropSource, crop_source
from .folds import Fold, load_fold, take_recordings
from .placement import fits
from .recordings import Recording, find_recordings, list_pairs
from .rooms import rooms_of, split_rooms
from .standardisation import moments, standardise, statistics

__all__ = [
  'Recording',
  'find_recordings',
  'list_pairs',
  'rooms_of',
  'split_rooms',
  'Fold',
  'load_fold',
  'CropSource',
  'crop_source',
  'moments',
  'standardise',
  'statistics',
  'take_recordings',
  'fits',
  'cache',
  'placement',
  'sampling',
]
