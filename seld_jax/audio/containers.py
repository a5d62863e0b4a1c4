"""Finds where the samples of a sound file begin and end, from its header.

libsndfile silently reads a truncated file up to where it ends, and no sample of
a file whose writer stopped before it wrote the size. The headers of WAV (also
RF64), W64, AIFF, CAF and AU files say how long the samples should be, so that
both can be told apart from a complete file.
"""

import io
import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

# Sizes that programs write when they do not know the size, because their output
# goes to a pipe: SoX, FFmpeg, arecord, and recorders on phones.
_STREAMS = (0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFF1000, 0xFFFFFFFF)
_STREAMS_64 = (*_STREAMS, 2**63 - 1, 2**64 - 1)
# Such sizes may include a header of the usual length, or not.
_USUAL_HEADERS = (0, 8, 36, 44)

# Writers of WAV that count a header as samples make the size too large by this.
_EXCESSES = (16, 36, 44)
# Longest header in bytes of which this is likely.
_LONGEST_HEADER = 200

# Chunks that are recognised although their own size is damaged.
_METADATA = (b'LIST', b'id3 ', b'ID3 ', b'bext', b'iXML', b'JUNK', b'cue ')
# Data that other programs append to files of any format.
_APPENDED = (b'TAG', b'ID3', b'APETAGEX')

# Recorders fill a file with zeros to a multiple of the blocks of the disk.
_LONGEST_PADDING = 2**20

# The type of WAV files with Ambisonics in FuMa order and level, as the last 15
# bytes of a GUID that begins with 1 (PCM) or 3 (floating point).
_B_FORMAT = bytes.fromhex('0000002107d3118644c8c1ca000000')


class _Chunks(NamedTuple):
  """How a format divides a file into chunks.

  Attributes:
    start: Position of the first chunk in bytes.
    head: Format of a chunk header, its name and its size, for `struct`.
    data: First bytes of the name of the chunk that holds the samples.
    extra: Bytes in that chunk before the samples.
    whole: Whether the size includes the chunk header.
    align: Chunks begin at multiples of this number of bytes.
  """

  start: int
  head: str
  data: bytes = b'data'
  extra: int = 0
  whole: bool = False
  align: int = 2


# Keys: the first four bytes of a file, and bytes 8 to 12 (None: any).
_WAV = _Chunks(12, '<4sI')
_AIFF = _Chunks(12, '>4sI', data=b'SSND', extra=8)
_KINDS = {
  (b'RIFF', b'WAVE'): _WAV,
  (b'RF64', b'WAVE'): _WAV,
  (b'RIFX', b'WAVE'): _Chunks(12, '>4sI'),
  (b'FORM', b'AIFF'): _AIFF,
  (b'FORM', b'AIFC'): _AIFF,
  (b'caff', None): _Chunks(8, '>4sQ', extra=4, align=1),
  (b'riff', None): _Chunks(40, '<16sQ', whole=True, align=8),  # W64
}


class Samples(NamedTuple):
  """Where the samples of a file are, and what is wrong with their size.

  Attributes:
    first: Position of the first byte.
    declared: Number of bytes that the header promises; None if it says that the
      number is unknown.
    size: Number of bytes that can be read.
    fault: `''`; `'truncated'`: the file ends too early; `'unfinished'`: the
      writer did not complete the header; or `'longer'`: after the samples, the
      file has bytes that do not belong to its format.
    patches: Bytes that must replace those of the file, by their position, so
      that libsndfile reads `size` bytes.
    is_fuma: Whether the header says that the channels are Ambisonics in FuMa
      order and level.
    end: Where the file must end for libsndfile, which would read more of a W64
      file than its header declares; None for the whole file.
  """

  first: int
  declared: int | None
  size: int
  fault: str = ''
  patches: Mapping[int, bytes] = {}
  is_fuma: bool = False
  end: int | None = None


class Overlay(io.RawIOBase):
  """A file for reading in which some bytes are replaced or left out.

  The file stays open when this object is closed.
  """

  def __init__(
    self,
    file: BinaryIO,
    patches: Mapping[int, bytes],
    *,
    size: int | None = None,
  ):
    """Replaces the bytes at the positions `patches` of an open file.

    Args:
      file: The file.
      patches: Other bytes by their position.
      size: Number of bytes of the file that count; None for all.
    """
    self._file, self._patches, self._size = file, patches, size

  def readable(self) -> bool:
    """Returns True."""
    return True

  def seekable(self) -> bool:
    """Returns True."""
    return True

  def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
    """Moves to a position, as `io.IOBase.seek`."""
    if whence == os.SEEK_END and self._size is not None:
      return self._file.seek(self._size + offset)
    return self._file.seek(offset, whence)

  def tell(self) -> int:
    """Returns the position."""
    return self._file.tell()

  def readinto(self, buffer: Any) -> int:
    """Reads into a buffer, as `io.RawIOBase.readinto`."""
    start = self._file.tell()
    most = len(buffer)
    if self._size is not None:
      most = min(most, max(0, self._size - start))
    data = bytearray(self._file.read(most))
    for position, patch in self._patches.items():
      for place, value in enumerate(patch, position - start):
        if 0 <= place < len(data):
          data[place] = value
    buffer[: len(data)] = bytes(data)
    return len(data)


