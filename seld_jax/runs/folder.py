"""A run directory: one configuration, and one process at a time."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from seld_jax import config as config_lib
from seld_jax import files, json_files
from seld_jax.errors import InputError
from seld_jax.runs import records

# Fields that may differ when a run is resumed: the folders of the data, the
# limits of memory, the number of worker processes, whether there are evaluation
# recordings, the trackers, and the fields that only stand for others, which are
# compared themselves.
_MOVABLE = {
  *('data.root', 'data.cache', 'data.device_budget', 'data.host_budget'),
  *('data.evaluation', 'data.edition', 'data.class_map'),
  *('data.synthesize_workers', 'train.memory_limit', 'log.to', 'log.project'),
}

# The file that a process locks while it trains.
_LOCK = '.lock'

# The files of a run, without checkpoints, predictions and report.
_FILES = (
  *('config.json', 'scores.json'),
  *(records.METRICS, records.TIMINGS),
)


@contextlib.contextmanager
def lock(workdir: str | os.PathLike[str]) -> Iterator[None]:
  """Locks a run directory, so that no other process trains in it.

  The operating system releases the lock when the process ends, also after a
  crash.

  Args:
    workdir: The run directory; it is created if it is missing.

  Yields:
    Nothing; the directory is locked in the block.

  Raises:
    InputError: Another process holds the lock, or the directory cannot be
      written.

  Example:
    >>> from seld_jax import runs
    >>> with runs.lock('run'):
    ...   runs.append_record('run/metrics.jsonl', {'step': 1})
  """
  busy = lambda holder: (
    f'{workdir} is in use by {holder}; wait until it ends, or '
    'choose another --workdir.'
  )
  with files.lock(pathlib.Path(workdir) / _LOCK, busy=busy):
    yield


def has_stopped(workdir: str | os.PathLike[str]) -> bool:
  """Whether the process that trained last in a run directory has ended.

  Args:
    workdir: The run directory.

  Returns:
    True if it is known to have ended; False if it is training, or if it was a
    process of another machine, or of no process.

  Example:
    >>> from seld_jax import runs
    >>> with runs.lock('run'):
    ...   print(runs.has_stopped('run'))
    False
  """
  return files.holder_has_ended(pathlib.Path(workdir) / _LOCK)


def check(workdir: str | os.PathLike[str], config: config_lib.Config) -> bool:
  """Checks that a run directory has no run with another configuration.

  The configuration is compared with checkpoints/config.json, or with
  config.json when that copy is missing. Fields that are missing there have
  their defaults: they are newer than the run.

  Args:
    workdir: The run directory.
    config: The configuration of the run.

  Returns:
    True if the directory has a run with this configuration; False if it has no
    run, or a run without any copy of its configuration.

  Raises:
    InputError: The directory has a run with another configuration.

  Example:
    >>> from seld_jax import config, runs
    >>> runs.check('new', config.default())
    False
  """
  workdir = pathlib.Path(workdir)
  known = [path for path in _places(workdir) if path.exists()]
  if not has_run(workdir) or not known:
    return False
  ours = config_lib.to_dict(config)
  for name, here, asked in _differences(_read(known[0]), ours):
    raise InputError(
      f'{workdir} holds a run with config.{name} = {here}, not {asked}; '
      'choose another --workdir, or the same config to resume. To go on from '
      f'its network, add --init_from={workdir} to the other --workdir.'
    )
  return True


def claim(workdir: str | os.PathLike[str], config: config_lib.Config) -> None:
  """Prepares a run directory for a run, and writes its configuration.

  Temporary files of killed processes are removed. Of a complete run, only the
  folder of the dataset is written, if it was moved. The configuration is not
  written when there are checkpoints without a configuration: call
  `write_config` after these have been restored.

  Args:
    workdir: The run directory; it is created if it is missing.
    config: The configuration of the run.

  Raises:
    InputError: The directory has a run with another configuration.

  Example:
    >>> import os
    >>> from seld_jax import config, runs
    >>> runs.claim('run', config.default())
    >>> sorted(os.listdir('run'))
    ['checkpoints', 'config.json']
  """
  workdir = pathlib.Path(workdir)
  is_known = check(workdir, config)
  for folder in workdir, workdir / 'checkpoints':
    files.remove_fragments(folder, of=_FILES)
  if (is_known and not is_complete(workdir)) or not has_run(workdir):
    write_config(workdir, config)
  elif is_known and pathlib.Path(config.data.root).is_dir():
    for path in filter(pathlib.Path.exists, _places(workdir)):
      values = json_files.read(path)
      if values['data']['root'] != config.data.root:
        values['data'].update(root=config.data.root, cache=config.data.cache)
        files.write_text(path, json.dumps(values, indent=2))


def has_run(workdir: str | os.PathLike[str]) -> bool:
  """Whether a directory has a run, that is checkpoints or scores.

  Args:
    workdir: The run directory.

  Returns:
    True or False.

  Example:
    >>> from seld_jax import runs
    >>> runs.has_run('.')
    False
  """
  return is_complete(workdir) or any(
    (pathlib.Path(workdir) / 'checkpoints').glob('[0-9]*')
  )


def is_complete(workdir: str | os.PathLike[str]) -> bool:
  """Whether a directory has a run that was trained and tested.

  Args:
    workdir: The run directory.

  Returns:
    True if it has scores.json.

  Example:
    >>> from seld_jax import runs
    >>> runs.is_complete('.')
    False
  """
  return (pathlib.Path(workdir) / 'scores.json').is_file()


def write_config(
  workdir: str | os.PathLike[str], config: config_lib.Config
) -> None:
  """Writes config.json into a run directory, and a copy to the checkpoints.

  Args:
    workdir: The run directory.
    config: The configuration of the run.

  Example:
    >>> import json, pathlib
    >>> from seld_jax import config, runs
    >>> runs.write_config('run', config.default())
    >>> json.loads(pathlib.Path('run/config.json').read_text())['seed']
    0

  See Also:
    `claim`, which checks first that the directory has no other run.
  """
  text = json.dumps(config_lib.to_dict(config), indent=2)
  for path in _places(pathlib.Path(workdir)):
    files.write_text(path, text)


def _places(workdir: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
  return workdir / 'checkpoints' / 'config.json', workdir / 'config.json'


def _read(path: pathlib.Path) -> dict[str, Any]:
  hint = 'Delete the file to resume the run with the given config.'
  try:
    found = json_files.read(path)
  except InputError as error:
    raise InputError(f'{error} {hint}') from error
  try:
    return config_lib.to_dict(config_lib.from_dict(found))
  except InputError as error:
    raise InputError(f'{path}: {error} {hint}') from error


def _differences(theirs: dict[str, Any], ours: dict[str, Any]):
  """Yields name, value in the directory and own value of fields that differ."""
  flat = config_lib.flatten(theirs)
  unused = config_lib.unused_schedule_fields(ours['train']['schedule'])
  free = _MOVABLE | {f'train.{name}' for name in unused}
  for name, value in config_lib.flatten(ours).items():
    if name not in free and flat.get(name) != value:
      yield name, flat.get(name), value
