"""The paper's proposed system on first-order ambisonics."""

from seld_jax import config as config_lib


def get_config():
  """Squared error for activity and for directions; every default is its."""
  return config_lib.default()
