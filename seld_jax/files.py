"""Writing files so that nobody ever sees half of one."""

import contextlib
import errno
import os
import pathlib
import re
import secrets
import time
from collections.abc import Container, Iterator

from seld_jax.errors import BAD_PATHS, InputError

# What a full disk, or a used-up share of one, is told by.
FULL = (errno.ENOSPC, errno.EDQUOT)

# What keeps a file from being written that its user can mend.
_MENDABLE = (
  *BAD_PATHS,
  errno.EROFS,
  errno.ENOENT,
  errno.EISDIR,
  errno.EEXIST,
)


# The names of temporary files, and in groups the stem and the suffix of the
# file that is written. Nobody else's hidden files are to look like that.
_FRAGMENT = re.compile(r'\.(.+)-[0-9a-f]{8}\.half((?:\.[^.]*)?)')


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """Yields a temporary path that replaces `path` when the block succeeds.

  The temporary file lies in the folder of `path` (made when missing) and keeps
  its suffix, so that libraries which choose a format by name choose the right
  one. When the block raises, the temporary file is removed and what was at
  `path` before is untouched.

  Args:
    path: The file to write.

  Yields:
    The path to write to.

  Raises:
    InputError: The folder cannot be written or the disk is full.
  """
  path = pathlib.Path(path)
  temporary = None
  with explained(path):
    try:
      path.parent.mkdir(parents=True, exist_ok=True)
      # Not by mkstemp, which makes files private; these are ordinary outputs.
      unique = f'.{path.stem}-{secrets.token_hex(4)}.half{path.suffix}'
      flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
      os.close(os.open(path.parent / unique, flags, 0o666))
      temporary = path.parent / unique
      yield temporary
      os.replace(temporary, path)
    finally:
      if temporary is not None:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: str | os.PathLike[str]) -> Iterator[None]:
  """Tells in a sentence why a file cannot be written by the block.

  Args:
    path: The file.

  Raises:
    InputError: The folder cannot be written or the disk is full.
  """
  path = pathlib.Path(path)
  try:
    yield
  except OSError as error:
    if error.errno in FULL:
      raise InputError(
        f'{path} could not be written: the disk that holds {path.parent} is '
        'full; free some space and start again.'
      ) from error
    if error.errno in _MENDABLE:
      raise InputError(
        f'{path} could not be written: {error.strerror or error}.'
      ) from error
    raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
  """Writes UTF-8 text atomically."""
  with atomic(path) as temporary:
    temporary.write_text(text, encoding='utf-8')


def remove_fragments(
  folder: str | os.PathLike[str],
  *,
  of: Container[str] | None = None,
  age: float = 0.0,
) -> None:
  """Deletes the temporary files that killed processes have left in a folder.

  Args:
    folder: The folder; it need not exist. Those in it are left alone.
    of: Names of the files that nobody else is writing; None for all.
    age: Seconds without a change after which a temporary file belongs to no
      process that still runs, for folders that others may be writing to.
  """
  for path in pathlib.Path(folder).glob('.*'):
    match = _FRAGMENT.fullmatch(path.name)
    if match and (of is None or ''.join(match.groups()) in of):
      # Of those that cannot be removed, nothing depends on it.
      with contextlib.suppress(OSError):
        if not age or time.time() - path.stat().st_mtime > age:
          path.unlink()
