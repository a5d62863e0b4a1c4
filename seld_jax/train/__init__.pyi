from . import (
  checkpoint,
  many,
  memory,
  model_card,
  prepare,
  pretrained,
  snapshot,
  sources,
)
from .calibration import Calibration, calibrate
from .crops import load_crops
from .loop import train_and_evaluate
from .step import TrainState, create_state, make_train_step

__all__ = [
  'train_and_evaluate',
  'TrainState',
  'create_state',
  'make_train_step',
  'load_crops',
  'calibrate',
  'Calibration',
  'checkpoint',
  'many',
  'memory',
  'model_card',
  'prepare',
  'pretrained',
  'snapshot',
  'sources',
]
