"""Computes the features of recordings once and stores them on disk."""

import concurrent.futures
import functools
import hashlib
import io
import json
import math
import os
import pathlib
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from seld_jax import audio, features, files, npy_files, progress
from seld_jax.dataset.recordings import Recording
from seld_jax.errors import InputError

# Increased whenever a change of the code changes the features.
_VERSION = 2

# Options that came after the first features were stored, and their defaults.
_LATER = (
  'kind',
  'intensity',
  'xy_correlation',
  'num_channels',
  'stereo',
  'alias_frequency',
)
_DEFAULTS = features.FeatureOptions()

# Bytes of the checksum that follows the array in a file.
_CHECKSUM_BYTES = 4

# Seconds after which a temporary file is taken as left by a killed process.
_ABANDONED = 3600.0

# The end of the name of a feature file, after the name of the recording.
_STAMPED = re.compile(r'\.[0-9a-f]{16}\.npy$')


def extract(
  recordings: Sequence[Recording],
  folder: str | os.PathLike[str],
  *,
  options: Mapping[str, Any],
  shared: bool = False,
) -> dict[str, pathlib.Path]:
  """Computes the features of recordings that are not in the cache yet.

  Each set of options has its own folder, named by a hash of the options. The
  name of each feature file contains a hash of the size and the modification
  time of the recording, so that features of changed recordings are computed
  again. Features of the former recording are deleted; features of other options
  stay, because another run may be reading them. A checksum in each file detects
  damage; damaged features are computed again.

  Args:
    recordings: The recordings.
    folder: Folder of the cache.
    options: Keyword arguments of `features.compute`.
    shared: Whether the folder may also have features of other datasets, whose
      recordings have the same names. No features are deleted then.

  Returns:
    The path of the features of each recording by its name: .npy files of
    float32 with shape `[frames, bands, channels]`.

  Raises:
    InputError: A recording cannot be read or the cache cannot be written.

  Example:
    >>> import pathlib
    >>> from seld_jax import audio, dataset
    >>> path = pathlib.Path('sounds', 'a.wav')
    >>> audio.write(path, np.zeros((4, 4800)))
    >>> recordings = [dataset.Recording('a', path, labels=None, fold=None)]
    >>> options = {'format': 'foa', 'sample_rate': 24000, 'n_fft': 512,
    ...            'win_length': 480, 'hop_length': 480, 'n_mels': 8}
    >>> paths = dataset.cache.extract(recordings, 'features', options=options)
    >>> np.load(paths['a']).shape
    (10, 8, 7)
  """
  target = _folder(folder, options)
  paths = feature_paths(recordings, folder, options=options)
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    row = features.shape(**options)
    check = functools.partial(is_intact, row=row)
    intact = list(pool.map(check, paths.values()))
  missing = [
    entry
    for entry, is_done in zip(recordings, intact, strict=True)
    if not is_done
  ]
  if not missing:
    return paths

  def work(entry: Recording) -> None:
    signal = np.concatenate(
      [
        *audio.dataset_blocks(
          entry.audio,
          format=options['format'],
          sample_rate=options['sample_rate'],
          num_channels=options.get('num_channels', 0),
        )
      ],
      axis=-1,
    )
    array = compute(signal, options=options)
    if not np.isfinite(array).all():
      raise InputError(
        f'{entry.audio} has features that are NaN or infinite: its samples '
        f'reach {np.abs(signal).max():.3g}, where 1 is full scale; scale or '
        'replace this file.'
      )
    path = paths[entry.name]
    write(path, array)
    for one in old.get(_stem(entry.name), ()):
      if one != path:
        one.unlink(missing_ok=True)

  files.remove_fragments(target, age=_ABANDONED)
  # Features of former versions of the recordings, by what their names share.
  old: dict[str, list[pathlib.Path]] = {}
  for one in () if shared or not target.is_dir() else target.iterdir():
    old.setdefault(_STAMPED.sub('', one.name), []).append(one)
  # Two threads, so that reading and writing overlap with computing; XLA itself
  # uses all cores.
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


def compute(signal: np.ndarray, *, options: Mapping[str, Any]) -> np.ndarray:
  """Computes the features of a recording; `extract` stores the same bits.

  Args:
    signal: Samples of the whole recording, with shape `[channels, samples]`.
    options: Keyword arguments of `features.compute`.

  Returns:
    Float32 with shape `[frames, bands, channels]`.

  Example:
    >>> from seld_jax.dataset import cache
    >>> options = {'format': 'foa', 'sample_rate': 24000, 'n_fft': 512,
    ...            'win_length': 480, 'hop_length': 480, 'n_mels': 8}
    >>> cache.compute(np.ones((4, 4800), np.float32), options=options).shape
    (10, 8, 7)
  """
  function = _feature_function(tuple(sorted(options.items())))
  return np.asarray(function(signal))


