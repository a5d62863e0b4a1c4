"""Reads, checks, writes and lists sound files."""

import contextlib
import dataclasses
import functools
import io
import logging
import math
import os
import pathlib
import stat
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import soundfile

from seld_jax import files, listing
from seld_jax.audio import containers, ogg
from seld_jax.errors import InputError, printable

# File name suffixes of sound files, in lower case; those of datasets are
# lossless.
LOSSLESS_SUFFIXES = ('.wav', '.flac', '.amb')
SUFFIXES = (*LOSSLESS_SUFFIXES, '.ogg')

# Largest size of a WAV file in bytes: its header has 32 bits for the size.
_LARGEST_RIFF = 8 + 0xFFFFFFFF

# Number of samples that libsndfile gives a stream without a known length.
_UNKNOWN_LENGTH = 2**63 - 1
# Other sample rates in Hz suggest a damaged header.
_LOWEST_RATE, _HIGHEST_RATE = 1000, 400000
# A longer recording suggests a damaged header.
_LONGEST_DAYS = 31
# Bytes behind the samples are refused if they could be this many seconds.
_LONGEST_REST = 0.1

# Numbers of channels of FuMa whose first four are W, X, Y, Z; others have no Z.
FUMA_WITH_HEIGHT = (4, 6, 8, 9, 11, 16)
# W, Y, Z, X among them, and factors that convert their level to SN3D: the W of
# FuMa is 3 dB lower.
FUMA_PLACES = (0, 2, 3, 1)
FUMA_GAINS = (math.sqrt(2), 1.0, 1.0, 1.0)

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class AudioInfo:
  """The contents of the header of a sound file.

  Attributes:
    sample_rate: Sample rate in Hz.
    num_channels: Number of channels.
    num_samples: Number of samples in each channel.
    is_fuma: Whether the header says that the channels are Ambisonics in FuMa
      order and level, as in AMB files: W (3 dB lower), X, Y, Z, ...

  Example:
    >>> from seld_jax import audio
    >>> header = audio.AudioInfo(24000, num_channels=4, num_samples=48000)
    >>> header.num_samples / header.sample_rate
    2.0
  """

  sample_rate: int
  num_channels: int
  num_samples: int
  is_fuma: bool = False


def info(path: str | os.PathLike[str]) -> AudioInfo:
  """Reads the header of a sound file.

  Args:
    path: A file in any format that libsndfile reads (WAV, FLAC, ...).

  Returns:
    The contents of the header. The length is that of the samples that are
    there, if the header was not completed; a warning says so.

  Raises:
    InputError: The file is missing, is not a sound file, is truncated or
      damaged, has no samples, or has an implausible sample rate or length.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('silence.wav', np.zeros((4, 2400)))
    >>> header = audio.info('silence.wav')
    >>> header.sample_rate, header.num_channels, header.num_samples
    (24000, 4, 2400)
  """
  path = pathlib.Path(path)
  with _opened(path) as (file, header):
    if file.format == 'FLAC':
      # A truncated file, or a wrong length, is found without reading it all.
      try:
        file.seek(header.num_samples - 1)
        complete = len(file.read(1)) == 1
      except soundfile.SoundFileError:
        complete = False
      if not complete:
        raise InputError(
          f'{path} is truncated or damaged: its header promises '
          f'{header.num_samples} samples per channel, but the last one cannot '
          f'be read; {_remedy(path)}.'
        )
  return header


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
    formats. The first four channels are W, Y, Z, X (ACN, SN3D) if the header
    says that they are Ambisonics in FuMa order and level and there are 4, 6, 8,
    9, 11 or 16; with other numbers, FuMa has no height. Else they are as they
    are stored.

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
  check_rate(path, header, sample_rate)
  if header.num_channels != num_channels:
    raise InputError(
      f'{path} has {header.num_channels} channels, but {num_channels} are '
      'needed: write a file with those channels only.'
    )
  # In blocks: a damaged header may claim more samples than memory can hold.
  return np.concatenate(list(blocks(path, header=header)), axis=-1)


