"""Losses of sound event localization and detection: pure functions of arrays.

They are in the style of `optax.losses`, and take the outputs of a network and
the targets. Four kinds differ in what they return:

- One value per frame, of which you take `jnp.mean`: `sed_mse`,
  `sed_cross_entropy`, `sed_focal`, `sed_asymmetric_focal`, `doa_mse`,
  `accdoa_mse`, `adpit_mse`, `tracks_pit`.
- Sum and count of the whole batch, for losses of active classes only:
  `doa_masked_mse`, `doa_cosine`, `doa_angular`, `distance_mse`,
  `distance_mspe`, `distance_mape`. The loss is `sum / max(count, 1)`.
- The share of one device, for losses that are no such ratio: `sed_soft_f1`,
  `doa_masked_norm`.
- Weighted sums of such losses, or their weights: `multitask`,
  `uncertainty_loss`, `dynamic_weights`.

All work under jit, vmap, grad and pmap, in float32 and bfloat16, and have
finite gradients when no event is active.

Networks with one activity and one direction for each class train with a `sed_`
and a `doa_` loss; the paper proposes `sed_mse` and `doa_masked_mse`.
`accdoa_mse`, `adpit_mse` and `tracks_pit` belong to other output formats.
`TERMS` lists all terms of class-wise outputs that a config can select.
"""

from seld_jax.losses.accdoa import accdoa_mse, adpit_mse
from seld_jax.losses.distance import (
  distance_mape,
  distance_mse,
  distance_mspe,
)
from seld_jax.losses.doa import (
  doa_angular,
  doa_cosine,
  doa_masked_mse,
  doa_masked_norm,
  doa_mse,
)
from seld_jax.losses.sed import (
  sed_asymmetric_focal,
  sed_cross_entropy,
  sed_focal,
  sed_mse,
  sed_soft_f1,
)
from seld_jax.losses.terms import TERMS, LossTerm
from seld_jax.losses.tracks import tracks_pit
from seld_jax.losses.weighting import (
  dynamic_weights,
  multitask,
  uncertainty_loss,
)

__all__ = [
  'sed_mse',
  'sed_cross_entropy',
  'sed_focal',
  'sed_asymmetric_focal',
  'sed_soft_f1',
  'doa_mse',
  'doa_masked_mse',
  'doa_masked_norm',
  'doa_cosine',
  'doa_angular',
  'distance_mse',
  'distance_mspe',
  'distance_mape',
  'accdoa_mse',
  'adpit_mse',
  'tracks_pit',
  'multitask',
  'uncertainty_loss',
  'dynamic_weights',
  'LossTerm',
  'TERMS',
]
