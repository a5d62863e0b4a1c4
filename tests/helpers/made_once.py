"""Folders that all processes of the tests share."""

import fcntl
import os
import pathlib
import shutil
from collections.abc import Callable


def temporary_folder(tmp_path_factory) -> pathlib.Path:
  """The temporary folder of all processes of this run of the tests."""
  folder = tmp_path_factory.getbasetemp()
  return folder.parent if 'PYTEST_XDIST_WORKER' in os.environ else folder


def made_once(
  tmp_path_factory, name: str, make: Callable[[pathlib.Path], object]
) -> pathlib.Path:
  """A folder that the first process that needs it makes, for tests to read.

  Args:
    tmp_path_factory: The fixture of pytest.
    name: Name of the folder.
    make: Fills the folder, which exists and is empty.

  Returns:
    The path of the folder.
  """
  folder = temporary_folder(tmp_path_factory) / name
  complete = folder.with_suffix('.complete')
  with folder.with_suffix('.lock').open('w') as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not complete.exists():
      shutil.rmtree(folder, ignore_errors=True)
      folder.mkdir()
      make(folder)
      complete.touch()
  return folder
