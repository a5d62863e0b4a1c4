"""The best state of a run, read for predictions and exports, or written.

This needs the run directory, but not the dataset of the run.
"""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import config as config_lib
from seld_jax import features as features_lib
from seld_jax import files, inference, labels, runs
from seld_jax import model as model_lib
from seld_jax.audio import channels
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import Causal, Spec, export_file
from seld_jax.train import checkpoint, parameter_average
from seld_jax.train import step as train_step

# Fields of `config.data` with paths of the machine that trained a run.
_PLACES = (
  *('root', 'cache'),
  *('synthesize_events', 'synthesize_others', 'synthesize_rirs'),
)


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

  def microphones(self) -> np.ndarray | None:
    """Reads the positions of the microphones; None without a file of them.

    Raises:
      InputError: The file that the configuration names cannot be read.
    """
    return config_lib.microphone_positions(self.config)

  @property
  def config_values(self) -> dict[str, Any]:
    """The configuration as dictionaries and lists, without paths of folders."""
    values = config_lib.to_dict(self.config)
    values['data'] |= dict.fromkeys(_PLACES, '')
    values['features']['microphones'] = ''
    if values['data']['class_map'] not in labels.CLASS_MAPS:
      values['data']['class_map'] = ''  # a file, whose names are the classes
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
    **parameter_average.variables_of(state),
    'statistics': state.statistics,
  }
  thresholds = runs.read_thresholds(
    workdir, step=step, classes=config.data.classes
  )
  if thresholds:
    config.eval.class_thresholds = thresholds
  return Trained(config, step, variables)


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
    class_thresholds=tuple(config.eval.class_thresholds),
  )


def variable_shapes(config: config_lib.Config) -> dict[str, tuple[int, ...]]:
  """The shapes of the variables of a network, without memory for them.

  Args:
    config: The configuration.

  Returns:
    Shapes by name, such as `params/Conv_0/kernel`, as `export_file.flatten`
    names the variables of `Trained`.
  """
  state = jax.eval_shape(lambda: train_step.create_state(config))
  variables = {
    **parameter_average.variables_of(state),
    'statistics': state.statistics,
  }
  return {
    jax.tree_util.keystr(path, simple=True, separator='/'): leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
  }


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


def make_causal(
  config: config_lib.Config, variables: Mapping[str, Any]
) -> Causal | None:
  """What a stream needs of a causal network; None for other networks.

  It needs features that are equal in windows, so that it is None, too, if the
  features need the whole recording.
  """
  network = train_step.make_model(config)
  is_causal = config.model.causal and config.model.name == 'composed'
  if not is_causal or not spec_of(config).is_framewise:
    return None
  options = config_lib.feature_options(config)
  del options['pad_mode']  # the caller pads the audio
  shape = np.shape(variables['statistics']['mean'])
  return Causal(
    inference.make_causal_program(network, feature_options=options),
    model_lib.initial_state(
      network, variables, (1, config_lib.label_pool(config), *shape)
    ),
    config.model.look_ahead,
  )


def make_extractor(config: config_lib.Config) -> Callable[..., Any] | None:
  """The features of whole recordings; None if those of windows are equal."""
  if spec_of(config).is_framewise:
    return None
  return functools.partial(
    features_lib.compute, **config_lib.feature_options(config)
  )


def make_network(
  config: config_lib.Config, variables: Mapping[str, Any]
) -> Callable[[Any], dict[str, jax.Array]]:
  """The network of a config as a function of standardised features.

  Args:
    config: The configuration.
    variables: Pytrees `params`, `batch_stats` and `statistics`, as in
      `Trained`.

  Returns:
    A function from features with shape `[batch, frames, mels, channels]` to the
    outputs by name. It raises an InputError for features of another shape.
  """
  apply = jax.jit(
    train_step.make_model(config).apply,
    compiler_options=compilation.compiler_options(),
  )
  used = jax.device_put(
    {name: variables[name] for name in ('params', 'batch_stats')}
  )
  bands, num_channels = np.shape(variables['statistics']['mean'])
  pool = config_lib.label_pool(config)

  def network(features: Any) -> dict[str, jax.Array]:
    checked = _checked_features(
      features, bands=bands, num_channels=num_channels, pool=pool
    )
    outputs: Any = apply(used, checked)
    return outputs

  return network


