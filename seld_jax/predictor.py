"""Loads trained networks: a run, a shared folder, an export, or the demo.

Also the methods without a network that find directions.
"""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.prediction import (
  METHODS,
  AveragedPredictor,
  DirectionFinder,
  Prediction,
  Predictor,
  RefinedPredictor,
  export_file,
  symmetries,
)

__all__ = [
  'DEMO',
  'Prediction',
  'Predictor',
  'export_run',
  'load',
  'load_variables',
]

_log = logging.getLogger(__name__)

# The export of the demo network, which is part of the package.
DEMO = export_file.DEMO


def load(
  source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
  *,
  average_symmetries: int = 0,
  refine_directions: bool | None = None,
) -> Predictor:
  """Loads a trained network, or several, whose outputs are averaged.

  Args:
    source: A run directory (its best checkpoint is loaded), a folder of
      `python -m seld_jax.save_pretrained`, the name of such a folder on a model
      hub (`'hf:OWNER/NAME'` or `'hf:OWNER/NAME@REVISION'`, which needs
      `pip install '.[hub]'`), an export of `python -m seld_jax.export`,
      or `'demo'` for the demo network, which is part of the package. The
      dataset is not needed. Several of them, in a list or separated by commas,
      are averaged; they need the same classes, format of audio and output
      format. A file or folder may have commas in its name.
      Or `'intensity'` (FOA) or `'srp'` (four microphones) for directions of
      sounds without a network: see `prediction.DirectionFinder`.
    average_symmetries: Number of rotations and reflections of a recording over
      which outputs are averaged: up to 16 for FOA, 8 for the tetrahedral array,
      and 2 for stereo; 0 or 1 for the recording as it is.
    refine_directions: Whether the directions of events are made more exact,
      which is possible for FOA: see `prediction.RefinedPredictor`. None: only
      if an export among the sources says so, as that of the demo network does.

  Returns:
    The predictor.

  Raises:
    InputError: A source is missing, damaged, or has another version; networks
      cannot be averaged; there are no so many symmetries; `'intensity'` or
      `'srp'` is to be averaged or refined; or directions of another format than
      FOA are to be refined.

  Example:
    >>> import seld_jax
    >>> predictor = seld_jax.load('demo')
    >>> predictor.spec.sample_rate
    24000
    >>> seld_jax.load('demo', average_symmetries=16).average_symmetries
    16
  """
  sources = _divided(source)
  for one in sources:
    if one in METHODS:
      _check_alone(str(one), len(sources), average_symmetries)
      if refine_directions:
        raise InputError(
          f'{one} is no network whose directions can be refined: leave out '
          '--refine_directions.'
        )
      return DirectionFinder(str(one))
  predictor = _load_all(source, sources, average_symmetries)
  if refine_directions is None:
    refine_directions = predictor.spec.refine_directions
  return RefinedPredictor(predictor) if refine_directions else predictor


def _load_all(
  source: Any,
  sources: Sequence[str | os.PathLike[str]],
  average_symmetries: int,
) -> Predictor:
  """The network of `load`, or the mean of several."""
  members = []
  for one in sources:
    try:
      predictor, microphones = _load_one(one)
    except InputError as error:
      if len(sources) == 1 or not isinstance(source, str):
        raise
      raise InputError(
        f'{str(error).rstrip(".")} (nothing has the whole name {source}, so '
        'that it is read as several networks, separated by commas).'
      ) from error
    if len(sources) == 1 and average_symmetries in (0, 1):
      return predictor
    chosen = symmetries.choose(
      average_symmetries,
      format=predictor.spec.format,
      num_channels=predictor.spec.num_channels,
      microphones=microphones,
    )
    members.append((predictor, chosen))
  return AveragedPredictor(members)


