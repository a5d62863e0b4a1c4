"""ACCDOA on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """One vector for each class, whose length is its activity."""
  config = config_lib.default()
  config.features.format = 'mic'
  return systems.accdoa(config)
