"""Sound files, channel conventions and sample rates."""

from seld_jax.audio import channels
from seld_jax.audio.resampling import (
  Resampler,
)
from seld_jax.audio.samples import (
  as_float,
)
from seld_jax.audio.sound_files import (
  AudioInfo,
  blocks,
  info,
  read,
  write,
)

__all__ = [
  'AudioInfo',
  'info',
  'read',
  'blocks',
  'write',
  'Resampler',
  'as_float',
  'channels',
]
