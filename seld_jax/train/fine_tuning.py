"""Starting a run from the parameters of another network."""

import dataclasses
import json
import logging
import pathlib
from collections.abc import Collection, Mapping
from typing import Any, TypedDict

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import config as config_lib
from seld_jax import features as features_lib
from seld_jax import files, json_files
from seld_jax.devices import processes
from seld_jax.errors import InputError
from seld_jax.train import parameter_average, weighting
from seld_jax.train.run import Run
from seld_jax.train.step import TrainState

_log = logging.getLogger(__name__)

# File in the run directory that names the network that the run started from.
NOTE = 'init_from.json'


# Fields of config.features that say what the channels of the features are.
_MEANING = (
  'format',
  'num_channels',
  'kind',
  'intensity',
  'stereo',
  'layout',
  'alias_frequency',
)


class _Note(TypedDict):
  """The field of the file that is read again."""

  source: str


@dataclasses.dataclass(frozen=True)
class Transfer:
  """The variables that a network starts from.

  Attributes:
    variables: All of its variables by name.
    taken: Layers that were copied from the other network.
    anew: Layers that were not copied.
  """

  variables: dict[str, np.ndarray]
  taken: tuple[str, ...]
  anew: tuple[str, ...]

  def __str__(self) -> str:
    anew = f'; initialised: {", ".join(self.anew)}' if self.anew else ''
    return f'copied: {", ".join(self.taken)}{anew}'


def begin(
  run: Run, state: TrainState, source: str, *, is_resumed: bool
) -> TrainState:
  """Copies the layers of another network into the state that a run starts with.

  The source is noted in the run directory, so that a run which was stopped
  before its first checkpoint starts from the same network again.

  Args:
    run: The run.
    state: The state with random parameters, or a restored one.
    source: The network to start from, as for `sources.load_variables`. When
      empty, it is read from the note, if there is one.
    is_resumed: Whether the state was restored; it is then returned as it is.

  Returns:
    The state to start with.

  Raises:
    InputError: The run was started from another source, or the source cannot
      be used.
  """
  path = run.workdir / NOTE
  noted = ''
  if path.is_file():
    noted = _read_note(path)
  if source and source != noted and (is_resumed or noted):
    raise InputError(
      f'{run.workdir} holds a run that was started from '
      f'{noted or "random parameters"}, not from {source}; choose another '
      '--workdir, or leave out --init_from to resume.'
    )
  source = source or noted
  if is_resumed or not source:
    return state
  # Imported here because other runs do not need them.
  from seld_jax.prediction import export_file
  from seld_jax.train import sources

  theirs, spec, features = sources.load_variables(source)
  ours = {
    'params': weighting.of_network(state.params),
    'batch_stats': state.batch_stats,
    'statistics': state.statistics,
  }
  output = config_lib.output_format(run.config)
  # Output layers of the same shape are of no use when their classes differ, or
  # when the numbers of a vector do: (x, y, z) and (x, y, distance).
  is_same = (spec.classes, spec.output.axes) == (
    tuple(run.config.data.classes),
    output.axes,
  )
  keep = () if is_same else tuple(output.heads)
  if other := _other_features(features, run.config):
    keep += ('statistics',)
    _log.warning(
      'The features are others than those of %s (%s): their mean and standard '
      'deviation are those of this dataset, and the copied layers have to '
      'learn them.',
      source,
      other,
    )
  try:
    merged = merge(export_file.flatten(ours), theirs, keep=keep)
  except InputError as error:
    raise InputError(f'--init_from={source}: {error}') from error
  note = {'source': source, 'taken': merged.taken, 'anew': merged.anew}
  if processes.is_first():
    files.write_text(path, json.dumps(note, indent=2))
  _log.info('starting from %s; %s', source, merged)
  tree = jax.tree.map(jnp.asarray, export_file.unflatten(merged.variables))
  if weighting.LOG_VARIANCES in state.params:
    own = state.params[weighting.LOG_VARIANCES]
    tree['params'][weighting.LOG_VARIANCES] = own
  return parameter_average.start(run.config, state.replace(**tree))


def merge(
  ours: Mapping[str, np.ndarray],
  theirs: Mapping[str, np.ndarray],
  *,
  keep: Collection[str] = (),
) -> Transfer:
  """Copies the layers that two networks have in common.

  A layer is copied when all of its variables have the same names and shapes in
  both networks, batch statistics included. The mean and standard deviation of
  the features count as a layer, `statistics`: the copied layers expect them.

  Args:
    ours: Variables of the network to start, by names such as
      `params/Conv_0/kernel`, of any shape.
    theirs: Variables of the other network, of any shape.
    keep: Layers that are not copied in any case.

  Returns:
    All variables of the network to start, and which layers were copied.

  Raises:
    InputError: The networks have no layer in common.
  """
  layers: dict[str, list[str]] = {}
  for name in ours:
    layers.setdefault(layer_of(name), []).append(name)
  taken = [
    layer
    for layer, names in layers.items()
    if layer not in keep
    and all(
      name in theirs and np.shape(theirs[name]) == np.shape(ours[name])
      for name in names
    )
  ]
  if not set(taken) - {'statistics'}:
    raise InputError(
      'The two networks have no layer of the same name and shape, so nothing '
      'can be copied: use the config.model and config.features of the other '
      'network, or leave out --init_from.'
    )
  variables = {
    name: np.asarray(theirs[name] if layer_of(name) in taken else value)
    for name, value in ours.items()
  }
  anew = [layer for layer in layers if layer not in taken]
  return Transfer(variables, tuple(taken), tuple(anew))


def _other_features(
  theirs: Mapping[str, Any], config: config_lib.Config
) -> str:
  """The fields by which features mean something else; '' if none does.

  Networks of earlier versions lack fields, which then have their defaults.
  """
  default = config_lib.default().features
  both = [
    {name: _comparable(fields.get(name, default[name])) for name in _MEANING}
    for fields in (theirs, config.features)
  ]
  for fields in both:  # 0 stands for the usual number
    usual = features_lib.FORMATS.get(str(fields['format']))
    fields['num_channels'] = fields['num_channels'] or usual
  pairs = {name: (both[0][name], both[1][name]) for name in _MEANING}
  return ', '.join(
    f'config.features.{name} was {one!r} and is {other!r}'
    for name, (one, other) in pairs.items()
    if one != other
  )


def _comparable(value: Any) -> Any:
  """A value of a configuration, or of its JSON, in one form for both."""
  return tuple(value) if isinstance(value, list | tuple) else value


def _read_note(path: pathlib.Path) -> str:
  """The network that a run started from, as `begin` noted it."""
  try:
    return json_files.check(json_files.read(path), _Note, path)['source']
  except InputError as error:
    raise InputError(
      f'{error} Delete the file, and give --init_from again if the run has no '
      'checkpoint yet.'
    ) from error


def layer_of(name: str) -> str:
  """The layer of a variable: `Conv_0` for `params/Conv_0/kernel`."""
  collection, _, rest = name.partition('/')
  return collection if collection == 'statistics' else rest.partition('/')[0]
