"""Lists the files of a folder, and names the recordings that they belong to."""

import errno
import os
import pathlib
import unicodedata
from collections.abc import Collection

from seld_jax.errors import InputError


def list_files(
  folder: str | os.PathLike[str],
  *,
  suffixes: Collection[str],
  recursive: bool = True,
) -> list[pathlib.Path]:
  """Lists the files of a folder that have one of some suffixes.

  Symbolic links are followed. Files and folders whose names begin with a dot
  are hidden and ignored, such as `._a.wav` and `.ipynb_checkpoints`.

  Args:
    folder: The folder. If it does not exist, the list is empty.
    suffixes: Suffixes in lower case, such as `.wav`; files may have them in
      upper case.
    recursive: Whether to list the files of all folders within the folder, too.

  Returns:
    Paths that begin with the folder, sorted.

  Raises:
    InputError: A folder cannot be read, a link to a folder leads back to a
      folder that contains it, or the target of a link does not exist.

  Example:
    >>> from seld_jax import files, listing
    >>> for name in 'a.csv', 'room/b.CSV', '.old/a.csv', '._a.csv':
    ...   files.write_text(f'labels/{name}', '')
    >>> for path in listing.list_files('labels', suffixes=('.csv',)):
    ...   print(path.as_posix())
    labels/a.csv
    labels/room/b.CSV
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    return []
  found = []
  try:
    # Folders to list, each with the identities of itself and of those above it.
    waiting = [(folder, [_identity(os.stat(folder))])]
    while waiting:
      current, above = waiting.pop()
      for entry in _visible(current):
        path = current / entry.name
        if entry.is_dir():
          identity = _identity(entry.stat())
          if recursive and identity in above:
            chain = (path, *path.parents)
            link = next((one for one in chain if one.is_symlink()), path)
            raise InputError(
              f'{link} is a symbolic link to a folder that contains it, a '
              'loop without an end: delete the link.'
            )
          if recursive:
            waiting.append((path, [*above, identity]))
        elif path.suffix.lower() in suffixes:
          found.append(path)
        elif not path.suffix and entry.is_symlink() and not path.exists():
          raise InputError(
            f'{path} is a symbolic link to {os.readlink(path)}, which does not '
            'exist: restore the target or delete the link.'
          )
  except OSError as error:
    hint = 'change its permissions'
    if error.errno == errno.ELOOP:
      hint = 'it is a symbolic link that leads back to itself: delete it'
    raise InputError(
      f'{error.filename or folder} cannot be read ({error.strerror}); {hint}.'
    ) from error
  return sorted(found)


def name_of(path: str | os.PathLike[str]) -> str:
  """The name of the recording that a file belongs to.

  Systems write accented letters as one character (NFC) or as a letter and an
  accent (NFD). The files of a recording belong together in either form.

  Args:
    path: The file.

  Returns:
    Its name without the last suffix, in the form NFC.

  Example:
    >>> from seld_jax import listing
    >>> listing.name_of('foa_dev/fold1_cafe\u0301.wav') == 'fold1_caf\u00e9'
    True
  """
  return unicodedata.normalize('NFC', pathlib.Path(path).stem)


def _visible(folder: pathlib.Path) -> list[os.DirEntry[str]]:
  """The files and folders in a folder that are not hidden."""
  with os.scandir(folder) as entries:
    # A file system has a folder lost+found that only its owner can read.
    return [
      entry
      for entry in entries
      if not entry.name.startswith('.') and entry.name != 'lost+found'
    ]


def _identity(status: os.stat_result) -> tuple[int, int]:
  return status.st_dev, status.st_ino
