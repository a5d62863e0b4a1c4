"""How processes end: commands at a signal, and workers with their parent.

This module is light, because `seld_jax/__init__.py` calls `begin` before any
other import of a command, which may take seconds.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

# Environment variable that gives a worker the ID of its parent. It exists only
# while processes are started.
PARENT = 'SELD_JAX_PARENT'

# Seconds between two looks at the parent, until multiprocessing watches it.
_POLL = 0.05

_NAMES = {signal.SIGINT: 'Ctrl-C', signal.SIGTERM: 'SIGTERM'}


class Terminated(BaseException):
  """Raised on SIGTERM, like KeyboardInterrupt on Ctrl-C.

  Example:
    >>> from seld_jax import stopping
    >>> issubclass(stopping.Terminated, Exception)
    False
  """


class Interrupted(KeyboardInterrupt):
  """Raised on Ctrl-C.

  After a KeyboardInterrupt itself in code that `exec` runs, Python may ignore
  the exit status of `sys.exit`, even if the exception was caught.

  Example:
    >>> from seld_jax import stopping
    >>> issubclass(stopping.Interrupted, KeyboardInterrupt)
    True
  """


def begin() -> None:
  """Prepares a process that has just begun to import seld_jax.

  In `python -m seld_jax.NAME`, SIGINT and SIGTERM end the process at once with
  a sentence and the exit status of the signal; there is nothing to clean up
  yet. A worker begins to watch its parent. Nothing happens in any other
  program.

  Example:
    >>> import signal
    >>> from seld_jax import stopping
    >>> before = signal.getsignal(signal.SIGTERM)
    >>> stopping.begin()  # a test is not a command
    >>> signal.getsignal(signal.SIGTERM) == before
    True
  """
  parent = os.environ.pop(PARENT, '')
  if parent.isdecimal():
    _follow_parent(int(parent))
  elif _is_command():
    for number, default in (
      (signal.SIGINT, signal.default_int_handler),
      (signal.SIGTERM, signal.SIG_DFL),
    ):
      if signal.getsignal(number) is default:  # it may be ignored
        signal.signal(number, _leave)
    if hasattr(signal, 'pthread_sigmask'):
      signal.pthread_sigmask(signal.SIG_UNBLOCK, list(_NAMES))  # see `held`


@contextlib.contextmanager
def held() -> Iterator[None]:
  """Holds signals back in the block, or until `begin` if it restarts Python.

  Example:
    >>> from seld_jax import stopping
    >>> with stopping.held():
    ...   print('no signal arrives here')
    no signal arrives here
  """
  if hasattr(signal, 'pthread_sigmask'):
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, list(_NAMES))
    try:
      yield
    finally:
      signal.pthread_sigmask(signal.SIG_SETMASK, mask)
  else:
    yield


def _is_command() -> bool:
  """Whether Python is locating a module of seld_jax for `python -m`."""
  if sys.argv[:1] != ['-m']:  # so it is until the module is found
    return False
  module = sys.orig_argv[-len(sys.argv)]
  return module.removeprefix('-m').startswith('seld_jax.')


def _leave(number: int, frame: object = None) -> NoReturn:
  """Ends the process at once, with a sentence."""
  del frame
  with contextlib.suppress(OSError):
    os.write(2, f'{_NAMES[signal.Signals(number)]}: stopped.\n'.encode())
  os._exit(128 + number)


class _Interruptions:
  """Handlers of SIGINT and SIGTERM; see `interruptions`."""

  def __init__(self):
    self._raises = False

  @contextlib.contextmanager
  def raised(self) -> Iterator[None]:
    """The first signal raises KeyboardInterrupt or Terminated in this block."""
    self._raises = True
    try:
      yield
    finally:
      self._raises = False

  def handle(self, number: int, frame: object) -> None:
    """The handler of both signals."""
    if not self._raises:
      _leave(number, frame)
    # Another signal ends the process at once, even if something catches this.
    self._raises = False
    raise Interrupted if number == signal.SIGINT else Terminated


@contextlib.contextmanager
def interruptions() -> Iterator[_Interruptions]:
  """SIGINT and SIGTERM raise exceptions in a part of the block.

  In the block of `raised`, the first signal raises an exception.
  In the rest of this block, where nothing would catch the exception, and after
  the first signal, a signal ends the process at once. So no moment is left in
  which a signal causes a traceback. Only the main thread can handle signals;
  in others this does nothing.

  Yields:
    The handlers.

  Example:
    >>> import signal
    >>> from seld_jax import stopping
    >>> with stopping.interruptions() as interruptions:
    ...   try:
    ...     with interruptions.raised():
    ...       signal.raise_signal(signal.SIGTERM)
    ...   except stopping.Terminated:
    ...     print('stopped')
    stopped
  """
  handlers = _Interruptions()
  before = {}
  try:
    for number in _NAMES:
      found = signal.getsignal(number)
      # A shell makes commands in the background ignore SIGINT.
      if found is signal.SIG_IGN:
        continue
      try:
        signal.signal(number, handlers.handle)
      except ValueError:  # not the main thread
        break
      before[number] = found or signal.SIG_DFL
    yield handlers
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


@contextlib.contextmanager
def for_workers() -> Iterator[None]:
  """Processes that are started in this block end with this process.

  They are Python processes that import seld_jax. They end even if this process
  is killed with SIGKILL, and also while they still import modules. Ctrl-C on a
  terminal does not reach them: this process decides what becomes of them.

  Example:
    >>> import multiprocessing
    >>> from seld_jax import stopping
    >>> spawn = multiprocessing.get_context('spawn')
    >>> with stopping.for_workers():
    ...   worker = spawn.Process(target=print)
  """
  os.environ[PARENT] = str(os.getpid())
  can_block = hasattr(signal, 'pthread_sigmask')
  mask = set()
  if can_block:
    # Python's resource tracker unblocks signals when it starts.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
  try:
    yield
  finally:
    if can_block:
      signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.environ.pop(PARENT, None)


def _follow_parent(parent: int) -> None:
  """Sends SIGTERM to this process when its parent ends, however it ends.

  Args:
    parent: ID of the parent.
  """

  def follow() -> None:
    import multiprocessing

    while os.getppid() == parent:
      # It reacts at once, and on Windows, but exists only after some imports.
      process = multiprocessing.parent_process()
      if process is not None:
        process.join()
        break
      time.sleep(_POLL)
    os.kill(os.getpid(), signal.SIGTERM)

  threading.Thread(target=follow, daemon=True).start()