def export_run(
  workdir: str | os.PathLike[str],
  *,
  window: float | None = None,
  platforms: Sequence[str] = export_file.PLATFORMS,
  refine_directions: bool = False,
) -> export_file.Export:
  """Exports the best checkpoint of a run.

  Args:
    workdir: The run directory.
    window: Length of the windows of the network in seconds, fixed in the
      export; None for the length that it was validated with.
    platforms: Platforms that the export can run on: some of `'cpu'`, `'cuda'`,
      `'tpu'`, `'rocm'`.
    refine_directions: Whether `load` makes the directions of the export more
      exact, unless it is told otherwise.

  Returns:
    The export; `export_file.write` writes it to a file.

  Raises:
    InputError: The run cannot be read, the window is out of range, or the
      directions of this format cannot be refined.

  Example:
    >>> from seld_jax import predictor
    >>> from seld_jax.prediction import export_file
    >>> export = predictor.export_run('runs/quick')  # doctest: +SKIP
    >>> export_file.write('quick.seld', export)  # doctest: +SKIP
  """
  predictor, run = _of_run(workdir)
  if refine_directions:
    RefinedPredictor(predictor)  # refuses what cannot be refined
  spec = dataclasses.replace(
    predictor.spec,
    window=predictor.window_frames(window),
    refine_directions=refine_directions,
  )
  return export_file.make(
    predictor.program,
    run.variables,
    spec,
    config=run.config_values,
    step=run.step,
    platforms=platforms,
    microphones=_positions(run),
  )


def _positions(run: Any) -> np.ndarray | None:
  """The positions of the microphones of a run, if they can be read."""
  try:
    return run.microphones()
  except InputError as error:
    _log.warning(
      'The export has no positions of microphones, so that '
      '--average_symmetries takes four of them for the tetrahedral array: %s',
      error,
    )
    return None


def load_variables(
  source: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
  """Loads the variables of a trained network, e.g. for fine-tuning.

  Args:
    source: A run directory, a shared folder or `'hf:OWNER/NAME'`, an export, or
      `'demo'`.

  Returns:
    The variables by name, such as `params/Conv_0/kernel`, as arrays of any
    shape; and the names of the classes.

  Raises:
    InputError: The source is missing, damaged, or has another version.

  Example:
    >>> from seld_jax import predictor
    >>> variables, classes = predictor.load_variables('demo')
    >>> variables['params/sed_0/kernel'].shape[-1] == len(classes)
    True
  """
  from seld_jax.train import sources

  variables, spec, _ = sources.load_variables(source)
  return variables, spec.classes


def _divided(
  source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> list[str | os.PathLike[str]]:
  """The networks that an argument of `load` names."""
  sources: list[str | os.PathLike[str]]
  if isinstance(source, os.PathLike):
    return [source]
  if not isinstance(source, str):
    sources = [*source]
  elif ',' not in source or os.path.exists(source):
    return [source]
  else:
    sources = [part.strip() for part in source.split(',')]
  if not sources or '' in sources:
    raise InputError(
      'Several networks are needed, separated by commas, such as '
      f'runs/a,runs/b, got {source!r}.'
    )
  return sources


def _check_alone(method: str, count: int, average_symmetries: int) -> None:
  """Raises an InputError if a method without a network is to be averaged."""
  if count > 1:
    raise InputError(
      f'{method} is no network, so that nothing can be averaged with it: '
      f'predict with --model={method} alone.'
    )
  if average_symmetries not in (0, 1):
    raise InputError(
      f'{method} finds the same directions in a turned recording, so that '
      'there is nothing to average: leave out --average_symmetries='
      f'{average_symmetries}.'
    )


def _load_one(
  source: str | os.PathLike[str],
) -> tuple[Predictor, Callable[[], np.ndarray | None]]:
  """A network, and a function that reads the positions of its microphones."""
  path = export_file.locate(source)
  if not path.is_file():
    from seld_jax.train import sources

    sources.check_exists(source)
    predictor, run = _of_run(source)
    return predictor, run.microphones
  export = export_file.read(path)
  predictor = Predictor(
    export.program.call,
    export.variables,
    export.spec,
    source=str(source),
    has_fixed_window=True,
    make_network=functools.partial(_network_of_export, export, str(source)),
  )
  return predictor, lambda: export.microphones


def _network_of_export(export: export_file.Export, source: str) -> Any:
  # Imported here because only this function of an export needs Flax.
  from seld_jax.train import snapshot

  return snapshot.network_of_export(export, source=source)


def _of_run(
  source: str | os.PathLike[str],
) -> tuple[Predictor, Any]:
  # Imported here because it needs Flax and Orbax, and an export does not.
  from seld_jax.train import snapshot, sources

  run = sources.read(source)
  predictor = Predictor(
    snapshot.make_program(run.config),
    run.variables,
    snapshot.spec_of(run.config),
    source=str(source),
    make_network=functools.partial(
      snapshot.make_network, run.config, run.variables
    ),
    extract=snapshot.make_extractor(run.config),
    causal=snapshot.make_causal(run.config, run.variables),
  )
  return predictor, run
