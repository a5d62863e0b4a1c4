"""Trained networks, loaded: from a run directory, an export, or the demo."""

import dataclasses
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

# The network that comes with seld_jax, an export.
DEMO = export_file.DEMO


def load(source: str | os.PathLike[str]) -> Predictor:
  """Loads a trained network: nothing but this folder or file is needed.

  Args:
    source: A run directory, of which the best snapshot is taken, or an export
      of `python -m seld_jax.export`, or `'demo'` for the network that comes
      with seld_jax.

  Returns:
    The predictor.

  Raises:
    InputError: The source is missing, damaged, or of another version.
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
    )
  return _of_run(source)[0]


def export_run(
  workdir: str | os.PathLike[str],
  *,
  window: float | None = None,
  platforms: Sequence[str] = export_file.PLATFORMS,
) -> export_file.Export:
  """An export of the best snapshot of a run.

  Args:
    workdir: The run directory.
    window: Seconds that the network sees at once; None: as it was validated.
    platforms: Kinds of devices that can run it.

  Returns:
    What `export_file.write` writes.

  Raises:
    InputError: The run cannot be read, or the window not be had.
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
  """The variables of a trained network, to start another from.

  Args:
    source: As for `load`.

  Returns:
    Arrays by name, such as `params/Conv_0/kernel`, of any shape; and the names
    of its classes.

  Raises:
    InputError: The source is missing, damaged, or of another version.
  """
  from seld_jax.train import snapshot

  return snapshot.load_variables(source)


def _of_run(
  source: str | os.PathLike[str],
) -> tuple[Predictor, Any]:
  # What reads a run needs Flax and Orbax, which an export does without.
  from seld_jax.train import snapshot

  run = snapshot.read(source)
  predictor = Predictor(
    snapshot.make_program(run.config),
    run.variables,
    snapshot.spec_of(run.config),
    source=str(source),
  )
  return predictor, run
