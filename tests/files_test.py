"""A file is there whole or not at all."""

import errno
import os
import stat
import threading

import pytest

from seld_jax import files
from seld_jax.errors import InputError


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_replaces_when_the_block_succeeds(tmp_path):
  path = tmp_path / 'scores.json'
  path.write_text('old')
  with files.atomic(path) as temporary:
    temporary.write_text('new')
    assert path.read_text() == 'old', 'nobody sees the file half written'
    assert temporary.parent == path.parent, 'a rename must not cross disks'
    assert temporary.suffix == path.suffix
    assert temporary.name.startswith('.')
  assert path.read_text() == 'new'
  assert names(tmp_path) == ['scores.json']


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_leaves_nothing_behind_when_the_block_raises(error, tmp_path):
  path = tmp_path / 'scores.json'
  path.write_text('old')
  with pytest.raises(error), files.atomic(path) as temporary:
    temporary.write_text('half of')
    raise error
  assert path.read_text() == 'old'
  assert names(tmp_path) == ['scores.json']


def test_a_file_that_was_not_there_does_not_appear(tmp_path):
  with pytest.raises(ValueError), files.atomic(tmp_path / 'new') as temporary:
    temporary.write_text('half of')
    raise ValueError
  assert names(tmp_path) == []


@pytest.mark.parametrize('mask', [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(mask, tmp_path):
  before = os.umask(mask)
  try:
    files.write_text(tmp_path / 'file', 'text')
    assert os.umask(mask) == mask, 'the umask is left as it was'
  finally:
    os.umask(before)
  mode = stat.S_IMODE((tmp_path / 'file').stat().st_mode)
  assert mode == 0o666 & ~mask


def test_missing_folders_are_made(tmp_path):
  path = tmp_path / 'a' / 'b' / 'file.txt'
  files.write_text(path, 'grüße\n')
  assert path.read_bytes() == 'grüße\n'.encode()


def test_a_folder_that_is_a_file_is_named(tmp_path):
  (tmp_path / 'runs').write_text('')
  for path in tmp_path / 'runs' / 'x', tmp_path / 'runs' / 'quick' / 'x':
    with pytest.raises(InputError, match='could not be written') as error:
      files.write_text(path, 'text')
    assert str(path) in str(error.value)


def test_a_file_that_is_a_folder_is_named(tmp_path):
  (tmp_path / 'scores.json').mkdir()
  with pytest.raises(InputError, match=r'scores\.json could not be written'):
    files.write_text(tmp_path / 'scores.json', 'text')
  assert names(tmp_path) == ['scores.json']


def test_a_full_disk_says_so(tmp_path):
  path = tmp_path / 'file'
  with pytest.raises(InputError, match='is full'), files.atomic(path):
    raise OSError(errno.ENOSPC, 'No space left on device')
  assert names(tmp_path) == []


def test_other_errors_of_the_system_are_not_disguised(tmp_path):
  with pytest.raises(OSError, match='broken') as error:  # noqa: SIM117
    with files.atomic(tmp_path / 'file'):
      raise OSError(errno.EIO, 'broken')
  assert not isinstance(error.value, InputError)


def test_writers_at_the_same_time_do_not_disturb_each_other(tmp_path):
  """The last one wins, and what it wrote is whole."""
  texts = [str(digit) * 10000 for digit in range(8)]
  start = threading.Barrier(len(texts))

  def work(text):
    start.wait()
    for _ in range(20):
      files.write_text(tmp_path / 'file', text)

  threads = [threading.Thread(target=work, args=(text,)) for text in texts]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert (tmp_path / 'file').read_text() in texts
  assert names(tmp_path) == ['file']


def abandoned(path):
  """The temporary file of a process that was killed while writing a file."""
  with files.atomic(path) as temporary:
    temporary.write_text('half of')
  return path.rename(temporary)


def test_fragments_are_removed_and_nothing_else(tmp_path):
  others = [
    *('.lock', '.notes-20251125.md', 'a-1234abcd.half.wav', 'a.wav'),
    *('.a-1234abcd.half.wav.part', '.a-1234abcd.halfway'),
  ]
  for name in others:
    (tmp_path / name).write_text('')
  (tmp_path / '.folder-1234abcd.half').mkdir()
  for name in 'b.wav', 'b-c.wav', '.b.wav', 'two.dots.wav', 'note':
    abandoned(tmp_path / name)
  elsewhere = abandoned(tmp_path / 'foa_dev' / 'b.wav')
  files.remove_fragments(tmp_path)
  kept = [*others, '.folder-1234abcd.half', 'foa_dev']
  assert names(tmp_path) == sorted(kept)
  assert elsewhere.exists(), 'the folder of another command, perhaps'
  files.remove_fragments(tmp_path / 'missing')


def test_fragments_of_the_files_asked_for_only(tmp_path):
  ours = abandoned(tmp_path / 'a.wav')
  theirs = [abandoned(tmp_path / name) for name in ('a.csv', 'a-b.wav', 'a')]
  files.remove_fragments(tmp_path, of=('a.wav', 'b.wav'))
  assert not ours.exists()
  assert all(path.exists() for path in theirs)


def test_fragments_that_may_still_be_written_to_are_kept(tmp_path):
  old, new = abandoned(tmp_path / 'a.wav'), abandoned(tmp_path / 'a.wav')
  os.utime(old, (1e9, 1e9))
  files.remove_fragments(tmp_path, age=3600)
  assert new.exists() and not old.exists()
