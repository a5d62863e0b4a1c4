"""Files that anyone may have written: opened, and checked for their size."""

import contextlib
import os
import pathlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from seld_jax.errors import InputError

# Bytes of the largest file; the networks of the baselines have 3 MB.
_MOST_BYTES = 500_000_000

# Exceptions of zipfile, zlib, pickletools and NumPy for damaged files.
DAMAGED = (
  zipfile.BadZipFile,
  zlib.error,
  struct.error,
  ArithmeticError,
  AttributeError,
  EOFError,
  LookupError,
  NotImplementedError,
  OSError,
  RuntimeError,
  TypeError,
  ValueError,
)


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[IO[bytes]]:
  """Opens a regular file.

  Args:
    path: The file.

  Yields:
    The file, open for reading.

  Raises:
    InputError: It is missing, cannot be read, is no regular file, or is too
      large.
  """
  try:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
      raise InputError(f'{path} is not a regular file.')
    file = path.open('rb')
  except (OSError, ValueError) as error:
    if isinstance(error, InputError):
      raise
    reason = getattr(error, 'strerror', None) or error
    raise InputError(f'{path} cannot be read: {reason}.') from error
  with file:
    if size(file) > _MOST_BYTES:
      raise InputError(
        f'{path} has more than {_MOST_BYTES // 10**6} MB; a network of the '
        'baselines has some megabytes.'
      )
    yield file


def size(file: IO[bytes]) -> int:
  """The number of bytes of an open file."""
  return os.fstat(file.fileno()).st_size


def first(error: Exception) -> str:
  """The first line of a message, without a full stop."""
  return (str(error) or type(error).__name__).splitlines()[0].rstrip('.')


def reason(error: Exception, start: bytes) -> str:
  """Says why a file could not be read, in words about the file.

  Args:
    error: One of `DAMAGED`, from a reader of pickles or archives.
    start: The first bytes of the file, some hundreds.

  Returns:
    A clause without a full stop.
  """
  if not start:
    return 'it is empty'
  if all(byte >= 32 or byte in b'\t\n\r' for byte in start):
    return 'it looks like a text file'
  text = first(error)
  if isinstance(error, zipfile.BadZipFile | EOFError) or 'exhausted' in text:
    return 'it seems to be cut off'
  return text
