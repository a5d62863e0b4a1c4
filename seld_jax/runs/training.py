"""What a run that is still training has written so far."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

import msgspec

from seld_jax import json_files
from seld_jax.errors import InputError
from seld_jax.runs import records
from seld_jax.runs.contents import read_curves, read_values

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class _Timing(TypedDict):
  """The fields of a line of timings.jsonl that tell how long a run takes."""

  step: int
  num_steps: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
  steps_per_second: Annotated[float, msgspec.Meta(gt=0, le=1e12)]
  evaluation_seconds: _Seconds


@dataclasses.dataclass(frozen=True)
class Training:
  """The contents of a run directory, whether the run is finished or not.

  Attributes:
    workdir: The directory.
    config: The configuration, from config.json.
    records: Losses and scores over the steps, from metrics.jsonl; empty before
      the first ones.
    step: The last step that has a record; 0 without any.
    num_steps: Number of steps of the whole run; None if it is not known yet.
    seconds_left: Seconds from the last record to the last step, at the rate
      until now; None if it is not known yet. The final test comes after that.

  Example:
    >>> import pathlib
    >>> from seld_jax import runs
    >>> training = runs.Training(pathlib.Path('run'), {}, [], 30, 60, 12.0)
    >>> training.step / training.num_steps
    0.5
  """

  workdir: pathlib.Path
  config: Mapping[str, Any]
  records: list[dict[str, Any]]
  step: int
  num_steps: int | None
  seconds_left: float | None


def read_training(workdir: str | os.PathLike[str]) -> Training:
  """Reads the directory of a run that need not be finished.

  Args:
    workdir: The directory.

  Returns:
    Its contents.

  Raises:
    InputError: It holds no run, or a file in it is damaged or not one that a
      training writes.

  See Also:
    `read_run`, for finished runs with their scores.

  Example:
    >>> from seld_jax import config, runs
    >>> runs.claim('begun', config.default())
    >>> line = {'step': 100, 'split': 'train', 'loss': 0.5}
    >>> runs.append_record('begun/metrics.jsonl', line)
    >>> training = runs.read_training('begun')
    >>> training.step, training.seconds_left
    (100, None)
  """
  workdir = pathlib.Path(workdir)
  if not workdir.is_dir():
    raise InputError(
      f'{workdir} is not a folder, but a run directory is needed: the '
      '--workdir of a training.'
    )
  if not (workdir / 'config.json').is_file():
    raise InputError(
      f'{workdir} has no config.json, so it holds no run; give the folder that '
      'was the --workdir of a training.'
    )
  config = read_values(workdir / 'config.json')
  found = read_curves(workdir / records.METRICS)
  step = max((record['step'] for record in found), default=0)
  path = workdir / records.TIMINGS
  times = [
    json_files.check(record, _Timing, f'{path}, line {number}')
    for number, record in enumerate(records.read_records(path), 1)
  ]
  num_steps = config.get('train', {}).get('num_steps') or None
  if not times:
    return Training(workdir, config, found, step, num_steps, None)
  last = times[-1]
  step = max(step, last['step'])
  rest = max(last['num_steps'] - step, 0)
  before = times[-2]['step'] if len(times) > 1 else 0
  interval = max(last['step'] - before, 1)
  evaluations = math.ceil(rest / interval)
  seconds = rest / last['steps_per_second']
  seconds += evaluations * last['evaluation_seconds']
  return Training(workdir, config, found, step, last['num_steps'], seconds)
