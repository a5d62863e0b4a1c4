"""Finds where the audio data of a sound file should end, from its header.

libsndfile silently reads a truncated file up to where it ends. The headers of
WAV (also RF64), W64, AIFF, CAF and AU files say how long the data should be, so
that truncation can be detected.
"""

import struct
import sys
from typing import BinaryIO, NamedTuple

# Sizes that stand for "unknown": the writer did not know the size (a stream),
# or another chunk holds it (RF64).
_UNKNOWN = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


class _Chunks(NamedTuple):
  """How a format divides a file into chunks.

  Attributes:
    start: Position of the first chunk in bytes.
    head: Format of a chunk header, its name and its size, for `struct`.
    data: First bytes of the name of the chunk that holds the samples.
    whole: Whether the size includes the chunk header.
    align: Chunks begin at multiples of this number of bytes.
  """

  start: int
  head: str
  data: bytes = b'data'
  whole: bool = False
  align: int = 2


# Keys: the first four bytes of a file, and bytes 8 to 12 (None: any).
_WAV = _Chunks(12, '<4sI')
_KINDS = {
  (b'RIFF', b'WAVE'): _WAV,
  (b'RF64', b'WAVE'): _WAV,
  (b'RIFX', b'WAVE'): _Chunks(12, '>4sI'),
  (b'FORM', b'AIFF'): _Chunks(12, '>4sI', data=b'SSND'),
  (b'FORM', b'AIFC'): _Chunks(12, '>4sI', data=b'SSND'),
  (b'caff', None): _Chunks(8, '>4sQ', align=1),
  (b'riff', None): _Chunks(40, '<16sQ', whole=True, align=8),  # W64
}


def end_of_samples(file: BinaryIO) -> int:
  """The position in bytes where the samples of a sound file should end.

  Args:
    file: The file, open at its beginning.

  Returns:
    The position; 0 when the header does not say it, as in compressed formats
    or in a file that was written as a stream.
  """
  head = file.read(12)
  if head[:4] in (b'.snd', b'dns.') and len(head) == 12:  # AU
    order = '>' if head[:4] == b'.snd' else '<'
    start, size = struct.unpack(f'{order}4xII', head)
    return 0 if size in _UNKNOWN else start + size
  kind = _KINDS.get((head[:4], head[8:])) or _KINDS.get((head[:4], None))
  return 0 if kind is None else _end_of_data(file, kind)


def _end_of_data(file: BinaryIO, kind: _Chunks) -> int:
  position, head_size = kind.start, struct.calcsize(kind.head)
  size_64 = 0  # size of the samples in RF64
  file.seek(position)
  while len(head := file.read(head_size)) == head_size:
    name, size = struct.unpack(kind.head, head)
    if kind.whole:
      size = max(0, size - head_size)
    position += head_size
    if name == b'ds64' and len(sizes := file.read(16)) == 16:
      size_64 = struct.unpack('<8xQ', sizes)[0]
    if name.startswith(kind.data):
      if size in _UNKNOWN:
        size = size_64
        if size in (0, *_UNKNOWN):
          return 0
      return position + size
    position += size
    position += -position % kind.align
    if position > sys.maxsize:  # a damaged size; seek() would fail
      return 0
    file.seek(position)
  return 0
