"""The start of a run from what another has learned."""

import json
import logging
import pathlib

import jax
import jax.numpy as jnp

from seld_jax import config as config_lib
from seld_jax import files
from seld_jax.devices import processes
from seld_jax.errors import InputError
from seld_jax.train.step import TrainState

_log = logging.getLogger(__name__)

# In the run directory: from what the run started.
NOTE = 'init_from.json'


def begin(
  state: TrainState,
  source: str,
  *,
  config: config_lib.Config,
  workdir: pathlib.Path,
  is_resumed: bool,
) -> TrainState:
  """The state that a run starts with, or the given one where it has started.

  What it started from is noted in the run directory, so that a run which was
  stopped before its first checkpoint starts the same when it is run again.

  Args:
    state: The state of random parameters, or the one that was restored.
    source: Run directory, export, or `'demo'` to start from; empty: none, or
      what is noted.
    config: The configuration of the run.
    workdir: The run directory.
    is_resumed: Whether the state was restored.

  Returns:
    The state.

  Raises:
    InputError: The run was begun from something else, or the source cannot be
      used.
  """
  path = workdir / NOTE
  noted = ''
  if path.is_file():
    try:
      noted = str(files.read_json(path)['source'])
    except KeyError as error:
      raise InputError(f'{path} has no field source.') from error
  if source and source != noted and (is_resumed or noted):
    raise InputError(
      f'{workdir} holds a run that began from '
      f'{noted or "random parameters"}, not from {source}; choose another '
      '--workdir, or leave --init_from out to resume.'
    )
  source = source or noted
  if is_resumed or not source:
    return state
  # Here, since they bring along what other starts need not wait for.
  from seld_jax.prediction import export_file
  from seld_jax.train import snapshot, transfer

  theirs, classes = snapshot.load_variables(source)
  ours = {
    'params': state.params,
    'batch_stats': state.batch_stats,
    'statistics': state.statistics,
  }
  # Outputs of the same number but other classes would start from a mistake.
  is_same = classes == tuple(config.data.classes)
  try:
    merged = transfer.merge(
      export_file.flatten(ours), theirs, keep=() if is_same else transfer.HEADS
    )
  except InputError as error:
    raise InputError(f'--init_from={source}: {error}') from error
  note = {'source': source, 'taken': merged.taken, 'anew': merged.anew}
  if processes.is_first():
    files.write_text(path, json.dumps(note, indent=2))
  _log.info('starting from %s; %s', source, merged)
  tree = jax.tree.map(jnp.asarray, export_file.unflatten(merged.variables))
  return state.replace(**tree)
