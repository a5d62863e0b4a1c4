"""The library of dry sounds: clips on disk, or the procedural bank.

Sounds are divided into folds, so that no sound occurs in two folds.
"""

import dataclasses
import hashlib
import logging
import os
import pathlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from seld_jax import audio, csv_files, labels, listing
from seld_jax.errors import InputError, printable
from seld_jax.scenes import class_maps

DEVELOPMENT_FOLDS: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
EVALUATION_FOLDS: tuple[int, ...] = (7, 8)
# The class of sounds that have no label.
OTHER = 'other'
_log = logging.getLogger(__name__)


# A clip on disk: its file, its class, its fold and its group.
_Entry: TypeAlias = tuple[pathlib.Path, str, int, str]


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
    class_names: The names of all classes, by index.
    bank_folds: The folds of the procedural bank.
    sound_folds: The folds of all sounds, also of those that no recording uses.
    sound_paths: Real paths of all sounds on disk, of these folds.
  """

  name: str
  clips: Mapping[tuple[int, str], tuple[Clip, ...]] | None
  fingerprint: str
  class_names: tuple[str, ...] = labels.TAU2020_CLASSES
  bank_folds: tuple[int, ...] = DEVELOPMENT_FOLDS + EVALUATION_FOLDS
  sound_folds: tuple[int, ...] = DEVELOPMENT_FOLDS + EVALUATION_FOLDS
  sound_paths: frozenset[str] = frozenset()

  @property
  def folds(self) -> tuple[int, ...]:
    """Folds for which there are sounds."""
    if self.clips is None:
      return self.bank_folds
    return tuple(sorted({fold for fold, _ in self.clips}))

  def classes(self, fold: int) -> tuple[str, ...]:
    """The names of the classes that have a sound in a fold."""
    if self.clips is None:
      return self.class_names
    return tuple(
      name for name in self.class_names if (fold, name) in self.clips
    )


def open_library(
  events: str | os.PathLike[str] | None,
  *,
  class_map: str = 'tau2020',
  sounds: Mapping[int, tuple[int, ...]] | None = None,
  quiet: bool = False,
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
    class_map: The classes, a key of `class_maps.CLASS_MAPS`.
    sounds: Folds of sounds by the fold of the recordings that use them; None if
      both are the same. Sounds of other folds are left out.
    quiet: Whether to omit the warnings.

  Returns:
    The library.

  Raises:
    InputError: There is no usable sound, or a group is in two folds.
  """
  if events is None:
    return Library(
      'the procedural bank of synthetic sounds',
      None,
      'procedural-1',
      class_maps.CLASS_MAPS[class_map],
      DEVELOPMENT_FOLDS + EVALUATION_FOLDS
      if sounds is None
      else tuple(sorted(sounds)),
    )
  path = _manifest_or_folder(events)
  if path.is_dir():
    entries = _scan_folder(path, class_map, quiet=quiet)
  elif path.is_file():
    entries = _read_manifest(path, class_map, quiet=quiet)
  else:
    raise InputError(
      f'{path} does not exist; events (--events) must be a folder with one '
      'folder of wav, flac or ogg files per class, or a manifest.csv with the '
      'columns file, class and fold.'
    )
  clips, fingerprint = _collect(entries, path, sounds)
  library = Library(
    str(path),
    clips,
    fingerprint,
    class_maps.CLASS_MAPS[class_map],
    sound_folds=tuple(sorted({fold for *_, fold, _ in entries})),
    sound_paths=frozenset(os.path.realpath(file) for file, *_ in entries),
  )
  missing = [
    f'fold {fold}: '
    + ', '.join(
      name for name in library.class_names if name not in library.classes(fold)
    )
    for fold in library.folds
    if len(library.classes(fold)) < len(library.class_names)
  ]
  if missing and not quiet:
    _log.warning(
      '%s has no sounds for some classes, which do not occur in these folds '
      '(%s).',
      path,
      '; '.join(missing),
    )
  return library


