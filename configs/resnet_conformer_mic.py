"""The ResNet-Conformer of DCASE 2024 on the microphone array."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """A trunk of basic blocks, then conformer blocks."""
  config = config_lib.default()
  config.features.format = 'mic'
  return systems.resnet_conformer(config)
