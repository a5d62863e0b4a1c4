"""Files that are written completely or not at all, and locks."""

import contextlib
import errno
import functools
import hashlib
import os
import pathlib
import re
import secrets
import socket
import stat
import time
from collections.abc import Callable, Collection, Iterator, Mapping

from seld_jax.errors import BAD_PATHS, InputError

try:
  import fcntl
except ImportError:  # Windows
  fcntl = None

# errno values of a file system that lacks a function, such as locks.
_LACKING = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)

# errno values for a full disk or an exceeded quota.
_FULL = (errno.ENOSPC, errno.EDQUOT)

# errno values for a file that cannot be written until the user fixes something.
_FIXABLE = (
  *BAD_PATHS,
  errno.EROFS,
  errno.ENOENT,
  errno.EISDIR,
  errno.EEXIST,
  errno.EBUSY,  # such as the current folder
)

# What to do about a file that is too large, for messages.
LARGER = (
  'raise the limit of the size of files (`ulimit -f`), or choose a file system '
  'for larger files'
)

# The start of what is written into a lock file.
_HOLDER = b'process '
# Bytes of a lock file that are read.
_LONGEST_HOLDER = 1000


# Names of temporary files. The groups are the stem and the suffix of the file
# that is written, and digits that stand for the host. No other program should
# use hidden files with such names.
_FRAGMENT = re.compile(
  r'\.(?P<stem>.+)-(?P<host>[0-9a-f]{4})[0-9a-f]{4}\.half(?P<suffix>(?:\.[^.]*)?)',
  re.DOTALL,
)

# Lets `os.open` fail on a symbolic link.
_NO_FOLLOW = getattr(os, 'O_NOFOLLOW', 0)

# Bytes that a name of a file can have, on all usual file systems.
_LONGEST_NAME = 255


def shortened(name: str, *, extra: int) -> str:
  """A name that leaves room for additions to it.

  Args:
    name: The start of the name of a file.
    extra: Bytes that will be added to it.

  Returns:
    The name; if it would become too long for a file system, a hash of it.

  Example:
    >>> from seld_jax import files
    >>> files.shortened('fold1_kitchen', extra=20)
    'fold1_kitchen'
    >>> len(files.shortened('x' * 244, extra=20))
    32
  """
  coded = os.fsencode(name)
  if len(coded) + extra <= _LONGEST_NAME:
    return name
  return hashlib.sha256(coded).hexdigest()[:32]


