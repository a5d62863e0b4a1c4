"""Which packages and modules of seld_jax others may import."""

import pathlib

import seld_jax

ROOT = pathlib.Path(seld_jax.__file__).parent


def rooms():
  """The names of all packages, and of the modules beside them."""
  paths = [*ROOT.glob('*/__init__.py'), *ROOT.glob('[!_]*.py')]
  return sorted(
    path.parent.name if path.stem == '__init__' else path.stem for path in paths
  )
