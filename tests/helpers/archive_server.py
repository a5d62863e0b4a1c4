"""Split archives, a local server that serves them, and a disk that is full."""

import contextlib
import errno
import hashlib
import http.server
import io
import json
import pathlib
import struct
import threading
import zlib

STORED = 0
DEFLATED = 8


def write_split_zip(
  path, members, *, room=(), zip64=False, whole=True, comment=b''
):
  """Writes an archive in parts, following PKWARE's APPNOTE 6.3.9.

  Args:
    path: The last part, `*.zip`; the others are `*.z01`, ... beside it.
    members: (name, bytes, method) of each file.
    room: Size of each part in bytes; the last part takes the rest.
    zip64: Whether all numbers have 64 bits.
    whole: Whether every header is in one part, as the format demands.
    comment: Comment of the archive.

  Returns:
    The parts in order.
  """
  room = list(room)
  parts = [bytearray(b'PK\7\10' if room else b'')]

  def left():
    return room[len(parts) - 1] - len(parts[-1]) if room else 1 << 60

  def put(data, *, together=False) -> tuple[int, int]:
    """Appends bytes; returns the part and the offset at which they begin."""
    if together and left() < len(data) and parts[-1] and advance():
      return put(data, together=True)
    place = None
    while True:
      fits = len(data) if together else max(0, left())
      if place is None and (fits or not data):
        place = len(parts) - 1, len(parts[-1])
      parts[-1] += data[:fits]
      data = data[fits:]
      if place is not None and not data:
        return place
      advance()

  def advance():
    parts.append(bytearray())
    if len(parts) > len(room):
      room.append(1 << 60)
    return True

  directory = []
  for name, data, method in members:
    body = data
    if method == DEFLATED:
      deflater = zlib.compressobj(wbits=-15)
      body = deflater.compress(data) + deflater.flush()
    flags = 0 if name.isascii() else 1 << 11
    raw = name.encode()
    crc = zlib.crc32(data)
    sizes = (len(body), len(data))
    header = (45 if zip64 else 20, flags, method, 0, 0, crc)
    local = struct.pack('<4s5H3L2H', b'PK\3\4', *header, *sizes, len(raw), 4)
    # An extra field that the entry in the directory does not have.
    place = put(local + raw + b'\x99\x99\0\0', together=whole)
    put(body)
    disk, offset = place
    extra = b''
    if zip64:
      wide = struct.pack('<QQQL', len(data), len(body), offset, disk)
      extra = b'\x77\x77\1\0!' + struct.pack('<2H', 1, len(wide)) + wide
      sizes, disk, offset = (0xFFFFFFFF,) * 2, 0xFFFF, 0xFFFFFFFF
    lengths = (len(raw), len(extra), 3)
    directory.append(
      struct.pack(
        '<4s6H3L5H2L',
        *(b'PK\1\2', 45, *header, *sizes, *lengths, disk, 0, 0, offset),
      )
      + raw
      + extra
      + b'why'
    )
  places = [put(entry, together=whole) for entry in directory]
  # The records that end the directory are together in the last part. The
  # directory itself may begin there, too.
  size, count = sum(map(len, directory)), len(directory)
  length = 22 + len(comment) + (76 if zip64 else 0)
  if room and left() < length and parts[-1]:
    advance()
  if not places:
    places = [(len(parts) - 1, len(parts[-1]))]
  last, (disk, offset) = len(parts) - 1, places[0]
  here = sum(place[0] == last for place in places) if count else 0
  if zip64:
    end64 = len(parts[-1])
    parts[-1] += struct.pack(
      '<4sQ2H2L4Q',
      *(b'PK\6\6', 44, 45, 45, last, disk, here, count, size, offset),
    )
    parts[-1] += struct.pack('<4sLQL', b'PK\6\7', last, end64, last + 1)
    disk = here = count = 0xFFFF
    size = offset = 0xFFFFFFFF
  numbers = (last, disk, here, count, size, offset, len(comment))
  parts[-1] += struct.pack('<4s4H2LH', b'PK\5\6', *numbers) + comment
  path = pathlib.Path(path)
  paths = [path.with_suffix(f'.z{i:02d}') for i in range(1, len(parts))]
  paths.append(path)
  for one, data in zip(paths, parts, strict=True):
    one.write_bytes(data)
  return paths


def md5(data):
  return hashlib.md5(data).hexdigest()


def put_archive(server, path, contents, *, room=(), method=STORED):
  """Puts an archive on a server, in parts if there is room for each.

  Args:
    server: From `serving`.
    path: Where the archive is written, `*.zip`; it is deleted again.
    contents: The bytes of each file, by name.
    room: See `write_split_zip`.
    method: How the files are compressed.

  Returns:
    The MD5 of each part, by file name.
  """
  members = [(name, data, method) for name, data in contents.items()]
  checksums = {}
  for part in write_split_zip(path, members, room=room):
    data = server.files[part.name] = part.read_bytes()
    checksums[part.name] = md5(data)
    part.unlink()
  return checksums


