"""Files in a folder `shared` beside the checkout, which few machines have."""

import pathlib

import pytest


def shared(name):
  """The path of a file; skips the test if it is not there."""
  for folder in pathlib.Path(__file__).resolve().parents:
    if (folder / 'shared' / name).exists():
      return folder / 'shared' / name
  pytest.skip(f'shared/{name} is not on this machine')
