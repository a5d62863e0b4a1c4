"""Reads zip archives, whole or split into parts (.z01, .z02, ..., .zip).

Python's zipfile cannot read a split archive, not even when its parts are
joined: the position of a file in it is the number of a part and an offset in
that part.
"""

import dataclasses
import os
import pathlib
import struct
import zlib
from collections.abc import Iterator

from seld_jax.errors import InputError

# Bytes that are read and yielded at a time.
BLOCK = 1 << 20
# Bytes of a directory, which is read to memory: those of a million files.
_LARGEST_DIRECTORY = 1 << 27

# The records of the format and their signatures, after PKWARE's APPNOTE 6.3.9:
# local header (section 4.3.7), entry of the central directory (4.3.12), end of
# the central directory (4.3.16), and the latter with 64-bit numbers (4.3.14)
# and its locator (4.3.15).
_LOCAL = struct.Struct('<4s5H3L2H')
_CENTRAL = struct.Struct('<4s6H3L5H2L')
_END = struct.Struct('<4s4H2LH')
_LOCATOR = struct.Struct('<4sLQL')
_END64 = struct.Struct('<4sQ2H2L4Q')
_SIGNATURES = {
  _LOCAL: b'PK\3\4',
  _CENTRAL: b'PK\1\2',
  _END: b'PK\5\6',
  _LOCATOR: b'PK\6\7',
  _END64: b'PK\6\6',
}
# A field with all bits set means: the number is elsewhere, with 64 bits.
_SHORT = 0xFFFF
_LONG = 0xFFFFFFFF
_EXTRA64 = 1
_ENCRYPTED = 1 << 0
_UTF8 = 1 << 11
_STORED = 0
_DEFLATED = 8


@dataclasses.dataclass(frozen=True)
class Member:
  """A file in an archive.

  Attributes:
    name: Its relative path in the archive, with `/` between folders and
      without `..`.
    size: Its size in bytes.
    crc: Its CRC-32.
    compressed_size: Its size in the archive, in bytes.
    method: Its compression: 0 for none, 8 for deflate.
    start: Position of its local header, in bytes from the start of the first
      part, as if all parts were joined.
  """

  name: str
  size: int
  crc: int
  compressed_size: int
  method: int
  start: int


@dataclasses.dataclass(frozen=True)
class SplitZip:
  """An archive of one or several parts, and its list of files.

  Attributes:
    path: The last part, named `*.zip`.
    parts: All parts in order, `path` included.
    sizes: The sizes of the parts in bytes.
    members: The files in the archive, without folders, in the order of its
      directory.
  """

  path: pathlib.Path
  parts: tuple[pathlib.Path, ...]
  sizes: tuple[int, ...]
  members: tuple[Member, ...]


