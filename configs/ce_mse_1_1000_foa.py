"""Cross-entropy, and squared error times 1000, on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Cross-entropy for activity, 1000 times the error for directions."""
  config = config_lib.default()
  return systems.ce_mse(config, doa_weight=1000.0)
