"""Sound files, channel conventions and sample rates."""

from seld_jax.audio import channel_checks, channels
from seld_jax.audio.dataset_files import dataset_blocks
from seld_jax.audio.resampling import (
  Resampler,
)
from seld_jax.audio.sound_files import (
  LOSSLESS_SUFFIXES,
  SUFFIXES,
  AudioInfo,
  as_float,
  as_pcm,
  blocks,
  info,
  list_files,
  read,
  write,
)

__all__ = [
  'AudioInfo',
  'info',
  'read',
  'blocks',
  'dataset_blocks',
  'write',
  'SUFFIXES',
  'LOSSLESS_SUFFIXES',
  'list_files',
  'Resampler',
  'as_float',
  'as_pcm',
  'channels',
  'channel_checks',
]
