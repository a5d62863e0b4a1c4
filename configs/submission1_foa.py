"""The first submission of the paper on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Trains on folds 2 to 6, selects on fold 1, predicts the evaluation set."""
  config = config_lib.default()
  return systems.submission1(config)
