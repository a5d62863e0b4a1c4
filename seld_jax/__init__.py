"""Sound event localization and detection in JAX and Flax.

`import seld_jax` imports nothing else. Each package is imported when it is
first used, so that `seld_jax.metrics` and `seld_jax.labels` need no more than
NumPy, SciPy and msgspec. Only type checkers see the imports of these names.
"""

import os
import sys

# True in a command, for which `python -m` is still searching its module, and in
# a worker, whose parent has set the variable. The imports that follow may take
# seconds; a signal or the end of the parent must end the process meanwhile.
if sys.argv[:1] == ['-m'] or 'SELD_JAX_PARENT' in os.environ:
  from seld_jax import stopping

  stopping.begin()

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from seld_jax import (
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
    outputs,
    predictor,
    report,
    scenes,
    train,
    validate,
  )
  from seld_jax.audio import channels
  from seld_jax.config import systems
  from seld_jax.predictor import load
else:

  def __getattr__(name: str) -> Any:
    if name in _HOMES:
      return getattr(importlib.import_module(f'seld_jax.{_HOMES[name]}'), name)
    if name in __all__:
      return importlib.import_module(f'seld_jax.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__version__ = '0.1.0'

# Names that are not packages or modules here, and where they are defined.
_HOMES = {'load': 'predictor', 'channels': 'audio', 'systems': 'config'}

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
  'outputs',
  'predictor',
  'report',
  'scenes',
  'systems',
  'train',
  'validate',
]


def __dir__() -> list[str]:
  return sorted({*globals(), *__all__})
