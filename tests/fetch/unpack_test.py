"""Unpacking writes whole files, none twice, and replaces no other files."""

import pathlib
import random
import types

import pytest
from helpers.archive_server import DEFLATED, STORED, fill_disk, write_split_zip

from seld_jax.errors import InputError
from seld_jax.fetch import split_zip, unpack

FILES = {
  'foa_dev/one.wav': random.Random(1).randbytes(3000),
  'foa_dev/two.wav': random.Random(2).randbytes(3000),
  'foa_dev/three.wav': b'three' * 600,
}


@pytest.fixture
def path(tmp_path):
  members = [
    (name, data, (STORED, DEFLATED)[i % 2])
    for i, (name, data) in enumerate(FILES.items())
  ]
  path = tmp_path / 'foa_dev.zip'
  write_split_zip(path, members, room=(2000, 2000))
  return path


@pytest.fixture
def out(tmp_path):
  return tmp_path / 'out'


def found(out):
  """Returns the bytes of all files below a folder."""
  return {
    str(path.relative_to(out)): path.read_bytes()
    for path in out.rglob('*')
    if path.is_file()
  }


def inodes(out):
  return {path.name: path.stat().st_ino for path in out.rglob('*.wav')}


def test_all_files_are_unpacked(path, out):
  out.mkdir()
  noted = unpack.unpack(path, out, folder='foa_dev')
  assert found(out) == FILES
  assert {name: size for name, (size, _) in noted.items()} == {
    name: len(data) for name, data in FILES.items()
  }


def place(*names, folder='foa_dev'):
  members = tuple(split_zip.Member(name, 0, 0, 0, 0, 0) for name in names)
  placed = unpack.place(members, folder=folder)
  return {member.name: name for name, member in placed.items()}


def test_a_folder_of_the_name_is_kept_and_other_files_go_beside_it():
  assert place('foa_dev/a.wav', 'info.txt', 'foa_dev/b/c.wav') == {
    'foa_dev/a.wav': 'foa_dev/a.wav',
    'info.txt': 'info.txt',
    'foa_dev/b/c.wav': 'foa_dev/b/c.wav',
  }


def test_folders_above_it_are_dropped():
  assert place('proj/data/foa_dev/a.wav', 'proj/data/info.txt') == {
    'proj/data/foa_dev/a.wav': 'foa_dev/a.wav',
    'proj/data/info.txt': 'info.txt',
  }


def test_folders_within_it_are_kept():
  """STARSS and the dataset of 2025 have a folder for each site and split."""
  names = ['foa_dev/dev-train-sony/a.wav', './x/foa_dev/dev-test-tau/b.wav']
  assert place(*names) == {
    names[0]: 'foa_dev/dev-train-sony/a.wav',
    names[1]: 'foa_dev/dev-test-tau/b.wav',
  }
  assert place('all/dev-train-sony/a.wav', 'all/dev-test-tau/a.wav') == {
    'all/dev-train-sony/a.wav': 'foa_dev/dev-train-sony/a.wav',
    'all/dev-test-tau/a.wav': 'foa_dev/dev-test-tau/a.wav',
  }


@pytest.mark.parametrize('above', ['', 'other/', 'proj/foa/'])
def test_without_such_a_folder_all_files_go_into_it(above):
  name = f'{above}a.wav'
  assert place(name) == {name: 'foa_dev/a.wav'}
  # A file with this name is not a folder.
  assert place(f'{above}foa_dev') == {f'{above}foa_dev': 'foa_dev/foa_dev'}


def test_hidden_files_and_those_of_macos_are_left_out():
  names = ['__MACOSX/foa_dev/._a.wav', 'foa_dev/.DS_Store', '.hidden']
  names += ['foa_dev/.ipynb_checkpoints/a.wav']
  assert place('foa_dev/a.wav', *names) == {'foa_dev/a.wav': 'foa_dev/a.wav'}


