"""Sound files: checked when read, written whole or not at all."""

import dataclasses
import io
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import soundfile

from seld_jax import files
from seld_jax.audio import containers
from seld_jax.errors import InputError

# The largest WAV file whose header can count it; RF64 goes on.
_LARGEST_RIFF = 8 + 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class AudioInfo:
  """What the header of a sound file says.

  Attributes:
    sample_rate: Samples a second.
    num_channels: Number of channels.
    num_samples: Samples in each channel.
  """

  sample_rate: int
  num_channels: int
  num_samples: int


def info(path: str | os.PathLike[str]) -> AudioInfo:
  """Reads the header of a sound file.

  Args:
    path: A file in any format that libsndfile reads (WAV, FLAC, ...).

  Returns:
    Sample rate, channels and samples.

  Raises:
    InputError: The file is missing, is no sound file, is truncated, or holds
      no samples.
  """
  path = pathlib.Path(path)
  _check_whole(path)
  try:
    header = soundfile.info(str(path))
  except (soundfile.SoundFileError, RuntimeError) as error:
    raise InputError(_unreadable(path, error)) from error
  if header.frames < 1:
    raise InputError(f'{path} holds no samples.')
  return AudioInfo(
    sample_rate=int(header.samplerate),
    num_channels=int(header.channels),
    num_samples=int(header.frames),
  )


def read(
  path: str | os.PathLike[str],
  *,
  sample_rate: int = 24000,
  num_channels: int = 4,
) -> np.ndarray:
  """Reads a whole recording.

  Args:
    path: A file in any format that libsndfile reads (WAV, FLAC, ...).
    sample_rate: The sample rate it must have; nothing is resampled.
    num_channels: The number of channels it must have.

  Returns:
    Samples in [-1, 1] for integer formats, float32 with shape
    `[channels, samples]`.

  Raises:
    InputError: The file is missing, unreadable or truncated, has another
      sample rate or number of channels, holds no samples, or holds NaN or
      infinite ones.
  """
  path = pathlib.Path(path)
  header = info(path)
  if header.sample_rate != sample_rate:
    raise InputError(
      f'{path} has a sample rate of {header.sample_rate} Hz, '
      f'but {sample_rate} Hz is needed.'
    )
  if header.num_channels != num_channels:
    raise InputError(
      f'{path} has {header.num_channels} channels, '
      f'but {num_channels} are needed.'
    )
  # In blocks, as a damaged header may promise more than memory holds.
  return np.concatenate(list(blocks(path)), axis=-1)


def blocks(
  path: str | os.PathLike[str], *, num_samples: int = 2**18
) -> Iterator[np.ndarray]:
  """Reads a recording block by block, so that a day of it fits in memory.

  Args:
    path: A file in any format that libsndfile reads (WAV, FLAC, ...).
    num_samples: Samples in a block.

  Yields:
    Blocks of float32 with shape `[channels, samples]`; the last may be shorter.

  Raises:
    InputError: As for `read`, when the block is reached that cannot be had.
  """
  path = pathlib.Path(path)
  header = info(path)
  done = 0
  try:
    with soundfile.SoundFile(str(path)) as file:
      while done < header.num_samples:
        block = file.read(num_samples, dtype='float32', always_2d=True)
        if not len(block):
          break
        _check_finite(path, block, first=done)
        done += len(block)
        yield np.ascontiguousarray(block.T)
  except (soundfile.SoundFileError, RuntimeError) as error:
    raise InputError(_unreadable(path, error)) from error
  _check_complete(path, header, done)


def write(
  path: str | os.PathLike[str], audio: np.ndarray, *, sample_rate: int = 24000
) -> None:
  """Writes a 16-bit PCM WAV file, atomically.

  Args:
    path: The file to write.
    audio: Samples in [-1, 1], with shape `[channels, samples]`.
    sample_rate: Samples a second.

  Raises:
    InputError: The samples have another shape, are not finite, or would clip;
      or the file cannot be written.
  """
  audio = np.asarray(audio)
  # libsndfile takes bytes as they lie, whatever their order, and whole numbers
  # as steps of PCM.
  audio = audio.astype(np.result_type(audio.dtype, np.float32), copy=False)
  if audio.ndim != 2 or not audio.size:
    raise InputError(
      f'{path} needs audio of shape [channels, samples], got shape '
      f'{audio.shape}.'
    )
  if not np.isfinite(audio).all():
    raise InputError(f'{path} needs finite samples, got NaN or infinite ones.')
  peak = float(np.abs(audio).max())
  if peak > 1:
    raise InputError(
      f'{path} needs samples in [-1, 1], got a peak of {peak:.4g}, which would '
      'clip; scale the audio first.'
    )
  # In memory first: libsndfile does not tell a full disk from other errors.
  buffer = io.BytesIO()
  soundfile.write(buffer, audio.T, sample_rate, format='WAV', subtype='PCM_16')
  with files.atomic(path) as temporary:
    # Not getbuffer(), which costs no less: with it in the traceback of a full
    # disk, the garbage collector of Python 3.12.1 crashes.
    temporary.write_bytes(buffer.getvalue())


def _check_complete(path: pathlib.Path, header: AudioInfo, done: int) -> None:
  """Refuses a file that ended before its header said it would."""
  if done < header.num_samples:
    raise InputError(
      f'{path} is truncated: its header promises {header.num_samples} samples '
      f'a channel, but only {done} could be read.'
    )


def _check_finite(path: pathlib.Path, audio: np.ndarray, *, first: int) -> None:
  """Refuses samples that are no numbers; `audio` has the channels last."""
  if not np.isfinite(audio).all():
    sample, channel = np.argwhere(~np.isfinite(audio))[0]
    raise InputError(
      f'{path} holds samples that are NaN or infinite; the first is sample '
      f'{first + sample} of channel {channel + 1}.'
    )


def _check_whole(path: pathlib.Path) -> None:
  """Refuses what is no file, and a file shorter than its header says.

  libsndfile reads what was cut off without a word, as far as it goes, and a WAV
  file of more than 4 GiB as far as its header can count.
  """
  try:
    if path.is_dir():
      raise InputError(f'{path} is a folder, but a sound file is needed.')
    size = path.stat().st_size
    if not size:
      raise InputError(f'{path} is empty, but a sound file is needed.')
    with open(path, 'rb') as file:
      kind = file.read(4)
      file.seek(0)
      needed = containers.end_of_samples(file)
  except FileNotFoundError as error:
    raise InputError(f'{path} does not exist.') from error
  except OSError as error:
    raise InputError(_unreadable(path, error)) from error
  if kind in (b'RIFF', b'RIFX') and size > _LARGEST_RIFF:
    raise InputError(
      f'{path} has {size / 1e9:.1f} GB, but the header of a WAV file cannot '
      'tell more than 4.3, so its end would be lost; convert it to FLAC or '
      'RF64.'
    )
  if needed > size:
    raise InputError(
      f'{path} is truncated: its header promises {needed} bytes, but the file '
      f'has {size}.'
    )


def _unreadable(path: pathlib.Path, error: Exception) -> str:
  known = (getattr(error, name, None) for name in ('error_string', 'strerror'))
  reason = next(filter(None, known), error)
  return f'{path} cannot be read as a sound file: {str(reason).rstrip(".")}.'
