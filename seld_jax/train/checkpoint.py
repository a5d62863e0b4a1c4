"""Checkpoints: states from which a run resumes, and the best one for the test.

The two latest checkpoints and the one with the lowest validation score are
kept. No other module uses Orbax.
"""

import contextlib
import dataclasses
import errno
import functools
import logging
import math
import os
import pathlib
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from seld_jax import files, json_files
from seld_jax.errors import InputError, is_utf8
from seld_jax.train import checkpoint_files

# Seconds to wait for a thread of Orbax after an error.
_LONGEST_WAIT = 60

# The metric that ranks checkpoints; the lowest value is the best.
_METRIC = 'seld_score'

# Bytes of a checkpoint beside its arrays, about.
_OTHER_FILES = 2**16

# The name of the folder of a state in a checkpoint, which Orbax chooses.
_ITEM = 'default'

_log = logging.getLogger(__name__)


class Manager(ocp.CheckpointManager):
  """A manager of checkpoints that treats an unreadable score as no score.

  A power cut can leave the file of a score empty, and anyone may have written
  it. Orbax would raise an error when it opens the folder.
  """

  def __init__(self, folder: pathlib.Path, *args: Any, **keywords: Any) -> None:
    """Opens a folder, with the arguments of Orbax.

    Raises:
      InputError: A checkpoint is damaged so that none can be opened, or holds
        something that cannot be read to its end.
    """
    checkpoint_files.refuse_strange(folder)
    try:
      super().__init__(folder, *args, **keywords)
    except Exception as error:  # a damaged folder raises many types
      if isinstance(error, OSError) or files.is_full(error):
        raise
      _name_damaged(folder)
      raise

  def metrics(self, step: int) -> dict[str, float] | None:
    """The score of a checkpoint; None if it has none that can be read."""
    try:
      metrics = super().metrics(step)
      if metrics is None:
        return None
      score = metrics[_METRIC]
      if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError(f'{_METRIC} must be a number')
      return {_METRIC: float(score)}
    except Exception as error:  # a damaged file raises many types
      _log.warning(
        'The score of checkpoint %s cannot be read (%s); the checkpoint counts '
        'as not scored.',
        pathlib.Path(self.directory) / str(step),
        type(error).__name__,
      )
      return None