def feature_paths(
  recordings: Sequence[Recording],
  folder: str | os.PathLike[str],
  *,
  options: Mapping[str, Any],
) -> dict[str, pathlib.Path]:
  """The paths of the features of recordings, whether they exist or not.

  Args:
    recordings: Recordings whose sound files exist.
    folder: Folder of the cache.
    options: Keyword arguments of `features.compute`.

  Returns:
    The path of the features of each recording by its name.

  See Also: `extract`, which computes them.
  """
  target = _folder(folder, options)
  return {
    entry.name: target / f'{_stem(entry.name)}.{_stamp(entry)}.npy'
    for entry in recordings
  }


def write(path: pathlib.Path, array: np.ndarray) -> None:
  """Writes a .npy file with a checksum after the array, atomically.

  Args:
    path: The file; `np.load` can read it.
    array: An array of any shape.

  Raises:
    InputError: The folder cannot be written or the disk is full.
  """
  array = np.ascontiguousarray(array)
  header = io.BytesIO()
  np.lib.format.write_array_header_1_0(
    header, np.lib.format.header_data_from_array_1_0(array)
  )
  # The checksum shows a file that a power cut has damaged.
  with (
    files.atomic(path, durable=False) as temporary,
    temporary.open('wb') as file,
  ):
    file.write(header.getvalue())
    # `np.save` would hide that the disk is full.
    file.write(array.data)
    checksum = zlib.crc32(array.data)
    file.write(checksum.to_bytes(_CHECKSUM_BYTES, 'little'))


def is_intact(
  path: pathlib.Path, *, row: tuple[int, ...] | None = None
) -> bool:
  """Whether a file of `write` exists and is not damaged.

  Args:
    path: The file.
    row: If the file must hold features, the shape of a frame,
      `(mels, channels)`.

  Returns:
    Whether size and checksum are right, and the file has numbers; with `row`,
    also whether it has at least one frame, all of that shape, in float32.

  Example:
    >>> import pathlib
    >>> from seld_jax.dataset import cache
    >>> path = pathlib.Path('array.npy')
    >>> cache.write(path, np.arange(3))
    >>> cache.is_intact(path)
    True
    >>> cache.is_intact(path, row=(64, 7))
    False
    >>> _ = path.write_bytes(path.read_bytes()[:-1])
    >>> cache.is_intact(path)
    False
  """
  try:
    with path.open('rb') as file:
      shape, is_fortran, dtype = npy_files.read_header(file)
      if dtype.hasobject or is_fortran:
        return False
      if row is not None and (
        dtype != np.float32
        or len(shape) == 0
        or shape[0] < 1
        or shape[1:] != row
      ):
        return False
      left = dtype.itemsize * math.prod(shape)
      if path.stat().st_size != file.tell() + left + _CHECKSUM_BYTES:
        return False
      checksum = 0
      while left:
        part = file.read(min(left, 2**20))
        checksum = zlib.crc32(part, checksum)
        left -= len(part)
      return file.read() == checksum.to_bytes(_CHECKSUM_BYTES, 'little')
  except (OSError, ValueError):
    return False


def _folder(
  folder: str | os.PathLike[str], options: Mapping[str, Any]
) -> pathlib.Path:
  # Options that came later count only where they change something, so that
  # features that were stored before are found.
  named = {
    name: value
    for name, value in options.items()
    if name not in _LATER or value != getattr(_DEFAULTS, name)
  }
  return pathlib.Path(folder) / f'{options["format"]}_{_hash(named)}'


@functools.lru_cache(maxsize=4)
def _feature_function(
  options: tuple[tuple[str, Any], ...],
) -> Callable[[np.ndarray], jax.Array]:
  """The compiled feature function of these options."""
  return jax.jit(functools.partial(features.compute, **dict(options)))


def _stem(name: str) -> str:
  """The start of the name of the feature file of a recording."""
  return files.shortened(name, extra=len('.0123456789abcdef.npy'))


def _stamp(recording: Recording) -> str:
  """A hash of the size and the modification time of the recording."""
  status = recording.audio.stat()
  return _hash([status.st_size, status.st_mtime_ns])


def _hash(content: Any) -> str:
  """A hash of 16 hexadecimal digits of the content and `_VERSION`."""
  text = json.dumps([_VERSION, content], sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]
