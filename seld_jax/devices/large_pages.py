"""Memory in pages of 2 MB, which a training step on a CPU is faster with.

A step takes hundreds of MB and gives them back. In pages of 4 kB the kernel
hands them out 134 thousand times a step of the paper's network, and finding
them costs the processor more than that. On Linux, glibc asks for large pages if
a variable says so when a process starts; so a process can have them by starting
once more, or give them to what it starts.
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
  """Starts this Python once more where that gives it large pages.

  To be called before JAX is imported, which takes a second. The process keeps
  its number. Nothing happens where the variable is set already, if only to
  nothing, where it would change nothing, or where Python was started for
  something else that runs the module, such as a debugger.

  Args:
    module: The module that is run, as `python -m` was told.
  """
  if not (_was_started_for(module) and would_help(os.environ)):
    return
  command = [sys.executable, *sys.orig_argv[1:]]
  # A failure costs speed, not the run.
  with contextlib.suppress(OSError):
    os.execve(sys.executable, command, {**os.environ, _NAME: _VALUE})


def _was_started_for(module: str) -> bool:
  """Whether the command line is `python OPTIONS -m MODULE WORDS`."""
  words = len(sys.argv) - 1
  before = sys.orig_argv[1 : len(sys.orig_argv) - words]
  return before[-2:] == ['-m', module] and not {'-c', '-m'} & set(before[:-2])


def would_help(environment: Mapping[str, str]) -> bool:
  """Whether a process that starts with the variable gets large pages by it.

  Args:
    environment: Variables of this process.

  Returns:
    False where the variable is set, and where the kernel or the C library
    doesn't know of it or does so anyway.
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
def given() -> Iterator[None]:
  """Lets what is started in this block have large pages."""
  if not would_help(os.environ):
    yield
    return
  os.environ[_NAME] = _VALUE
  try:
    yield
  finally:
    del os.environ[_NAME]
