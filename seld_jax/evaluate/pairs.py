"""Finds the files of two folders that belong to the same recording."""

import logging
import os
import pathlib
from collections.abc import Collection, Iterable, Sequence

from seld_jax import audio, labels, listing
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)

# What to do about a reference without a file of predictions.
MISSING = ('error', 'empty', 'leave_out')


def pair(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  *,
  missing: str = 'error',
  folds: Collection[int] | None = None,
) -> list[tuple[str, pathlib.Path, pathlib.Path | None]]:
  """Pairs the CSV files of two folders that have the same name.

  Args:
    reference: Folder of the reference files.
    predictions: Folder of the files that a system predicted.
    missing: What to do about a reference without a file of predictions:
      `'error'` raises InputError, `'empty'` pairs it with None, and
      `'leave_out'` leaves it out with a warning.
    folds: Numbers of the folds to compare, which are part of names such as
      `fold1_room1_mix001_ov1`; None for all files.

  Returns:
    Name without suffix, reference, and prediction (or None) of each recording,
    sorted by name.

  Raises:
    InputError: A folder has no CSV file, a file is missing or has no
      counterpart, or a fold has no reference.
  """
  if missing not in MISSING:
    raise InputError(
      f'missing must be one of {", ".join(MISSING)}, got {missing!r}.'
    )
  expected, found = csv_files(reference), csv_files(predictions)
  if not expected:
    raise InputError(
      f'{reference} holds no CSV files; --reference must be their folder.'
    )
  if folds is not None:
    if empty := sorted(set(folds) - set(map(labels.fold_of, expected))):
      raise InputError(
        f'{reference} has no file of fold {empty[0]}: expected names like '
        f'fold{empty[0]}_room1_mix001_ov1.csv.'
      )
    expected, found = (
      {
        name: path
        for name, path in paths.items()
        if labels.fold_of(name) in folds
      }
      for paths in (expected, found)
    )
  if lost := sorted(expected.keys() - found.keys()):
    if not found:
      some = f' of the folds {", ".join(map(str, folds))}' if folds else ''
      raise InputError(
        f'{predictions} holds no CSV files{some}; it must be the folder of the '
        'predictions.'
      )
    if missing == 'error':
      raise InputError(
        f'{predictions} lacks {lost[0]}.csv{_others(lost)}, but {reference} '
        f'has {"it" if len(lost) == 1 else "them"}; --missing=empty scores a '
        f'missing file as an empty prediction{_folds_hint(lost, found)}.'
      )
    if missing == 'leave_out':
      _log.warning(
        '%s lacks %s.csv%s: %d of %d recordings of %s are left out and not '
        'scored (--missing=empty scores them as empty predictions).',
        predictions,
        lost[0],
        _others(lost),
        len(lost),
        len(expected),
        reference,
      )
      expected = {name: expected[name] for name in expected if name in found}
  if extra := sorted(found.keys() - expected.keys()):
    raise InputError(
      f'{predictions} has {extra[0]}.csv{_others(extra)}, but {reference} has '
      'no such file: remove it, or select folds with --folds.'
    )
  return [(name, expected[name], found.get(name)) for name in expected]


def csv_files(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path]:
  """Finds the CSV files of a folder, by name without suffix.

  Those in its subfolders belong to it, as in STARSS.

  Raises:
    InputError: The path is not a folder, or two files have the same name.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(
      f'{folder} is not a folder, but a folder of CSV files is needed.'
    )
  return _by_name(listing.list_files(folder, suffixes=('.csv',)))


def audio_files(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path]:
  """Finds the sound files of a folder and its subfolders.

  Args:
    folder: The folder.

  Returns:
    Paths of all lossless sound files, by name without suffix.

  Raises:
    InputError: There is no such folder, or two files have the same name.

  Example:
    >>> from seld_jax import audio, evaluate
    >>> audio.write('foa_dev/mix1.wav', np.zeros((4, 2400)))
    >>> list(evaluate.audio_files('foa_dev'))
    ['mix1']
  """
  if not pathlib.Path(folder).is_dir():
    raise InputError(
      f'{folder} must be a folder of sound files (--audio), but it is '
      f'{"a file" if pathlib.Path(folder).exists() else "missing"}.'
    )
  return _by_name(audio.list_files(folder, suffixes=audio.LOSSLESS_SUFFIXES))


def _by_name(paths: Iterable[pathlib.Path]) -> dict[str, pathlib.Path]:
  """Files by the names of their recordings; refuses a name that is twice."""
  found: dict[str, pathlib.Path] = {}
  for path in paths:
    other = found.setdefault(listing.name_of(path), path)
    if other != path:
      raise InputError(
        f'{other} and {path} have the same name, but every recording needs a '
        'name of its own: rename or remove one of them.'
      )
  return dict(sorted(found.items()))


def _folds_hint(lost: Collection[str], found: Collection[str]) -> str:
  """Suggests --folds if the predictions lack whole folds and nothing else."""
  have, lack = set(map(labels.fold_of, found)), set(map(labels.fold_of, lost))
  if None in have | lack or have & lack:
    return ''
  numbers = ','.join(
    map(str, sorted(fold for fold in have if fold is not None))
  )
  return f', and --folds={numbers} compares only the folds with predictions'


def _others(names: Sequence[str]) -> str:
  """The number of further files, as text."""
  more = len(names) - 1
  return f' and {more} more file{"s" * (more > 1)}' if more else ''
