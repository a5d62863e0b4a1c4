"""The paper's first submission on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Trained on folds 2 to 6, selected on 1, for the evaluation recordings."""
  config = config_lib.default()
  config.features.format = 'mic'
  return systems.submission1(config)
