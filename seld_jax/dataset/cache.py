"""Features of recordings, computed once and kept on disk."""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from seld_jax import audio, features, files, progress
from seld_jax.dataset.recordings import Recording, find_recordings
from seld_jax.errors import InputError

__all__ = [
  'Recording',
  'extract',
  'feature_paths',
  'find_recordings',
  'is_intact',
  'write',
]

# Raised when a change of the code changes the features it computes.
_VERSION = 2

# Bytes of the checksum that follows the array in a file.
_CHECKSUM_BYTES = 4

# Seconds after which a temporary file belongs to no process that still runs.
_ABANDONED = 3600.0

# What follows the name of a recording in the name of its features.
_STAMPED = re.compile(r'\.[0-9a-f]{16}\.npy$')


def extract(
  recordings: Sequence[Recording],
  folder: str | os.PathLike[str],
  *,
  options: Mapping[str, Any],
) -> dict[str, pathlib.Path]:
  """Computes the features of recordings, or finds them where they are current.

  Each set of options has a folder, named by their hash, and each file of
  features is named by a hash of the size and time of its recording, so that
  whatever changes makes a new one. Features of what a recording was before are
  deleted; those of other options, which another run may be reading, stay. A
  checksum in each file tells damage of any kind, and that one is made anew.

  Args:
    recordings: What to extract.
    folder: Folder of the cache.
    options: `format` and the keyword arguments of its feature function.

  Returns:
    The path of the features of each recording by its name: .npy files of
    float32 with shape `[frames, mels, channels]`.

  Raises:
    InputError: A recording cannot be read or the cache cannot be written.
  """
  target = _folder(folder, options)
  paths = feature_paths(recordings, folder, options=options)
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    intact = list(pool.map(is_intact, paths.values()))
  missing = [
    entry
    for entry, is_done in zip(recordings, intact, strict=True)
    if not is_done
  ]
  if not missing:
    return paths
  compute = _feature_function(tuple(sorted(options.items())))

  def work(entry: Recording) -> None:
    signal = audio.read(entry.audio, sample_rate=options['sample_rate'])
    array = np.asarray(compute(signal))
    if not np.isfinite(array).all():
      raise InputError(
        f'{entry.audio} has features that are NaN or infinite: its samples '
        f'reach {np.abs(signal).max():.3g}, where 1 is full scale.'
      )
    path = paths[entry.name]
    write(path, array)
    for old in target.iterdir():
      if old != path and _STAMPED.sub('', old.name) == entry.name:
        old.unlink(missing_ok=True)

  files.remove_fragments(target, age=_ABANDONED)
  # Reading and writing overlap with computing, which XLA spreads by itself.
  with (
    progress.bar(
      'features',
      len(recordings),
      unit='recordings',
      initial=len(recordings) - len(missing),
    ) as advance,
    concurrent.futures.ThreadPoolExecutor(2) as pool,
  ):
    futures = [pool.submit(work, entry) for entry in missing]
    try:
      for future in concurrent.futures.as_completed(futures):
        future.result()
        advance()
    except BaseException:
      pool.shutdown(cancel_futures=True)
      raise
  return paths


def feature_paths(
  recordings: Sequence[Recording],
  folder: str | os.PathLike[str],
  *,
  options: Mapping[str, Any],
) -> dict[str, pathlib.Path]:
  """Where the features of recordings lie, or would lie.

  Args:
    recordings: Recordings whose sound files are there.
    folder: Folder of the cache.
    options: As for `extract`.

  Returns:
    The path of each by its name.
  """
  target = _folder(folder, options)
  return {
    entry.name: target / f'{entry.name}.{_stamp(entry)}.npy'
    for entry in recordings
  }


def write(path: pathlib.Path, array: np.ndarray) -> None:
  """Writes a .npy file with a checksum behind the array, atomically.

  Args:
    path: The file; `np.load` reads it like any other.
    array: What it holds, of any shape.

  Raises:
    InputError: The folder cannot be written or the disk is full.
  """
  array = np.ascontiguousarray(array)
  with files.atomic(path) as temporary, temporary.open('wb') as file:
    np.save(file, array)
    checksum = zlib.crc32(array.data)
    file.write(checksum.to_bytes(_CHECKSUM_BYTES, 'little'))


def is_intact(path: pathlib.Path) -> bool:
  """Whether a file of `write` exists and holds what was written."""
  try:
    with path.open('rb') as file:
      version = np.lib.format.read_magic(file)
      read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
      }[version]
      shape, _, dtype = read(file)
      left = dtype.itemsize * int(np.prod(shape))
      if path.stat().st_size != file.tell() + left + _CHECKSUM_BYTES:
        return False
      checksum = 0
      while left:
        part = file.read(min(left, 2**20))
        checksum = zlib.crc32(part, checksum)
        left -= len(part)
      return file.read() == checksum.to_bytes(_CHECKSUM_BYTES, 'little')
  except (OSError, ValueError, KeyError):
    return False


def _folder(
  folder: str | os.PathLike[str], options: Mapping[str, Any]
) -> pathlib.Path:
  return pathlib.Path(folder) / f'{options["format"]}_{_hash(dict(options))}'


@functools.lru_cache(maxsize=4)
def _feature_function(
  options: tuple[tuple[str, Any], ...],
) -> Callable[[np.ndarray], jax.Array]:
  """The compiled feature function of these options."""
  keywords = dict(options)
  function = features.FORMATS[keywords.pop('format')]
  return jax.jit(functools.partial(function, **keywords))


def _stamp(recording: Recording) -> str:
  """Changes with the size and the time of the recording."""
  status = recording.audio.stat()
  return _hash([status.st_size, status.st_mtime_ns])


def _hash(content: Any) -> str:
  """Sixteen hexadecimal digits that change with the content, or the code."""
  text = json.dumps([_VERSION, content], sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]
