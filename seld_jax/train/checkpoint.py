"""Checkpoints of a run: the two latest and the best. The only user of Orbax."""

import contextlib
import logging
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from seld_jax import files
from seld_jax.errors import InputError

# What is minimised; NaN counts as worst, or it would pass for the best.
_METRIC = 'seld_score'

Manager = ocp.CheckpointManager

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def open_manager(folder: str | os.PathLike[str]) -> Iterator[Manager]:
  """Opens the checkpoints of a run, making the folder when it is missing.

  Two latest ones are kept, as one that was torn must have a predecessor, and
  the one with the lowest `seld_score`.

  Args:
    folder: The folder of checkpoints.

  Yields:
    The manager. At its end, what is being saved is waited for.

  Raises:
    InputError: The disk is full.
  """
  policy = checkpoint_managers.AnyPreservationPolicy(
    [
      checkpoint_managers.LatestN(2),
      checkpoint_managers.BestN(
        get_metric_fn=_rank,
        reverse=True,
        n=1,
        keep_checkpoints_without_metrics=False,
      ),
    ]
  )
  with _quiet():
    manager = ocp.CheckpointManager(
      pathlib.Path(folder).resolve(),
      # Named, so that what a checkpoint holds can be asked before it is read.
      item_handlers=ocp.StandardCheckpointHandler(),
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policy,
        # Without it, the manager does not read the metrics of old checkpoints.
        best_fn=_rank,
        best_mode='min',
        cleanup_tmp_directories=True,
      ),
    )
    try:
      yield manager
    except BaseException:
      # What went wrong first is what is told.
      with contextlib.suppress(Exception):
        manager.close()
      raise
    with _explained(manager):
      manager.close()


def save(
  manager: Manager, step: int, state: Any, *, seld_score: float | None = None
) -> None:
  """Saves a state under its step, in the background, in place of an older one.

  Args:
    manager: From `open_manager`.
    step: Number of steps done.
    state: The pytree to save.
    seld_score: The validation score that ranks it; None when there is none.

  Raises:
    InputError: The disk is full, now or at the save before.
  """
  metrics = None if seld_score is None else {_METRIC: float(seld_score)}
  with _explained(manager):
    if step in manager.all_steps():
      manager.delete(step)
    manager.save(
      step, args=ocp.args.StandardSave(state), metrics=metrics, force=True
    )


def check(manager: Manager) -> None:
  """Raises InputError when saving in the background met a full disk."""
  with _explained(manager):
    manager.check_for_errors()


def wait(manager: Manager) -> None:
  """Waits for the end of the save that is under way.

  Args:
    manager: From `open_manager`.

  Raises:
    InputError: The disk is full.
  """
  with _explained(manager):
    manager.wait_until_finished()


def restore_latest(manager: Manager, template: Any) -> tuple[int, Any] | None:
  """Restores the latest checkpoint that can be read.

  Where that is not the latest, the torn ones after it are deleted, so that
  their steps can be saved again; where none can be read, all are left alone.

  Args:
    manager: From `open_manager`.
    template: A state of the same structure, shapes and types.

  Returns:
    Step and state, or None when there is no checkpoint at all.

  Raises:
    InputError: There are checkpoints, but none can be read, or one is of
      another network.
  """
  steps = sorted(manager.all_steps(), reverse=True)
  problem = None
  torn = []
  for step in steps:
    _refuse_other(manager, step, template)
    try:
      state = _restore(manager, step, template)
    except Exception as error:  # Orbax raises many kinds for a torn folder
      _log.info(
        'The checkpoint of step %d cannot be read (%s); falling back to the '
        'one before.',
        step,
        type(error).__name__,
      )
      problem = error
      torn.append(step)
      continue
    for later in torn:
      manager.delete(later)
    return step, state
  if steps:
    raise InputError(
      f'None of the checkpoints {steps} in {manager.directory} can be read.'
    ) from problem
  return None


