"""Independent jobs in worker processes, one thread each."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import process
from typing import Any

import threadpoolctl

from seld_jax.errors import InputError

_THREAD_VARIABLES = (
  'OMP_NUM_THREADS',
  'OPENBLAS_NUM_THREADS',
  'MKL_NUM_THREADS',
)


def run(
  make: Callable[[Any], Any], todo: Sequence[Any], *, num_workers: int | None
) -> Iterator[Any]:
  """Yields `make(item)` for every item, in the order they are done.

  Args:
    make: A picklable function.
    todo: Its arguments.
    num_workers: Processes, which are started anew; None for one a core, 0 to
      work in this process.

  Yields:
    The results.

  Raises:
    InputError: A process was killed. What `make` raises is raised here, too,
      and what has not begun by then is dropped.
  """
  if num_workers == 0:
    for item in todo:
      # As in a worker: what several threads sum is rounded in another way.
      with threadpoolctl.threadpool_limits(1):
        result = make(item)
      yield result
    return
  count = min(num_workers or os.cpu_count() or 1, len(todo))
  with _one_thread_each():
    pool = concurrent.futures.ProcessPoolExecutor(
      count,
      mp_context=multiprocessing.get_context('spawn'),
      initializer=_start_worker,
    )
    jobs = [pool.submit(make, recording) for recording in todo]
  try:
    for job in concurrent.futures.as_completed(jobs):
      yield job.result()
  except process.BrokenProcessPool as error:
    raise InputError(
      'a rendering process ended unexpectedly: for want of memory (start again '
      'with fewer workers to continue), or because a script that renders lacks '
      "the line if __name__ == '__main__'."
    ) from error
  finally:
    pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
  """Lets processes that start meanwhile use one thread for algebra."""
  before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
  os.environ.update(dict.fromkeys(_THREAD_VARIABLES, '1'))
  try:
    yield
  finally:
    for name, value in before.items():
      if value is None:
        del os.environ[name]
      else:
        os.environ[name] = value


def _start_worker() -> None:
  """Leaves interrupts to the parent, and ends when the parent does."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
  parent = multiprocessing.parent_process()
  if parent is not None:
    parent.join()
  os._exit(1)
