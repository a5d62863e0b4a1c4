"""The procedural bank: synthetic sounds of the classes of TAU-NIGENS 2020."""

from seld_jax.scenes.bank.generators import (
  GENERATORS,
  MAX_SECONDS,
  make_sound,
)

__all__ = ['make_sound', 'GENERATORS', 'MAX_SECONDS']