def check_rate(path: pathlib.Path, header: AudioInfo, sample_rate: int) -> None:
  """Refuses a file with another sample rate."""
  if header.sample_rate != sample_rate:
    raise InputError(
      f'{path} has a sample rate of {header.sample_rate} Hz, but {sample_rate} '
      f'Hz is needed: convert it, for example with "ffmpeg -i {path.name} -ar '
      f'{sample_rate} new.wav".'
    )


def blocks(
  path: str | os.PathLike[str],
  *,
  num_samples: int = 2**18,
  header: AudioInfo | None = None,
  raw: bool = False,
) -> Iterator[np.ndarray]:
  """Reads a recording of any length block by block.

  Args:
    path: A file in any format that libsndfile reads (WAV, FLAC, ...).
    num_samples: Number of samples in a block, 1 or more.
    header: The result of an earlier `info`; if the file has another header now,
      it is refused.
    raw: Whether to return the channels as they are stored. By default, the
      first four channels are converted to W, Y, Z, X (ACN, SN3D) if the header
      says that they are in FuMa order and level, as in `read`.

  Yields:
    Blocks, float32 with shape `[channels, samples]`; the last may be shorter.

  Raises:
    InputError: As for `read`, but only when the faulty block is reached; or the
      file was changed meanwhile.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('silence.wav', np.zeros((4, 2400)))
    >>> [block.shape for block in audio.blocks('silence.wav', num_samples=2000)]
    [(4, 2000), (4, 400)]
  """
  path = pathlib.Path(path)
  if num_samples < 1:
    raise InputError(f'A block needs at least one sample, got {num_samples}.')
  done = 0
  with _opened(path) as (file, found):
    if header not in (None, found):
      raise InputError(_changed(path))
    while done < found.num_samples:
      block = file.read(num_samples, dtype='float32', always_2d=True)
      if not len(block):
        break
      _check_finite(path, block, first=done)
      done += len(block)
      block = np.ascontiguousarray(block.T)
      yield block if raw or not found.is_fuma else _from_fuma(block)
    _check_complete(path, found, done)


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
    InputError: The samples have another shape or type, are not finite, or would
      clip; the sample rate is none of audio; or the file cannot be written.

  Example:
    >>> from seld_jax import audio
    >>> audio.write('two_channels.wav', np.zeros((2, 480)), sample_rate=48000)
    >>> audio.info('two_channels.wav').sample_rate
    48000
  """
  audio = np.asarray(audio)
  if audio.dtype.kind not in 'iufb':
    raise InputError(f'{path} needs real numbers, got {audio.dtype} samples.')
  # libsndfile ignores the byte order of NumPy arrays and treats integers as
  # PCM. Floats of native byte order avoid both problems.
  audio = audio.astype(np.result_type(audio.dtype, np.float32), copy=False)
  if audio.ndim != 2 or not audio.size:
    raise InputError(
      f'{path} needs audio of shape [channels, samples], got shape '
      f'{audio.shape}.'
    )
  # libsndfile writes 1024 channels at most.
  if len(audio) > min(max(audio.shape[1], 64), 1024):
    raise InputError(
      f'{path} needs audio of shape [channels, samples], got shape '
      f'{audio.shape}: transpose it.'
    )
  if not _LOWEST_RATE <= sample_rate <= _HIGHEST_RATE or sample_rate % 1:
    raise InputError(
      f'{path} needs a sample rate between {_LOWEST_RATE} and {_HIGHEST_RATE} '
      f'Hz, without a fraction, got {sample_rate}.'
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
  soundfile.write(
    buffer, audio.T, int(sample_rate), format='WAV', subtype='PCM_16'
  )
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
  """Lists the sound files of a folder, as `listing.list_files` does.

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
  return listing.list_files(folder, suffixes=suffixes, recursive=recursive)


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