def test_two_files_cannot_have_the_same_path():
  text = r'foa_dev/a\.wav and y/foa_dev/a\.wav of the same archive'
  with pytest.raises(InputError, match=text):
    place('foa_dev/a.wav', 'y/foa_dev/a.wav')


def test_files_that_are_there_are_not_written_again(path, out):
  out.mkdir()
  noted = unpack.unpack(path, out, folder='foa_dev')
  before = inodes(out)
  (out / 'foa_dev/two.wav').rename(out / 'away')  # keeps its inode in use
  unpack.unpack(path, out, folder='foa_dev')
  after = inodes(out)
  assert {name for name in before if after[name] != before[name]} == {'two.wav'}
  assert unpack.unpack(path, out, folder='foa_dev', noted=noted) == noted
  assert inodes(out) == after


def test_files_of_another_origin_are_not_replaced(path, out):
  other = out / 'foa_dev' / 'two.wav'
  other.parent.mkdir(parents=True)
  for data in b'mine', bytes(3000):  # the second has the same size
    other.write_bytes(data)
    with pytest.raises(InputError, match=r'two\.wav is there already and diff'):
      unpack.unpack(path, out, folder='foa_dev')
    assert other.read_bytes() == data


def test_a_note_beside_the_folder_is_not_replaced(tmp_path, out, caplog):
  """Several archives of a dataset can have a note of the same name."""
  write_split_zip(
    tmp_path / 'foa_dev.zip',
    [('foa_dev/a.wav', b'sound', STORED), ('README.md', b'new', STORED)],
  )
  out.mkdir()
  (out / 'README.md').write_bytes(b'mine')
  noted = unpack.unpack(tmp_path / 'foa_dev.zip', out, folder='foa_dev')
  assert list(noted) == ['foa_dev/a.wav']
  assert found(out) == {'foa_dev/a.wav': b'sound', 'README.md': b'mine'}
  assert 'README.md of foa_dev.zip is not unpacked: ' in caplog.text


def test_truncated_files_of_an_earlier_call_are_replaced(path, out):
  out.mkdir()
  noted = unpack.unpack(path, out, folder='foa_dev')
  (out / 'foa_dev/two.wav').write_bytes(b'')
  unpack.unpack(path, out, folder='foa_dev', noted=noted)
  assert found(out) == FILES


def test_a_full_disk_leaves_no_incomplete_file(path, out, monkeypatch):
  out.mkdir()
  with monkeypatch.context() as patch:
    fill_disk(patch, 4000)
    with pytest.raises(InputError) as error:
      unpack.unpack(path, out, folder='foa_dev')
  text = str(error.value)
  assert text.startswith(f'{out}/foa_dev/two.wav could not be written: ')
  assert text.endswith(
    'is full; free 6e-06 GB and start again: unpacking will resume.'
  )
  assert list(found(out)) == ['foa_dev/one.wav']
  before = inodes(out)
  unpack.unpack(path, out, folder='foa_dev')
  assert found(out) == FILES
  assert inodes(out).items() > before.items()


def test_a_disk_that_is_too_small_is_refused_before_it_is_full(
  path, out, monkeypatch
):
  out.mkdir()

  def usage(folder):
    assert pathlib.Path(folder) == out
    return types.SimpleNamespace(free=6000)

  monkeypatch.setattr(unpack.shutil, 'disk_usage', usage)
  with pytest.raises(InputError) as error:
    unpack.unpack(path, out, folder='foa_dev')
  assert str(error.value) == (
    f'{out} needs 9e-06 GB more, but its disk has 6e-06 GB left: free 3e-06 GB.'
  )
  assert not found(out)


def test_a_damaged_file_does_not_appear(path, out):
  out.mkdir()
  first = path.with_suffix('.z01')
  raw = bytearray(first.read_bytes())
  raw[1000] ^= 1
  first.write_bytes(raw)
  with pytest.raises(InputError, match=r'damaged: foa_dev/one\.wav should h'):
    unpack.unpack(path, out, folder='foa_dev')
  assert not found(out)
