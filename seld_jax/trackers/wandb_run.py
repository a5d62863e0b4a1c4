"""wandb (Weights & Biases): a run on its server, or in local files."""

import importlib
import pathlib
from collections.abc import Mapping
from typing import Any


class WandbRun:
  """Sends the records of a run to wandb.

  Its variables choose where to: WANDB_MODE=offline the folder `wandb` in the
  run directory only, WANDB_ENTITY a team. wandb numbers all records. Here the
  number is the place in metrics.jsonl, and `step` is the axis of all curves.

  Args:
    folder: The run directory.
    project: The project.
    name: The name of the run, which no other run has.
    settings: The configuration, by the name of each field.

  Attributes:
    written: Number of records that the server has, if there were some; None
      if the run is new there, or offline.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    *,
    project: str,
    name: str,
    settings: Mapping[str, Any],
  ):
    wandb = importlib.import_module('wandb')
    self._run = wandb.init(
      project=project,
      id=name,
      name=name,
      dir=str(folder),
      config=dict(settings),
      resume='allow',
      # The output of the command belongs to the command.
      settings=wandb.Settings(console='off', save_code=False),
    )
    self.written: int | None = self._run.step if self._run.resumed else None
    self._run.define_metric('*', step_metric='step')

  def write(self, index: int, step: int, values: Mapping[str, float]) -> None:
    """Sends a record; see `mirroring.Tracker`."""
    self._run.log({'step': step, **values}, step=index, commit=True)

  def close(self, *, is_complete: bool) -> None:
    """Waits until all is sent; see `mirroring.Tracker`."""
    self._run.finish(exit_code=0 if is_complete else 1)
