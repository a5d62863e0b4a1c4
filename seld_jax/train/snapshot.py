"""The best state of a run, read for predictions and exports.

This needs the run directory, but not the dataset of the run.
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from seld_jax import config as config_lib
from seld_jax import features as features_lib
from seld_jax import inference, runs
from seld_jax.audio import channels
from seld_jax.errors import InputError
from seld_jax.prediction import Spec, export_file
from seld_jax.train import checkpoint, weighting
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
  config = runs.read_config(workdir)
  try:
    source = f'{workdir / "config.json"}, features and eval'
    export_file.check_spec(spec_of(config), source)
  except InputError as error:
    raise InputError(
      f'{error} Restore the file from its copy, checkpoints/config.json.'
    ) from error
  template = jax.eval_shape(lambda: train_step.create_state(config))
  folder = workdir / 'checkpoints'
  if not any(folder.glob('[0-9]*')):
    raise InputError(
      f'{workdir} holds no checkpoint yet; train the run with '
      f'`python -m seld_jax.main --config=CONFIG --workdir={workdir}`.'
    )
  step, state = checkpoint.read_best(
    folder,
    template,
    made_from=f'{workdir / "config.json"}, which has '
    f'{len(config.data.classes)} classes',
  )
  variables = {
    'params': weighting.of_network(state.params),
    'batch_stats': state.batch_stats,
    'statistics': state.statistics,
  }
  return Trained(config, step, variables)


def load_variables(
  source: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], Spec, dict[str, Any]]:
  """Reads the variables of a trained network, for fine-tuning.

  Args:
    source: Run directory, export, or `'demo'`.

  Returns:
    Arrays of any shape by name, such as `params/Conv_0/kernel`, the inputs and
    outputs of the network, and the fields of its `config.features`.

  Raises:
    InputError: The source is missing, damaged, or of another version.
  """
  path = export_file.locate(source)
  if path.is_file():
    export = export_file.read(path)
    features = export.config.get('features', {})
    return export.variables, export.spec, features
  run = read(path)
  features = run.config_values['features']
  return export_file.flatten(run.variables), spec_of(run.config), features


def spec_of(config: config_lib.Config) -> Spec:
  """Describes inputs and outputs of the network of a config.

  Raises:
    InputError: A field of `config.output` is out of range.
  """
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
    output=config_lib.output_format(config),
    num_channels=channels.count(
      features.format, num_channels=features.num_channels
    ),
    kind=features.kind,
  )


def make_program(config: config_lib.Config) -> Callable[..., Any]:
  """Features and network of a config; see `inference.make_audio_program`.

  If the features need the whole recording, it is the network alone: see
  `inference.make_feature_program` and `make_extractor`.
  """
  network = train_step.make_model(config)
  if not spec_of(config).is_framewise:
    return inference.make_feature_program(network)
  options = config_lib.feature_options(config)
  del options['pad_mode']  # the caller pads the audio
  return inference.make_audio_program(network, feature_options=options)


def make_extractor(config: config_lib.Config) -> Callable[..., Any] | None:
  """The features of whole recordings; None if those of windows are equal."""
  if spec_of(config).is_framewise:
    return None
  return functools.partial(
    features_lib.compute, **config_lib.feature_options(config)
  )