def open_others(
  others: str | os.PathLike[str],
  *,
  labelled: Library,
  sounds: Mapping[int, tuple[int, ...]] | None = None,
) -> Library:
  """Finds other sounds, which scenes have without labels.

  Sounds of the labelled classes are left out, and so are the clips of the
  labelled library. Clips of a folder without a manifest are distributed over
  the folds of the labelled sounds.

  Args:
    others: A folder with one folder of wav, flac or ogg files per kind of
      sound; a folder with a manifest.csv; or a manifest as for `open_library`,
      with any classes.
    labelled: The library of the labelled sounds.
    sounds: As for `open_library`.

  Returns:
    A library with the single class `OTHER`.

  Raises:
    InputError: There is no usable sound, or a group is in two folds.
  """
  path = _manifest_or_folder(others)
  if path.is_dir():
    files = {
      folder.name: audio.list_files(folder)
      for folder in sorted(path.iterdir())
      if folder.is_dir()
      and not folder.name.startswith('.')
      and class_maps.find_class(folder.name, labelled.class_names) is None
    }
    folds = labelled.sound_folds
    entries = _distribute(files, folds=folds, is_one_pool=True)
  elif path.is_file():
    entries = _read_entries(
      path,
      lambda text, _: (
        None if class_maps.find_class(text, labelled.class_names) else OTHER
      ),
    )
  else:
    raise InputError(
      f'{path} does not exist; other sounds (--others) are a folder with '
      'folders of wav, flac or ogg files, or a manifest.csv with the columns '
      'file, class and fold.'
    )
  kept = [
    (file, OTHER, fold, group)
    for file, _, fold, group in entries
    if os.path.realpath(file) not in labelled.sound_paths
  ]
  if not entries and path.is_dir():
    raise InputError(
      f'{path} must have folders of wav, flac or ogg files of other sounds '
      '(--others), one for each kind, besides folders of the labelled classes '
      f'({", ".join(labelled.class_names)}).'
    )
  if not kept:
    raise InputError(
      f'{path} has no other sounds (--others): all of its sounds are of the '
      f'labelled classes ({", ".join(labelled.class_names)}), or in '
      f'{labelled.name}.'
    )
  clips, fingerprint = _collect(kept, path, sounds)
  return Library(str(path), clips, fingerprint, (OTHER,))


def _manifest_or_folder(sounds: str | os.PathLike[str]) -> pathlib.Path:
  """The manifest of a folder that has one, else the path itself."""
  path = pathlib.Path(sounds)
  manifest = path / 'manifest.csv'
  return manifest if path.is_dir() and manifest.is_file() else path


def _collect(
  entries: Iterable[_Entry],
  path: pathlib.Path,
  sounds: Mapping[int, tuple[int, ...]] | None,
) -> tuple[dict[tuple[int, str], tuple[Clip, ...]], str]:
  """The clips by the fold that uses them and class, and their fingerprint."""
  used_by = {fold: fold for fold in DEVELOPMENT_FOLDS + EVALUATION_FOLDS}
  if sounds is not None:
    used_by = {fold: user for user, own in sounds.items() for fold in own}
  clips: dict[tuple[int, str], list[Clip]] = {}
  digest = hashlib.sha256()
  for file, name, fold, group in sorted(entries):
    relative = os.path.relpath(file, path.parent if path.is_file() else path)
    clip = Clip(str(file), printable(relative), group)
    if fold in used_by:
      clips.setdefault((used_by[fold], name), []).append(clip)
    try:
      size = file.stat().st_size
    except OSError as error:
      raise InputError(f'{file} cannot be read: {error.strerror}.') from error
    # Systems differ in the Unicode form of names, which must not matter here.
    text = unicodedata.normalize('NFC', f'{relative},{name},{fold},{size}\n')
    digest.update(text.encode(errors='surrogateescape'))
  found = {key: tuple(some) for key, some in clips.items()}
  return found, digest.hexdigest()[:16]


def _read_manifest(
  path: pathlib.Path, class_map: str, *, quiet: bool
) -> list[_Entry]:
  """Lists the clips of a manifest that have a class of the class map."""
  classes = class_maps.CLASS_MAPS[class_map]
  dropped: list[str] = []

  def class_of(text: str, where: str) -> str | None:
    name = class_maps.find_class(text, classes)
    if name is not None:
      return name
    if class_map == 'tau2021':
      # The sounds of 2020, two classes of which were given up in 2021.
      name = class_maps.find_class(text, labels.TAU2020_CLASSES)
    if name is None:
      raise InputError(
        f'{where}: the class must be one of the {len(classes)} of '
        f'{class_maps.TITLES[class_map]} ({", ".join(classes)}), got '
        f'{text!r}{_other_map(text)}.'
      )
    if name not in dropped:
      dropped.append(name)
    return None

  entries = _read_entries(path, class_of)
  if dropped and not quiet:
    _log.warning(
      '%s has sounds of classes that %s does not have, which are ignored: %s.',
      path,
      class_maps.TITLES[class_map],
      ', '.join(dropped),
    )
  if not entries:
    raise InputError(
      f'{path} has no sound of a class of {class_maps.TITLES[class_map]} '
      f'({", ".join(classes)}); add some, or choose other classes (--classes).'
    )
  return entries


