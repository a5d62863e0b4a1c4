"""Trackers of experiments, which show a run: TensorBoard, trackio and wandb."""

from seld_jax.trackers.mirroring import Mirror, mirror, scalars
from seld_jax.trackers.packages import JSONL, NAMES, check_installed

__all__ = [
  'JSONL',
  'NAMES',
  'check_installed',
  'Mirror',
  'mirror',
  'scalars',
]
