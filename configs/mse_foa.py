"""The proposed system of the paper on first-order Ambisonics."""

from seld_jax import config as config_lib


def get_config():
  """Squared error for activity and for directions: all defaults."""
  return config_lib.default()
