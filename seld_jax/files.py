"""Files that are written completely or not at all, locks, and JSON."""

import contextlib
import errno
import json
import os
import pathlib
import re
import secrets
import socket
import stat
import time
from collections.abc import Callable, Container, Iterator
from typing import Any

from seld_jax.errors import BAD_PATHS, InputError

# errno values of a file system without locks, as some networks have.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)

# errno values for a full disk or an exceeded quota, and their texts.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_WORDS = tuple(map(os.strerror, _FULL))

# errno values for a file that cannot be written until the user fixes something.
_FIXABLE = (
  *BAD_PATHS,
  errno.EROFS,
  errno.ENOENT,
  errno.EISDIR,
  errno.EEXIST,
)


# Limits of JSON. No file of seld_jax comes near them.
_MOST_JSON_BYTES = 64_000_000
_MOST_LEVELS = 50
_TOO_DEEP = f'it is nested more than {_MOST_LEVELS} levels deep'

# Names of temporary files. The groups are the stem and the suffix of the file
# that is written. No other program should use hidden files with such names.
_FRAGMENT = re.compile(r'\.(.+)-[0-9a-f]{8}\.half((?:\.[^.]*)?)')


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """Writes a file completely or not at all.

  The block writes to a temporary file, which replaces `path` if the block
  succeeds. If the block raises, the temporary file is deleted and the file at
  `path` stays as it was. The temporary file is in the same folder and has the
  same suffix, because some libraries choose the format by the suffix. A missing
  folder is created.

  Args:
    path: The file to write.

  Yields:
    The path of the temporary file.

  Raises:
    InputError: The folder cannot be written or the disk is full.

  Example:
    >>> import pathlib
    >>> from seld_jax import files
    >>> with files.atomic('scores.txt') as temporary:
    ...   _ = temporary.write_text('ER20 0.41')
    >>> pathlib.Path('scores.txt').read_text()
    'ER20 0.41'
  """
  path = pathlib.Path(path)
  temporary = None
  with explained(path):
    try:
      path.parent.mkdir(parents=True, exist_ok=True)
      # mkstemp would create a private file; outputs follow the umask.
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
  """Raises InputError if the block fails to write a file.

  Only errors that a user can fix are converted: a full disk, an exceeded quota,
  and a path that cannot be written. Other errors are not changed.

  Args:
    path: The file that the block writes.
    needed: Required disk space, for the message about a full disk.
    hint: Next step for the user when there is enough space.

  Raises:
    InputError: The path cannot be written or the disk is full.

  Example:
    >>> from seld_jax import files
    >>> with files.explained('missing/scores.txt'):
    ...   open('missing/scores.txt', 'w')
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: missing/scores.txt could not be written: No such
    file or directory.
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
    if isinstance(error, OSError) and error.errno in _FIXABLE:
      raise InputError(
        f'{path} could not be written: {error.strerror or error}.'
      ) from error
    raise


def is_full(error: BaseException) -> bool:
  """Returns whether an error means a full disk or an exceeded quota.

  Args:
    error: Any exception. Libraries in C++ often raise one that has the text of
      the system error but no errno; such an error is recognised by its text.

  Returns:
    True if the disk is full or the quota is exceeded.

  Example:
    >>> from seld_jax import files
    >>> files.is_full(RuntimeError('write failed: No space left on device'))
    True
  """
  if isinstance(error, OSError) and error.errno in _FULL:
    return True
  return any(words in str(error) for words in _FULL_WORDS)


@contextlib.contextmanager
def lock(
  path: str | os.PathLike[str],
  *,
  busy: Callable[[str], str],
  remove: bool = False,
) -> Iterator[None]:
  """Holds an exclusive lock while the block runs.

  The operating system releases the lock when the process ends, even after a
  crash or SIGKILL. There is no protection on a file system without locks.

  Args:
    path: The lock file. The file and its folder are created if they are
      missing.
    busy: Function from the name of the holder, such as `process 123 on host`,
      to the message of the error.
    remove: Whether to delete the file at the end of the block.

  Raises:
    InputError: Another process holds the lock, or the file cannot be written.

  Example:
    >>> from seld_jax import files
    >>> with files.lock('run/.lock', busy='run is used by {}.'.format):
    ...   print('nobody else uses run')
    nobody else uses run
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
      except OSError as error:
        if error.errno not in _NO_LOCKS:
          raise
    if remove:
      # Deleted before the lock is released. A process that has opened the old
      # file notices this after locking it, and opens a new one.
      stack.callback(path.unlink, missing_ok=True)
    yield


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
  """Reads a JSON object.

  Args:
    path: The file.

  Returns:
    The object.

  Raises:
    InputError: The file is missing or unreadable, is not JSON, or does not hold
      an object.

  Example:
    >>> from seld_jax import files
    >>> files.write_text('scores.json', '{"ER20": 0.41}')
    >>> files.read_json('scores.json')
    {'ER20': 0.41}
  """
  path = pathlib.Path(path)
  try:
    _refuse_endless(path)
    content = path.read_bytes()
  except (OSError, ValueError) as error:
    reason = str(getattr(error, 'strerror', None) or error)
    raise InputError(f'{path} cannot be read as JSON: {reason}.') from error
  value = parse_json(content, path)
  if not isinstance(value, dict):
    raise InputError(
      f'{path} must hold a JSON object, got {type(value).__name__}.'
    )
  return value


