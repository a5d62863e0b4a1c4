"""Several processes that train one network: how they start, agree and end."""

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

# Where launchers tell each process how many there are. Slurm's counts under
# `srun` alone: in a script of `sbatch` it is set, too, but one process runs.
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
  """Joins the processes of a run; to be called before JAX is used.

  Without arguments, what Slurm, Open MPI or a TPU says of the process counts,
  and one that none of them has started runs alone.

  Args:
    coordinator_address: `HOST:PORT` on the host of process 0, where it listens.
    num_processes: Number of processes; 1 for one that runs alone in spite of
      what its launcher says.
    process_id: Number of this process, from 0.

  Raises:
    InputError: Only some of the arguments are given, they contradict each
      other, or the processes do not find each other.
  """
  if num_processes == 1 and not coordinator_address and not process_id:
    return
  given = (bool(coordinator_address), num_processes is not None)
  given += (process_id is not None,)
  if any(given) and not all(given):
    raise InputError(
      '--coordinator_address, --num_processes and --process_id belong '
      'together: give all three, or none where Slurm, Open MPI or a TPU says '
      'them.'
    )
  if all(given):
    assert num_processes is not None and process_id is not None
    if not 0 <= process_id < num_processes:
      raise InputError(
        f'--process_id counts from 0 to --num_processes - 1, got {process_id} '
        f'of {num_processes}.'
      )
    host, _, port = coordinator_address.rpartition(':')
    if not host or not port.isdecimal():
      raise InputError(
        '--coordinator_address needs HOST:PORT, such as node1:12345, got '
        f'{coordinator_address!r}.'
      )
  elif not _is_launched():
    return
  # It would take SIGTERM for itself; `Ballot` agrees on it in its place.
  jax.config.update('jax_enable_preemption_service', False)
  try:
    jax.distributed.initialize(
      coordinator_address or None, num_processes, process_id
    )
  except (RuntimeError, ValueError) as error:
    place = f' at {coordinator_address}' if coordinator_address else ''
    raise InputError(
      f'The processes of this run do not find each other{place} '
      f'({str(error).splitlines()[0]}); --num_processes=1 runs this one alone.'
    ) from error


def count() -> int:
  """Number of processes."""
  return jax.process_count()


def is_first() -> bool:
  """Whether this process is the one that writes files and speaks."""
  return jax.process_index() == 0


def first(action: Callable[[], int | None]) -> int:
  """Lets the first process do something that the others wait for.

  Args:
    action: Called in the first process; what it gives has to fit int32.

  Returns:
    What the action gave, 0 for None, in every process.

  Raises:
    InputError: What the action raised, in the first process.
    SystemExit: In the others then.
  """
  value = together(lambda: (action() or 0) if is_first() else 0)
  if count() == 1:
    return value
  return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def together(action: Callable[[], T]) -> T:
  """Does something in every process; what fails in one ends all.

  Args:
    action: Called in every process. It must not wait for the others.

  Returns:
    What the action gave in this process.

  Raises:
    InputError: What the action raised in this process; in the first process
      also that it failed in another.
    SystemExit: The action failed in another process.
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
    raise InputError(f'Process {numbers} failed, and says why.')
  raise SystemExit(1)


def join_rows(part: np.ndarray, total: int) -> np.ndarray:
  """Puts together rows of which every process has some, bit for bit.

  Args:
    part: Those of this process: every `count()`th, beginning with the one of
      its number, with shape `[rows, ...]`.
    total: Number of rows of all processes.

  Returns:
    All of them in their order, with shape `[total, ...]`.
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
  """Agrees between two steps whether a process was asked to stop.

  The answer is that of two steps ago, so that the device never waits for it;
  all processes get the same at the same step.
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
    """Hands in a vote.

    Args:
      vote: 0, or a number above it that asks to stop.

    Returns:
      The greatest vote of all processes; with several, that of two calls ago,
      and 0 in the first two.
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
  """Ends this process at its exit without waiting for the others.

  A process that failed would otherwise wait for those that wait for it.
  """
  if count() == 1:
    return

  def leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)

  atexit.register(leave)


def _is_launched() -> bool:
  """Whether a launcher started several processes, or a TPU may have others."""
  for size, sign in _LAUNCHERS.items():
    if sign in os.environ and int(os.environ.get(size, 1)) > 1:
      return True
  platforms = os.environ.get('JAX_PLATFORMS', 'tpu')
  has_tpu = importlib.util.find_spec('libtpu') is not None
  return has_tpu and 'tpu' in platforms
