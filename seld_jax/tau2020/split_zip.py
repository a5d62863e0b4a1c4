"""Reads zip archives, whole or split into parts (.z01, .z02, ..., .zip).

Python's zipfile reads neither a split archive nor its parts joined: where a
file begins is told there by the number of a part and an offset in that part.
"""

import dataclasses
import os
import pathlib
import struct
import zlib
from collections.abc import Iterator

from seld_jax.errors import InputError

# What is read and handed on at a time, in bytes.
BLOCK = 1 << 20

# The records that are read, each with its signature: APPNOTE 6.3.9, sections
# 4.3.7 (local header), 4.3.12 (central directory) and 4.3.14 to 4.3.16 (its
# end, in a form of 64 bits, too).
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
# A number that does not fit is all ones, and given in 64 bits elsewhere.
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
    name: Its path within the archive, with `/` between folders; it is relative
      and leads out of no folder.
    size: Its size in bytes.
    crc: Its CRC-32.
    compressed_size: The bytes it takes in the archive.
    method: How it is compressed: 0 not at all, 8 by deflate.
    start: Where its local header begins, in bytes from the start of the first
      part, all parts laid end to end.
  """

  name: str
  size: int
  crc: int
  compressed_size: int
  method: int
  start: int


@dataclasses.dataclass(frozen=True)
class Archive:
  """An archive, ready to be read.

  Attributes:
    path: The part that holds the end of the directory, named `*.zip`.
    parts: All parts in order; the last is `path`.
    sizes: Their sizes in bytes.
    members: The files in it, in the order of its directory; no folders.
  """

  path: pathlib.Path
  parts: tuple[pathlib.Path, ...]
  sizes: tuple[int, ...]
  members: tuple[Member, ...]


def read(path: str | os.PathLike[str]) -> Archive:
  """Reads the directory of an archive.

  Args:
    path: The last part, `NAME.zip`; the others are `NAME.z01`, `NAME.z02`, ...
      beside it.

  Returns:
    The archive.

  Raises:
    InputError: A part is missing, the directory is damaged, or a file in it
      cannot be unpacked: encrypted, compressed in another way than by deflate,
      or with a path that leads out of the folder it is unpacked to.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise InputError(f'{path} is missing.')
  end, locator = _find_end(path)
  _, last, disk, _, count, size, offset, _ = end
  if last == _SHORT and locator:
    last = max(locator[3], 1) - 1
  earlier = [path.with_suffix(f'.z{i:02d}') for i in range(1, last + 1)]
  lost = [part for part in earlier if not part.is_file()]
  if lost:
    raise InputError(
      f'{lost[0]} is missing: {path} is the last of {last + 1} parts.'
    )
  parts = (*earlier, path)
  sizes = tuple(part.stat().st_size for part in parts)
  archive = Archive(path, parts, sizes, ())
  if locator and ({disk, count} & {_SHORT} or {size, offset} & {_LONG}):
    start = _position(archive, locator[1], locator[2])
    end64 = _record(archive, start, _END64)
    disk, (_, count, size, offset) = end64[5], end64[6:]
  start = _position(archive, disk, offset)
  if start + size > sum(sizes):
    raise InputError(_damage(archive, 'its directory ends behind the archive'))
  directory = b''.join(_blocks(archive, start, size))
  members = tuple(_members(archive, directory, count))
  return dataclasses.replace(archive, members=members)


def chunks(archive: Archive, member: Member) -> Iterator[bytes]:
  """Unpacks a file in pieces, so that it is never whole in memory.

  Args:
    archive: What `read` gave.
    member: One of its members.

  Yields:
    The bytes of the file, about a mebibyte at a time.

  Raises:
    InputError: The file is damaged: its size or CRC-32 is not that of the
      directory. That shows only after the last piece, so what was written of it
      should be thrown away then.
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
    told = f'{member.size} bytes with CRC-32 {member.crc:08x}'
    raise InputError(_damage(archive, f'{member.name} is not of {told}'))


def _find_end(path: pathlib.Path) -> tuple[tuple, tuple | None]:
  """The end of the directory, and what leads to its form of 64 bits, if any."""
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
      continue  # bytes of a comment that look like it
    before = tail[max(0, at - _LOCATOR.size) : at]
    if before[:4] != _SIGNATURES[_LOCATOR]:
      return end, None
    return end, _LOCATOR.unpack(before)
  raise InputError(
    f'{path} is no zip archive, or its end is missing: it has no directory.'
  )


def _members(
  archive: Archive, directory: bytes, count: int
) -> Iterator[Member]:
  """The files that a directory lists."""
  at = 0
  for _ in range(count):
    entry = directory[at : at + _CENTRAL.size]
    if len(entry) < _CENTRAL.size or entry[:4] != _SIGNATURES[_CENTRAL]:
      raise InputError(_damage(archive, 'its directory breaks off'))
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
        'deflate (8) and none (0) are known.'
      )
    start = _position(archive, disk, offset)
    yield Member(name, size, crc, compressed_size, method, start)


def _wide(archive: Archive, extra: bytes, numbers: list[int]) -> list[int]:
  """Size, compressed size, offset and part, where 64 bits tell them instead."""
  limits = (_LONG, _LONG, _LONG, _SHORT)
  wide = [i for i, limit in enumerate(limits) if numbers[i] == limit]
  form = struct.Struct('<' + ''.join('QQQL'[i] for i in wide))
  at = 0
  while at + 4 <= len(extra):
    kind, length = struct.unpack_from('<2H', extra, at)
    if kind == _EXTRA64:
      if length < form.size or at + 4 + length > len(extra):
        raise InputError(_damage(archive, 'its directory has half a number'))
      for i, number in zip(wide, form.unpack_from(extra, at + 4), strict=True):
        numbers[i] = number
      break
    at += 4 + length
  return numbers


def _check_path(archive: Archive, name: str) -> None:
  """Refuses names that would be written elsewhere than asked for."""
  steps = name.split('/')
  if (
    not name
    or name.startswith('/')
    or '..' in steps
    or any(character in name for character in ('\\', '\0'))
    or name[1:2] == ':'
  ):
    raise InputError(
      f'{archive.path} holds a file with the path {name!r}, which leads out of '
      'the folder that it is unpacked to.'
    )


def _position(archive: Archive, disk: int, offset: int) -> int:
  """Bytes from the start of the first part."""
  if disk >= len(archive.parts) or offset > archive.sizes[disk]:
    place = f'byte {offset} of part {disk + 1}'
    raise InputError(_damage(archive, f'it names {place}, which is not there'))
  return sum(archive.sizes[:disk]) + offset


def _record(archive: Archive, start: int, form: struct.Struct) -> tuple:
  data = b''.join(_blocks(archive, start, form.size))
  if data[:4] != _SIGNATURES[form]:
    raise InputError(_damage(archive, f'there is no header at byte {start}'))
  return form.unpack(data)


def _blocks(archive: Archive, start: int, count: int) -> Iterator[bytes]:
  """So many bytes from there on, from as many parts as they lie in."""
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
  archive: Archive, member: Member, blocks: Iterator[bytes]
) -> Iterator[bytes]:
  inflater = zlib.decompressobj(-zlib.MAX_WBITS)
  try:
    for block in blocks:
      while block and not inflater.eof:
        # Without the limit, a block could become a thousand times as long.
        yield inflater.decompress(block, BLOCK)
        block = inflater.unconsumed_tail
    yield inflater.flush()
  except zlib.error as error:
    raise InputError(_damage(archive, f'{member.name} is broken')) from error


def _damage(archive: Archive, text: str) -> str:
  return f'{archive.path} is damaged: {text}.'
