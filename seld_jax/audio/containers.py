"""Where the samples of a sound file should end, by its own header.

libsndfile reads a file that was cut off without a word, as far as it goes. WAV
(RF64, too), W64, AIFF, CAF and AU files say how long they should be.
"""

import struct
import sys
from typing import BinaryIO, NamedTuple

# The size of data whose writer did not know it (a stream), or that stands in
# another chunk (RF64).
_UNKNOWN = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


class _Chunks(NamedTuple):
  """How a file is made of chunks.

  Attributes:
    start: Bytes before the first chunk.
    head: What a chunk begins with, its name and its size, for `struct`.
    data: What the name of the chunk of samples begins with.
    whole: Whether the size counts the head.
    align: Chunks begin at a multiple of so many bytes.
  """

  start: int
  head: str
  data: bytes = b'data'
  whole: bool = False
  align: int = 2


# By what a file begins with, and what stands in bytes 8 to 12 of it.
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
  """Where the samples of a sound file should end.

  Args:
    file: The file, read from its beginning.

  Returns:
    The place in bytes; 0 when the header does not say, as in compressed
    formats, or in a file that was written as a stream.
  """
  head = file.read(12)
  if head[:4] in (b'.snd', b'dns.') and len(head) == 12:  # AU, either order
    order = '>' if head[:4] == b'.snd' else '<'
    start, size = struct.unpack(f'{order}4xII', head)
    return 0 if size in _UNKNOWN else start + size
  kind = _KINDS.get((head[:4], head[8:])) or _KINDS.get((head[:4], None))
  return 0 if kind is None else _end_of_data(file, kind)


def _end_of_data(file: BinaryIO, kind: _Chunks) -> int:
  position, head_size = kind.start, struct.calcsize(kind.head)
  wide = 0  # the size of the samples in RF64
  file.seek(position)
  while len(head := file.read(head_size)) == head_size:
    name, size = struct.unpack(kind.head, head)
    if kind.whole:
      size = max(0, size - head_size)
    position += head_size
    if name == b'ds64' and len(sizes := file.read(16)) == 16:
      wide = struct.unpack('<8xQ', sizes)[0]
    if name.startswith(kind.data):
      if size in _UNKNOWN:
        size = wide
        if size in (0, *_UNKNOWN):
          return 0
      return position + size
    position += size
    position += -position % kind.align
    if position > sys.maxsize:  # nonsense, and no place to go to
      return 0
    file.seek(position)
  return 0
