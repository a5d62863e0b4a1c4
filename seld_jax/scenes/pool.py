"""Runs independent jobs in worker processes, with one thread each."""

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


def run_in_processes(
  make: Callable[[Any], Any], todo: Sequence[Any], *, num_workers: int | None
) -> Iterator[Any]:
  """Calls a function for every item, in several processes.

  An exception of `make` is raised here, too; jobs that have not started by then
  are cancelled.

  Args:
    make: A function that can be pickled.
    todo: The items: arguments for `make`.
    num_workers: Number of processes to start; None for one per core, 0 to work
      in this process.

  Yields:
    The results of `make`, in the order of completion.

  Raises:
    InputError: A process was killed.

  Example:
    >>> from seld_jax import scenes
    >>> list(scenes.run_in_processes(abs, [-1, 2], num_workers=0))
    [1, 2]
  """
  if num_workers == 0:
    for item in todo:
      # One thread as in a worker: several would round sums differently.
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
      'A worker process ended unexpectedly: either the memory was full (start '
      'again with a lower --workers to continue), or the script that started '
      "it lacks the line if __name__ == '__main__'."
    ) from error
  finally:
    pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
  """Makes processes that start in the block use one thread for BLAS."""
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
  """Makes a worker ignore interrupts, and end when its parent ends."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
  parent = multiprocessing.parent_process()
  if parent is not None:
    parent.join()
  os._exit(1)