def read(path: str | os.PathLike[str]) -> SplitZip:
  """Reads the directory of an archive.

  Args:
    path: The last part, `NAME.zip`. The others are `NAME.z01`, `NAME.z02`, ...
      in the same folder.

  Returns:
    The archive.

  Raises:
    InputError: A part is missing, the directory is damaged, or a file cannot
      be unpacked: it is encrypted, it is compressed by another method than
      deflate, or its path leads out of the folder that it is unpacked to.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise InputError(f'{path} is missing.')
  end, locator = _find_end(path)
  _, last, disk, _, count, size, offset, _ = end
  if last == _SHORT and locator:
    last = max(locator[3], 1) - 1
  earlier: list[pathlib.Path] = []
  for number in range(1, last + 1):
    part = path.with_suffix(f'.z{number:02d}')
    if not part.is_file():
      raise InputError(
        f'{part} is missing: {path} is the last of {last + 1} parts; fetch '
        'the missing part into the same folder.'
      )
    earlier.append(part)
  parts = (*earlier, path)
  sizes = tuple(part.stat().st_size for part in parts)
  archive = SplitZip(path, parts, sizes, ())
  if locator and ({disk, count} & {_SHORT} or {size, offset} & {_LONG}):
    start = _position(archive, locator[1], locator[2])
    end64 = _record(archive, start, _END64)
    disk, (_, count, size, offset) = end64[5], end64[6:]
  start = _position(archive, disk, offset)
  if start + size > sum(sizes):
    raise InputError(
      _damage(archive, 'its directory goes beyond the end of the archive')
    )
  if size > _LARGEST_DIRECTORY:
    raise InputError(
      _damage(archive, f'its directory has {size:,} bytes, which is too much')
    )
  directory = b''.join(_blocks(archive, start, size))
  members = tuple(_members(archive, directory, count))
  return dataclasses.replace(archive, members=members)


def chunks(archive: SplitZip, member: Member) -> Iterator[bytes]:
  """Unpacks a file in pieces, so that it is never whole in memory.

  Args:
    archive: The archive, from `read`.
    member: One of its members.

  Yields:
    The bytes of the file, at most `BLOCK` at a time.

  Raises:
    InputError: The file is damaged: its size or CRC-32 is not that of the
      directory. This is known only after the last piece; the caller should
      then delete the pieces before it.
  """
  header = _record(archive, member.start, _LOCAL)
  start = member.start + _LOCAL.size + sum(header[-2:])
  blocks = _blocks(archive, start, member.compressed_size)
  if member.method == _DEFLATED:
    blocks = _inflate(archive, member, blocks)
  size = crc = 0
  for block in blocks:
    size += len(block)
    if size > member.size:
      break
    crc = zlib.crc32(block, crc)
    yield block
  if size != member.size or crc != member.crc:
    expected = f'{member.size} bytes with CRC-32 {member.crc:08x}'
    raise InputError(_damage(archive, f'{member.name} should have {expected}'))


def _find_end(path: pathlib.Path) -> tuple[tuple, tuple | None]:
  """Returns the end of the directory, and the locator of its 64-bit form.

  The locator is None for archives without 64-bit numbers.
  """
  with path.open('rb') as file:
    # A comment of up to 65535 bytes may follow.
    longest = _LOCATOR.size + _END.size + _SHORT
    file.seek(max(0, path.stat().st_size - longest))
    tail = file.read()
  at = len(tail)
  while (at := tail.rfind(_SIGNATURES[_END], 0, at)) >= 0:
    if at + _END.size > len(tail):
      continue
    end = _END.unpack_from(tail, at)
    if at + _END.size + end[-1] != len(tail):
      continue  # Bytes of the comment that look like the signature.
    before = tail[max(0, at - _LOCATOR.size) : at]
    if len(before) < _LOCATOR.size or before[:4] != _SIGNATURES[_LOCATOR]:
      return end, None
    return end, _LOCATOR.unpack(before)
  raise InputError(
    f'{path} is not a zip archive, or its end is missing: it has no directory.'
  )


def _members(
  archive: SplitZip, directory: bytes, count: int
) -> Iterator[Member]:
  """Yields the files that a directory lists."""
  at = 0
  for _ in range(count):
    entry = directory[at : at + _CENTRAL.size]
    if len(entry) < _CENTRAL.size or entry[:4] != _SIGNATURES[_CENTRAL]:
      raise InputError(_damage(archive, 'its directory is incomplete'))
    fields = _CENTRAL.unpack(entry)
    flags, method, crc = fields[3], fields[4], fields[7]
    lengths = fields[10:13]
    at += _CENTRAL.size
    raw = directory[at : at + lengths[0]]
    extra = directory[at + lengths[0] : at + lengths[0] + lengths[1]]
    at += sum(lengths)
    name = raw.decode('utf-8' if flags & _UTF8 else 'cp437', 'replace')
    size, compressed_size, offset, disk = _wide(
      archive, extra, [fields[9], fields[8], fields[16], fields[13]]
    )
    _check_path(archive, name)
    if name.endswith('/'):
      continue
    if flags & _ENCRYPTED:
      raise InputError(f'{archive.path}: {name} is encrypted.')
    if method not in (_STORED, _DEFLATED):
      raise InputError(
        f'{archive.path}: {name} is compressed by method {method}, but only '
        'deflate (8) and none (0) are supported.'
      )
    start = _position(archive, disk, offset)
    yield Member(name, size, crc, compressed_size, method, start)


def _wide(archive: SplitZip, extra: bytes, numbers: list[int]) -> list[int]:
  """Replaces numbers that did not fit by those of the 64-bit extra field.

  Args:
    archive: The archive, for messages.
    extra: The extra fields of an entry of the directory.
    numbers: Size, compressed size, offset and part of the entry; all bits are
      set in those to replace.

  Returns:
    The four numbers.
  """
  limits = (_LONG, _LONG, _LONG, _SHORT)
  wide = [i for i, limit in enumerate(limits) if numbers[i] == limit]
  form = struct.Struct('<' + ''.join('QQQL'[i] for i in wide))
  at = 0
  while at + 4 <= len(extra):
    kind, length = struct.unpack_from('<2H', extra, at)
    if kind == _EXTRA64:
      if length < form.size or at + 4 + length > len(extra):
        raise InputError(
          _damage(archive, 'its directory has an incomplete number')
        )
      for i, number in zip(wide, form.unpack_from(extra, at + 4), strict=True):
        numbers[i] = number
      break
    at += 4 + length
  return numbers


def _check_path(archive: SplitZip, name: str) -> None:
  """Raises InputError for a path that is none within the target folder."""
  steps = name.split('/')
  if (
    not name
    or name.startswith('/')
    or '..' in steps
    or any(character in name for character in ('\\', '\0'))
    or name[1:2] == ':'
  ):
    raise InputError(
      f'{archive.path} contains a file with the path {name!r}, which leads out '
      'of the folder that it is unpacked to.'
    )
  if steps[-1] == '.':
    raise InputError(
      f'{archive.path} contains a file with the path {name!r}, which is a '
      'folder.'
    )


def _position(archive: SplitZip, disk: int, offset: int) -> int:
  """Returns the position in the joined parts of an offset in one part."""
  if disk >= len(archive.parts) or offset > archive.sizes[disk]:
    place = f'byte {offset} of part {disk + 1}'
    raise InputError(
      _damage(archive, f'it refers to {place}, which does not exist')
    )
  return sum(archive.sizes[:disk]) + offset


def _record(archive: SplitZip, start: int, form: struct.Struct) -> tuple:
  """Reads the record of a form at a position, and checks its signature."""
  data = b''.join(_blocks(archive, start, form.size))
  if data[:4] != _SIGNATURES[form]:
    raise InputError(_damage(archive, f'there is no header at byte {start}'))
  return form.unpack(data)


def _blocks(archive: SplitZip, start: int, count: int) -> Iterator[bytes]:
  """Yields `count` bytes of the joined parts, from position `start` on."""
  for part, size in zip(archive.parts, archive.sizes, strict=True):
    if start >= size:
      start -= size
      continue
    if not count:
      return
    with part.open('rb') as file:
      file.seek(start)
      while count and (data := file.read(min(count, BLOCK))):
        count -= len(data)
        yield data
    start = 0
  if count:
    raise InputError(_damage(archive, f'{count} bytes are missing at its end'))


def _inflate(
  archive: SplitZip, member: Member, blocks: Iterator[bytes]
) -> Iterator[bytes]:
  inflater = zlib.decompressobj(-zlib.MAX_WBITS)
  try:
    for block in blocks:
      while block and not inflater.eof:
        # Without the limit, a block could become a thousand times larger.
        yield inflater.decompress(block, BLOCK)
        block = inflater.unconsumed_tail
    yield inflater.flush()
  except zlib.error as error:
    raise InputError(
      _damage(archive, f'{member.name} cannot be decompressed')
    ) from error


def _damage(archive: SplitZip, text: str) -> str:
  """The message about a damaged archive, of whose parts each may be it."""
  what, again = 'it', 'it'
  if len(archive.parts) > 1:
    what, again = f'{archive.parts[0]} and all other parts', 'them'
  return (
    f'{archive.path} is damaged: {text}; delete {what} and fetch {again} again.'
  )
