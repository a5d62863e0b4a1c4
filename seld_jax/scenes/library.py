"""The library of dry sounds: clips on disk, or the procedural bank.

Sounds are divided into folds, so that no sound occurs in two folds.
"""

import csv
import dataclasses
import hashlib
import logging
import os
import pathlib
import unicodedata
from collections.abc import Mapping, Sequence

from seld_jax import audio, labels, listing
from seld_jax.errors import InputError, printable

DEVELOPMENT_FOLDS: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
EVALUATION_FOLDS: tuple[int, ...] = (7, 8)
# Class names of NIGENS and other spellings, in lower case and without '_- '.
_ALIASES = {
  'baby': 'crying_baby',
  'babycrying': 'crying_baby',
  'dog': 'barking_dog',
  'dogbarking': 'barking_dog',
  'engine': 'running_engine',
  'fire': 'burning_fire',
  'knock': 'knocking_on_door',
  'doorknock': 'knocking_on_door',
  'phone': 'ringing_phone',
}
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Clip:
  """A recording of a sound on disk.

  Attributes:
    path: The file.
    name: Its path relative to the folder of the library.
    group: Clips of the same origin have the same group, and one fold.
  """

  path: str
  name: str
  group: str


@dataclasses.dataclass(frozen=True)
class Library:
  """A collection of dry sounds, split into folds.

  Attributes:
    name: Its name for users: a path, or that of the bank.
    clips: The clips by fold and class name; None for the procedural bank.
    fingerprint: A hash of the names, classes, folds and sizes of the clips.
  """

  name: str
  clips: Mapping[tuple[int, str], tuple[Clip, ...]] | None
  fingerprint: str

  @property
  def folds(self) -> tuple[int, ...]:
    """Folds for which there are sounds."""
    if self.clips is None:
      return DEVELOPMENT_FOLDS + EVALUATION_FOLDS
    return tuple(sorted({fold for fold, _ in self.clips}))

  def classes(self, fold: int) -> tuple[str, ...]:
    """The names of the classes that have a sound in a fold."""
    if self.clips is None:
      return labels.TAU2020_CLASSES
    return tuple(
      name for name in labels.TAU2020_CLASSES if (fold, name) in self.clips
    )


def open_library(
  events: str | os.PathLike[str] | None, *, quiet: bool = False
) -> Library:
  """Finds the dry sounds for a set of scenes.

  Clips of a folder without a manifest are distributed over the folds 1 to 6. A
  warning lists the classes without a sound in a fold, and another one the
  folders that are not named after a class.

  Args:
    events: None for the procedural bank; a folder with one folder of
      wav, flac or ogg files per class, which may have folders within; a folder
      with a manifest.csv; or a manifest. This is a CSV file with the columns
      file (relative to the manifest), class, fold and optionally group, the
      same for all clips of the same origin.
    quiet: Whether to omit the warnings.

  Returns:
    The library.

  Raises:
    InputError: There is no usable sound, or a group is in two folds.
  """
  if events is None:
    return Library(
      'the procedural bank of synthetic sounds', None, 'procedural-1'
    )
  path = pathlib.Path(events)
  if path.is_dir() and (path / 'manifest.csv').is_file():
    path = path / 'manifest.csv'
  if path.is_dir():
    entries = _scan_folder(path, quiet=quiet)
  elif path.is_file():
    entries = _read_manifest(path)
  else:
    raise InputError(
      f'{path} does not exist; events (--events) must be a folder with one '
      'folder of wav, flac or ogg files per class, or a manifest.csv with the '
      'columns file, class and fold.'
    )
  clips: dict[tuple[int, str], list[Clip]] = {}
  digest = hashlib.sha256()
  for file, name, fold, group in sorted(entries):
    relative = os.path.relpath(file, path.parent if path.is_file() else path)
    clip = Clip(str(file), printable(relative), group)
    clips.setdefault((fold, name), []).append(clip)
    try:
      size = file.stat().st_size
    except OSError as error:
      raise InputError(f'{file} cannot be read: {error.strerror}.') from error
    # Systems differ in the Unicode form of names, which must not matter here.
    text = unicodedata.normalize('NFC', f'{relative},{name},{fold},{size}\n')
    digest.update(text.encode(errors='surrogateescape'))
  library = Library(
    str(path), {k: tuple(v) for k, v in clips.items()}, digest.hexdigest()[:16]
  )
  missing = [
    f'fold {fold}: '
    + ', '.join(
      name
      for name in labels.TAU2020_CLASSES
      if name not in library.classes(fold)
    )
    for fold in library.folds
    if len(library.classes(fold)) < len(labels.TAU2020_CLASSES)
  ]
  if missing and not quiet:
    _log.warning(
      '%s has no sounds for some classes, which do not occur in these folds '
      '(%s).',
      path,
      '; '.join(missing),
    )
  return library