def _checked_features(
  features: Any, *, bands: int, num_channels: int, pool: int
) -> np.ndarray:
  """Features for a network, in float32; an InputError for all else."""
  features = np.asarray(features)
  shape = features.shape
  if (
    features.dtype.kind not in 'fiu'
    or len(shape) != 4
    or shape[2:] != (bands, num_channels)
    or not shape[0]
    or not shape[1]
    or shape[1] % pool
  ):
    raise InputError(
      f'Features must be numbers with the shape [batch, frames, {bands} bands, '
      f'{num_channels} channels], where frames is a multiple of {pool}, got '
      f'{features.dtype} with the shape {list(shape)}.'
    )
  return features.astype(np.float32)


def network_of_export(
  export: export_file.Export, *, source: str
) -> Callable[[Any], dict[str, jax.Array]]:
  """The network of an export as a function of standardised features.

  The program of an export starts from audio. The network is made again from the
  config and the variables in the file, by the code of this version.

  Args:
    export: The export.
    source: The file, for messages.

  Returns:
    A function of features with shape `[batch, frames, mels, channels]`, as
    from `make_network`.

  Raises:
    InputError: This version does not have the network, or the config of the
      file does not fit its variables.
  """
  remedy = 'load the run directory that was exported'
  try:
    config = config_lib.from_dict(export.config)
    config_lib.validate(config, num_devices=1, for_training=False)
    spec = dataclasses.replace(spec_of(config), window=export.spec.window)
    spec = dataclasses.replace(
      spec,
      threshold=export.spec.threshold,
      class_thresholds=export.spec.class_thresholds,
      refine_directions=export.spec.refine_directions,
    )
    if spec != export.spec:
      raise InputError('it does not fit the inputs and outputs of the file')
    shapes = variable_shapes(config)
    if shapes != {name: one.shape for name, one in export.variables.items()}:
      raise InputError('it does not fit the variables of the file')
  except InputError as error:
    raise InputError(
      f'{source} has a network that cannot be made again from its config '
      f'({str(error).rstrip(".")}); {remedy}.'
    ) from error
  return make_network(config, export_file.unflatten(export.variables))


def check_new_run(workdir: str | os.PathLike[str]) -> None:
  """Refuses a folder to which `write_run` could not write a run.

  Args:
    workdir: The run directory.

  Raises:
    InputError: The directory holds a run, or is a file.
  """
  workdir = pathlib.Path(workdir)
  if workdir.is_file():
    raise InputError(
      f'{workdir} is a file, but a run directory is needed; choose another '
      '--out.'
    )
  if runs.has_run(workdir):
    raise InputError(f'{workdir} holds a run already; choose another --out.')


def write_run(
  workdir: str | os.PathLike[str], trained: Trained, *, origin: str
) -> None:
  """Writes a run directory for a network that was trained elsewhere.

  Args:
    workdir: The run directory, which must not hold a run.
    trained: The network.
    origin: Where it comes from, for the report.

  Raises:
    InputError: The directory holds a run, is in use or cannot be written, or
      the variables do not fit the configuration.
  """
  workdir, config = pathlib.Path(workdir), trained.config
  state = train_step.create_state(
    config, statistics=trained.variables['statistics']
  )
  state = state.replace(
    **{
      name: _of_shapes(getattr(state, name), trained.variables[name])
      for name in ('params', 'batch_stats')
    }
  )
  state = parameter_average.start(config, state)
  scores = {
    'selected_step': trained.step,
    'num_steps': trained.step,
    'num_parameters': model_lib.count_parameters(state.params),
    'selection': origin,
    'edition': config.eval.edition,
    'results': [],
  }
  with runs.lock(workdir):
    check_new_run(workdir)
    runs.claim(workdir, config)
    with checkpoint.open_manager(workdir / 'checkpoints') as manager:
      checkpoint.save(manager, trained.step, state)
    # Written last: a run that has scores.json is complete.
    files.write_text(workdir / 'scores.json', json.dumps(scores, indent=2))


def _of_shapes(expected: Any, found: Any) -> Any:
  """The found variables, which must have the names and shapes of the others."""
  ours, theirs = (export_file.flatten(tree) for tree in (expected, found))
  for name in sorted(ours.keys() | theirs.keys()):
    shapes = [
      list(tree[name].shape) if name in tree else 'missing'
      for tree in (ours, theirs)
    ]
    if shapes[0] != shapes[1]:
      raise InputError(
        f'The variables do not fit the configuration: {name} must have the '
        f'shape {shapes[0]}, got {shapes[1]}.'
      )
  return jax.tree.map(jnp.asarray, found)
