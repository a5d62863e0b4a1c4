"""Examples in docstrings of the public API run and give what they show."""

import doctest
import importlib
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.public_api import rooms

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def api(room):
  """The public functions and classes of a room, by name."""
  module = importlib.import_module(f'seld_jax.{room}')
  names = getattr(module, '__all__', None) or [
    name
    for name, value in vars(module).items()
    if not name.startswith('_')
    and getattr(value, '__module__', '') == module.__name__
  ]
  return {
    name: value
    for name in names
    if inspect.isclass(value := inspect.unwrap(getattr(module, name)))
    or inspect.isfunction(value)
  }


@pytest.mark.parametrize('room', rooms())
def test_examples_run(room, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  finder = doctest.DocTestFinder(recurse=False)
  failed = {}
  for name, value in api(room).items():
    for test in finder.find(value, name, globs={}):
      test.globs = {'jax': jax, 'jnp': jnp, 'np': np}
      output = []
      runner = doctest.DocTestRunner(optionflags=OPTIONS)
      runner.run(test, out=output.append)
      if runner.failures:
        failed[name] = ''.join(output)
  assert not failed, '\n'.join(failed.values())
