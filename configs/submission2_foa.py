"""The paper's second submission on first-order ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Trained on all folds; its last snapshot, for the evaluation recordings."""
  config = config_lib.default()
  return systems.submission2(config)