@contextlib.contextmanager
def atomic(
  path: str | os.PathLike[str], *, durable: bool = True
) -> Iterator[pathlib.Path]:
  """Writes a file completely or not at all.

  The block writes to a temporary file, which replaces `path` if the block
  succeeds. If the block raises, the temporary file is deleted and the file at
  `path` stays as it was. The temporary file is in the same folder and has the
  same suffix, because some libraries choose the format by the suffix. A missing
  folder is created. Before a process writes to a folder for the first time, it
  deletes the temporary files that killed processes of this host left there.

  Args:
    path: The file to write.
    durable: Whether the file is flushed to the disk before it gets its name,
      so that it is complete even after a power cut. This takes some
      milliseconds. False for files that are checked when they are read, and
      that can be made again.

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
  with explained(path), contextlib.ExitStack() as stack:
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent)
    temporary, descriptor = _create(path)
    stack.callback(os.close, descriptor)
    stack.callback(temporary.unlink, missing_ok=True)
    yield temporary
    if durable:
      _flush(descriptor)
    os.replace(temporary, path)
    if durable:
      _flush_folder(path.parent)


def _create(path: pathlib.Path) -> tuple[pathlib.Path, int]:
  """Creates and locks the temporary file for a path; returns a descriptor.

  The lock shows others that the writer is alive. The operating system releases
  it when the process ends.
  """
  while True:
    digits = _host_digits() + secrets.token_hex(2)
    name = f'.{_fragment_stem(path)}-{digits}.half{path.suffix}'
    temporary = path.parent / name
    # mkstemp would create a private file; outputs follow the umask.
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
    try:
      descriptor = os.open(temporary, flags, 0o666)
    except FileExistsError:
      continue
    _lock_descriptor(descriptor, wait=True)
    with contextlib.suppress(OSError):
      if os.path.samestat(os.fstat(descriptor), temporary.stat()):
        return temporary, descriptor
    # Another process took it for a leftover just before it was locked.
    os.close(descriptor)


def _lock_descriptor(descriptor: int, *, wait: bool = False) -> bool | None:
  """Locks a file; returns whether that succeeded, or None without locks."""
  if fcntl is None:
    return None
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
  except OSError as error:
    return None if error.errno in _LACKING else False
  return True


@functools.cache
def _host_digits() -> str:
  """Four hexadecimal digits that stand for this host in temporary files."""
  return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:4]


def _flush(descriptor: int) -> None:
  """Flushes a file to the disk, where the file system can do that."""
  try:
    os.fsync(descriptor)
  except OSError as error:
    if error.errno not in (errno.EINVAL, *_LACKING):
      raise


def _flush_folder(folder: pathlib.Path) -> None:
  """Flushes the names of files to the disk, where the system can do that."""
  with contextlib.suppress(OSError):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
      os.fsync(descriptor)
    finally:
      os.close(descriptor)


# Folders that this process has tidied.
_tidied: set[str] = set()


def _tidy(folder: pathlib.Path) -> None:
  """Deletes what killed processes left in a folder, once for each folder."""
  name = os.path.abspath(folder)
  if name not in _tidied:
    _tidied.add(name)
    # On some network file systems, a lock is seen on its own host only.
    _remove(
      folder,
      lambda match, status, alive: (
        alive is False and match['host'] == _host_digits()
      ),
    )


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
    if is_too_large(error):
      raise InputError(
        f'{path} could not be written: {os.strerror(errno.EFBIG)}; {LARGER}.'
      ) from error
    if isinstance(error, OSError) and error.errno in _FIXABLE:
      hint = ''
      if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = '; choose a folder in which you may write'
      raise InputError(
        f'{path} could not be written: {error.strerror or error}{hint}.'
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
  return _has_number(error, _FULL)


def is_too_large(error: BaseException) -> bool:
  """Returns whether an error means that a file exceeds a limit of its size.

  The limit is that of the process (`ulimit -f`) or of the file system.

  Args:
    error: Any exception; see `is_full`.

  Returns:
    True if the file is too large.

  Example:
    >>> from seld_jax import files
    >>> files.is_too_large(RuntimeError('write failed: File too large'))
    True
  """
  return _has_number(error, (errno.EFBIG,))


def _has_number(error: BaseException, numbers: Collection[int]) -> bool:
  """Whether an error has one of these values of errno, or its text."""
  if isinstance(error, OSError) and error.errno in numbers:
    return True
  return any(os.strerror(number) in str(error) for number in numbers)


@contextlib.contextmanager
def lock(
  path: str | os.PathLike[str],
  *,
  busy: Callable[[str], str],
  remove: bool = False,
  wait: float = 0.0,
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
    wait: Seconds to wait until another process releases the lock.

  Raises:
    InputError: Another process keeps the lock, or the file cannot be written.

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
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
      raise InputError(f'{path} must be a regular file, but is not; delete it.')
    # The name may be a hard link to a file of the user.
    if os.read(descriptor, len(_HOLDER)) in (b'', _HOLDER):
      os.ftruncate(descriptor, 0)
      os.lseek(descriptor, 0, os.SEEK_SET)
      name = f'{os.getpid()} on {socket.gethostname()}'
      os.write(descriptor, _HOLDER + name.encode())

  one = filelock.FileLock(
    path, timeout=wait, fallback_to_soft=False, on_acquired=sign
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
        if path.is_symlink():
          raise InputError(
            f'{path} must be a regular file, but is a symbolic link; delete it.'
          ) from error
        if error.errno not in _LACKING:
          raise
    if remove:
      # Deleted before the lock is released. A process that has opened the old
      # file notices this after locking it, and opens a new one.
      stack.callback(path.unlink, missing_ok=True)
    yield


def holder_has_ended(path: str | os.PathLike[str]) -> bool:
  """Whether the process that signed a lock file last has ended.

  The lock itself is not touched, so that nobody is disturbed.

  Args:
    path: A lock file of `lock`.

  Returns:
    True if the file names a process of this machine that does not run. False
    also if that is not known: without the file, or with a process of another
    machine in it.

  Example:
    >>> from seld_jax import files
    >>> with files.lock('run/.lock', busy='run is used by {}.'.format):
    ...   print(files.holder_has_ended('run/.lock'))
    False
  """
  # Here, so that reading and writing files needs no other package.
  import psutil

  try:
    with open(path, 'rb') as file:
      text = file.read(_LONGEST_HOLDER).decode()
  except (OSError, UnicodeDecodeError):
    return False
  found = re.fullmatch(r'process (\d{1,9}) on (.+)', text)
  if not found or found[2] != socket.gethostname():
    return False
  return not psutil.pid_exists(int(found[1]))


def check_output(
  out: str | os.PathLike[str],
  *,
  example: str,
  inputs: Mapping[str, str | os.PathLike[str]],
) -> None:
  """Checks that `--out` can be a new file.

  Args:
    out: The file that will be written.
    example: The name of such a file, for messages.
    inputs: The files that are read, by their flag; empty paths are none.

  Raises:
    InputError: `out` is a folder, or one of the files that are read.

  Example:
    >>> from seld_jax import files
    >>> files.write_text('card.md', 'A network.')
    >>> files.check_output('card.md', example='a.seld', inputs={'card': ''})
    >>> files.check_output(
    ...   'card.md', example='a.seld', inputs={'card': 'card.md'}
    ... )
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: --out and --card are the same file (card.md),
    which would be lost: give --out another name.
  """
  out = pathlib.Path(out)
  if out.is_dir():
    raise InputError(
      f'--out must be a file, such as {out / example}, but {out} is a folder.'
    )
  for flag, path in inputs.items():
    both_exist = path and out.exists() and os.path.exists(path)
    if both_exist and out.samefile(path):
      raise InputError(
        f'--out and --{flag} are the same file ({out}), which would be lost: '
        'give --out another name.'
      )


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


def remove(path: str | os.PathLike[str]) -> None:
  """Deletes a file if there is one.

  Args:
    path: The file.

  Raises:
    InputError: It cannot be deleted, or is a folder.

  Example:
    >>> from seld_jax import files
    >>> files.write_text('notes.txt', 'reverberant')
    >>> files.remove('notes.txt')
    >>> files.remove('notes.txt')  # does nothing
  """
  with explained(path):
    pathlib.Path(path).unlink(missing_ok=True)


def remove_fragments(
  folder: str | os.PathLike[str],
  *,
  of: Collection[str] | None = None,
  age: float = 0.0,
) -> None:
  """Deletes temporary files of `atomic` that killed processes left behind.

  Those that a living process has locked stay. `atomic` itself deletes those of
  this host. Call this for temporary files that can be from other hosts.

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
  stems = [_fragment_stem(one) + pathlib.Path(one).suffix for one in of or ()]

  def is_unwanted(match, status, alive) -> bool:
    if alive or not (of is None or match['stem'] + match['suffix'] in stems):
      return False
    return not age or time.time() - status.st_mtime > age

  _remove(pathlib.Path(folder), is_unwanted)


