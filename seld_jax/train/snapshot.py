"""The best state of a run, read for predictions and exports.

This needs the run directory, but not the dataset of the run.
"""

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
    step: Number of steps done.
    variables: Pytrees `params`, `batch_stats` and `statistics` (mean and
      standard deviation of the features).
  """

  config: config_lib.Config
  step: int
  variables: Mapping[str, Any]

  @property
  def config_values(self) -> dict[str, Any]:
    """The configuration as dictionaries and lists, without paths of folders."""
    values = config_lib.to_dict(self.config)
    places = dict.fromkeys(('root', 'cache', 'synthesize_events'), '')
    values['data'] |= places  # paths of the machine that trained it
    return values


def read(workdir: str | os.PathLike[str]) -> Trained:
  """Reads the best state of a run, which may be training at the same time.

  Args:
    workdir: The run directory; only config.json and checkpoints are read.

  Returns:
    The state with the lowest validation score; without validation folds, the
    latest one.

  Raises:
    InputError: The folder is missing, holds no run, or its checkpoint cannot be
      read.
  """
  workdir = pathlib.Path(workdir)
  config = read_config(workdir)
  template = jax.eval_shape(lambda: train_step.create_state(config))
  folder = workdir / 'checkpoints'
  if not any(folder.glob('[0-9]*')):
    raise InputError(
      f'{workdir} holds no checkpoint yet; train the run with '
      f'`python -m seld_jax.main --config=CONFIG --workdir={workdir}`.'
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
        f'has {len(config.data.classes)} classes: {name} must have the shape '
        f'{expected.shape}, got {leaf.shape}; restore the config.json of this '
        'run, of which checkpoints/config.json is a copy.'
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
  """Reads the variables of a trained network, for fine-tuning.

  Args:
    source: Run directory, export, or `'demo'`.

  Returns:
    Arrays of any shape by name, such as `params/Conv_0/kernel`, and the names
    of the classes.

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
    InputError: It is missing, damaged, or not valid in this version.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / 'config.json'
  if workdir.exists() and not workdir.is_dir():
    raise InputError(f'{workdir} is a file, but a run directory is needed.')
  if not workdir.is_dir():
    raise InputError(
      f'{workdir} does not exist, but a run directory or an export is needed; '
      "'demo' is the network that comes with seld_jax."
    )
  if not path.is_file():
    raise InputError(
      f'{workdir} has no config.json, so it holds no run; give the folder of '
      '--workdir of a training.'
    )
  values = files.read_json(path)
  try:
    config = config_lib.from_dict(values)
    config_lib.validate(config, num_devices=1, for_training=False)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  return config


def spec_of(config: config_lib.Config) -> Spec:
  """Describes inputs and outputs of the network of a config."""
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
  """Features and network of a config; see `inference.make_audio_program`."""
  options = config_lib.feature_options(config)
  del options['pad_mode']  # the caller pads the audio
  return inference.make_audio_program(
    train_step.make_model(config), feature_options=options
  )
