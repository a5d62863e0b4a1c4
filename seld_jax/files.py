"""Writing files so that nobody ever sees half of one."""

import contextlib
import errno
import json
import os
import pathlib
import re
import secrets
import socket
import time
from collections.abc import Callable, Container, Iterator
from typing import Any

from seld_jax.errors import BAD_PATHS, InputError

# errno values of a full disk or an exceeded quota, and their texts.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_WORDS = tuple(map(os.strerror, _FULL))

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
def explained(
  path: str | os.PathLike[str],
  *,
  needed: str = 'some space',
  hint: str = 'start again',
) -> Iterator[None]:
  """Turns an error of the block that keeps a file from being written.

  Args:
    path: The file.
    needed: How much space the disk needs, for the message of a full disk.
    hint: What the user should do when there is space again.

  Raises:
    InputError: The folder cannot be written or the disk is full.
  """
  path = pathlib.Path(path)
  try:
    yield
  except InputError:
    raise
  except Exception as error:
    if is_full(error):
      raise InputError(
        f'{path} could not be written: the disk that holds {path.parent} is '
        f'full; free {needed} and {hint}.'
      ) from error
    if isinstance(error, OSError) and error.errno in _MENDABLE:
      raise InputError(
        f'{path} could not be written: {error.strerror or error}.'
      ) from error
    raise


def is_full(error: BaseException) -> bool:
  """Whether an error says that a disk is full or that a quota is exceeded."""
  if isinstance(error, OSError) and error.errno in _FULL:
    return True
  # Libraries in C++ pass on the text alone.
  return any(words in str(error) for words in _FULL_WORDS)


@contextlib.contextmanager
def lock(
  path: str | os.PathLike[str],
  *,
  busy: Callable[[str], str],
  remove: bool = False,
) -> Iterator[None]:
  """Holds a lock file for the length of the block.

  The operating system releases the lock when the process ends, however that
  ends, so a crash never leaves a lock behind. File systems without locks are
  not guarded.

  Args:
    path: The lock file, made when missing, like its folder.
    busy: Makes the message of the error from the name of the holder.
    remove: Whether the file is deleted at the end of the block.

  Raises:
    InputError: Another process holds the lock, or the file cannot be written.
  """
  # Here, so that reading and writing files needs no other package.
  import filelock

  path = pathlib.Path(path)

  def sign(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    holder = f'process {os.getpid()} on {socket.gethostname()}'
    os.write(descriptor, holder.encode())

  one = filelock.FileLock(
    path, timeout=0, fallback_to_soft=False, on_acquired=sign
  )
  with contextlib.ExitStack() as stack:
    with explained(path):
      path.parent.mkdir(parents=True, exist_ok=True)
      try:
        stack.enter_context(one)
      except filelock.Timeout as error:
        holder = ''
        with contextlib.suppress(OSError, UnicodeDecodeError):
          holder = path.read_text(encoding='utf-8')
        raise InputError(busy(holder or 'another process')) from error
      except NotImplementedError:
        pass  # a file system without locks
    if remove:
      # While it is locked: who opened it before looks again after locking.
      stack.callback(path.unlink, missing_ok=True)
    yield


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
  """Reads a JSON object.

  Args:
    path: The file.

  Returns:
    The object.

  Raises:
    InputError: The file is missing or unreadable, is not JSON, or holds
      something other than an object.
  """
  path = pathlib.Path(path)
  try:
    value = json.loads(path.read_text(encoding='utf-8'))
  except (OSError, ValueError, RecursionError) as error:
    reason = str(getattr(error, 'strerror', None) or error).rstrip('.')
    raise InputError(f'{path} cannot be read as JSON: {reason}.') from error
  if not isinstance(value, dict):
    raise InputError(
      f'{path} must hold a JSON object, got {type(value).__name__}.'
    )
  return value


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
