"""The list of the files of a publisher's record, with sizes and checksums."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from seld_jax import json_files
from seld_jax.errors import InputError
from seld_jax.fetch import download

# Lists of files have some kilobytes.
_MOST_BYTES = 10_000_000
_MD5 = re.compile('md5:[0-9a-f]{32}')


class File(NamedTuple):
  """A file of a record: its size in bytes, and its MD5."""

  size: int
  md5: str


def read(url: str, *, retries: int = 5, pause: float = 2.0) -> dict[str, File]:
  """Asks a record for its files.

  Args:
    url: Address of the record in JSON: an object with the list `files` (or
      `entries`) of objects with `key` (the name), `size` and `checksum`, which
      is `md5:` and 32 hexadecimal digits.
    retries: See `download.download`.
    pause: See `download.download`.

  Returns:
    The files by name.

  Raises:
    InputError: The record cannot be read, or has another form.
  """
  text = download.read(url, most=_MOST_BYTES, retries=retries, pause=pause)
  return parse(text, url)


def parse(text: bytes, url: str) -> dict[str, File]:
  """Reads the list of the files of a record.

  Args:
    text: The list in JSON, see `read`.
    url: Where it comes from, for messages.

  Returns:
    The files by name.

  Raises:
    InputError: The list has another form.
  """
  found = json_files.parse(text, url)
  entries: Any = None
  if isinstance(found, dict):
    entries = found.get('files', found.get('entries'))
  if not isinstance(entries, list) or not entries:
    raise InputError(f'{url} should list the files of a record, but does not.')
  return dict(_file(entry, url) for entry in entries)


def _file(entry: Any, url: str) -> tuple[str, File]:
  """Name, size and MD5 of a file of the list."""
  entry = entry if isinstance(entry, dict) else {}
  name, size = entry.get('key'), entry.get('size')
  checksum = str(entry.get('checksum')).lower()
  if (
    not isinstance(name, str)
    or type(size) is not int
    or size < 0
    or not _MD5.fullmatch(checksum)
  ):
    raise InputError(
      f'{url} should give the key, the size and the MD5 checksum of each file, '
      f'but does not for {name!r}.'
    )
  return name, File(size, checksum.partition(':')[2])


def missing(
  checksums: Mapping[str, str], found: Mapping[str, File], url: str
) -> dict[str, File]:
  """Looks up the files whose checksums are unknown.

  Args:
    checksums: Checksums by file name; unknown ones are empty.
    found: The files of the record, from `read`.
    url: Address of the list, for messages.

  Returns:
    The files with unknown checksums, by name.

  Raises:
    InputError: The record does not have one of them.
  """
  unknown = [name for name, checksum in checksums.items() if not checksum]
  for name in unknown:
    if name not in found:
      raise InputError(
        f'{url} has no file {name}, but {", ".join(sorted(found))}: the '
        'publisher may have changed the record; download it by hand.'
      )
  return {name: found[name] for name in unknown}
