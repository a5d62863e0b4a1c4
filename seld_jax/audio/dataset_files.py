"""Reads the four channels of the sound files of a dataset."""

import os
import pathlib
from collections.abc import Iterator

import numpy as np

from seld_jax.audio import channels, sound_files
from seld_jax.errors import InputError


def dataset_blocks(
  path: str | os.PathLike[str],
  *,
  format: str,
  sample_rate: int = 24000,
  num_samples: int = 2**18,
) -> Iterator[np.ndarray]:
  """Reads the four channels of a sound file of a dataset block by block.

  Args:
    path: A file in a lossless format that libsndfile reads.
    format: `'foa'` or `'mic'`. Files of FOA may have more channels, of higher
      orders of Ambisonics; their first four are used, as in prediction.
    sample_rate: Sample rate in Hz that the file must have.
    num_samples: Number of samples in a block.

  Yields:
    Blocks, float32 with shape `[4, samples]`; the last may be shorter.

  Raises:
    InputError: As for `blocks`, or the file has another sample rate or number
      of channels.

  See Also: `blocks` for all channels of any file.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('order_2.wav', np.zeros((9, 2400)))
    >>> (block,) = audio.dataset_blocks('order_2.wav', format='foa')
    >>> block.shape
    (4, 2400)
  """
  path = pathlib.Path(path)
  header = sound_files.info(path)
  sound_files.check_rate(path, header, sample_rate)
  higher = channels.by_name(format='foa').also
  if header.is_fuma:
    higher = sound_files.FUMA_WITH_HEIGHT
  known = (4, *higher) if format == 'foa' else (4,)
  if header.num_channels not in known:
    raise InputError(_refusal(path, header.num_channels, format))
  for block in sound_files.blocks(path, num_samples=num_samples, header=header):
    # A copy, so that the other channels can be freed.
    yield block if len(block) == 4 else block[:4].copy()


def _refusal(path: pathlib.Path, number: int, format: str) -> str:
  """Says which channels are needed, and how to choose them."""
  kind = 'W, Y, Z, X' if format == 'foa' else 'of four microphones'
  text = (
    f'{path} has {number} channel{"s" * (number != 1)}, but 4 are needed, '
    f'{kind}'
  )
  if format == 'foa':
    text += ' (or AmbiX of a higher order, with 9, 16, 25, 36 or 49)'
  if number < 4:
    return f'{text}: directions cannot be learned from fewer; delete it.'
  taken = [0, 1, 2, 3]
  if format == 'mic' and number == 32:
    # An Eigenmike.
    taken = [capsule - 1 for capsule in channels.EM32_CAPSULES]
  return (
    f'{text}: write them as a new file, such as the channels '
    f'{", ".join(str(one + 1) for one in taken)} with audio.write(new, '
    f'audio.read(old, num_channels={number})[{taken}]) of seld_jax.'
  )
