"""The networks, as Flax Linen modules, and functions of their parameters."""

from seld_jax.model.composed import (
  ComposedNet,
  ResNetConformer,
  unused_fields,
)
from seld_jax.model.dcase_net import DcaseNet
from seld_jax.model.memory import Memory, needed_memory
from seld_jax.model.networks import (
  MODELS,
  SeldCrnn,
  SeldNet,
  count_parameters,
  last_shared_layer,
)
from seld_jax.model.sequences import SEQUENCES
from seld_jax.model.streaming import STATE, initial_state
from seld_jax.model.trunks import TRUNKS

__all__ = [
  'MODELS',
  'SEQUENCES',
  'STATE',
  'TRUNKS',
  'ComposedNet',
  'DcaseNet',
  'ResNetConformer',
  'SeldCrnn',
  'SeldNet',
  'count_parameters',
  'initial_state',
  'last_shared_layer',
  'Memory',
  'needed_memory',
  'unused_fields',
]
