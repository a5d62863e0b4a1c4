"""Checkpoints of a run: the two latest and the best. The only user of Orbax."""

import logging
import math
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from seld_jax.errors import InputError

# What is minimised; NaN counts as worst, or it would pass for the best.
_METRIC = 'seld_score'

Manager = ocp.CheckpointManager


def open_manager(folder: str | os.PathLike[str]) -> Manager:
  """Opens the checkpoints of a run, making the folder when it is missing.

  Two latest ones are kept, as one that was torn must have a predecessor, and
  the one with the lowest `seld_score`.

  Args:
    folder: The folder of checkpoints.

  Returns:
    The manager; close it when done.
  """
  # Orbax reports every step of a save; a run's log is not the place.
  logging.getLogger('absl').setLevel(logging.ERROR)
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
  return ocp.CheckpointManager(
    pathlib.Path(folder).resolve(),
    options=ocp.CheckpointManagerOptions(
      preservation_policy=policy,
      # Without it, the manager does not read the metrics of old checkpoints.
      best_fn=_rank,
      best_mode='min',
      cleanup_tmp_directories=True,
    ),
  )


def save(
  manager: Manager, step: int, state: Any, *, seld_score: float | None = None
) -> None:
  """Saves a state under its step, in the background.

  Args:
    manager: From `open_manager`.
    step: Number of steps done.
    state: The pytree to save.
    seld_score: The validation score that ranks it; None when there is none.
  """
  metrics = None if seld_score is None else {_METRIC: float(seld_score)}
  manager.save(
    step, args=ocp.args.StandardSave(state), metrics=metrics, force=True
  )


def restore_latest(
  manager: Manager, template: Any, *, say: Callable[[str], None] = print
) -> tuple[int, Any] | None:
  """Restores the latest checkpoint that can be read.

  Where that is not the latest, the torn ones after it are deleted, so that
  their steps can be saved again; where none can be read, all are left alone.

  Args:
    manager: From `open_manager`.
    template: A state of the same structure, shapes and types.
    say: Called with a sentence when a checkpoint was passed over.

  Returns:
    Step and state, or None when there is no checkpoint at all.

  Raises:
    InputError: There are checkpoints, but none can be read.
  """
  steps = sorted(manager.all_steps(), reverse=True)
  problem = None
  torn = []
  for step in steps:
    try:
      state = _restore(manager, step, template)
    except Exception as error:  # Orbax raises many kinds for a torn folder
      say(
        f'The checkpoint of step {step} cannot be read '
        f'({type(error).__name__}); falling back to the one before.'
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
  logging.getLogger('absl').setLevel(logging.ERROR)
  options = ocp.CheckpointManagerOptions(
    read_only=True, best_fn=_rank, best_mode='min'
  )
  if not folder.is_dir():
    raise InputError(f'{folder} holds no checkpoint.')
  template = jax.tree.map(
    lambda leaf: np.empty(leaf.shape, leaf.dtype), template
  )
  with ocp.CheckpointManager(folder, options=options) as manager:
    return restore_best(manager, template)


def _restore(manager: Manager, step: int, template: Any) -> Any:
  return manager.restore(step, args=ocp.args.StandardRestore(template))


def _rank(metrics: Any) -> float:
  """The score to minimise; infinite when it is missing or not finite."""
  value = (metrics or {}).get(_METRIC, math.inf)
  return value if math.isfinite(value) else math.inf
