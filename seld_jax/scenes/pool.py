"""Runs independent jobs in worker processes, with one thread each."""

import concurrent.futures
import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import process
from typing import Any

import threadpoolctl

from seld_jax import stopping
from seld_jax.errors import InputError

_THREAD_VARIABLES = (
  'OMP_NUM_THREADS',
  'OPENBLAS_NUM_THREADS',
  'MKL_NUM_THREADS',
)

# Seconds in which a worker that is told to end can delete incomplete files.
_GRACE = 5.0


def run_in_processes(
  make: Callable[[Any], Any], todo: Sequence[Any], *, num_workers: int | None
) -> Generator[Any, None, None]:
  """Calls a function for every item, in several processes.

  An exception of `make` is raised here, too; jobs that have not started by then
  are cancelled, and the others are finished. If a signal or the caller ends the
  iteration, the workers end at once: Terminated is raised in `make`, so that it
  can delete incomplete files. This also happens when this process is killed.

  Args:
    make: A function that can be pickled.
    todo: The items: arguments for `make`.
    num_workers: Number of processes to start; None for one per core, 0 to work
      in this process.

  Yields:
    The results of `make`, in the order of completion. Close the iterator
    (`contextlib.closing`) if its end may not be reached.

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
  others = set(multiprocessing.active_children())
  work = functools.partial(_work, make)
  pool = concurrent.futures.ProcessPoolExecutor(
    count,
    mp_context=multiprocessing.get_context('spawn'),
    initializer=_start_worker,
  )
  try:
    with _one_thread_each(), stopping.for_workers():
      jobs = [pool.submit(work, item) for item in todo]
    for job in concurrent.futures.as_completed(jobs):
      yield job.result()
  except process.BrokenProcessPool as error:
    # A signal to the whole process group ends the workers, too. It is then the
    # reason to report, and arrives here in a moment.
    time.sleep(0.5)
    raise InputError(
      'A worker process ended unexpectedly: either the memory was full (start '
      'again with a lower --workers to continue), or the script that started '
      "it lacks the line if __name__ == '__main__'."
    ) from error
  except Exception:
    raise
  except BaseException:
    for worker in set(multiprocessing.active_children()) - others:
      worker.terminate()
    raise
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


# Whether this worker is in a job, which may have to delete incomplete files.
_in_job = False


def _start_worker() -> None:
  """Makes a worker ignore Ctrl-C, and clean up at SIGTERM."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.signal(signal.SIGTERM, _end)
  if hasattr(signal, 'pthread_sigmask'):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _work(make: Callable[[Any], Any], item: Any) -> Any:
  """Does a job; SIGTERM then ends the worker instead of the job alone."""
  global _in_job
  try:
    _in_job = True
    result = make(item)
    _in_job = False
    return result
  except stopping.Terminated:
    os._exit(128 + signal.SIGTERM)
  finally:
    _in_job = False


def _end(number: int, frame: object) -> None:
  """The handler of SIGTERM in a worker."""
  if not _in_job:
    os._exit(128 + number)
  # A job that takes no notice must not keep the worker alive.
  timer = threading.Timer(_GRACE, os._exit, [128 + number])
  timer.daemon = True
  timer.start()
  raise stopping.Terminated
