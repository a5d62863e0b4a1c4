"""Examples in docstrings of the public API run and give what they show."""

import doctest
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.public_api import COMMANDS, offered, rooms

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize('room', rooms())
def test_examples_run(room, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  failed = {}
  for name, value in offered(room).items():
    # Also the methods of a class, but no modules within a package.
    finder = doctest.DocTestFinder(recurse=inspect.isclass(value))
    for test in finder.find(value, name, globs={}):
      test.globs = {'jax': jax, 'jnp': jnp, 'np': np}
      output = []
      runner = doctest.DocTestRunner(optionflags=OPTIONS)
      runner.run(test, out=output.append)
      if runner.failures:
        failed[name] = ''.join(output)
  assert not failed, '\n'.join(failed.values())


def test_every_public_function_has_an_example():
  missing = [
    f'{room}.{name}'
    for room in rooms()
    if room not in COMMANDS
    for name, value in offered(room).items()
    if '.' not in name and '>>>' not in (inspect.getdoc(value) or '')
  ]
  assert not missing
