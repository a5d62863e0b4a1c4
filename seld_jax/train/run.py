"""The values of a run that do not change from its first step to its last."""

import dataclasses
import logging
import pathlib
from typing import Any

import jax

from seld_jax import config as config_lib
from seld_jax import runs, trackers
from seld_jax.dataset import sampling
from seld_jax.devices import processes
from seld_jax.errors import InputError
from seld_jax.train import memory, prepare, rendering
from seld_jax.train.optimizer import total_steps

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Run:
  """Values that all parts of a training run share.

  Attributes:
    config: The configuration.
    workdir: The run directory.
    mesh: The devices.
    data: The folds, and the statistics of the features.
    resident: Names of the folds that are kept on the devices.
    steps_per_epoch: Number of steps in an epoch.
    num_steps: Number of steps of the whole run.
    scenes: The scenes that are rendered for the training, if it has such; the
      training recordings of `data` are then used for statistics only, and to
      be watched.
    mirror: What shows the records of the run besides metrics.jsonl; None in
      all processes but the first.
  """

  config: config_lib.Config
  workdir: pathlib.Path
  mesh: jax.sharding.Mesh
  data: prepare.Data
  resident: frozenset[str]
  steps_per_epoch: int
  num_steps: int
  scenes: rendering.Plan | None = None
  mirror: trackers.Mirror | None = None

  def record(self, record: dict[str, Any]) -> None:
    """Appends a record to metrics.jsonl, and copies it to the trackers.

    Only the first process writes.

    Args:
      record: A JSON object with the fields `step` and `split`.

    Raises:
      InputError: metrics.jsonl cannot be written.
    """
    if not processes.is_first():
      return
    runs.append_record(self.workdir / runs.METRICS, record)
    if self.mirror is not None:
      self.mirror.write(record)


def prepare_run(
  config: config_lib.Config,
  workdir: pathlib.Path,
  mesh: jax.sharding.Mesh,
  *,
  copies: trackers.Mirror | None = None,
) -> Run:
  """Loads the data of a run, and checks that they fit its configuration.

  Args:
    config: The configuration.
    workdir: The run directory.
    mesh: The devices.
    copies: The trackers of the run, in the first process.

  Returns:
    The run.

  Raises:
    InputError: The dataset is missing or broken, or is too small for a batch,
      or the learning rate would be 0 in all steps.
  """
  data = prepare.load_data(config)
  scenes = rendering.plan(config)
  offsets = data.train.offsets if scenes is None else scenes.offsets
  crop = config.train.crop_frames // data.train.pool
  examples = {
    'crops': len(offsets) - 1,
    'segments': len(sampling.all_segments(offsets, crop)),
  }
  config_lib.validate(
    config,
    num_devices=mesh.size,
    num_recordings=examples['crops'],
    num_segments=examples['segments'],
  )
  steps_per_epoch = examples[config.train.sampler] // config.train.batch_size
  num_steps = total_steps(config, steps_per_epoch=steps_per_epoch)
  _check_warmup(config, num_steps, steps_per_epoch=steps_per_epoch)
  kept = data
  if scenes is not None:
    kept = dataclasses.replace(data, train=scenes.empty_fold())
  resident = prepare.resident(
    kept,
    num_devices=mesh.size,
    budget=memory.device_budget(config, mesh),
  )
  if config.train.steps_per_dispatch > 1 and 'train' not in resident:
    _log.warning(
      'train.steps_per_dispatch = %d has no effect, because the training '
      'recordings are not kept on the devices; larger data.device_budget and '
      'data.host_budget may allow it.',
      config.train.steps_per_dispatch,
    )
  return Run(
    config,
    workdir,
    mesh,
    data,
    resident=resident,
    steps_per_epoch=steps_per_epoch,
    num_steps=num_steps,
    scenes=scenes,
    mirror=copies,
  )


def _check_warmup(
  config: config_lib.Config, num_steps: int, *, steps_per_epoch: int
) -> None:
  """Raises InputError if the learning rate would be 0 in all steps."""
  train = config.train
  warmup = train.warmup_epochs * steps_per_epoch
  if (
    train.schedule == 'paper'
    and train.warmup_factor == 0
    and warmup >= num_steps
  ):
    raise InputError(
      f'train.warmup_factor is 0, and the warm-up of {train.warmup_epochs} '
      f'epochs with {steps_per_epoch} steps takes all {num_steps} steps, so '
      'that nothing would be learned: reduce train.warmup_epochs.'
    )
