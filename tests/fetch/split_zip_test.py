"""Split archives return the files that were put in, or an InputError."""

import dataclasses
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import tracemalloc
import zipfile
import zlib

import pytest
from helpers.archive_server import DEFLATED, STORED, write_split_zip
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax.errors import InputError
from seld_jax.fetch import split_zip

NAMES = st.lists(
  st.text('abcäß', min_size=1, max_size=3), min_size=1, max_size=3
).map('/'.join)
MEMBERS = st.dictionaries(
  NAMES,
  st.tuples(
    st.one_of(
      st.binary(max_size=300),
      st.binary(min_size=1, max_size=3).map(lambda data: data * 700),
    ),
    st.sampled_from([STORED, DEFLATED]),
  ),
  max_size=6,
).map(lambda files: [(name, *rest) for name, rest in files.items()])


def contents(path):
  """Returns name and bytes of each file, in order."""
  archive = split_zip.read(path)
  return [
    (member.name, b''.join(split_zip.chunks(archive, member)))
    for member in archive.members
  ]


def noise(count, *, seed=0):
  return random.Random(seed).randbytes(count)


@settings(max_examples=150, deadline=None)
@given(
  members=MEMBERS,
  room=st.lists(st.integers(5, 400), max_size=8),
  zip64=st.booleans(),
  whole=st.booleans(),
  comment=st.sampled_from([b'', b'PK\5\6', b'PK\5\6' + b'\1' * 18, b'a' * 300]),
)
def test_files_are_read_as_they_were_written(
  members, room, zip64, whole, comment
):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'some.zip')
    parts = write_split_zip(
      path, members, room=room, zip64=zip64, whole=whole, comment=comment
    )
    archive = split_zip.read(path)
    assert archive.parts == tuple(parts)
    assert contents(path) == [(name, data) for name, data, _ in members]
    for member, (_, data, method) in zip(archive.members, members, strict=True):
      assert (member.size, member.crc) == (len(data), zlib.crc32(data))
      assert member.method == method


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_harmless(data):
  members = [
    ('a/one', noise(90), STORED),
    ('a/two', b'two' * 60, DEFLATED),
    ('three', b'', STORED),
  ]
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'some.zip')
    zip64 = data.draw(st.booleans())
    parts = write_split_zip(path, members, room=(70, 90), zip64=zip64)
    part = data.draw(st.sampled_from(parts))
    raw = bytearray(part.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    part.write_bytes(raw)
    found = []
    try:
      found = contents(path)
    except InputError as error:
      assert len(str(error).splitlines()) == 1
    # No checksum protects the names, so that they may have changed.
    known = {content for _, content, _ in members}
    assert {content for _, content in found} <= known


@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_python_are_read(method, tmp_path):
  files = {'a/b.wav': noise(5000), 'a/ü.csv': b'1,2\n' * 900, 'c': b''}
  path = tmp_path / 'some.zip'
  with zipfile.ZipFile(path, 'w', method) as file:
    file.mkdir('a')
    for name, data in files.items():
      file.writestr(name, data)
    file.comment = b'PK\5\6 says nothing'
  assert dict(contents(path)) == files


@pytest.mark.skipif(not shutil.which('zip'), reason='needs zip of Info-ZIP')
@pytest.mark.parametrize('zip64', [False, True])
def test_split_archives_of_info_zip_are_read(zip64, tmp_path):
  files = {f'foa_dev/{i}.wav': noise(40_000, seed=i) for i in range(6)}
  files['foa_dev/long.csv'] = b'0,1,2,30,-40\n' * 9000
  for name, data in files.items():
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(data)
  subprocess.run(
    ['zip', '-qr', *['-fz'] * zip64, '-s', '64k', 'foa_dev.zip', 'foa_dev'],
    cwd=tmp_path,
    check=True,
  )
  archive = split_zip.read(tmp_path / 'foa_dev.zip')
  assert [part.name for part in archive.parts] == [
    'foa_dev.z01',
    'foa_dev.z02',
    'foa_dev.z03',
    'foa_dev.zip',
  ]
  assert dict(contents(tmp_path / 'foa_dev.zip')) == files


@pytest.mark.skipif(not shutil.which('zip'), reason='needs zip of Info-ZIP')
@pytest.mark.parametrize('zip64', [False, True])
def test_info_zip_reads_the_split_archives_of_these_tests(zip64, tmp_path):
  """Otherwise the tests that use them would prove little."""
  members = [
    (f'a/{i}.wav', noise(3000, seed=i), (STORED, DEFLATED)[i % 2])
    for i in range(5)
  ]
  write_split_zip(
    tmp_path / 'some.zip', members, room=(2000, 5000, 4000), zip64=zip64
  )
  done = subprocess.run(
    ['zip', '-s', '0', 'some.zip', '--out', 'joined.zip'],
    cwd=tmp_path,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stdout
  with zipfile.ZipFile(tmp_path / 'joined.zip') as file:
    found = [(name, file.read(name)) for name in file.namelist()]
  assert found == [(name, data) for name, data, _ in members]


def test_a_file_is_never_whole_in_memory(tmp_path):
  path = tmp_path / 'some.zip'
  data = bytes(5 * split_zip.BLOCK + 3)  # deflate makes it 1000 times smaller
  write_split_zip(path, [('zeros', data, DEFLATED), ('same', data, STORED)])
  archive = split_zip.read(path)
  for member in archive.members:
    lengths = [len(chunk) for chunk in split_zip.chunks(archive, member)]
    assert sum(lengths) == len(data)
    assert max(lengths) <= split_zip.BLOCK


def test_a_missing_part_is_named(tmp_path):
  path = tmp_path / 'some.zip'
  parts = write_split_zip(path, [('a', noise(300), STORED)], room=(100, 100))
  assert len(parts) > 2
  parts[1].unlink()
  with pytest.raises(InputError, match=r'some\.z02 is missing: .*of \d parts'):
    split_zip.read(path)
  with pytest.raises(InputError, match=r'none\.zip is missing'):
    split_zip.read(tmp_path / 'none.zip')


@pytest.mark.parametrize('data', [b'', b'not a zip archive' * 9, b'PK\5\6'])
def test_a_file_that_is_not_an_archive_is_refused(data, tmp_path):
  path = tmp_path / 'some.zip'
  path.write_bytes(data)
  with pytest.raises(InputError, match='is not a zip archive'):
    split_zip.read(path)


def test_a_truncated_part_is_refused(tmp_path):
  path = tmp_path / 'some.zip'
  parts = write_split_zip(path, [('a', noise(300), STORED)], room=(100, 100))
  parts[1].write_bytes(parts[1].read_bytes()[:-1])
  with pytest.raises(InputError, match='damaged'):
    contents(path)


def test_damage_is_reported_after_the_last_piece(tmp_path):
  path = tmp_path / 'some.zip'
  write_split_zip(path, [('a', noise(300), STORED)])
  archive = split_zip.read(path)
  member = dataclasses.replace(archive.members[0], crc=7)
  pieces = split_zip.chunks(archive, member)
  assert next(pieces) == noise(300)
  with pytest.raises(InputError, match='have 300 bytes with CRC-32 00000007'):
    next(pieces)


@pytest.mark.parametrize('method', [STORED, DEFLATED])
def test_more_bytes_than_the_directory_says_are_not_yielded(method, tmp_path):
  path = tmp_path / 'some.zip'
  write_split_zip(path, [('a', noise(300), method)])
  archive = split_zip.read(path)
  member = dataclasses.replace(archive.members[0], size=200)
  with pytest.raises(InputError, match='a should have 200 bytes'):
    list(split_zip.chunks(archive, member))


@pytest.mark.parametrize(
  'name', ['/etc/x', '../x', 'a/../../x', 'a\\..\\x', 'C:/x', 'a/..', 'a\0b']
)
def test_paths_that_lead_out_of_the_folder_are_refused(name, tmp_path):
  path = tmp_path / 'some.zip'
  write_split_zip(path, [('good', b'', STORED), (name, b'bad', STORED)])
  with pytest.raises(InputError, match='leads out of the folder'):
    split_zip.read(path)


@pytest.mark.parametrize('name', ['.', './.', 'a/.'])
def test_a_folder_cannot_be_a_file(name, tmp_path):
  path = tmp_path / 'some.zip'
  write_split_zip(path, [(name, b'bad', STORED)])
  with pytest.raises(InputError, match='which is a folder'):
    split_zip.read(path)


def test_all_parts_of_a_damaged_archive_are_named(tmp_path):
  path = tmp_path / 'some.zip'
  parts = write_split_zip(path, [('a', noise(300), STORED)], room=(200,))
  raw = bytearray(parts[0].read_bytes())
  raw[-1] ^= 1
  parts[0].write_bytes(raw)
  with pytest.raises(
    InputError, match=r'delete .*some\.z01 and all other parts'
  ):
    contents(path)


def end_record(*, disk=0, size=0):
  return struct.pack('<4s4H2LH', b'PK\5\6', disk, 0, 1, 1, size, 0, 0)


def test_an_end_without_room_for_a_locator_is_read(tmp_path):
  path = tmp_path / 'some.zip'
  path.write_bytes(b'PK\6\7' + end_record())
  with pytest.raises(InputError, match='its directory is incomplete'):
    split_zip.read(path)


def test_parts_that_are_only_announced_take_no_memory(tmp_path):
  path = tmp_path / 'some.zip'
  locator = struct.pack('<4sLQL', b'PK\6\7', 0, 0, 2**32 - 1)
  path.write_bytes(locator + end_record(disk=0xFFFF))
  with pytest.raises(InputError, match=r'some\.z01 is missing'):
    split_zip.read(path)


def test_a_directory_of_any_size_is_not_read(tmp_path):
  path = tmp_path / 'some.zip'
  size = 2**29
  with path.open('wb') as file:
    file.truncate(size)  # takes no space on the disk
    file.seek(size)
    file.write(end_record(size=size))
  tracemalloc.start()
  try:
    with pytest.raises(InputError, match='536,870,912 bytes, which is too'):
      split_zip.read(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
  finally:
    tracemalloc.stop()


@pytest.mark.parametrize(
  ('field', 'value', 'expected'),
  [(8, 1, 'a is encrypted'), (10, 12, 'compressed by method 12')],
)
def test_files_that_cannot_be_unpacked_are_refused(
  field, value, expected, tmp_path
):
  path = tmp_path / 'some.zip'
  write_split_zip(path, [('a', b'bytes', STORED)])
  raw = bytearray(path.read_bytes())
  struct.pack_into('<H', raw, raw.index(b'PK\1\2') + field, value)
  path.write_bytes(raw)
  with pytest.raises(InputError, match=expected):
    split_zip.read(path)