def parse_json(content: str | bytes, source: str | os.PathLike[str]) -> Any:
  """Parses JSON that anyone may have written.

  Besides text that is not JSON, text is refused that would fail later: values
  nested so deep that they cannot be written again, and characters that no path
  or no UTF-8 file can hold.

  Args:
    content: The text, or its bytes in UTF-8.
    source: Where it comes from, for messages.

  Returns:
    The value.

  Raises:
    InputError: The text is not JSON, or is refused as above.

  Example:
    >>> from seld_jax import files
    >>> files.parse_json('[1, 2]', 'scores.json')
    [1, 2]
  """
  try:
    text = content.decode() if isinstance(content, bytes) else content
    value = _loaded(text)
  except (ValueError, RecursionError) as error:
    reason = str(error).rstrip('.')
    if isinstance(error, RecursionError):
      reason = _TOO_DEEP
    elif isinstance(error, UnicodeError):
      reason = f'it is not UTF-8 text ({reason})'
    raise InputError(f'{source} cannot be read as JSON: {reason}.') from error
  return value


def check_json(value: Any, kind: Any, source: str | os.PathLike[str]) -> Any:
  """Checks that a value from JSON has a type.

  Args:
    value: The value.
    kind: The type, such as a TypedDict; its annotations may have the limits of
      `msgspec.Meta`.
    source: Where the value comes from, for messages.

  Returns:
    The value, converted to the type.

  Raises:
    InputError: It has another type, a field is missing or out of range.

  Example:
    >>> from seld_jax import files
    >>> files.check_json([4, 6], list[int], 'steps.json')
    [4, 6]
    >>> files.check_json([4, 'six'], list[int], 'steps.json')
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: steps.json: [1]: expected int, got str.
  """
  # Here, so that reading and writing files needs no other package.
  import msgspec

  try:
    return msgspec.convert(value, kind)
  except (msgspec.ValidationError, OverflowError) as error:
    text, _, place = str(error).replace('`', '').partition(' - at $')
    where = f'{place.lstrip(".")}: ' if place else ''
    raise InputError(
      f'{source}: {where}{text[:1].lower()}{text[1:]}.'
    ) from error


def _refuse_endless(path: pathlib.Path) -> None:
  """Raises ValueError for devices, pipes and files that are far too large."""
  status = path.stat()
  if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
    raise ValueError('it is not a regular file')
  if status.st_size > _MOST_JSON_BYTES:
    raise ValueError(f'it has more than {_MOST_JSON_BYTES // 10**6} MB')


def _loaded(text: str) -> Any:
  """The value of JSON text; raises ValueError if it cannot be used."""
  if not text.strip():
    raise ValueError('it is empty')
  value = json.loads(text)
  _refuse_unusable(value)
  return value


def _refuse_unusable(value: Any) -> None:
  """Raises ValueError for JSON that is nested deep or has bad characters."""
  level = [value]
  for _ in range(_MOST_LEVELS):
    inside: list[Any] = []
    for one in level:
      if isinstance(one, str):
        one.encode()  # a lone surrogate raises a UnicodeEncodeError
        if '\0' in one:
          raise ValueError('it has a null character in a string')
      elif isinstance(one, dict):
        inside += [*one, *one.values()]
      elif isinstance(one, list):
        inside += one
    level = inside
    if not level:
      return
  raise ValueError(_TOO_DEEP)


def write_text(path: str | os.PathLike[str], text: str) -> None:
  """Writes UTF-8 text atomically.

  Args:
    path: The file to write.
    text: Its new content.

  Raises:
    InputError: The folder cannot be written or the disk is full.

  Example:
    >>> import pathlib
    >>> from seld_jax import files
    >>> files.write_text('notes/room1.txt', 'reverberant')
    >>> pathlib.Path('notes/room1.txt').read_text()
    'reverberant'
  """
  with atomic(path) as temporary:
    temporary.write_text(text, encoding='utf-8')


def remove_fragments(
  folder: str | os.PathLike[str],
  *,
  of: Container[str] | None = None,
  age: float = 0.0,
) -> None:
  """Deletes temporary files of `atomic` that killed processes left behind.

  Args:
    folder: The folder, which may be missing. Its subfolders are not searched.
    of: Names of the files whose temporary files are deleted; None for all. No
      other process may be writing these files.
    age: Minimum age in seconds of a file that is deleted, counted from its last
      change. Use it if other processes may be writing to the folder.

  Example:
    >>> import os
    >>> from seld_jax import files
    >>> files.write_text('audio/.room1-1234abcd.half.wav', 'RIFF')
    >>> files.remove_fragments('audio')
    >>> os.listdir('audio')
    []
  """
  for path in pathlib.Path(folder).glob('.*'):
    match = _FRAGMENT.fullmatch(path.name)
    if match and (of is None or ''.join(match.groups()) in of):
      # A file that cannot be deleted does no harm.
      with contextlib.suppress(OSError):
        if not age or time.time() - path.stat().st_mtime > age:
          path.unlink()
