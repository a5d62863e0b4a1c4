"""Augmentation of audio and features: pure functions, PRNG key first.

    domain = augment.feature_domain(format='foa', output=output)
    augmentation = augment.compose(
      augment.symmetries(domain, count=48),
      augment.gain(domain, max_db=10.0),
      augment.mixup(domain),
    )
    batched = jax.vmap(augmentation, axis_name=augment.EXAMPLES)
    features, targets = batched(keys, features, targets)

A step changes one example, audio or features, with its targets; the functions
`symmetries`, `rotation`, `gain`, `equaliser`, `mixup`, `frequency_shift`,
`cutout` and `masks` make one, `compose` joins them, and `make_steps` makes them
from text. `jax.vmap` over keys and examples augments a batch.

A random function only draws numbers. A deterministic function, which can be
used by itself, applies them: `spec_augment` uses `mask_bands`, `rotate_foa`
uses `apply_symmetry`, and `swap_mic_channels` uses `apply_mic_symmetry`.
`make_turns` has the rotations and reflections of every kind of features,
`audio_symmetries` those of audio.
"""

from seld_jax.augment.audio import audio_symmetries, mix_channels, turn_foa
from seld_jax.augment.composing import Step, compose
from seld_jax.augment.domains import Domain, audio_domain, feature_domain
from seld_jax.augment.equalising import equalise, equaliser_curve
from seld_jax.augment.feature_steps import cutout, frequency_shift, masks
from seld_jax.augment.masking import cut_out, mask_bands, spec_augment
from seld_jax.augment.matrices import (
  TETRAHEDRON,
  array_symmetries,
  symmetry_matrices,
  vertical_rotation,
)
from seld_jax.augment.mixing import mix_features
from seld_jax.augment.shifting import shift_bands
from seld_jax.augment.steps import (
  EXAMPLES,
  equaliser,
  gain,
  mixup,
  rotation,
  symmetries,
)
from seld_jax.augment.turns import (
  Turns,
  apply_mic_symmetry,
  apply_symmetry,
  make_turns,
  rotate_foa,
  rotate_foa_features,
  swap_mic_channels,
)
from seld_jax.augment.written import STEPS, make_steps

__all__ = [
  'EXAMPLES',
  'STEPS',
  'TETRAHEDRON',
  'Domain',
  'Step',
  'Turns',
  'apply_mic_symmetry',
  'apply_symmetry',
  'array_symmetries',
  'audio_domain',
  'audio_symmetries',
  'compose',
  'cut_out',
  'cutout',
  'equalise',
  'equaliser',
  'equaliser_curve',
  'feature_domain',
  'frequency_shift',
  'gain',
  'make_steps',
  'make_turns',
  'mask_bands',
  'masks',
  'mix_channels',
  'mix_features',
  'mixup',
  'rotate_foa',
  'rotate_foa_features',
  'rotation',
  'shift_bands',
  'spec_augment',
  'swap_mic_channels',
  'symmetries',
  'symmetry_matrices',
  'turn_foa',
  'vertical_rotation',
]