def _read_entries(
  path: pathlib.Path, class_of: Callable[[str, str], str | None]
) -> list[_Entry]:
  """Lists the clips of a manifest.

  Args:
    path: The manifest.
    class_of: A function from the text in the column class and the place of the
      row to the class, or to None for a row to leave out.

  Returns:
    The clips.

  Raises:
    InputError: The manifest is damaged, or a group is in two folds.
  """
  needed = 'file', 'class', 'fold'
  rows = csv_files.read(path, columns=needed, what='a manifest of sounds')
  if not rows:
    raise InputError(f'{path} must be a manifest of sounds, but has no rows.')
  entries = []
  fold_of: dict[object, int] = {}  # by group, and by file
  for where, row in rows:
    for column in needed:
      if not row[column]:
        raise InputError(f'{where}: the column {column} is empty.')
    clip = path.parent / row['file']
    name = class_of(row['class'], where)
    fold = row['fold']
    if fold not in map(str, DEVELOPMENT_FOLDS + EVALUATION_FOLDS):
      raise InputError(f'{where}: the fold must be 1 to 8, got {fold!r}.')
    if not clip.is_file():
      # The name may have accents in the other Unicode form.
      forms = (
        unicodedata.normalize(form, str(clip)) for form in ('NFC', 'NFD')
      )
      clip = next(filter(pathlib.Path.is_file, map(pathlib.Path, forms)), clip)
    if not clip.is_file():
      raise InputError(
        f'{where}: {clip} does not exist; the column file is '
        'relative to the folder of the manifest.'
      )
    group = row.get('group') or row['file']
    for key, what in (clip.resolve(), clip), (group, f'group {group}'):
      if fold_of.setdefault(key, int(fold)) != int(fold):
        raise InputError(
          f'{where}: {what} must be in one fold, but is in folds '
          f'{fold_of[key]} and {fold}.'
        )
    if name is not None:
      entries.append((clip, name, int(fold), group))
  return entries


def _other_map(text: str) -> str:
  """Which other class map has a class, for a message; empty for none."""
  names = [
    name
    for name, classes in class_maps.CLASS_MAPS.items()
    if class_maps.find_class(text, classes)
  ]
  if not names:
    return ''
  return f', a class of --classes={" or --classes=".join(names)}'


def _scan_folder(
  path: pathlib.Path, class_map: str, *, quiet: bool
) -> list[_Entry]:
  """Lists the clips of a folder of class folders."""
  classes = class_maps.CLASS_MAPS[class_map]
  found: dict[str, list[pathlib.Path]] = {}
  unknown = []
  # There are no sounds beside the folders, but links without a target count.
  listing.list_files(path, suffixes=(), recursive=False)
  for folder in sorted(path.iterdir()):
    name = class_maps.find_class(folder.name, classes)
    if not folder.is_dir() or folder.name.startswith('.'):
      continue
    if name is None:
      unknown.append(folder.name)
    else:
      found.setdefault(name, []).extend(audio.list_files(folder))
  if not any(found.values()):
    raise InputError(
      f'{path} must have folders of wav, flac or ogg files named after classes '
      f'({", ".join(classes)}), but it has '
      f'{_found(unknown, sorted(found))}.'
    )
  if unknown and not quiet:
    _log.warning(
      '%s has folders that are not named after a class of %s and are ignored: '
      '%s.',
      path,
      class_maps.TITLES[class_map],
      printable(', '.join(unknown)),
    )
  return _distribute(found)


def _distribute(
  found: Mapping[str, list[pathlib.Path]],
  *,
  folds: Sequence[int] = DEVELOPMENT_FOLDS,
  is_one_pool: bool = False,
) -> list[_Entry]:
  """Distributes the files of each class over folds.

  The groups of a class go to the folds in turn, in the order of their hash, so
  that all folds get about as many. A group that occurs in two classes stays in
  one fold.

  Args:
    found: The files of each class.
    folds: The folds.
    is_one_pool: Whether a class goes on with the fold after the last one of the
      class before, instead of the first fold.
  """
  groups = _groups(file for name in sorted(found) for file in found[name])
  fold_of: dict[str, int] = {}
  entries = []
  for name in sorted(found):
    own = sorted({groups[file] for file in found[name]}, key=_hash)
    first = len(fold_of) if is_one_pool else 0
    for place, group in enumerate(own, start=first):
      fold_of.setdefault(group, folds[place % len(folds)])
    for file in found[name]:
      entries.append((file, name, fold_of[groups[file]], groups[file]))
  return entries


def _groups(files: Iterable[pathlib.Path]) -> dict[pathlib.Path, str]:
  """The group of each file: its stem, which links to the same file share."""
  stems: dict[pathlib.Path, str] = {}
  # Another stem of the same group; the first one of a group is its own.
  stem_of: dict[str, str] = {}

  def first(stem: str) -> str:
    while stem_of.setdefault(stem, stem) != stem:
      stem = stem_of[stem]
    return stem

  real: dict[str, str] = {}
  for file in files:
    stems[file] = listing.name_of(file)
    other = real.setdefault(os.path.realpath(file), stems[file])
    stem_of[first(stems[file])] = first(other)
  return {file: first(stem) for file, stem in stems.items()}


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
