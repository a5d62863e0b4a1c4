"""A run directory belongs to one configuration, and to one run at a time."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from seld_jax import config as config_lib
from seld_jax import files
from seld_jax.errors import InputError
from seld_jax.runs import records

# Settings that may change between a start and a resume of the same run: where
# the data are and how much of them memory may hold, and whether there are
# evaluation recordings by now.
_MOVABLE = {
  ('data', name)
  for name in ('root', 'cache', 'device_budget', 'host_budget', 'evaluation')
}

# What a run writes, but for its predictions and its report.
_FILES = (
  *('config.json', 'scores.json'),
  *(records.METRICS, records.TIMINGS),
)


@contextlib.contextmanager
def lock(workdir: str | os.PathLike[str]) -> Iterator[None]:
  """Keeps other runs out of a run directory for the length of the block.

  The operating system ends the lock with the process, however that ends, so
  that a run which crashed blocks nobody.

  Args:
    workdir: The run directory, made when missing.

  Raises:
    InputError: Another run is in it, or it cannot be written.
  """
  busy = lambda holder: (
    f'{workdir} is in use by {holder}; wait until it ends, or '
    'choose another --workdir.'
  )
  with files.lock(pathlib.Path(workdir) / '.lock', busy=busy):
    yield


def check(workdir: str | os.PathLike[str], config: config_lib.Config) -> bool:
  """Refuses a run directory that holds a run with another config.

  A copy of the config lies with the checkpoints and is what counts, so that
  neither an edited nor a lost config.json makes them pass for those of another
  run. A field that the version of that run did not have is at its default.

  Args:
    workdir: The run directory.
    config: The configuration of the run.

  Returns:
    Whether the directory holds a run whose config could be compared.

  Raises:
    InputError: It holds checkpoints or scores of a run with another config.
  """
  workdir = pathlib.Path(workdir)
  known = [path for path in _places(workdir) if path.exists()]
  if not has_run(workdir) or not known:
    return False
  ours = config_lib.to_dict(config)
  for name, here, asked in _differences(_read(known[0]), ours):
    raise InputError(
      f'{workdir} holds a run with config.{name} = {here}, not {asked}; '
      'choose another --workdir, or the same config to resume.'
    )
  return True


def claim(workdir: str | os.PathLike[str], config: config_lib.Config) -> None:
  """Writes the config into a run directory, or refuses one of another run.

  What a complete run says of itself is left alone. Where checkpoints are there
  but no config, nothing is written: `note` does so once they have been read.
  What a killed process has half written is removed.

  Args:
    workdir: The run directory, made when missing.
    config: The configuration of the run.

  Raises:
    InputError: As `check`.
  """
  workdir = pathlib.Path(workdir)
  is_known = check(workdir, config)
  for folder in workdir, workdir / 'checkpoints':
    files.remove_fragments(folder, of=_FILES)
  if (is_known and not is_complete(workdir)) or not has_run(workdir):
    note(workdir, config)


def has_run(workdir: str | os.PathLike[str]) -> bool:
  """Whether a run was begun in a directory: checkpoints or scores are there."""
  return is_complete(workdir) or any(
    (pathlib.Path(workdir) / 'checkpoints').glob('[0-9]*')
  )


def is_complete(workdir: str | os.PathLike[str]) -> bool:
  """Whether a directory holds a run that was trained and tested."""
  return (pathlib.Path(workdir) / 'scores.json').is_file()


def note(workdir: str | os.PathLike[str], config: config_lib.Config) -> None:
  """Writes the config into a run directory whose checkpoints are its own.

  Args:
    workdir: The run directory.
    config: The configuration of the run.
  """
  text = json.dumps(config_lib.to_dict(config), indent=2)
  for path in _places(pathlib.Path(workdir)):
    files.write_text(path, text)


def _places(workdir: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
  return workdir / 'checkpoints' / 'config.json', workdir / 'config.json'


def _read(path: pathlib.Path) -> dict[str, Any]:
  try:
    found = files.read_json(path)
  except InputError as error:
    raise InputError(
      f'{error} Delete the file to resume by the config given.'
    ) from error
  return config_lib.to_dict(config_lib.from_dict(found))


def _differences(theirs: dict[str, Any], ours: dict[str, Any]):
  """Yields the fields that differ: name, their value, ours."""
  flat = _flat(theirs)
  for name, value in _flat(ours).items():
    if name not in _MOVABLE and flat.get(name) != value:
      yield '.'.join(name), flat.get(name), value


def _flat(config: dict[str, Any]) -> dict[tuple[str, ...], Any]:
  """Fields by (section, name), those without a section by (name,)."""
  flat = {}
  for section, fields in config.items():
    if isinstance(fields, dict):
      flat |= {(section, name): value for name, value in fields.items()}
    else:
      flat[(section,)] = fields
  return flat
