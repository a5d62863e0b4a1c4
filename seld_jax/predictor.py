"""Loads trained networks: from a run directory, an export, or the demo."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from seld_jax.prediction import Prediction, Predictor, export_file

__all__ = [
  'DEMO',
  'Prediction',
  'Predictor',
  'export_run',
  'load',
  'load_variables',
]

# The export of the demo network, which is part of the package.
DEMO = export_file.DEMO


def load(source: str | os.PathLike[str]) -> Predictor:
  """Loads a trained network.

  Args:
    source: A run directory (its best checkpoint is loaded), an export of
      `python -m seld_jax.export`, or `'demo'` for the demo network, which is
      part of the package. The dataset is not needed.

  Returns:
    The predictor.

  Raises:
    InputError: The source is missing, damaged, or has another version.

  Example:
    >>> import seld_jax
    >>> predictor = seld_jax.load('demo')
    >>> predictor.spec.sample_rate
    24000
  """
  path = export_file.locate(source)
  if path.is_file():
    export = export_file.read(path)
    return Predictor(
      export.program.call,
      export.variables,
      export.spec,
      source=str(source),
      has_fixed_window=True,
      make_network=functools.partial(_network_of_export, export, str(source)),
    )
  return _of_run(source)[0]


def export_run(
  workdir: str | os.PathLike[str],
  *,
  window: float | None = None,
  platforms: Sequence[str] = export_file.PLATFORMS,
) -> export_file.Export:
  """Exports the best checkpoint of a run.

  Args:
    workdir: The run directory.
    window: Length of the windows of the network in seconds, fixed in the
      export; None for the length that it was validated with.
    platforms: Platforms that the export can run on: some of `'cpu'`, `'cuda'`,
      `'tpu'`, `'rocm'`.

  Returns:
    The export; `export_file.write` writes it to a file.

  Raises:
    InputError: The run cannot be read, or the window is out of range.

  Example:
    >>> from seld_jax import predictor
    >>> from seld_jax.prediction import export_file
    >>> export = predictor.export_run('runs/quick')  # doctest: +SKIP
    >>> export_file.write('quick.seld', export)  # doctest: +SKIP
  """
  predictor, run = _of_run(workdir)
  spec = dataclasses.replace(
    predictor.spec, window=predictor.window_frames(window)
  )
  return export_file.make(
    predictor.program,
    run.variables,
    spec,
    config=run.config_values,
    step=run.step,
    platforms=platforms,
  )


def load_variables(
  source: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
  """Loads the variables of a trained network, e.g. for fine-tuning.

  Args:
    source: As for `load`.

  Returns:
    The variables by name, such as `params/Conv_0/kernel`, as arrays of any
    shape; and the names of the classes.

  Raises:
    InputError: The source is missing, damaged, or has another version.

  Example:
    >>> from seld_jax import predictor
    >>> variables, classes = predictor.load_variables('demo')
    >>> variables['params/sed/kernel'].shape[-1] == len(classes)
    True
  """
  from seld_jax.train import snapshot

  variables, spec, _ = snapshot.load_variables(source)
  return variables, spec.classes


def _network_of_export(export: export_file.Export, source: str) -> Any:
  # Imported here because only this function of an export needs Flax.
  from seld_jax.train import snapshot

  return snapshot.network_of_export(export, source=source)


def _of_run(
  source: str | os.PathLike[str],
) -> tuple[Predictor, Any]:
  # Imported here because it needs Flax and Orbax, and an export does not.
  from seld_jax.train import snapshot

  run = snapshot.read(source)
  predictor = Predictor(
    snapshot.make_program(run.config),
    run.variables,
    snapshot.spec_of(run.config),
    source=str(source),
    make_network=functools.partial(
      snapshot.make_network, run.config, run.variables
    ),
    extract=snapshot.make_extractor(run.config),
  )
  return predictor, run
