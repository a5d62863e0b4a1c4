"""Sound event localization and detection in JAX and Flax.

`import seld_jax` imports nothing else: `seld_jax.metrics`, say, is imported
when it is first used, so that scores can be had without JAX.
"""

import importlib
from typing import Any

__version__ = '0.1.0'

_MODULES = (
  'audio',
  'augment',
  'config',
  'dataset',
  'evaluate',
  'features',
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
)


def __getattr__(name: str) -> Any:
  if name == 'load':
    return importlib.import_module('seld_jax.predictor').load
  if name in _MODULES:
    return importlib.import_module(f'seld_jax.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted([*globals(), *_MODULES, 'load'])
