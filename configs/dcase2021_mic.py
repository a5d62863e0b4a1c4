"""The published baseline of DCASE 2021 Task 3 on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import tasks


def get_config():
  """See `config.tasks.dcase2021` and docs/tasks.md."""
  config = config_lib.default()
  config.features.format = 'mic'
  return tasks.dcase2021(config)
