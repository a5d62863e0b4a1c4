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
  'channels',
  'systems',
  'audio',
  'augment',
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
  'train',
  'validate',
]