def restore_best(manager: Manager, template: Any) -> tuple[int, Any]:
  """Restores the checkpoint with the lowest score, or the latest of unscored.

  Args:
    manager: From `open_manager`.
    template: A state of the same structure, shapes and types.

  Returns:
    Step and state.

  Raises:
    InputError: There is no checkpoint, or it cannot be read.
  """
  step = manager.best_step()
  step = manager.latest_step() if step is None else step
  if step is None:
    raise InputError(f'{manager.directory} holds no checkpoint.')
  try:
    return step, _restore(manager, step, template)
  except Exception as error:  # Orbax raises many kinds for a torn folder
    raise InputError(
      f'The best checkpoint, {manager.directory / str(step)}, cannot be read '
      f'({type(error).__name__}); delete it, and the same command selects '
      'among the others.'
    ) from error


def read_best(folder: str | os.PathLike[str], template: Any) -> tuple[int, Any]:
  """Reads the best checkpoint, and changes nothing in the folder.

  Args:
    folder: The folder of checkpoints, of a run that may still be going on.
    template: A state of the same structure, shapes and types; or such a state
      of `jax.ShapeDtypeStruct`.

  Returns:
    Step and state, of NumPy arrays.

  Raises:
    InputError: There is no checkpoint, it cannot be read, or it has arrays of
      other shapes.
  """
  folder = pathlib.Path(folder).resolve()
  options = ocp.CheckpointManagerOptions(
    read_only=True,
    create=False,  # Orbax warns about its own defaults for this and the next.
    save_interval_steps=0,
    best_fn=_rank,
    best_mode='min',
  )
  if not folder.is_dir():
    raise InputError(f'{folder} holds no checkpoint.')
  template = jax.tree.map(
    lambda leaf: np.empty(leaf.shape, leaf.dtype), template
  )
  with _quiet(), ocp.CheckpointManager(folder, options=options) as manager:
    return restore_best(manager, template)


def _restore(manager: Manager, step: int, template: Any) -> Any:
  return manager.restore(step, args=ocp.args.StandardRestore(template))


def _refuse_other(manager: Manager, step: int, template: Any) -> None:
  """Refuses a checkpoint that can be read, but has other arrays."""
  try:
    metadata = manager.item_metadata(step)
    theirs = _shapes(getattr(metadata, 'tree', metadata))
  except Exception:  # it cannot be read
    return
  ours = _shapes(template)
  for name in sorted(theirs.keys() | ours.keys()):
    # Parameters, of which many may differ, before what is made from them.
    if not name.startswith('params.'):
      continue
    if theirs.get(name) != ours.get(name):
      there, wanted = (shapes.get(name, 'missing') for shapes in (theirs, ours))
      raise InputError(
        f'The checkpoint of step {step} in {manager.directory} is of another '
        f'network: its {name} is {there}, that of the configuration {wanted}; '
        'choose another --workdir, or the config that it was made with.'
      )


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
  """Shapes of the arrays of a tree by their path, dotted."""

  def name(path):
    keys = (getattr(k, 'key', getattr(k, 'name', None)) for k in path)
    return '.'.join(map(str, keys))

  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {
    name(path): tuple(leaf.shape if hasattr(leaf, 'shape') else np.shape(leaf))
    for path, leaf in leaves
  }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Keeps Orbax from logging; the level of its logger is restored afterwards.

  Orbax logs every step of a save, and what goes wrong in each of its threads,
  which it also raises.
  """
  logger = logging.getLogger('absl')
  level = logger.level
  logger.setLevel(logging.CRITICAL)
  try:
    yield
  finally:
    logger.setLevel(level)


@contextlib.contextmanager
def _explained(manager: Manager) -> Iterator[None]:
  """Says in a sentence that the disk is full, and which checkpoint is left."""
  folder = pathlib.Path(manager.directory)
  try:
    yield
  except Exception as error:
    if not files.is_full(error):
      raise
    steps = sorted(int(p.name) for p in folder.glob('*') if p.name.isdecimal())
    left, needed = 'there is none from before', 'more space'
    if steps:
      sizes = [p.stat().st_size for p in (folder / str(steps[-1])).rglob('*')]
      left = f'that of step {steps[-1]} is kept and resumes the run'
      needed = f'{sum(sizes) / 1e6:.1f} MB for each of three'
    raise InputError(
      f'A checkpoint could not be saved: the disk that holds {folder} is full '
      f'and needs {needed}; free some by deleting what else is on it, and '
      f'start again ({left}).'
    ) from error


def _rank(metrics: Any) -> float:
  """The score to minimise; infinite when it is missing or not finite."""
  value = (metrics or {}).get(_METRIC, math.inf)
  return value if math.isfinite(value) else math.inf