def as_pcm(samples: np.ndarray) -> np.ndarray:
  """Converts floating-point samples to the 16-bit PCM that `write` stores.

  Like libsndfile with float32, it rounds to 32 bits and drops the lower 16.

  Args:
    samples: Samples in [-1, 1], of any shape. Others are clipped; float64 is
      rounded to float32 first, which `write` does not do.

  Returns:
    The samples as int16, with the same shape.

  See Also: `as_float`, which gives the values that `read` gives after `write`.

  Example:
    >>> from seld_jax import audio
    >>> audio.as_pcm(np.array([0.0, 0.5, -0.5, 1.0])).tolist()
    [0, 16384, -16384, 32767]
  """
  wide = np.rint(np.asarray(samples, np.float32) * np.float32(2**31))
  short = wide.astype(np.int64) >> 16
  return np.clip(short, -(2**15), 2**15 - 1).astype(np.int16)


@contextlib.contextmanager
def _opened(
  path: pathlib.Path,
) -> Iterator[tuple[soundfile.SoundFile, AudioInfo]]:
  """Opens a sound file and checks its header.

  All that is read comes from the file that was opened, even if another file
  gets its name meanwhile.

  Raises:
    InputError: As for `info`; or the file was changed during the block.
  """
  try:
    before = path.stat()
    _check_kind(path, before)
    # Without a buffer: libsndfile reads from the position of the descriptor.
    with open(path, 'rb', buffering=0) as file:
      before = os.fstat(file.fileno())
      samples = _find_samples(path, file, before.st_size)
      file.seek(0)
      source: Any = file.fileno()
      if samples is not None and (samples.patches or samples.end is not None):
        source = containers.Overlay(file, samples.patches, size=samples.end)
      with soundfile.SoundFile(source, closefd=False) as sound:
        yield sound, _header(path, sound, samples, before.st_size)
      after = os.fstat(file.fileno())
  except FileNotFoundError as error:
    raise InputError(f'{path} does not exist.') from error
  except (soundfile.SoundFileError, OSError, RuntimeError) as error:
    raise InputError(_unreadable(path, error)) from error
  if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
    raise InputError(_changed(path))


def _check_kind(path: pathlib.Path, status: os.stat_result) -> None:
  """Refuses what is not a file with contents."""
  if stat.S_ISDIR(status.st_mode):
    raise InputError(f'{path} is a folder, but a sound file is needed.')
  if not stat.S_ISREG(status.st_mode):
    raise InputError(
      f'{path} is a pipe or a device, but a sound file is needed: write the '
      'audio into a file first, or pipe it into `seld predict -`.'
    )
  if not status.st_size:
    raise InputError(f'{path} is empty, but a sound file is needed.')


def _find_samples(
  path: pathlib.Path, file: io.FileIO, size: int
) -> containers.Samples | None:
  """Finds the samples of an open file, and refuses a damaged file.

  libsndfile silently reads a truncated file up to where it ends, and a WAV file
  of more than 4 GiB up to the size that its header can hold.
  """
  kind = file.read(4)
  file.seek(0)
  if kind == b'OggS':
    if damage := ogg.find_damage(file):
      raise InputError(
        f'{path} is damaged or truncated: {damage}; {_remedy(path)}.'
      )
    return None
  samples = containers.find_samples(file)
  if kind in (b'RIFF', b'RIFX') and size > _LARGEST_RIFF:
    raise InputError(
      f'{path} has {size / 1e9:.1f} GB, but the header of a WAV file can '
      'describe at most 4.3 GB, so the end would be lost; convert the file to '
      'FLAC or RF64.'
    )
  if samples is None:
    return None
  if samples.fault == 'truncated':
    raise InputError(
      f'{path} is truncated: its header promises '
      f'{samples.first + (samples.declared or 0)} bytes, but the file has '
      f'{size}; {_remedy(path)}.'
    )
  if samples.fault == 'unfinished':
    _warn(
      f'{path} has an unfinished header: it promises {samples.declared} bytes '
      f'of samples, but the file has {samples.size}, which are read.'
    )
  return samples


