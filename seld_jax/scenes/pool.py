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
from typing import Any, TypeAlias

import threadpoolctl

from seld_jax import stopping
from seld_jax.errors import InputError

_THREAD_VARIABLES = (
  'OMP_NUM_THREADS',
  'OPENBLAS_NUM_THREADS',
  'MKL_NUM_THREADS',
)

# A job of a worker, with its result.
Job: TypeAlias = 'concurrent.futures.Future[Any]'

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
  if not todo:
    return
  count = min(num_workers or os.cpu_count() or 1, len(todo))
  try:
    with workers(count) as submit:
      for job in concurrent.futures.as_completed(submit(make, todo)):
        yield job.result()
  except process.BrokenProcessPool as error:
    # A signal to the whole process group ends the workers, too. It is then the
    # reason to report, and arrives here in a moment.
    time.sleep(0.5)
    raise InputError(worker_ended('--workers')) from error


def worker_ended(field: str) -> str:
  """The message to show instead of BrokenProcessPool.

  Args:
    field: The flag or field with the number of workers.

  Returns:
    What happened, and what to do.

  Example:
    >>> from seld_jax import scenes
    >>> scenes.worker_ended('--workers').partition(':')[0]
    'A worker process ended unexpectedly'
  """
  return (
    'A worker process ended unexpectedly: either the memory was full (start '
    f'again with a lower {field} to continue), or the script that started '
    "it lacks the line if __name__ == '__main__'."
  )


@contextlib.contextmanager
def workers(
  count: int, *, niceness: int = 0
) -> Iterator[Callable[[Callable[[Any], Any], Sequence[Any]], list[Job]]]:
  """Processes that do jobs until the block ends.

  At the end of the block, jobs that have not started are cancelled, and the
  others are finished; if a signal ends it, the workers end at once as in
  `run_in_processes`.

  Args:
    count: Number of processes.
    niceness: How far the workers stand back behind other processes, 0 to 19.

  Yields:
    A function from a function that can be pickled and a list of its arguments
    to the jobs, in this order. Their results raise BrokenProcessPool after a
    process was killed.

  Example:
    >>> from seld_jax import scenes
    >>> with scenes.workers(2) as submit:
    ...   jobs = submit(abs, [])  # nothing to do
    >>> [job.result() for job in jobs]
    []
  """
  others = set(multiprocessing.active_children())
  pool = concurrent.futures.ProcessPoolExecutor(
    count,
    mp_context=multiprocessing.get_context('spawn'),
    initializer=_start_worker,
    initargs=(niceness,),
  )

  def submit(make: Callable[[Any], Any], todo: Sequence[Any]) -> list[Job]:
    work = functools.partial(_work, make)
    with _one_thread_each(), stopping.for_workers():
      return [pool.submit(work, item) for item in todo]

  try:
    yield submit
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


def _start_worker(niceness: int) -> None:
  """Makes a worker ignore Ctrl-C, and clean up at SIGTERM."""
  if niceness and hasattr(os, 'nice'):
    os.nice(niceness)
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
