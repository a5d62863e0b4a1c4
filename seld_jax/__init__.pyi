from . import (
  audio,
  augment,
  config,
  dataset,
  evaluate,
  features,
  figures,
  geometry,
  inference,
  labels,
  losses,
  metrics,
  model,
  predictor,
  report,
  scenes,
  train,
  validate,
)
from .audio import channels
from .config import systems
from .predictor import load

__version__: str
__all__ = [
  'load',
  'audio',
  'augment',
  'channels',
  'config',
  'dataset',
  'evaluate',
  'features',
  'figures',
  'geometry',
  'inference',
  'labels',
  'losses',
  'metrics',
  'model',
  'predictor',
  'report',
  'scenes',
  'systems',
  'train',
  'validate',
]
