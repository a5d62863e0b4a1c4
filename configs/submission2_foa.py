"""The second submission of the paper on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Trains on all folds; the last checkpoint predicts the evaluation set."""
  config = config_lib.default()
  return systems.submission2(config)
