"""What a run directory has learned: read without its dataset."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import files, inference
from seld_jax.errors import InputError
from seld_jax.prediction import Spec, export_file
from seld_jax.train import checkpoint
from seld_jax.train import step as train_step


@dataclasses.dataclass(frozen=True)
class Trained:
  """The selected state of a run.

  Attributes:
    config: The configuration of the run.
    step: The step of the state.
    variables: `params`, `batch_stats` and `statistics` of the features.
  """

  config: config_lib.Config
  step: int
  variables: Mapping[str, Any]

  @property
  def config_values(self) -> dict[str, Any]:
    """The configuration as plain dictionaries and lists, without folders."""
    values = config_lib.to_dict(self.config)
    places = dict.fromkeys(('root', 'cache', 'synthesize_events'), '')
    values['data'] |= places  # they are those of one machine
    return values


def read(workdir: str | os.PathLike[str]) -> Trained:
  """Reads the best snapshot of a run, which may still be going on.

  Args:
    workdir: The run directory; only config.json and checkpoints are read.

  Returns:
    The snapshot with the lowest validation score, or the latest where no
    validation fold ranks them.

  Raises:
    InputError: The folder is missing, no run, or its snapshot cannot be read.
  """
  workdir = pathlib.Path(workdir)
  config = read_config(workdir)
  template = jax.eval_shape(lambda: train_step.create_state(config))
  folder = workdir / 'checkpoints'
  if not any(folder.glob('[0-9]*')):
    raise InputError(
      f'{workdir} holds no checkpoint yet, so there is nothing to load; train '
      f'it with `python -m seld_jax.main --config=CONFIG --workdir={workdir}`.'
    )
  step, state = checkpoint.read_best(folder, template)
  pairs = zip(
    jax.tree_util.tree_leaves_with_path(template),
    jax.tree.leaves(state),
    strict=True,
  )
  for (path, expected), leaf in pairs:
    if leaf.shape != expected.shape:
      name = jax.tree_util.keystr(path, simple=True, separator='/')
      raise InputError(
        f'{folder / str(step)} does not fit {workdir / "config.json"}, which '
        f'has {len(config.data.classes)} classes: {name} should have shape '
        f'{expected.shape}, got {leaf.shape}.'
      )
  variables = {
    'params': state.params,
    'batch_stats': state.batch_stats,
    'statistics': state.statistics,
  }
  return Trained(config, step, variables)


def load_variables(
  source: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
  """The variables of a trained network, to start another from.

  Args:
    source: As for `load`.

  Returns:
    Arrays by name, such as `params/Conv_0/kernel`, of any shape; and the names
    of its classes.

  Raises:
    InputError: The source is missing, damaged, or of another version.
  """
  path = export_file.locate(source)
  if path.is_file():
    export = export_file.read(path)
    return export.variables, export.spec.classes
  run = read(path)
  return export_file.flatten(run.variables), tuple(run.config.data.classes)


def read_config(workdir: str | os.PathLike[str]) -> config_lib.Config:
  """Reads the config.json of a run.

  Raises:
    InputError: It is missing, damaged, or holds what this version cannot use.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / 'config.json'
  if not workdir.is_dir():
    raise InputError(
      f'{workdir} does not exist, but a run directory or an export is needed.'
    )
  if not path.is_file():
    raise InputError(f'{workdir} has no config.json, so it holds no run.')
  values = files.read_json(path)
  try:
    config = config_lib.from_dict(values)
    config_lib.validate(config, num_devices=1)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  return config


def spec_of(config: config_lib.Config) -> Spec:
  """What the network of a config takes and gives."""
  features = config.features
  return Spec(
    classes=tuple(config.data.classes),
    format=features.format,
    sample_rate=features.sample_rate,
    hop_length=features.hop_length,
    n_fft=features.n_fft,
    pad_mode=features.pad_mode,
    offset=features.offset,
    pool=config_lib.label_pool(config),
    window=config.eval.window,
    threshold=config.eval.threshold,
  )


def make_program(config: config_lib.Config) -> Callable[..., Any]:
  """Features and network of a config, as `inference.make_audio_program`."""
  options = config_lib.feature_options(config)
  del options['pad_mode']  # whoever cuts the windows pads
  return inference.make_audio_program(
    train_step.make_model(config), feature_options=options
  )
