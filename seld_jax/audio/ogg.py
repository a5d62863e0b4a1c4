"""Checks that the pages of an OGG file are complete and undamaged.

libsndfile silently leaves out a damaged page, so that all later samples are too
early, and silently reads a truncated file up to where it ends, and the first of
several recordings in one file.
"""

import struct
import zlib
from typing import BinaryIO

# Each byte with its bits in reverse order.
_REVERSED = bytes(int(f'{one:08b}'[::-1], 2) for one in range(256))

_HEADER = struct.Struct('<4sBBqIIIB')
# Flags of the first and of the last page of a stream.
_FIRST, _LAST = 2, 4


def find_damage(file: BinaryIO) -> str:
  """Reads all pages of an OGG file.

  Args:
    file: The file, open at its beginning.

  Returns:
    A clause that says what is wrong, or `''`.
  """
  numbers: dict[int, int] = {}  # of the last page of each stream
  ended: set[int] = set()
  position = 0
  while head := file.read(_HEADER.size):
    complete = bool(numbers) and ended == numbers.keys()
    if complete and not head.startswith(b'OggS'):
      break  # other programs append their data to complete files
    where = f'at byte {position}'
    if len(head) < _HEADER.size or not head.startswith(b'OggS'):
      return f'there is no complete page {where}'
    *_, flags, _, stream, number, checksum, count = _HEADER.unpack(head)
    lengths = file.read(count)
    data = file.read(sum(lengths))
    if len(lengths) < count or len(data) < sum(lengths):
      return f'its page {where} is cut off'
    if _checksum(head[:22] + bytes(4) + head[26:] + lengths + data) != checksum:
      return f'its page {where} has a wrong checksum'
    if flags & _FIRST and complete:
      return f'a second recording begins {where}, which would be left out'
    if stream in numbers and number != numbers[stream] + 1:
      return f'pages are missing before the page {where}'
    numbers[stream] = number
    if flags & _LAST:
      ended.add(stream)
    position += len(head) + count + len(data)
  if ended != numbers.keys():
    return 'its last page is missing'
  return ''


def _checksum(page: bytes) -> int:
  """The CRC of OGG, which is that of zlib with all bits in reverse order."""
  reverse = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
  return int(f'{reverse:032b}'[::-1], 2)
