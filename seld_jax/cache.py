"""Recordings of a dataset folder, and their features on disk."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from seld_jax import audio, features, files, progress
from seld_jax.errors import InputError

# Raised when a change of the code changes the features it computes.
_VERSION = 1

_FOLD = re.compile(r'fold(\d+)_')

# What follows the name of a recording in the name of its features.
_STAMPED = re.compile(r'\.[0-9a-f]{16}\.npy$')

LAYOUT = (
  '{format}_dev/fold1_room1_mix001_ov1.wav, ... and '
  'metadata_dev/fold1_room1_mix001_ov1.csv, ...'
)


@dataclasses.dataclass(frozen=True)
class Recording:
  """One recording of a dataset.

  Attributes:
    name: File name without suffix, e.g. `fold1_room1_mix001_ov1`.
    audio: Path of the sound file.
    labels: Path of the CSV file; None where the dataset has none.
    fold: Number in the name; None where the name has none.
  """

  name: str
  audio: pathlib.Path
  labels: pathlib.Path | None
  fold: int | None


def find_recordings(
  root: str | os.PathLike[str],
  *,
  format: str = 'foa',
  folds: Collection[int] | None = None,
  split: str = 'dev',
) -> list[Recording]:
  """Lists the recordings of a dataset in the layout of TAU-NIGENS 2020.

  Sets that were made by others are found as they are: in folders within those
  of the layout, as in STARSS and AudibleLight; in `foa` (or `mic`) and
  `labels`, as SpatialScaper's example writes them; or in `foa` with the labels
  in `metadata` beside `root`, a scenario of the generator of DCASE 2022.

  Args:
    root: Folder that holds `foa_dev`, `mic_dev`, `metadata_dev`, `foa_eval`,
      `mic_eval` and `metadata_eval`, or those of them that are needed.
    format: `'foa'` or `'mic'`.
    folds: Folds to list; all when None.
    split: `'dev'`, or `'eval'` for the evaluation recordings, whose labels may
      be missing and whose names tell no fold.

  Returns:
    Recordings in the order of their names.

  Raises:
    InputError: A folder or a CSV file is missing, or a fold has no recording.
  """
  audio_folder, label_folder = _folders(pathlib.Path(root), format, split)
  if not audio_folder.is_dir():
    raise InputError(
      f'{audio_folder} is missing: a dataset has {LAYOUT.format(format=format)}'
    )
  paths = sorted(
    (
      path
      for path in audio_folder.rglob('*')
      if path.suffix.lower() in ('.wav', '.flac') and path.name[0] != '.'
    ),
    key=lambda path: (path.stem, path.suffix),
  )
  recordings: list[Recording] = []
  for path in paths:
    match = _FOLD.match(path.name)
    fold = int(match.group(1)) if match else None
    if folds is not None and fold not in folds:
      continue
    csv = label_folder / f'{path.stem}.csv'
    if not csv.is_file():
      within = path.parent.relative_to(audio_folder)
      csv = label_folder / within / f'{path.stem}.csv'
    if not csv.is_file():
      if split == 'dev':
        raise InputError(f'{path} has no labels: {csv} is missing.')
      csv = None
    if recordings and recordings[-1].name == path.stem:
      raise InputError(
        f'{recordings[-1].audio} and {path} have the same name, which must '
        'tell recordings apart.'
      )
    recordings.append(Recording(path.stem, path, csv, fold))
  empty = sorted(set(folds or ()) - {entry.fold for entry in recordings})
  if empty:
    raise InputError(
      f'{audio_folder} has no recording of fold {empty[0]}: expected names '
      f'like fold{empty[0]}_room1_mix001_ov1.wav.'
    )
  if not recordings:
    raise InputError(f'{audio_folder} has no sound files (.wav or .flac).')
  return recordings


def _folders(
  root: pathlib.Path, format: str, split: str
) -> tuple[pathlib.Path, pathlib.Path]:
  """The folders of audio and of labels, as published or as others have them."""
  published = root / f'{format}_{split}', root / f'metadata_{split}'
  if published[0].is_dir() or split != 'dev' or not (root / format).is_dir():
    return published
  for labels in (root / 'labels', root / 'metadata', root.parent / 'metadata'):
    if labels.is_dir():
      return root / format, labels
  return published


def extract(
  recordings: Sequence[Recording],
  folder: str | os.PathLike[str],
  *,
  options: Mapping[str, Any],
) -> dict[str, pathlib.Path]:
  """Computes the features of recordings, or finds them where they are current.

  A file of features is named by a hash of the options and of the size and time
  of its recording, so that whatever changes makes a new one; what it replaces
  is deleted.

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
  target = pathlib.Path(folder) / options['format']
  paths = {
    entry.name: target / f'{entry.name}.{_stamp(entry, options)}.npy'
    for entry in recordings
  }
  missing = [entry for entry in recordings if not is_intact(paths[entry.name])]
  if not missing:
    return paths
  compute = _feature_function(tuple(sorted(options.items())))

  def work(entry: Recording) -> None:
    signal = audio.read(entry.audio, sample_rate=options['sample_rate'])
    array = np.asarray(compute(signal))
    path = paths[entry.name]
    with files.atomic(path) as temporary:
      np.save(temporary, array)
    for old in target.iterdir():
      if old != path and _STAMPED.sub('', old.name) == entry.name:
        old.unlink(missing_ok=True)

  # Reading and writing overlap with computing, which XLA spreads by itself.
  with (
    progress.bar('features', len(missing), unit='recordings') as advance,
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


def is_intact(path: pathlib.Path) -> bool:
  """Whether a .npy file exists and is as long as its header says."""
  try:
    with path.open('rb') as file:
      version = np.lib.format.read_magic(file)
      read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
      }[version]
      shape, _, dtype = read(file)
      expected = file.tell() + dtype.itemsize * int(np.prod(shape))
    return path.stat().st_size == expected
  except (OSError, ValueError, KeyError):
    return False


@functools.lru_cache(maxsize=4)
def _feature_function(
  options: tuple[tuple[str, Any], ...],
) -> Callable[[np.ndarray], jax.Array]:
  """The compiled feature function of these options."""
  keywords = dict(options)
  function = features.FORMATS[keywords.pop('format')]
  return jax.jit(functools.partial(function, **keywords))


def _stamp(recording: Recording, options: Mapping[str, Any]) -> str:
  """Changes with everything that the features of a recording depend on."""
  status = recording.audio.stat()
  content = json.dumps(
    [_VERSION, dict(options), status.st_size, status.st_mtime_ns],
    sort_keys=True,
  )
  return hashlib.sha256(content.encode()).hexdigest()[:16]
