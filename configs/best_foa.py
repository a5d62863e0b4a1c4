"""The system with the best scores in docs/outputs.md, for FOA audio."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """Three tracks, since scenes of today have up to three events at once."""
  config = systems.tracks(config_lib.default())
  config.output.num_tracks = 3
  return config
