"""The second submission of the paper on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Trains on all folds; the last checkpoint predicts the evaluation set."""
  config = config_lib.default()
  config.features.format = 'mic'
  return systems.submission2(config)