def _header(
  path: pathlib.Path,
  file: soundfile.SoundFile,
  samples: containers.Samples | None,
  size: int,
) -> AudioInfo:
  """The header of an open file, if its values are plausible."""
  header = AudioInfo(
    sample_rate=int(file.samplerate),
    num_channels=int(file.channels),
    num_samples=int(file.frames),
    is_fuma=samples is not None and samples.is_fuma,
  )
  if header.num_samples < 1:
    raise InputError(f'{path} holds no samples.')
  if header.num_samples == _UNKNOWN_LENGTH:
    raise InputError(
      f'{path} is a {file.format} stream whose header does not say how long it '
      f'is; {_remedy(path)}.'
    )
  if not _LOWEST_RATE <= header.sample_rate <= _HIGHEST_RATE:
    raise InputError(
      f'{path} has a sample rate of {header.sample_rate} Hz, but '
      f'{_LOWEST_RATE} to {_HIGHEST_RATE} Hz are possible; its header is '
      'probably damaged.'
    )
  days = header.num_samples / header.sample_rate / 86400
  if days > _LONGEST_DAYS:
    raise InputError(
      f'{path} promises {header.num_samples} samples per channel, which last '
      f'{days:.0f} days, but {_LONGEST_DAYS} days are possible; its header is '
      'probably damaged.'
    )
  if samples is not None and samples.fault == 'longer':
    declared = samples.declared or 0
    rest = size - samples.first - declared
    seconds = rest / max(declared, 1) * header.num_samples / header.sample_rate
    text = (
      f'{path} has {rest} bytes after the samples that its header declares, '
      f'which could be {seconds:.2f} s of audio'
    )
    if seconds >= _LONGEST_REST:
      raise InputError(
        f'{text}: to use them, write a new file, for example with "ffmpeg '
        f'-ignore_length 1 -i {path.name} new.wav"; otherwise remove them.'
      )
    _warn(f'{text}; they are not read.')
  return header


@functools.lru_cache(maxsize=4096)
def _warn(text: str) -> None:
  """Logs a warning once, however often a file is opened."""
  _log.warning('%s', printable(text))


def _changed(path: pathlib.Path) -> str:
  return (
    f'{path} was changed while it was read: start again when it is complete.'
  )


def _remedy(path: pathlib.Path) -> str:
  return (
    'to use the readable part, write a new file, for example with "ffmpeg -i '
    f'{path.name} new.wav"'
  )


def _from_fuma(block: np.ndarray) -> np.ndarray:
  """Converts W, X, Y, Z of FuMa to W, Y, Z, X of ACN and SN3D."""
  if len(block) in FUMA_WITH_HEIGHT:
    gains = np.asarray(FUMA_GAINS, np.float32)
    block[:4] = block[list(FUMA_PLACES)] * gains[:, None]
  return block


def _check_complete(path: pathlib.Path, header: AudioInfo, done: int) -> None:
  """Refuses a file with fewer samples than its header says."""
  if done < header.num_samples:
    raise InputError(
      f'{path} is truncated: its header promises {header.num_samples} samples '
      f'per channel, but only {done} could be read; {_remedy(path)}.'
    )


def _check_finite(path: pathlib.Path, audio: np.ndarray, *, first: int) -> None:
  """Refuses NaN and infinite samples; `audio` has shape [samples, channels]."""
  if not np.isfinite(audio).all():
    sample, channel = np.argwhere(~np.isfinite(audio))[0]
    raise InputError(
      f'{path} holds samples that are NaN or infinite; the first is sample '
      f'{first + sample} of channel {channel + 1}.'
    )


def _unreadable(path: pathlib.Path, error: Exception) -> str:
  known = (getattr(error, name, None) for name in ('error_string', 'strerror'))
  reason = next(filter(None, known), error)
  return f'{path} cannot be read as a sound file: {str(reason).rstrip(".")}.'
