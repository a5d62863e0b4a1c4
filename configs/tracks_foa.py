"""Two tracks on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Two tracks with one event at most; one trunk for all branches."""
  config = config_lib.default()
  return systems.tracks(config)
