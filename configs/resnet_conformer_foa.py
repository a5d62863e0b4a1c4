"""The ResNet-Conformer of DCASE 2024 on first-order Ambisonics."""

from seld_jax import config as config_lib
from seld_jax.config import systems


def get_config():
  """A trunk of basic blocks, then conformer blocks."""
  config = config_lib.default()
  return systems.resnet_conformer(config)
