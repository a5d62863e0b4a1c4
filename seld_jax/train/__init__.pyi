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
from .loop import train_and_evaluate
from .step import TrainState, create_state, make_train_step

__all__ = [
  'train_and_evaluate',
  'TrainState',
  'create_state',
  'make_train_step',
  'checkpoint',
  'many',
  'memory',
  'model_card',
  'prepare',
  'pretrained',
  'snapshot',
  'sources',
]
