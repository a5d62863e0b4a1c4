"""Reads, checks, writes and lists sound files."""

import dataclasses
import io
import os
import pathlib
from collections.abc import Collection, Iterator

import numpy as np
import soundfile

from seld_jax import files
from seld_jax.audio import containers
from seld_jax.errors import InputError

# File name suffixes of sound files, in lower case; those of datasets are
# lossless.
LOSSLESS_SUFFIXES = ('.wav', '.flac', '.amb')
SUFFIXES = (*LOSSLESS_SUFFIXES, '.ogg')

# Largest size of a WAV file in bytes: its header has 32 bits for the size.
_LARGEST_RIFF = 8 + 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class AudioInfo:
  """The contents of the header of a sound file.

  Attributes:
    sample_rate: Sample rate in Hz.
    num_channels: Number of channels.
    num_samples: Number of samples in each channel.

  Example:
    >>> from seld_jax import audio
    >>> header = audio.AudioInfo(24000, num_channels=4, num_samples=48000)
    >>> header.num_samples / header.sample_rate
    2.0
  """

  sample_rate: int
  num_channels: int
  num_samples: int


def info(path: str | os.PathLike[str]) -> AudioInfo:
  """Reads the header of a sound file.

  Args:
    path: A file in any format that libsndfile reads (WAV, FLAC, ...).

  Returns:
    Sample rate, number of channels and number of samples.

  Raises:
    InputError: The file is missing, is not a sound file, is truncated, or has
      no samples.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('silence.wav', np.zeros((4, 2400)))
    >>> audio.info('silence.wav')
    AudioInfo(sample_rate=24000, num_channels=4, num_samples=2400)
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
    sample_rate: Sample rate in Hz that the file must have; nothing is
      resampled.
    num_channels: Number of channels that the file must have.

  Returns:
    Samples, float32 with shape `[channels, samples]`; in [-1, 1] for integer
    formats.

  Raises:
    InputError: The file is missing, unreadable or truncated, has another
      sample rate or number of channels, has no samples, or has NaN or
      infinite samples.

  See Also: `blocks` for recordings that do not fit in memory.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('silence.wav', np.zeros((4, 2400)))
    >>> audio.read('silence.wav').shape
    (4, 2400)
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
  # In blocks: a damaged header may claim more samples than memory can hold.
  return np.concatenate(list(blocks(path)), axis=-1)


def blocks(
  path: str | os.PathLike[str], *, num_samples: int = 2**18
) -> Iterator[np.ndarray]:
  """Reads a recording of any length block by block.

  Args:
    path: A file in any format that libsndfile reads (WAV, FLAC, ...).
    num_samples: Number of samples in a block.

  Yields:
    Blocks, float32 with shape `[channels, samples]`; the last may be shorter.

  Raises:
    InputError: As for `read`, but only when the faulty block is reached.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('silence.wav', np.zeros((4, 2400)))
    >>> [block.shape for block in audio.blocks('silence.wav', num_samples=2000)]
    [(4, 2000), (4, 400)]
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
  """Writes a 16-bit PCM WAV file atomically.

  Args:
    path: The file to write.
    audio: Samples in [-1, 1], with shape `[channels, samples]`. Integers are
      also values in [-1, 1], not PCM: convert PCM with `as_float` first.
    sample_rate: Sample rate in Hz.

  Raises:
    InputError: The samples have another shape, are not finite, or would clip;
      or the file cannot be written.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('two_channels.wav', np.zeros((2, 480)), sample_rate=48000)
    >>> audio.info('two_channels.wav').sample_rate
    48000
  """
  audio = np.asarray(audio)
  # libsndfile ignores the byte order of NumPy arrays and treats integers as
  # PCM. Floats of native byte order avoid both problems.
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
  # In memory first: libsndfile does not distinguish a full disk from other
  # errors.
  buffer = io.BytesIO()
  soundfile.write(buffer, audio.T, sample_rate, format='WAV', subtype='PCM_16')
  with files.atomic(path) as temporary:
    # Not getbuffer(): it saves no memory, and with it in the traceback of a
    # full disk the garbage collector of Python 3.12.1 crashes.
    temporary.write_bytes(buffer.getvalue())


def list_files(
  folder: str | os.PathLike[str],
  *,
  suffixes: Collection[str] = SUFFIXES,
  recursive: bool = True,
) -> list[pathlib.Path]:
  """Lists the sound files of a folder, as `files.list_files` does.

  Args:
    folder: The folder. If it does not exist, the list is empty.
    suffixes: Suffixes of sound files, in lower case; files may have them in
      upper case.
    recursive: Whether to list the files of all folders within the folder, too.

  Returns:
    Paths that begin with the folder, sorted.

  Raises:
    InputError: A folder cannot be read, or a link leads to no file or in a
      circle.

  Example:
    >>> import pathlib
    >>> from seld_jax import audio
    >>> folder = pathlib.Path('sounds')
    >>> folder.mkdir()
    >>> for name in 'b.WAV', 'a.flac', 'readme.txt', '.hidden.wav':
    ...   (folder / name).touch()
    >>> [path.name for path in audio.list_files(folder)]
    ['a.flac', 'b.WAV']
  """
  return files.list_files(folder, suffixes=suffixes, recursive=recursive)


def as_float(samples: np.ndarray) -> np.ndarray:
  """Converts integer PCM samples to floating-point numbers in [-1, 1].

  Args:
    samples: Samples of any shape. Signed integers are relative to full scale.
      Unsigned integers have silence at half scale, as in 8-bit WAV files.

  Returns:
    The samples, with the same shape: float32 for integers. Floating-point
    samples are returned unchanged.

  Example:
    >>> from seld_jax import audio
    >>> audio.as_float(np.array([0, 16384, -32768], np.int16)).tolist()
    [0.0, 0.5, -1.0]
  """
  if samples.dtype.kind not in 'iu':
    return samples
  full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
  silence = full_scale if samples.dtype.kind == 'u' else 0.0
  wide = samples.astype(np.float64)
  return ((wide - silence) / full_scale).astype(np.float32)


def _check_complete(path: pathlib.Path, header: AudioInfo, done: int) -> None:
  """Refuses a file with fewer samples than its header says."""
  if done < header.num_samples:
    raise InputError(
      f'{path} is truncated: its header promises {header.num_samples} samples '
      f'per channel, but only {done} could be read.'
    )


def _check_finite(path: pathlib.Path, audio: np.ndarray, *, first: int) -> None:
  """Refuses NaN and infinite samples; `audio` has shape [samples, channels]."""
  if not np.isfinite(audio).all():
    sample, channel = np.argwhere(~np.isfinite(audio))[0]
    raise InputError(
      f'{path} holds samples that are NaN or infinite; the first is sample '
      f'{first + sample} of channel {channel + 1}.'
    )


def _check_whole(path: pathlib.Path) -> None:
  """Refuses a missing file, a folder, and a file shorter than its header says.

  libsndfile silently reads a truncated file up to where it ends, and a WAV file
  of more than 4 GiB up to the size that its header can hold.
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
      f'{path} has {size / 1e9:.1f} GB, but the header of a WAV file can '
      'describe at most 4.3 GB, so the end would be lost; convert the file to '
      'FLAC or RF64.'
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
