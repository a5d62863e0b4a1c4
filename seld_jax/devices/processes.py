"""Several processes that train one network: start, agreement and end."""

import atexit
import collections
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from seld_jax.errors import InputError

T = TypeVar('T')

# Variables with the number of processes, and variables that show that they were
# started. Slurm sets SLURM_NTASKS in a script of `sbatch`, too, which is only
# one process; under `srun`, there are several.
_LAUNCHERS = {
  'SLURM_NTASKS': 'SLURM_STEP_NODELIST',
  'OMPI_COMM_WORLD_SIZE': 'OMPI_COMM_WORLD_SIZE',
}


def start(
  *,
  coordinator_address: str = '',
  num_processes: int | None = None,
  process_id: int | None = None,
) -> None:
  """Connects this process with the others of a run, before JAX is used.

  Without arguments, Slurm, Open MPI or a TPU determine the processes. A process
  that none of them has started runs alone.

  Args:
    coordinator_address: `HOST:PORT` at which process 0 listens.
    num_processes: Number of processes. With 1, this process runs alone, also
      under Slurm or Open MPI.
    process_id: Number of this process, from 0.

  Raises:
    InputError: Only some of the arguments are given, they contradict each
      other, or the processes cannot connect.
  """
  if num_processes == 1 and not coordinator_address and not process_id:
    return
  given = (bool(coordinator_address), num_processes is not None)
  given += (process_id is not None,)
  if any(given) and not all(given):
    raise InputError(
      '--coordinator_address, --num_processes and --process_id belong '
      'together: give all three, or none if Slurm, Open MPI or a TPU '
      'determines them.'
    )
  if all(given):
    assert num_processes is not None and process_id is not None
    if not 0 <= process_id < num_processes:
      raise InputError(
        '--process_id must be from 0 to --num_processes - 1, got '
        f'{process_id} of {num_processes}.'
      )
    host, _, port = coordinator_address.rpartition(':')
    if not host or not port.isdecimal():
      raise InputError(
        '--coordinator_address must be HOST:PORT, such as node1:12345, got '
        f'{coordinator_address!r}.'
      )
  elif not _is_launched():
    return
  # This service of JAX would catch SIGTERM; `Ballot` is used instead.
  jax.config.update('jax_enable_preemption_service', False)
  try:
    jax.distributed.initialize(
      coordinator_address or None, num_processes, process_id
    )
  except (RuntimeError, ValueError) as error:
    place = f' at {coordinator_address}' if coordinator_address else ''
    raise InputError(
      f'The processes of this run cannot connect{place} '
      f'({str(error).splitlines()[0]}); --num_processes=1 runs this one alone.'
    ) from error


def count() -> int:
  """The number of processes."""
  return jax.process_count()


def is_first() -> bool:
  """Whether this is the process that writes files and prints."""
  return jax.process_index() == 0


def first(action: Callable[[], int | None]) -> int:
  """Calls a function in the first process; the others wait for its result.

  Args:
    action: Called in the first process. It returns an int32 or None.

  Returns:
    The result of the function in every process; 0 for None.

  Raises:
    InputError: Raised by the function; only in the first process.
    SystemExit: The function failed; in the other processes.
  """
  value = together(lambda: (action() or 0) if is_first() else 0)
  if count() == 1:
    return value
  return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def together(action: Callable[[], T]) -> T:
  """Calls a function in every process; if it fails in one, all of them end.

  Args:
    action: Called in every process. It must not wait for the other processes.

  Returns:
    The result of the function in this process.

  Raises:
    InputError: Raised by the function in this process; in the first process
      also when it failed in another one.
    SystemExit: The function failed in another process.
  """
  if count() == 1:
    return action()
  results, problem = [], None
  try:
    results.append(action())
  except InputError as error:
    problem = error
  failed = multihost_utils.process_allgather(np.int32(not results))
  if not failed.any():
    return results[0]
  leave_at_exit()
  if problem is not None:
    raise problem
  if is_first():
    numbers = ', '.join(map(str, np.flatnonzero(failed)))
    raise InputError(f'Process {numbers} failed; see its output.')
  raise SystemExit(1)


def join_rows(part: np.ndarray, total: int) -> np.ndarray:
  """Collects the rows of an array that are distributed over the processes.

  Args:
    part: The rows of this process, with shape `[rows, ...]`: process `i` has
      the rows `i`, `i + count()`, `i + 2 * count()`, ...
    total: Number of rows of all processes.

  Returns:
    All rows in their order, bit for bit, with shape `[total, ...]`.
  """
  if count() == 1:
    return part
  size = -(-total // count())
  padded = np.zeros((size, *part.shape[1:]), part.dtype)
  padded[: len(part)] = part
  # As bytes, since JAX would round float64 to float32.
  gathered = multihost_utils.process_allgather(
    np.frombuffer(padded.tobytes(), np.uint8)
  )
  parts = np.frombuffer(gathered.tobytes(), part.dtype)
  parts = parts.reshape(count(), *padded.shape)
  return np.swapaxes(parts, 0, 1).reshape(-1, *part.shape[1:])[:total]


class Ballot:
  """A vote of all processes after each step, whether to stop the run.

  With several processes, the result is two steps old, so that the devices never
  wait for it. All processes get the same result after the same step.
  """

  _DELAY = 2

  def __init__(self):
    self._devices = jax.make_mesh(
      (jax.device_count(),),
      ('device',),
      axis_types=(jax.sharding.AxisType.Auto,),
    )
    self._each = jax.NamedSharding(self._devices, jax.P('device'))
    self._greatest = jax.jit(
      lambda votes: votes.max(),
      out_shardings=jax.NamedSharding(self._devices, jax.P()),
    )
    self._pending: collections.deque[jax.Array] = collections.deque()

  def __call__(self, vote: int) -> int:
    """Votes, and returns the result.

    Args:
      vote: 0 to go on, or the positive number of a signal to stop.

    Returns:
      The largest vote of all processes. With several processes, it is the one
      of two calls before; the first two calls return 0.
    """
    if count() == 1:
      return vote
    votes = jax.make_array_from_callback(
      (jax.device_count(),), self._each, lambda _: np.full(1, vote, np.int32)
    )
    self._pending.append(self._greatest(votes))
    if len(self._pending) <= self._DELAY:
      return 0
    return int(self._pending.popleft())


def leave_at_exit() -> None:
  """Makes this process exit without waiting for the others.

  Otherwise, a process that failed and the other processes would wait for each
  other.
  """
  if count() == 1:
    return

  def leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)

  atexit.register(leave)


def _is_launched() -> bool:
  """Whether a launcher started several processes, or a TPU may have done so."""
  for size, started in _LAUNCHERS.items():
    if started in os.environ and int(os.environ.get(size, 1)) > 1:
      return True
  platforms = os.environ.get('JAX_PLATFORMS', 'tpu')
  has_tpu = importlib.util.find_spec('libtpu') is not None
  return has_tpu and 'tpu' in platforms