@contextlib.contextmanager
def open_manager(folder: str | os.PathLike[str]) -> Iterator[Manager]:
  """Opens the checkpoints of a run.

  The two latest checkpoints are kept, so that a run can resume when one is
  damaged, and the one with the lowest `seld_score`.

  Args:
    folder: The folder of checkpoints; it is created if it is missing.

  Yields:
    The manager. The end of the block waits until everything is saved.

  Raises:
    InputError: The disk is full, or a file is too large.
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
    manager = Manager(
      _resolved(folder),
      # With a handler, the shapes in a checkpoint are known before it is read.
      item_handlers=ocp.StandardCheckpointHandler(),
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policy,
        # Without this, the manager ignores the metrics of old checkpoints.
        best_fn=_rank,
        best_mode='min',
        cleanup_tmp_directories=True,
      ),
    )
    try:
      yield manager
    except BaseException:
      # The first error is the one to report.
      with contextlib.suppress(Exception):
        _close(manager)
      raise
    with _explained(manager):
      _close(manager)


def _close(manager: Manager) -> None:
  """Waits for all threads of a manager."""
  # `close` does not wait for the thread that deletes incomplete checkpoints. If
  # the process ended before it, it would print a traceback.
  try:
    getattr(manager, '_maybe_await_cleanup_tmp_directory', lambda: None)()
    manager.close()
  finally:
    # After an error, `close` leaves threads behind that still write files or
    # print a traceback.
    for thread in threading.enumerate():
      if type(thread).__module__.startswith('orbax.'):
        threading.Thread.join(thread, _LONGEST_WAIT)


def save(
  manager: Manager, step: int, state: Any, *, seld_score: float | None = None
) -> None:
  """Saves a state in the background; replaces a checkpoint of the same step.

  Args:
    manager: From `open_manager`.
    step: Number of steps done.
    state: The pytree to save.
    seld_score: The validation score that ranks the state, if there is one.

  Raises:
    InputError: The disk is full or a file too large, or they were during the
      save before.
  """
  metrics = None if seld_score is None else {_METRIC: float(seld_score)}
  with _explained(manager):
    _refuse_full_disk(manager, state)
    if step in manager.all_steps():
      manager.delete(step)
    manager.save(
      step,
      args=ocp.args.StandardSave(_stored(state)),
      metrics=metrics,
      force=True,
    )


def _refuse_full_disk(manager: Manager, state: Any) -> None:
  """Raises OSError if the disk has too little space for a state.

  Threads of Orbax print tracebacks when they cannot even open their files.
  """
  needed = sum(getattr(leaf, 'nbytes', 0) for leaf in jax.tree.leaves(state))
  free = shutil.disk_usage(manager.directory).free
  if free < needed + _OTHER_FILES:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def check(manager: Manager) -> None:
  """Raises InputError when a save in the background could not be written."""
  with _explained(manager):
    manager.check_for_errors()


def wait(manager: Manager) -> None:
  """Waits until the save in the background is finished.

  Args:
    manager: From `open_manager`.

  Raises:
    InputError: The disk is full, or a file is too large.
  """
  with _explained(manager):
    manager.wait_until_finished()


def restore_latest(manager: Manager, template: Any) -> tuple[int, Any] | None:
  """Restores the latest checkpoint that can be read, to resume a run.

  Damaged checkpoints after it are deleted, so that their steps can be saved
  again. When none can be read, none is deleted.

  Args:
    manager: From `open_manager`.
    template: A state of the same structure, shapes and types.

  Returns:
    Step and state; None when there is no checkpoint at all.

  Raises:
    InputError: None of the checkpoints can be read, or one belongs to another
      network.

  See Also:
    `restore_best`, for the test at the end of a run.
  """
  steps = sorted(manager.all_steps(), reverse=True)
  problem = None
  damaged = []
  for step in steps:
    _refuse_other(manager, step, template)
    try:
      state = _restore(manager, step, template)
    except Exception as error:  # a damaged folder raises many types
      _log.info(
        'The checkpoint of step %d cannot be read (%s); falling back to the '
        'one before.',
        step,
        type(error).__name__,
      )
      problem = error
      damaged.append(step)
      continue
    for later in damaged:
      manager.delete(later)
    return step, state
  if steps:
    raise InputError(
      f'None of the checkpoints {steps} in {manager.directory} can be read; '
      'delete that folder to train from the start.'
    ) from problem
  return None


def restore_best(manager: Manager, template: Any) -> tuple[int, Any]:
  """Restores the checkpoint with the lowest score; without scores, the latest.

  Args:
    manager: From `open_manager`.
    template: A state of the same structure, shapes and types.

  Returns:
    Step and state.

  Raises:
    InputError: There is no checkpoint, or it cannot be read.
  """
  step = _best_step(manager)
  return step, _restore_step(manager, step, template)


def read_best(
  folder: str | os.PathLike[str], template: Any, *, made_from: str
) -> tuple[int, Any]:
  """Reads the best checkpoint without changing the folder.

  Args:
    folder: The folder of checkpoints. Its run may be training at the same time.
    template: A state of the same structure, shapes and types, of arrays or of
      `jax.ShapeDtypeStruct`.
    made_from: Where the template comes from, for messages.

  Returns:
    Step and state, with NumPy arrays.

  Raises:
    InputError: There is no checkpoint, it cannot be read, or it has arrays of
      other shapes. The shapes are compared before memory is taken.
  """
  folder = _resolved(folder)
  options = ocp.CheckpointManagerOptions(
    read_only=True,
    create=False,  # Orbax warns about its own defaults for this and the next.
    save_interval_steps=0,
    best_fn=_rank,
    best_mode='min',
  )
  if not folder.is_dir():
    raise InputError(
      f'{folder} contains no checkpoint: train the run first, with '
      'python -m seld_jax.main.'
    )
  with _quiet(), Manager(folder, options=options) as manager:
    step = _best_step(manager)
    stored = _stored_shapes(manager, step)
    if stored is None:
      # Without the shapes, a template of any size would take memory.
      _refuse_damaged(manager, step, ValueError('its shapes cannot be read'))
    for name, there, wanted in _differences(stored, _shapes(template)):
      raise InputError(
        f'{folder / str(step)} does not fit {made_from}: {name} must have '
        f'the shape {wanted}, got {there}; restore the config.json of this '
        'run from its copy, checkpoints/config.json.'
      )
    arrays = jax.tree.map(
      lambda leaf: np.empty(leaf.shape, leaf.dtype), template
    )
    return step, _restore_step(manager, step, arrays)


def _resolved(folder: str | os.PathLike[str]) -> pathlib.Path:
  """The absolute path of a folder; refuses names that Orbax cannot read."""
  path = pathlib.Path(folder).resolve()
  if not is_utf8(str(path)):
    raise InputError(
      f'{path} has a name that is no UTF-8, below which checkpoints cannot be '
      'read or written: move or rename the folder.'
    )
  return path


def _name_damaged(folder: pathlib.Path) -> None:
  """Raises InputError with the checkpoint that prevents opening the folder."""
  for path in sorted(folder.glob('[0-9]*/_CHECKPOINT_METADATA')):
    try:
      json_files.read(path)
    except InputError as error:
      raise InputError(
        f'{error} Delete {path.parent}, and the same command uses another '
        'checkpoint.'
      ) from error


def _best_step(manager: Manager) -> int:
  step = manager.best_step()
  step = manager.latest_step() if step is None else step
  if step is None:
    raise InputError(
      f'{manager.directory} contains no checkpoint: start the training again.'
    )
  return step


def _restore_step(manager: Manager, step: int, template: Any) -> Any:
  try:
    return _restore(manager, step, template)
  except Exception as error:  # a damaged folder raises many types
    _refuse_damaged(manager, step, error)


def _refuse_damaged(manager: Manager, step: int, error: Exception) -> NoReturn:
  raise InputError(
    f'The best checkpoint, {manager.directory / str(step)}, cannot be read '
    f'({type(error).__name__}); delete it, and the same command selects '
    'another one.'
  ) from error


def _restore(manager: Manager, step: int, template: Any) -> Any:
  restored = manager.restore(
    step, args=ocp.args.StandardRestore(_stored(template))
  )
  if dataclasses.is_dataclass(template) and not isinstance(template, type):
    return dataclasses.replace(template, **restored)
  return restored


def _stored(state: Any) -> Any:
  """What is stored of a state: its fields, without those that are None.

  Orbax would refuse checkpoints of versions that did not have such a field.
  """
  if not dataclasses.is_dataclass(state):
    return state
  return {
    name: value for name, value in vars(state).items() if value is not None
  }


def _refuse_other(manager: Manager, step: int, template: Any) -> None:
  """Raises InputError when a checkpoint has parameters of other shapes."""
  differences = _differences(_stored_shapes(manager, step), _shapes(template))
  # The state of the optimizer differs as well, but says less to the user.
  for name, there, wanted in differences:
    if name.startswith('params.'):
      raise InputError(
        f'The checkpoint of step {step} in {manager.directory} belongs to '
        f'another network: its {name} is {there}, but the configuration has '
        f'{wanted}; choose another --workdir, or the config of that run.'
      )


def _stored_shapes(
  manager: Manager, step: int
) -> dict[str, tuple[int, ...]] | None:
  """Shapes of the arrays of a checkpoint; None if they cannot be read."""
  path = manager.directory / str(step) / _ITEM
  try:
    metadata = ocp.StandardCheckpointHandler().metadata(path)
    return _shapes(getattr(metadata, 'tree', metadata))
  except Exception:  # damaged: the caller reports it when it reads the arrays
    return None


def _differences(
  theirs: Mapping[str, Any] | None, ours: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
  """Yields name, shape there and shape here of arrays; parameters first."""
  if theirs is None:
    return
  names = sorted(theirs.keys() | ours.keys())
  for name in sorted(names, key=lambda name: not name.startswith('params.')):
    there, wanted = (shapes.get(name, 'missing') for shapes in (theirs, ours))
    if there != wanted:
      yield name, there, wanted


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
  """Shapes of the arrays of a tree by their path, such as `params.sed.bias`."""

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
  """Silences the logger of Orbax in this block.

  Orbax logs every stage of a save, and also logs the errors that it raises.
  """
  _silence_closed_loops()
  logger = logging.getLogger('absl')
  level = logger.level
  logger.setLevel(logging.CRITICAL)
  try:
    yield
  finally:
    logger.setLevel(level)


@functools.cache
def _silence_closed_loops() -> None:
  """Silences tracebacks about closed event loops, for the whole process.

  When several arrays of a checkpoint are damaged, Orbax stops at the first one.
  TensorStore, whose threads still read the others, then prints a traceback for
  each of them, also after the folder is closed.
  """
  show = sys.unraisablehook

  def show_others(event: Any) -> None:
    if str(event.exc_value) != 'Event loop is closed':
      show(event)

  sys.unraisablehook = show_others


@contextlib.contextmanager
def _explained(manager: Manager) -> Iterator[None]:
  """Turns errors of a full disk or a limit into an InputError with advice."""
  folder = pathlib.Path(manager.directory)
  try:
    yield
  except Exception as error:
    is_too_large = files.is_too_large(error)
    if not is_too_large and not files.is_full(error):
      raise
    steps = sorted(int(p.name) for p in folder.glob('*') if p.name.isdecimal())
    left, needed = 'there is no earlier checkpoint', 'some space'
    if steps:
      sizes = [p.stat().st_size for p in (folder / str(steps[-1])).rglob('*')]
      left = f'the run resumes from the checkpoint of step {steps[-1]}'
      needed = f'{sum(sizes) / 1e6:.1f} MB for each of three checkpoints'
    if is_too_large:
      raise InputError(
        f'A checkpoint could not be saved in {folder}: '
        f'{os.strerror(errno.EFBIG)}; {files.LARGER}, and start again ({left}).'
      ) from error
    raise InputError(
      f'A checkpoint could not be saved: the disk of {folder} is full; free '
      f'{needed} and start again ({left}).'
    ) from error


def _rank(metrics: Any) -> float:
  """The score to minimise; infinite (the worst) when missing or not finite."""
  value = (metrics or {}).get(_METRIC, math.inf)
  return value if math.isfinite(value) else math.inf