def _remove(
  folder: pathlib.Path,
  is_unwanted: Callable[[re.Match[str], os.stat_result, bool | None], bool],
) -> None:
  """Deletes temporary files of a folder that may be missing.

  Args:
    folder: The folder.
    is_unwanted: Whether to delete a file, from the parts of its name, its
      status, and whether a process is writing it; None if that is unknown.
  """
  names: list[str] = []
  with contextlib.suppress(OSError):
    names = os.listdir(folder)
  for name in names:
    match = _FRAGMENT.fullmatch(name)
    if match is None:
      continue
    path = folder / name
    flags = os.O_RDWR | _NO_FOLLOW | getattr(os, 'O_NONBLOCK', 0)
    # A file that cannot be deleted does no harm.
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
      descriptor = os.open(path, flags)
      stack.callback(os.close, descriptor)
      status = os.fstat(descriptor)
      if not stat.S_ISREG(status.st_mode):
        continue
      locked = _lock_descriptor(descriptor)
      alive = None if locked is None else not locked
      if is_unwanted(match, status, alive):
        path.unlink()


def _fragment_stem(path: str | os.PathLike[str]) -> str:
  """The stem of a file in the names of its temporary files."""
  path = pathlib.Path(path)
  extra = len('.-12345678.half') + len(os.fsencode(path.suffix))
  return shortened(path.stem, extra=extra)
