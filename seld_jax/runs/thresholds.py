"""The calibrated thresholds of a run, in its file thresholds.json."""

import json
import logging
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Annotated, TypedDict

import msgspec

from seld_jax import files, json_files
from seld_jax.errors import InputError, shown

_log = logging.getLogger(__name__)
# The file in a run directory.
THRESHOLDS = 'thresholds.json'
# Lowest and highest threshold of a class.
THRESHOLD_RANGE = 0.01, 0.999


_LIMITS = msgspec.Meta(ge=THRESHOLD_RANGE[0], le=THRESHOLD_RANGE[1])


class _Contents(TypedDict):
  """thresholds.json."""

  step: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
  class_thresholds: dict[str, Annotated[float, _LIMITS]]


def write_thresholds(
  workdir: str | os.PathLike[str], thresholds: Mapping[str, float], *, step: int
) -> None:
  """Writes the thresholds of each class into a run directory.

  Args:
    workdir: The run directory.
    thresholds: A threshold from 0.01 to 0.999 by the name of each class.
    step: The step of the checkpoint that they are for.

  Raises:
    InputError: A threshold is out of this range, or the file cannot be written.

  Example:
    >>> from seld_jax import config, runs
    >>> runs.write_config('run', config.default())
    >>> runs.write_thresholds('run', {'alarm': 0.4}, step=100)
    >>> runs.read_thresholds('run', step=100, classes=['alarm'])
    (0.4,)
  """
  lowest, highest = THRESHOLD_RANGE
  for name, value in thresholds.items():
    if not lowest <= value <= highest:
      raise InputError(
        f'The threshold of a class must be {lowest:g} to {highest:g}, got '
        f'{value:g} for {shown(name)}.'
      )
  values = {'step': step, 'class_thresholds': dict(thresholds)}
  text = json.dumps(values, indent=2, ensure_ascii=False) + '\n'
  files.write_text(pathlib.Path(workdir, THRESHOLDS), text)


def read_thresholds(
  workdir: str | os.PathLike[str], *, step: int, classes: Sequence[str]
) -> tuple[float, ...]:
  """Reads the thresholds of a run.

  Args:
    workdir: The run directory.
    step: The step of the checkpoint that is used. If the thresholds are those
      of another one, they are ignored, with a warning.
    classes: Names of the classes of the run.

  Returns:
    The threshold of each class; () if there are none.

  Raises:
    InputError: The file is damaged or has other classes.

  Example:
    >>> from seld_jax import runs
    >>> runs.read_thresholds('run', step=100, classes=['alarm'])
    ()
  """
  path = pathlib.Path(workdir, THRESHOLDS)
  if not path.is_file():
    return ()
  found = json_files.check(json_files.read(path), _Contents, path)
  if found['step'] != step:
    _log.warning(
      '%s is ignored: it is for step %d, but the best checkpoint is now that '
      'of step %d; run python -m seld_jax.calibrate %s again.',
      path,
      found['step'],
      step,
      workdir,
    )
    return ()
  thresholds = found['class_thresholds']
  for name in sorted(thresholds.keys() ^ set(classes)):
    has, lacks = (path, 'the run') if name in thresholds else ('the run', path)
    raise InputError(
      f'{path} does not belong to the run: {has} has the class {shown(name)}, '
      f'which {lacks} lacks; delete the file.'
    )
  return tuple(thresholds[name] for name in classes)
