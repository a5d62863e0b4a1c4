"""How processes end: commands at a signal, and workers with their parent.

This module is light, because `seld_jax/__init__.py` calls `begin` before any
other import of a command, which may take seconds.
"""

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from seld_jax.errors import FULL_MEMORY, lacks_memory, printable

# Environment variable that gives a worker the ID of its parent. It exists only
# while processes are started.
PARENT = 'SELD_JAX_PARENT'

# Seconds between two looks at the parent, until multiprocessing watches it.
_POLL = 0.05

# Seconds until a signal is sent again whose exception did not arrive, and how
# often this is tried.
_PAUSE = 0.01
_TRIES = 500

# Methods that C and C++ call where they cannot pass exceptions on: an exception
# is lost there, or aborts the process. They take microseconds.
_CALLBACKS = frozenset(
  f'__{name}__' for name in ('del', 'hash', 'eq', 'ne', 'lt', 'le', 'gt', 'ge')
)

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
  yet. Too little memory for an import is one sentence, too. A worker begins to
  watch its parent. Nothing happens in any other program.

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
    sys.excepthook = _show


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


def _show(
  kind: type[BaseException],
  error: BaseException,
  trace: types.TracebackType | None,
) -> None:
  """Shows an error that ends a command, as `sys.excepthook`."""
  cause: BaseException | None = error
  while cause is not None and not lacks_memory(cause):
    cause = cause.__cause__ or cause.__context__
  if cause is None:
    sys.__excepthook__(kind, error, trace)
    return
  reason = printable(' '.join(str(cause).split()) or type(cause).__name__)
  with contextlib.suppress(OSError):
    os.write(2, f'error: {FULL_MEMORY.format(reason)}\n'.encode())


def _leave(number: int, frame: object = None) -> NoReturn:
  """Ends the process at once, with a sentence."""
  del frame
  with contextlib.suppress(OSError):
    os.write(2, f'{_NAMES[signal.Signals(number)]}: stopped.\n'.encode())
  os._exit(128 + number)


class Delivery:
  """Raises the exception of a signal until it arrives.

  Python calls a handler between any two steps of the main thread, also in
  callbacks of the garbage collector and of C++. An exception may get lost
  there, and libraries may catch one. It is then raised again: another thread
  sends the signal again, so that Python calls the handler at another moment.

  Args:
    make: Function from the number of the signal to the exception.

  Attributes:
    is_open: Whether something waits for the exception, and will call `arrive`.
    number: Number of the signal until its exception arrives, or None.

  Example:
    >>> import signal
    >>> from seld_jax import stopping
    >>> delivery = stopping.Delivery(lambda number: stopping.Terminated())
    >>> delivery.is_open = True
    >>> try:
    ...   delivery.start(signal.SIGTERM, None)
    ... except stopping.Terminated:
    ...   print(delivery.arrive() == signal.SIGTERM)
    True
  """

  def __init__(self, make: Callable[[int], BaseException]):
    self.is_open = False
    self.number: int | None = None
    self._make = make
    self._raised: weakref.ref[BaseException] | None = None
    self._sent_again = False
    self._tries = 0

  def start(self, number: int, frame: types.FrameType | None) -> None:
    """Raises the exception, at once or in a moment.

    Args:
      number: The signal.
      frame: The frame that the signal interrupted.
    """
    self.number = number
    self._raise(frame)

  def resume(self, frame: types.FrameType | None) -> bool:
    """Raises the exception again; a handler must call this first.

    Args:
      frame: The frame that the signal interrupted.

    Returns:
      False if the signal comes from elsewhere; else there is nothing to do.
    """
    if not self._sent_again:
      return False
    self._sent_again = False
    if self.number is not None and self.is_open:
      self._raise(frame)
    return True

  def arrive(self) -> int | None:
    """Ends the tries.

    Returns:
      The signal; None if there was none.
    """
    number = self.number
    self.number = self._raised = None
    return number

  def _raise(self, frame: types.FrameType | None) -> None:
    assert self.number is not None
    if _is_in_callback(frame) and self._tries < _TRIES:
      self._try_again(self.number)
      return
    error = self._make(self.number)
    # Called if the exception is deleted before it arrives.
    self._raised = weakref.ref(error, self._lose)
    try:
      raise error
    finally:
      del error  # the traceback would keep it alive

  def _lose(self, raised: 'weakref.ref[BaseException]') -> None:
    if raised is self._raised and self.number is not None and self.is_open:
      if self._tries >= _TRIES:
        _leave(self.number)
      self._try_again(self.number)

  def _try_again(self, number: int) -> None:
    self._tries += 1
    try:
      # `threading` has locks, which the main thread may hold at the moment.
      _thread.start_new_thread(self._send_again, ())
    except RuntimeError:  # no memory for a thread
      _leave(number)

  def _send_again(self) -> None:
    time.sleep(_PAUSE)
    number = self.number
    if number is None or not self.is_open:
      return
    self._sent_again = True
    if hasattr(signal, 'pthread_kill'):
      main = threading.main_thread().ident
      assert main is not None
      signal.pthread_kill(main, number)
    else:
      signal.raise_signal(number)


