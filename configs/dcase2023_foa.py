"""The published baseline of DCASE 2023 Task 3 on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import tasks


def get_config():
  """See `config.tasks.dcase2023` and docs/tasks.md."""
  config = config_lib.default()
  config.features.format = 'foa'
  return tasks.dcase2023(config)
