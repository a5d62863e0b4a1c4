"""The published baseline of DCASE 2025 Task 3: audio only, stereo."""

from seld_jax import config as config_lib
from seld_jax.config import tasks


def get_config():
  """See `config.tasks.dcase2025` and docs/tasks.md."""
  return tasks.dcase2025(config_lib.default())
