"""Reads the channels of the sound files of a dataset."""

import os
import pathlib
from collections.abc import Iterator

import numpy as np

from seld_jax.audio import channel_checks, channels, sound_files
from seld_jax.errors import InputError


def dataset_blocks(
  path: str | os.PathLike[str],
  *,
  format: str,
  sample_rate: int = 24000,
  num_samples: int = 2**18,
  num_channels: int = 0,
) -> Iterator[np.ndarray]:
  """Reads the channels of a sound file of a dataset block by block.

  Args:
    path: A file in a lossless format that libsndfile reads.
    format: `'foa'`, `'mic'` or `'stereo'`. Files of FOA may have more channels,
      of higher orders of Ambisonics; their first four are used, as in
      prediction.
    sample_rate: Sample rate in Hz that the file must have.
    num_samples: Number of samples in a block.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.

  Yields:
    Blocks, float32 with shape `[channels, samples]`; the last may be shorter.

  Raises:
    InputError: As for `blocks`, or the file has another sample rate or number
      of channels, or its header says that it has FuMa channels, which are no
      microphones, or which lack the height.

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
  needed = channels.count(format, num_channels=num_channels)
  known = (needed,)
  if format == 'foa':
    known += channels.by_name(format='foa').also
  if header.is_fuma:
    _check_fuma(path, header, format)
  elif header.num_channels not in known:
    raise InputError(_refusal(path, header.num_channels, format, needed))
  for block in sound_files.blocks(path, num_samples=num_samples, header=header):
    # A copy, so that the other channels can be freed.
    yield block if len(block) == needed else block[:needed].copy()


def _check_fuma(
  path: pathlib.Path, header: sound_files.AudioInfo, format: str
) -> None:
  """Refuses a file in FuMa order and level whose channels are not needed."""
  if format != 'foa':
    raise InputError(
      f'{path} holds Ambisonics in FuMa order and level, as its header says, '
      f'and no {"microphones" if format == "mic" else "left and right"}: train '
      'on such files in the folder foa_dev with --config.features.format=foa.'
    )
  channels.for_file(channels.by_name(format='foa'), header, name=str(path))


def _refusal(path: pathlib.Path, number: int, format: str, needed: int) -> str:
  """Says which channels are needed, and how to choose them."""
  word = channel_checks.number_word(needed)
  kind = {
    'foa': 'W, Y, Z, X (or AmbiX of a higher order, with 9, 16, 25, 36 or 49)',
    'mic': f'of {word} microphones',
    'stereo': 'left and right',
  }[format]
  text = (
    f'{path} has {number} channel{"s" * (number != 1)}, but {needed} are '
    f'needed, {kind}'
  )
  if number == 1:
    return f'{text}: directions cannot be learned from fewer; delete it.'
  if format == 'stereo':
    return (
      f'{text}: train on the folder foa_dev or mic_dev if it belongs there '
      '(--config.features.format), or write left and right as a new file; '
      'from FOA, they are W + Y and W - Y.'
    )
  if format == 'mic' and number != 32:
    text += (
      f': set --config.features.num_channels={number} (--num_channels='
      f'{number} of validate) if all recordings have '
      f'{channel_checks.number_word(number)} microphones, '
    )
    if number < needed:
      return f'{text}or delete it.'
    text += 'or'
  elif number < needed:
    other = ''
    if number == 2:
      other = ', or train on stereo in the folder stereo_dev with '
      other += '--config.features.format=stereo'
    return (
      f'{text}: directions of FOA cannot be learned from fewer; delete it'
      f'{other}.'
    )
  else:
    text += ':'
  taken = list(range(needed))
  if format == 'mic' and number == 32 and needed == len(channels.EM32_CAPSULES):
    # An Eigenmike.
    taken = [capsule - 1 for capsule in channels.EM32_CAPSULES]
  return (
    f'{text} write them as a new file, such as the channels '
    f'{", ".join(str(one + 1) for one in taken)} with audio.write(new, '
    f'audio.read(old, num_channels={number})[{taken}]) of seld_jax.'
  )