def find_samples(file: BinaryIO) -> Samples | None:
  """Finds the samples of a sound file.

  Args:
    file: The file, open at its beginning.

  Returns:
    The place of the samples; None if the header does not say it, as in
    compressed formats.
  """
  head = file.read(12)
  if head[:4] in (b'.snd', b'dns.') and len(head) == 12:  # AU
    order = '>' if head[:4] == b'.snd' else '<'
    first, declared = struct.unpack(f'{order}4xII', head)
    field = _Field(8, f'{order}I', 0)
    return _judge(file, None, first, declared, field, align=1)
  kind = _KINDS.get((head[:4], head[8:])) or _KINDS.get((head[:4], None))
  return None if kind is None else _find_chunk(file, kind)


class _Field(NamedTuple):
  """The size in a header: its position, format, and bytes beside samples."""

  position: int
  format: str
  extra: int


def _find_chunk(file: BinaryIO, kind: _Chunks) -> Samples | None:
  """Finds the chunk of samples of a format with chunks."""
  position, head_size = kind.start, struct.calcsize(kind.head)
  end = _length(file)
  order, size_format = kind.head[0], kind.head[0] + kind.head[-1]
  field_64: _Field | None = None  # size of the samples in RF64
  align, is_fuma = 1, False
  file.seek(position)
  while len(head := file.read(head_size)) == head_size:
    name, size = struct.unpack(kind.head, head)
    if name == b'ds64':
      field_64 = _Field(position + head_size + 8, '<Q', 0)
    if name == b'fmt ' and len(about := file.read(40)) >= 16:
      align = max(1, struct.unpack(f'{order}12xH', about[:14])[0])
      is_fuma = about[24:25] in (b'\1', b'\3') and about[25:] == _B_FORMAT
    if name.startswith(kind.data):
      field = _Field(
        position + head_size - struct.calcsize(size_format),
        size_format,
        kind.extra + head_size * kind.whole,
      )
      if field_64 is not None and size == 0xFFFFFFFF:
        field = field_64
        file.seek(field.position)
        size = int.from_bytes(file.read(8), 'little')
      first = position + head_size + kind.extra
      found = _judge(file, kind, first, size, field, align=align)
      return found._replace(is_fuma=is_fuma)
    position += max(size, head_size) if kind.whole else head_size + size
    position += -position % kind.align
    if position > end:
      return None
    file.seek(position)
  return None


def _judge(
  file: BinaryIO,
  kind: _Chunks | None,
  first: int,
  size: int,
  field: _Field,
  *,
  align: int,
) -> Samples:
  """Compares the declared size of samples with the length of the file.

  Args:
    file: The file.
    kind: How the file is divided into chunks; None if it is not.
    first: Position of the samples.
    size: The value of the field, which may stand for an unknown size.
    field: The field that has the size.
    align: Bytes of a sample of all channels, or 1 if that is not known.

  Returns:
    The samples.
  """
  there = max(0, _length(file) - first)
  declared = max(0, size - field.extra)
  most = 2 ** (8 * struct.calcsize(field.format)) - 1
  patches = {}
  if there + field.extra <= most:
    value = struct.pack(field.format, there + field.extra)
    patches = {field.position: value}
  follows = declared <= there and _is_end(file, kind, first + declared)
  if _is_stream(size, declared, first, align, wide=most > 2**32):
    # More samples than declared, or another chunk after a size that is right.
    if follows and declared < there:
      return Samples(first, declared, declared)
    # libsndfile does not know all of these sizes in all formats.
    return Samples(first, None, there, patches=patches)
  if not declared and there and not follows:
    return Samples(first, declared, there, 'unfinished', patches)
  if declared > there:
    likely = _EXCESSES
    if first < _LONGEST_HEADER:
      likely = (*likely, first, first - 8)
    if there and kind is _WAV and declared - there in likely:
      return Samples(first, declared, there, 'unfinished', patches)
    return Samples(first, declared, there, 'truncated')
  if follows:
    return Samples(first, declared, declared)
  is_w64 = kind is not None and kind.whole
  end = first + declared if is_w64 else None
  return Samples(first, declared, declared, 'longer', end=end)


def _is_stream(
  size: int, declared: int, first: int, align: int, *, wide: bool
) -> bool:
  """Whether a size stands for an unknown size."""
  for unknown in _STREAMS_64 if wide else _STREAMS:
    for header in (*_USUAL_HEADERS, first, first - 8):
      whole = unknown - header
      if whole in (size, declared) or whole // align * align == declared:
        return True
  return False


def _is_end(file: BinaryIO, kind: _Chunks | None, position: int) -> bool:
  """Whether samples may end here: at the end, padding, or other chunks."""
  end = _length(file)
  starts = {position}
  if kind is not None:
    aligned = position + -position % kind.align
    starts |= {
      _skip_chunks(file, kind, one, end) for one in (aligned, position)
    }
  return any(_is_padding(file, one, end) for one in starts)


def _skip_chunks(file: BinaryIO, kind: _Chunks, position: int, end: int) -> int:
  """The position after all chunks that begin at a position."""
  head_size = struct.calcsize(kind.head)
  while end - position >= head_size:
    file.seek(position)
    name, size = struct.unpack(kind.head, file.read(head_size))
    is_name = all(32 <= one < 127 for one in name[:4])
    if not is_name or name[:4] in (b'RIFF', b'RF64'):
      break
    step = max(size, head_size) if kind.whole else head_size + size
    if position + step > end:
      return end if name[:4] in _METADATA else position
    position += step
    position += -position % kind.align
  return position


def _is_padding(file: BinaryIO, position: int, end: int) -> bool:
  """Whether the rest of a file is known to hold no samples."""
  if end - position > _LONGEST_PADDING:
    return False
  file.seek(position)
  rest = file.read(end - position)
  return rest.startswith(_APPENDED) or not any(rest)


def _length(file: BinaryIO) -> int:
  return file.seek(0, os.SEEK_END)
