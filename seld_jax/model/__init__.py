"""The networks, in Flax Linen."""

from seld_jax.model.networks import (
  MODELS,
  SeldCrnn,
  SeldNet,
  count_parameters,
  last_shared_layer,
)

__all__ = [
  'MODELS',
  'SeldCrnn',
  'SeldNet',
  'count_parameters',
  'last_shared_layer',
]
