"""The networks, as Flax Linen modules, and functions of their parameters."""

from seld_jax.model.dcase_net import DcaseNet
from seld_jax.model.memory import Memory, needed_memory
from seld_jax.model.networks import (
  MODELS,
  SeldCrnn,
  SeldNet,
  count_parameters,
  last_shared_layer,
)

__all__ = [
  'MODELS',
  'DcaseNet',
  'SeldCrnn',
  'SeldNet',
  'count_parameters',
  'last_shared_layer',
  'Memory',
  'needed_memory',
]
