"""Memory pages of 2 MB, which make training steps on a CPU faster.

A training step of the paper's network allocates and frees hundreds of MB. With
pages of 4 kB this causes about 140 thousand page faults per step, and the
address lookups are slow. On Linux, glibc uses large pages when the variable
GLIBC_TUNABLES asks for them at the start of a process. Therefore `restart`
starts the process again with the variable, and `for_children` sets it for
processes that are started.
"""

import contextlib
import os
import pathlib
import re
import sys
from collections.abc import Iterator, Mapping

_NAME, _VALUE = 'GLIBC_TUNABLES', 'glibc.malloc.hugetlb=1'
_KERNEL = pathlib.Path('/sys/kernel/mm/transparent_hugepage/enabled')
_FIRST_GLIBC = (2, 35)


def restart(module: str) -> None:
  """Restarts this Python process if that gives it large pages.

  Call it before JAX is imported, because the import takes a second. The process
  keeps its ID. Nothing happens if GLIBC_TUNABLES is set already (also if it
  is empty), if large pages are not available, or if another program such as a
  debugger runs the module.

  Args:
    module: Name of the module that `python -m` runs.
  """
  if not (_was_started_for(module) and would_help(os.environ)):
    return
  command = [sys.executable, *sys.orig_argv[1:]]
  # Without large pages, the program is slower but works.
  with contextlib.suppress(OSError):
    os.execve(sys.executable, command, {**os.environ, _NAME: _VALUE})


def _was_started_for(module: str) -> bool:
  """Whether the command line is `python OPTIONS -m MODULE ARGUMENTS`."""
  words = len(sys.argv) - 1
  before = sys.orig_argv[1 : len(sys.orig_argv) - words]
  return before[-2:] == ['-m', module] and not {'-c', '-m'} & set(before[:-2])


def would_help(environment: Mapping[str, str]) -> bool:
  """Whether setting GLIBC_TUNABLES gives a new process large pages.

  Args:
    environment: Environment variables of this process.

  Returns:
    False if the variable is set already, or if kernel or C library do not
    support it or use large pages anyway.
  """
  if _NAME in environment or sys.platform != 'linux':
    return False
  try:
    library = os.confstr('CS_GNU_LIBC_VERSION') or ''
    kernel = _KERNEL.read_text()
  except (OSError, ValueError):
    return False
  found = re.fullmatch(r'glibc (\d+)\.(\d+).*', library)
  return (
    found is not None
    and tuple(map(int, found.groups())) >= _FIRST_GLIBC
    and '[madvise]' in kernel
  )


@contextlib.contextmanager
def for_children() -> Iterator[None]:
  """Processes that are started in this block have large pages, if possible."""
  if not would_help(os.environ):
    yield
    return
  os.environ[_NAME] = _VALUE
  try:
    yield
  finally:
    del os.environ[_NAME]
