"""Folders of CSV files: which belong together, how long recordings are."""

import os
import pathlib
from collections.abc import Collection, Sequence

import numpy as np

from seld_jax import audio, labels
from seld_jax.errors import InputError

# What to do about a recording without a file of predictions.
MISSING = ('error', 'empty')

# Medians of distances that differ by more than this factor are in other units:
# systems are off by much less, centimetres and metres differ by 100.
_OTHER_UNIT = 20


def pair(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  *,
  missing: str = 'error',
  folds: Collection[int] | None = None,
) -> list[tuple[str, pathlib.Path, pathlib.Path | None]]:
  """The files of two folders that have the same name.

  Args:
    reference: Folder of reference files.
    predictions: Folder of a system's files.
    missing: What a reference without predictions is: an `'error'`, or an
      `'empty'` prediction.
    folds: Folds to compare, told by names such as `fold1_room1_mix001_ov1`; all
      files of both folders when None.

  Returns:
    Name without suffix, reference and prediction (None where it is missing) of
    each recording, by name.

  Raises:
    InputError: A folder has no CSV file, or one is missing or too many; or a
      fold has no reference.
  """
  if missing not in MISSING:
    raise InputError(
      f'A missing file can be {" or ".join(map(repr, MISSING))}, '
      f'got {missing!r}.'
    )
  expected, found = csv_files(reference), csv_files(predictions)
  if not expected:
    raise InputError(f'{reference} holds no CSV files.')
  if folds is not None:
    if empty := sorted(set(folds) - set(map(labels.fold_of, expected))):
      raise InputError(
        f'{reference} has no file of fold {empty[0]}: expected names like '
        f'fold{empty[0]}_room1_mix001_ov1.csv.'
      )
    expected, found = (
      {
        name: path
        for name, path in files.items()
        if labels.fold_of(name) in folds
      }
      for files in (expected, found)
    )
  if lost := sorted(expected.keys() - found.keys()):
    if not found:
      some = f' of the folds {", ".join(map(str, folds))}' if folds else ''
      raise InputError(f'{predictions} holds no CSV files{some}.')
    if missing == 'error':
      raise InputError(
        f'{predictions} lacks {lost[0]}.csv{_others(lost)}, which {reference} '
        f'has; --missing=empty scores it as no prediction{_hint(lost, found)}.'
      )
  if extra := sorted(found.keys() - expected.keys()):
    raise InputError(
      f'{predictions} has {extra[0]}.csv{_others(extra)}, but {reference} has '
      'no such file.'
    )
  return [(name, expected[name], found.get(name)) for name in expected]


def csv_files(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path]:
  """The CSV files of a folder, by name without suffix.

  Where there are none, those in the folders within it, as STARSS has them.

  Raises:
    InputError: It is no folder, or two files within have the same name.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(
      f'{folder} is not a folder, but one of CSV files is needed.'
    )
  paths = sorted(folder.glob('[!.]*.csv')) or sorted(folder.rglob('[!.]*.csv'))
  found: dict[str, pathlib.Path] = {}
  for path in paths:
    if path.stem in found:
      raise InputError(
        f'{found[path.stem]} and {path} have the same name, which must tell '
        'recordings apart.'
      )
    found[path.stem] = path
  return dict(sorted(found.items()))


def audio_lengths(
  folder: str | os.PathLike[str] | None, names: Sequence[str]
) -> dict[str, int]:
  """Label frames of the sound files of recordings, the last one begun.

  Raises:
    InputError: There is no folder, or a file is missing or unreadable.
  """
  if folder is None:
    raise InputError('Lengths from the audio need its folder: --audio=DIR.')
  paths = audio_files(folder)
  lengths = {}
  for name in names:
    if name not in paths:
      raise InputError(
        f'{pathlib.Path(folder, name)}.wav is missing, so its length is not '
        'known.'
      )
    info = audio.info(paths[name])
    lengths[name] = labels.count_frames(info.num_samples, info.sample_rate)
  return lengths


def audio_files(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path]:
  """The sound files of a folder and of those within it, by their names."""
  return {
    path.stem: path
    for path in sorted(pathlib.Path(folder).rglob('[!.]*'))
    if path.suffix.lower() in ('.wav', '.flac')
  }


def check_units(
  references: Sequence[labels.Events], predictions: Sequence[labels.Events]
) -> None:
  """Refuses metres against centimetres: relative errors would mean nothing.

  Raises:
    InputError: Distances differ by a factor of more than 20 in the middle.
  """
  middle = []
  for part in references, predictions:
    distances = [one.distance for one in part if one.distance is not None]
    joined = np.concatenate([*distances, np.zeros(0)])
    middle.append(float(np.median(joined)) if joined.size else 0.0)
  if min(middle) > 0 and max(middle) > _OTHER_UNIT * min(middle):
    raise InputError(
      f'The reference has distances around {middle[0]:.3g} and the predictions '
      f'around {middle[1]:.3g}, which looks like centimetres and metres; '
      '--reference_unit and --predictions_unit state them.'
    )


def _hint(lost: Collection[str], found: Collection[str]) -> str:
  """What to say when all that is missing is of folds nobody predicted."""
  have, lack = set(map(labels.fold_of, found)), set(map(labels.fold_of, lost))
  if None in have | lack or have & lack:
    return ''
  numbers = ','.join(
    map(str, sorted(fold for fold in have if fold is not None))
  )
  return f', and --folds={numbers} compares the folds that have predictions'


def _others(names: Sequence[str]) -> str:
  more = len(names) - 1
  return f' and {more} more file{"s" * (more > 1)}' if more else ''
