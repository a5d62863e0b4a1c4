"""Which packages, modules and functions of seld_jax others may use."""

import importlib
import inspect
import pathlib
from typing import Any

import seld_jax

ROOT = pathlib.Path(seld_jax.__file__).parent

# Rooms of commands, whose examples are command lines.
COMMANDS = (
  *('calibrate', 'completion', 'convert', 'export', 'listen', 'main'),
  *('predict', 'save_pretrained'),
  *('synthesize', 'tau2020'),
)


def rooms() -> list[str]:
  """The names of all packages, and of the modules beside them."""
  paths = [*ROOT.glob('*/__init__.py'), *ROOT.glob('[!_]*.py')]
  return sorted(
    path.parent.name if path.stem == '__init__' else path.stem for path in paths
  )


def offered(room: str) -> dict[str, Any]:
  """Public functions and classes of a room, by name.

  Those of modules that a package offers have the name of their module before
  their own, with a dot between them.
  """
  module = importlib.import_module(f'seld_jax.{room}')
  found = {}
  for name in getattr(module, '__all__', None) or _defined(module):
    value = getattr(module, name)
    if inspect.ismodule(value):
      inside = {f'{name}.{one}': getattr(value, one) for one in _defined(value)}
    else:
      inside = {name: value}
    for path, one in inside.items():
      one = inspect.unwrap(one) if callable(one) else one
      is_ours = str(getattr(one, '__module__', '')).startswith('seld_jax')
      if is_ours and (inspect.isfunction(one) or inspect.isclass(one)):
        found[path] = one
  return found


def _defined(module: Any) -> list[str]:
  """The names that a module defines for others."""
  return [
    name
    for name, value in vars(module).items()
    if not name.startswith('_')
    and getattr(inspect.unwrap(value), '__module__', '') == module.__name__
  ]
