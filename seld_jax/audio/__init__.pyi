from . import channel_checks, channels
from .dataset_files import dataset_blocks
from .resampling import Resampler
from .sound_files import (
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