def put_record(server, number, names):
  """Puts the list of some files of a server on it, as a record has it."""
  listed = [
    {
      'key': name,
      'size': len(server.files[name]),
      'checksum': f'md5:{md5(server.files[name])}',
    }
    for name in names
  ]
  text = json.dumps({'id': number, 'files': listed})
  server.files[str(number)] = text.encode()


class Server(http.server.ThreadingHTTPServer):
  """Serves files on the loopback interface; tests choose how it fails.

  Attributes:
    files: The bytes of each file, by name.
    log: (method, name, Range) of each request.
    agents: User-Agent of each request.
    cuts: After how many bytes the connection of each next answer is cut; None
      for an answer that is not cut.
    answers: (status, headers) of the next answers, instead of files.
    ranges: Whether ranges of bytes are served; `'wrong'` for another range
      than requested.
    heads: Whether HEAD requests are answered with the size.
    lengths: Whether answers with a body declare its length; a string to
      declare that instead.
    redirects: (path, body) of the next answers, which lead to another path.
    go_on: None, or an event to wait for before a connection is cut.
  """

  daemon_threads = True

  def __init__(self):
    super().__init__(('127.0.0.1', 0), _Handler)
    self.files = {}
    self.log = []
    self.agents = []
    self.cuts = []
    self.answers = []
    self.ranges = True
    self.heads = True
    self.lengths = True
    self.redirects = []
    self.go_on = None

  @property
  def url(self):
    return f'http://127.0.0.1:{self.server_port}'

  def gets(self):
    return [entry[1:] for entry in self.log if entry[0] == 'GET']


class _Handler(http.server.BaseHTTPRequestHandler):
  server: Server

  def log_message(self, *_):
    pass

  def do_HEAD(self):
    self._answer('HEAD')

  def do_GET(self):
    self._answer('GET')

  def _answer(self, method):
    server = self.server
    name = self.path.rpartition('/')[2]
    asked = self.headers.get('Range')
    server.log.append((method, name, asked))
    server.agents.append(self.headers.get('User-Agent'))
    if method == 'HEAD' and not server.heads:
      return self._head(405)
    if server.answers:
      status, headers = server.answers.pop(0)
      return self._head(status, **headers)
    if server.redirects:
      path, body = server.redirects.pop(0)
      self._head(302, Location=path)
      with contextlib.suppress(ConnectionError):
        for part in body:
          self.wfile.write(part)
      return None
    data = server.files.get(name)
    if data is None:
      return self._head(404)
    status, begin, headers = 200, 0, {}
    if asked and server.ranges:
      begin = int(asked.removeprefix('bytes=').removesuffix('-'))
      if begin >= len(data):
        return self._head(416, Content_Range=f'bytes */{len(data)}')
      if server.ranges == 'wrong':
        begin += 1
      status = 206
      end = f'{len(data) - 1}/{len(data)}'
      headers['Content_Range'] = f'bytes {begin}-{end}'
    body = data[begin:]
    if server.lengths is True:
      headers['Content_Length'] = str(len(body))
    elif server.lengths:
      headers['Content_Length'] = server.lengths
    self._head(status, **headers)
    if method == 'HEAD':
      return None
    cut = server.cuts.pop(0) if server.cuts else None
    with contextlib.suppress(ConnectionError):
      self.wfile.write(body[:cut])
      if cut is not None and server.go_on is not None:
        self.wfile.flush()
        server.go_on.wait(10)
    return None

  def _head(self, status, **headers):
    self.send_response(status)
    for name, value in headers.items():
      self.send_header(name.replace('_', '-'), value)
    self.end_headers()


@contextlib.contextmanager
def serving():
  """Yields a server that runs in a thread."""
  server = Server()
  thread = threading.Thread(target=server.serve_forever, args=(0.01,))
  thread.start()
  try:
    yield server
  finally:
    if server.go_on is not None:
      server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def fill_disk(monkeypatch, room):
  """Lets only `room` more bytes be written, as on a disk that gets full."""
  left = [room]
  real = pathlib.Path.open

  class Full(io.FileIO):
    def write(self, data):
      fits = memoryview(data)[: left[0]]
      if len(data) and not fits:
        raise OSError(errno.ENOSPC, 'No space left on device')
      left[0] -= len(fits)
      return super().write(fits)

  def open(path, mode='r', *arguments, **options):
    if mode in ('wb', 'ab'):
      return io.BufferedWriter(Full(path, mode.strip('b')))
    return real(path, mode, *arguments, **options)

  monkeypatch.setattr(pathlib.Path, 'open', open)
