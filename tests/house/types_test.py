"""Type checkers know the types of everything that packages offer."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from helpers.public_api import ROOT, offered, rooms


@pytest.mark.slow
def test_the_public_faces_are_completely_typed():
  """As the program of another project sees them, with our `py.typed`."""
  pyright = shutil.which('pyright', path=os.path.dirname(sys.executable))
  if pyright is None:
    pytest.skip('pyright is not installed')
  done = subprocess.run(
    [pyright, '--verifytypes=seld_jax', '--ignoreexternal', '--outputjson'],
    capture_output=True,
    text=True,
    cwd='/',
    env=os.environ
    | {
      'PATH': os.pathsep.join(
        [os.path.dirname(sys.executable), os.environ['PATH']]
      ),
      'PYTHONPATH': str(ROOT.parent),
    },
  )
  symbols = json.loads(done.stdout)['typeCompleteness']['symbols']
  unknown = {one['name'] for one in symbols if not one['isTypeKnown']}
  public = {
    f'{value.__module__}.{value.__qualname__}'
    for room in rooms()
    for value in offered(room).values()
  }
  known = {one['name'] for one in symbols}
  assert len(public & known) > 200
  # The checkpoint manager is that of Orbax, which has no types.
  assert not {
    name
    for name in unknown
    if not name.startswith('seld_jax.train.checkpoint.')
    and any(name == one or name.startswith(f'{one}.') for one in public)
  }
