"""Augmentation of feature crops: pure functions, PRNG key first.

A random function only draws numbers. A deterministic function, which can be
used by itself, applies them: `spec_augment` uses `mask_bands`, `rotate_foa`
uses `apply_symmetry`, and `swap_mic_channels` uses `apply_mic_symmetry`.
`make_turns` has the rotations and reflections of every kind of features. All
work on one example; `jax.vmap` over keys and examples augments a batch.
"""

from seld_jax.augment.audio import audio_symmetries, mix_channels, turn_foa
from seld_jax.augment.masks import mask_bands, spec_augment
from seld_jax.augment.symmetries import (
  TETRAHEDRON,
  array_symmetries,
  symmetry_matrices,
  vertical_rotation,
)
from seld_jax.augment.turns import (
  NUM_MIC_SYMMETRIES,
  NUM_SYMMETRIES,
  TURNS,
  Turns,
  apply_mic_symmetry,
  apply_symmetry,
  make_turns,
  rotate_foa,
  swap_mic_channels,
)

__all__ = [
  'NUM_MIC_SYMMETRIES',
  'NUM_SYMMETRIES',
  'TETRAHEDRON',
  'TURNS',
  'Turns',
  'apply_mic_symmetry',
  'apply_symmetry',
  'array_symmetries',
  'audio_symmetries',
  'make_turns',
  'mask_bands',
  'mix_channels',
  'rotate_foa',
  'spec_augment',
  'swap_mic_channels',
  'symmetry_matrices',
  'turn_foa',
  'vertical_rotation',
]
