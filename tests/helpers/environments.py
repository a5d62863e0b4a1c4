"""The environment of programs that tests start."""

import os
import sys


def environment(**others):
  """That of the test, in which programs import what the test imports.

  Args:
    **others: Further variables by name.

  Returns:
    The variables.
  """
  path = os.pathsep.join(filter(None, sys.path))
  return {**os.environ, **others, 'PYTHONPATH': path}
