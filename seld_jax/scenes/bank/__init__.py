"""The procedural bank: synthetic sounds of every class of the datasets."""

from seld_jax.scenes.bank.generators import (
  GENERATORS,
  MAX_SECONDS,
  make_sound,
)

__all__ = ['make_sound', 'GENERATORS', 'MAX_SECONDS']
