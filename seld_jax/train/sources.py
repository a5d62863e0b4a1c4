"""Trained networks by what users name: a run, a folder, or a hub name."""

import os
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.prediction import Spec, export_file
from seld_jax.train import hub, pretrained, snapshot


def read(source: str | os.PathLike[str]) -> snapshot.Trained:
  """Reads a network that is not an export.

  Args:
    source: A run directory (see `snapshot.read`), a folder of
      `python -m seld_jax.save_pretrained`, or the name of such a folder on a
      hub, `hf:OWNER/NAME`.

  Returns:
    The network.

  Raises:
    InputError: The source is missing, damaged, or of another version.
  """
  if hub.is_name(source):
    return pretrained.read(hub.download(source))
  if pretrained.is_pretrained(source):
    return pretrained.read(source)
  return snapshot.read(source)


def check_exists(source: str | os.PathLike[str]) -> None:
  """Refuses a source that is nowhere, and says what it can be.

  Args:
    source: As for `load_variables`.

  Raises:
    InputError: There is no such file or folder, and it is no name on a hub.
  """
  is_known = source == 'demo' or hub.is_name(source)
  if not is_known and not os.path.lexists(source):
    raise InputError(
      f'{source} does not exist, but a run directory or an export is needed; '
      "'demo' is the network that comes with seld_jax."
    )


def load_variables(
  source: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], Spec, dict[str, Any]]:
  """Reads the variables of a trained network, for fine-tuning.

  Args:
    source: As for `read`, or an export, or `'demo'`.

  Returns:
    Arrays of any shape by name, such as `params/Conv_0/kernel`, the inputs and
    outputs of the network, and the fields of its `config.features`.

  Raises:
    InputError: The source is missing, damaged, or of another version.
  """
  check_exists(source)
  path = export_file.locate(source)
  if path.is_file():
    export = export_file.read(path)
    features = export.config.get('features', {})
    return export.variables, export.spec, features
  run = read(source)
  features = run.config_values['features']
  spec = snapshot.spec_of(run.config)
  return export_file.flatten(run.variables), spec, features