class _Interruptions:
  """Handlers of SIGINT and SIGTERM; see `interruptions`."""

  def __init__(self):
    self._delivery = Delivery(_exception)
    self._show: Callable[[Any], Any] = sys.unraisablehook

  @contextlib.contextmanager
  def raised(self) -> Iterator[None]:
    """The first signal raises KeyboardInterrupt or Terminated in this block."""
    try:
      try:
        self._delivery.is_open = True
        yield
      finally:
        self._delivery.is_open = False
    except (KeyboardInterrupt, Terminated):
      self._delivery.arrive()
      raise
    except BaseException as error:
      number = self._delivery.arrive()
      if number is not None:  # this error may come from ours
        raise _exception(number) from error
      raise
    number = self._delivery.arrive()
    if number is not None:
      raise _exception(number)

  def handle(self, number: int, frame: types.FrameType | None) -> None:
    """The handler of both signals."""
    if self._delivery.resume(frame):
      return
    if not self._delivery.is_open or self._delivery.number is not None:
      # Another signal ends the process at once, even if something catches the
      # exception.
      _leave(number, frame)
    self._delivery.start(number, frame)

  def show_others(self, event: Any) -> None:
    """Shows a lost exception, as `sys.unraisablehook`, if it is not ours."""
    error = event.exc_value
    while error is not None and not isinstance(error, Interrupted | Terminated):
      error = error.__cause__ or error.__context__
    if error is None:
      self._show(event)


def _exception(number: int) -> BaseException:
  return Interrupted() if number == signal.SIGINT else Terminated()


def _is_in_callback(frame: types.FrameType | None) -> bool:
  """Whether an exception that is raised in a frame would be lost."""
  codes = {getattr(function, '__code__', None) for function in gc.callbacks}
  codes.add(_Interruptions.show_others.__code__)
  codes.add(Delivery._lose.__code__)
  while frame is not None:
    code = frame.f_code
    if code.co_name in _CALLBACKS or code in codes:
      return True
    frame = frame.f_back
  return False


@contextlib.contextmanager
def interruptions() -> Iterator[_Interruptions]:
  """SIGINT and SIGTERM raise exceptions in a part of the block.

  In the block of `raised`, the first signal raises an exception.
  In the rest of this block, where nothing would catch the exception, and after
  the first signal, a signal ends the process at once. So no moment is left in
  which a signal causes a traceback. An exception that gets lost on its way,
  such as in `__del__`, is raised again; at the latest, the end of the block of
  `raised` raises it. Only the main thread can handle signals;
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
  before_hook, hook = sys.unraisablehook, handlers.show_others
  sys.unraisablehook = hook
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
    if sys.unraisablehook is hook:  # nobody else has replaced it
      sys.unraisablehook = before_hook


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
