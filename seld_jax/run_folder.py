"""A run directory belongs to one configuration."""

import json
import os
import pathlib
from typing import Any

from seld_jax import config as config_lib
from seld_jax import files
from seld_jax.errors import InputError

# Settings that may change between a start and a resume of the same run.
_PLACES = {('data', 'root'), ('data', 'cache')}


def claim(workdir: str | os.PathLike[str], config: config_lib.Config) -> None:
  """Writes the config into a run directory, or refuses one of another run.

  Args:
    workdir: The run directory, made when missing.
    config: The configuration of the run.

  Raises:
    InputError: It holds checkpoints or scores of a run with another config.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / 'config.json'
  ours = config_lib.to_dict(config)
  has_run = (workdir / 'scores.json').exists() or any(
    (workdir / 'checkpoints').glob('[0-9]*')
  )
  if path.exists() and has_run:
    # A field that a version before this one did not have is at its default.
    found = config_lib.from_dict(json.loads(path.read_text()))
    theirs = _flat(config_lib.to_dict(found))
    for name, value in _flat(ours).items():
      if name not in _PLACES and theirs.get(name) != value:
        raise InputError(
          f'{workdir} holds a run with config.{".".join(name)} = '
          f'{theirs.get(name)}, not {value}; choose another --workdir, or the '
          'same config to resume.'
        )
  files.write_text(path, json.dumps(ours, indent=2))


def _flat(config: dict[str, Any]) -> dict[tuple[str, ...], Any]:
  """Fields by (section, name), those without a section by (name,)."""
  flat = {}
  for section, fields in config.items():
    if isinstance(fields, dict):
      flat |= {(section, name): value for name, value in fields.items()}
    else:
      flat[(section,)] = fields
  return flat