def _read_manifest(path: pathlib.Path):
  """Lists (file, class, fold, group) of a manifest."""
  try:
    # Spreadsheets write a byte-order mark before the first column name.
    with open(path, newline='', encoding='utf-8-sig') as file:
      reader = csv.DictReader(file)
      rows = [(reader.line_num, row) for row in reader]
  except (UnicodeDecodeError, csv.Error) as error:
    raise InputError(
      f'{path} must be a manifest, a CSV file with the columns file, class and '
      f'fold, but it is not text: {error}.'
    ) from error
  if not rows or not {'file', 'class', 'fold'} <= set(rows[0][1]):
    raise InputError(
      f'{path} must be a CSV file with a header with the columns file, class '
      f'and fold and at least one row, but it has '
      f'{", ".join(map(str, rows[0][1])) if rows else "no rows"}.'
    )
  entries = []
  fold_of: dict[object, int] = {}  # by group, and by file
  for number, row in rows:
    short = [c for c in ('file', 'class', 'fold') if row[c] is None]
    if short:
      raise InputError(
        f'{path} line {number}: the row ends before the column {short[0]}.'
      )
    if not row['file']:
      raise InputError(f'{path} line {number}: the column file is empty.')
    clip = path.parent / row['file']
    name = _class_name(row['class'])
    if name is None:
      raise InputError(
        f'{path} line {number}: the class must be one of the 14 of TAU-NIGENS '
        f'2020 ({", ".join(labels.TAU2020_CLASSES)}), got {row["class"]!r}.'
      )
    fold = row['fold']
    if fold not in map(str, DEVELOPMENT_FOLDS + EVALUATION_FOLDS):
      raise InputError(
        f'{path} line {number}: the fold must be 1 to 8, got {fold!r}.'
      )
    if not clip.is_file():
      # The name may have accents in the other Unicode form.
      forms = (
        unicodedata.normalize(form, str(clip)) for form in ('NFC', 'NFD')
      )
      clip = next(filter(pathlib.Path.is_file, map(pathlib.Path, forms)), clip)
    if not clip.is_file():
      raise InputError(
        f'{path} line {number}: {clip} does not exist; the column file is '
        'relative to the folder of the manifest.'
      )
    group = row.get('group') or row['file']
    for key, what in (clip.resolve(), clip), (group, f'group {group}'):
      if fold_of.setdefault(key, int(fold)) != int(fold):
        raise InputError(
          f'{path} line {number}: {what} must be in one fold, but is in folds '
          f'{fold_of[key]} and {fold}.'
        )
    entries.append((clip, name, int(fold), group))
  return entries


def _scan_folder(path: pathlib.Path, *, quiet: bool):
  """Lists (file, class, fold, group) of a folder of class folders."""
  found: dict[str, list[pathlib.Path]] = {}
  unknown = []
  # There are no sounds beside the folders, but links without a target count.
  listing.list_files(path, suffixes=(), recursive=False)
  for folder in sorted(path.iterdir()):
    name = _class_name(folder.name)
    if not folder.is_dir() or folder.name.startswith('.'):
      continue
    if name is None:
      unknown.append(folder.name)
    else:
      found.setdefault(name, []).extend(audio.list_files(folder))
  if not any(found.values()):
    raise InputError(
      f'{path} must have folders of wav, flac or ogg files named after classes '
      f'({", ".join(labels.TAU2020_CLASSES)}), but it has '
      f'{_found(unknown, sorted(found))}.'
    )
  if unknown and not quiet:
    _log.warning(
      '%s has folders that are not named after a class of TAU-NIGENS 2020 and '
      'are ignored: %s.',
      path,
      printable(', '.join(unknown)),
    )
  # The stems of a class go to the folds in turn, in the order of their hash, so
  # that all folds get about as many. A stem that occurs in two classes stays in
  # one fold.
  fold_of: dict[str, int] = {}
  entries = []
  for name in sorted(found):
    stems = sorted({listing.name_of(file) for file in found[name]}, key=_hash)
    for place, stem in enumerate(stems):
      fold_of.setdefault(
        stem, DEVELOPMENT_FOLDS[place % len(DEVELOPMENT_FOLDS)]
      )
    for file in found[name]:
      stem = listing.name_of(file)
      entries.append((file, name, fold_of[stem], stem))
  return entries


def _found(unknown: Sequence[str], known: Sequence[str]) -> str:
  """Describes what a folder without usable sounds contains, for a message."""
  found = []
  if known:
    found.append(f'no such files in {", ".join(known)}')
  if unknown:
    found.append(f'other folders: {", ".join(unknown)}')
  return ' and '.join(found) or 'no folders'


def _hash(stem: str) -> str:
  return hashlib.sha256(stem.encode(errors='surrogateescape')).hexdigest()


def _class_name(text: str) -> str | None:
  """Returns the class that a folder or manifest means, or None."""
  key = ''.join(c for c in text.lower() if c not in '_- ')
  known = {name.replace('_', ''): name for name in labels.TAU2020_CLASSES}
  return (known | _ALIASES).get(key)
