"""Atomic files, full disks, locks, and leftover temporary files."""

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import threading

import hypothesis
import pytest
from hypothesis import strategies

from seld_jax import files
from seld_jax.errors import InputError


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_replaces_when_the_block_succeeds(tmp_path):
  path = tmp_path / 'scores.json'
  path.write_text('old')
  with files.atomic(path) as temporary:
    temporary.write_text('new')
    assert path.read_text() == 'old', 'no reader sees an incomplete file'
    assert temporary.parent == path.parent, 'a rename works on one disk only'
    assert temporary.suffix == path.suffix
    assert temporary.name.startswith('.')
  assert path.read_text() == 'new'
  assert names(tmp_path) == ['scores.json']


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_changes_nothing(error, tmp_path):
  path = tmp_path / 'scores.json'
  path.write_text('old')
  with pytest.raises(error), files.atomic(path) as temporary:
    temporary.write_text('half of')
    raise error
  assert path.read_text() == 'old'
  assert names(tmp_path) == ['scores.json']


def test_a_block_that_raises_creates_no_file(tmp_path):
  with pytest.raises(ValueError), files.atomic(tmp_path / 'new') as temporary:
    temporary.write_text('half of')
    raise ValueError
  assert names(tmp_path) == []


@pytest.mark.parametrize('mask', [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(mask, tmp_path):
  before = os.umask(mask)
  try:
    files.write_text(tmp_path / 'file', 'text')
    assert os.umask(mask) == mask, 'the umask does not change'
  finally:
    os.umask(before)
  mode = stat.S_IMODE((tmp_path / 'file').stat().st_mode)
  assert mode == 0o666 & ~mask


def test_missing_folders_are_created(tmp_path):
  path = tmp_path / 'a' / 'b' / 'file.txt'
  files.write_text(path, 'grüße\n')
  assert path.read_bytes() == 'grüße\n'.encode()


def test_the_error_names_a_path_whose_folder_is_a_file(tmp_path):
  (tmp_path / 'runs').write_text('')
  for path in tmp_path / 'runs' / 'x', tmp_path / 'runs' / 'quick' / 'x':
    with pytest.raises(InputError, match='could not be written') as error:
      files.write_text(path, 'text')
    assert str(path) in str(error.value)


def test_the_error_names_a_path_that_is_a_folder(tmp_path):
  (tmp_path / 'scores.json').mkdir()
  with pytest.raises(InputError, match=r'scores\.json could not be written'):
    files.write_text(tmp_path / 'scores.json', 'text')
  assert names(tmp_path) == ['scores.json']


def test_a_full_disk_is_an_input_error(tmp_path):
  path = tmp_path / 'file'
  with pytest.raises(InputError, match='is full'), files.atomic(path):
    raise OSError(errno.ENOSPC, 'No space left on device')
  assert names(tmp_path) == []


def test_the_message_about_a_full_disk_has_all_that_the_user_needs(tmp_path):
  path = tmp_path / 'checkpoint'
  with (
    pytest.raises(InputError) as error,
    files.explained(path, needed='2 GB', hint='resume the run'),
  ):
    raise OSError(errno.EDQUOT, 'Disk quota exceeded')
  assert str(error.value) == (
    f'{path} could not be written: the disk that holds {tmp_path} is full; '
    'free 2 GB and resume the run.'
  )


def test_an_input_error_of_the_block_is_not_changed(tmp_path):
  own = InputError('No space left on device, says the block.')
  with pytest.raises(InputError) as error, files.explained(tmp_path / 'x'):
    raise own
  assert error.value is own


def test_other_system_errors_stay_as_they_are(tmp_path):
  with pytest.raises(OSError, match='broken') as error:  # noqa: SIM117
    with files.atomic(tmp_path / 'file'):
      raise OSError(errno.EIO, 'broken')
  assert not isinstance(error.value, InputError)


FULL = (errno.ENOSPC, errno.EDQUOT)


@hypothesis.given(
  number=strategies.sampled_from(sorted(errno.errorcode)),
  kind=strategies.sampled_from([RuntimeError, ValueError, Exception]),
  before=strategies.text('ab: /', max_size=9),
  after=strategies.text('ab: /', max_size=9),
)
def test_a_full_disk_is_recognised_by_errno_or_by_text(
  number, kind, before, after
):
  """C++ libraries pass only the text of the system error on."""
  text = os.strerror(number)
  assert files.is_full(OSError(number, 'any text')) == (number in FULL)
  assert files.is_full(kind(f'{before}{text}{after}')) == (number in FULL)
  is_large = number == errno.EFBIG
  assert files.is_too_large(OSError(number, 'any text')) == is_large
  assert files.is_too_large(kind(f'{before}{text}{after}')) == is_large


@pytest.mark.parametrize(
  'error',
  [
    OSError(errno.EFBIG, os.strerror(errno.EFBIG)),
    RuntimeError(f'write failed: {os.strerror(errno.EFBIG)}'),
  ],
)
def test_a_file_that_is_too_large_is_an_input_error(error, tmp_path):
  path = tmp_path / 'file'
  with pytest.raises(InputError, match='File too large; .*ulimit') as found:  # noqa: SIM117
    with files.atomic(path):
      raise error
  assert str(path) in str(found.value)
  assert names(tmp_path) == []


def test_concurrent_writers_do_not_disturb_each_other(tmp_path):
  """The last one wins, and its file is complete."""
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
  """Makes the temporary file of a process that was killed while writing."""
  with files.atomic(path) as temporary:
    temporary.write_text('half of')
  return path.rename(temporary)


def test_only_temporary_files_are_removed(tmp_path):
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
  assert elsewhere.exists(), 'subfolders may belong to other commands'
  files.remove_fragments(tmp_path / 'missing')


def test_only_temporary_files_of_the_given_names_are_removed(tmp_path):
  ours = abandoned(tmp_path / 'a.wav')
  theirs = [abandoned(tmp_path / name) for name in ('a.csv', 'a-b.wav', 'a')]
  files.remove_fragments(tmp_path, of=('a.wav', 'b.wav'))
  assert not ours.exists()
  assert all(path.exists() for path in theirs)


def test_recent_temporary_files_are_kept(tmp_path):
  old, new = abandoned(tmp_path / 'a.wav'), abandoned(tmp_path / 'a.wav')
  os.utime(old, (1e9, 1e9))
  files.remove_fragments(tmp_path, age=3600)
  assert new.exists() and not old.exists()


def fragment(folder, *, host=None):
  """Makes the temporary file that a killed process of a host left."""
  digits = files._host_digits() if host is None else host
  path = folder / f'.a-{digits}1234.half.wav'
  path.write_text('half of')
  return path


def test_the_first_write_to_a_folder_removes_what_killed_processes_left(
  tmp_path,
):
  ours = fragment(tmp_path)
  # A lock on a network file system may not be seen on another host.
  theirs = fragment(tmp_path, host='0000')
  files.write_text(tmp_path / 'b.txt', 'text')
  assert not ours.exists()
  assert theirs.exists()


_WRITER = """
import sys
from seld_jax import files

with files.atomic(sys.argv[1]) as temporary:
  temporary.write_text('whole')
  print('begun', flush=True)
  sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform == 'win32', reason='Windows has no flock')
def test_a_file_that_another_process_is_writing_is_not_removed(tmp_path):
  path = tmp_path / 'a.csv'
  with subprocess.Popen(
    [sys.executable, '-c', _WRITER, path],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  ) as writer:
    assert writer.stdout is not None
    assert writer.stdout.readline() == 'begun\n'
    files.write_text(tmp_path / 'b.csv', 'other')
    files.write_text(tmp_path / 'a.csv', 'other')
    files.remove_fragments(tmp_path)
    writer.communicate('end')
  assert writer.returncode == 0
  assert path.read_text() == 'whole'
  assert names(tmp_path) == ['a.csv', 'b.csv']


def test_links_and_pipes_with_the_name_of_a_temporary_file_stay(tmp_path):
  victim = tmp_path / 'victim'
  victim.write_text('kept')
  link = tmp_path / '.a-12341234.half'
  link.symlink_to(victim)
  os.mkfifo(tmp_path / '.b-12341234.half')
  files.remove_fragments(tmp_path)
  assert victim.read_text() == 'kept'
  assert len(names(tmp_path)) == 3


@pytest.mark.parametrize('durable', [True, False])
def test_a_file_is_flushed_before_it_gets_its_name(
  durable, tmp_path, monkeypatch
):
  """After a power cut there is the old file or the new one, never a part."""
  events = []
  sync, replace = os.fsync, os.replace

  def fsync(descriptor):
    is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    size = os.fstat(descriptor).st_size
    events.append('folder' if is_folder else f'file of {size}')
    sync(descriptor)

  def rename(*paths):
    events.append('name')
    replace(*paths)

  monkeypatch.setattr(os, 'fsync', fsync)
  monkeypatch.setattr(os, 'replace', rename)
  with files.atomic(tmp_path / 'x', durable=durable) as temporary:
    temporary.write_text('12345')
  assert events == (['file of 5', 'name', 'folder'] if durable else ['name'])


def test_a_file_system_that_cannot_flush_is_used_all_the_same(
  tmp_path, monkeypatch
):
  def fsync(_):
    raise OSError(errno.EINVAL, 'Invalid argument')

  monkeypatch.setattr(os, 'fsync', fsync)
  files.write_text(tmp_path / 'x', 'text')
  assert (tmp_path / 'x').read_text() == 'text'


@pytest.mark.parametrize('kind', ['symbolic', 'dangling', 'hard', 'pipe'])
def test_a_lock_never_changes_a_file_of_the_user(kind, tmp_path):
  victim, path = tmp_path / 'victim', tmp_path / '.lock'
  if kind != 'dangling':
    victim.write_text('kept')
  if kind == 'pipe':
    os.mkfifo(path)
  elif kind == 'hard':
    path.hardlink_to(victim)
  else:
    path.symlink_to(victim)
  if kind == 'hard':  # a lock like any other, but without a name in it
    with files.lock(path, busy=busy):
      pass
  else:
    with (
      pytest.raises(InputError, match='regular file.*; delete it'),
      files.lock(path, busy=busy),
    ):
      pytest.fail('there is no lock')
  if kind == 'dangling':
    assert not victim.exists()
  else:
    assert victim.read_text() == 'kept'


_HOLDER = """
import sys
from seld_jax import files

with files.lock(sys.argv[1], busy=str, remove=sys.argv[2] == 'remove'):
  print('locked', flush=True)
  sys.stdin.readline()
"""


def busy(holder):
  return f'used by {holder}.'


def hold(path, *, remove=False):
  """Starts a process that holds a lock until its standard input ends."""
  holder = subprocess.Popen(
    [sys.executable, '-c', _HOLDER, str(path), 'remove' if remove else 'keep'],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  )
  assert holder.stdout is not None
  assert holder.stdout.readline() == 'locked\n'
  return holder


@pytest.mark.parametrize('remove', [False, True])
def test_a_lock_excludes_others_until_its_process_ends(remove, tmp_path):
  path = tmp_path / 'run' / '.lock'
  with hold(path, remove=remove) as holder:
    for _ in range(2):  # A refused attempt does not change the lock.
      with pytest.raises(InputError) as error, files.lock(path, busy=busy):
        pytest.fail('two processes have the lock')
      name = f'process {holder.pid} on {socket.gethostname()}'
      assert str(error.value) == f'used by {name}.'
    holder.communicate('end')
  assert path.exists() != remove
  with files.lock(path, busy=busy):
    assert str(os.getpid()) in path.read_text()


def test_a_killed_process_releases_its_lock(tmp_path):
  with hold(tmp_path / '.lock') as holder:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
  with files.lock(tmp_path / '.lock', busy=busy):
    assert str(os.getpid()) in (tmp_path / '.lock').read_text()


@pytest.mark.parametrize('remove', [False, True])
def test_a_block_that_raises_releases_the_lock(remove, tmp_path):
  path = tmp_path / '.lock'
  for _ in range(2):
    with (
      pytest.raises(ZeroDivisionError),
      files.lock(path, busy=busy, remove=remove),
    ):
      raise ZeroDivisionError
    assert path.exists() != remove


def test_a_lock_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / 'file').write_text('')
  path = tmp_path / 'file' / '.lock'
  with pytest.raises(InputError) as error, files.lock(path, busy=busy):
    pytest.fail('there is no lock')
  assert str(error.value).startswith(f'{path} could not be written: ')


@pytest.mark.parametrize('code', ['ENOLCK', 'EOPNOTSUPP', 'ENOSYS'])
def test_a_file_system_without_locks_is_not_guarded(
  code, tmp_path, monkeypatch
):
  fcntl = pytest.importorskip('fcntl')

  def flock(*_):
    number = getattr(errno, code)
    raise OSError(number, os.strerror(number))

  monkeypatch.setattr(fcntl, 'flock', flock)
  entered = []
  with files.lock(tmp_path / '.lock', busy=str):
    entered.append(True)
  assert entered


@pytest.mark.parametrize(
  ('text', 'has_ended'),
  [
    ('process OWN on HERE', False),
    ('process 999999999 on HERE', True),
    ('process 999999999 on elsewhere', False),
    ('process -1 on HERE', False),
    ('notes', False),
    ('', False),
  ],
)
def test_a_process_has_ended_only_if_that_is_known(tmp_path, text, has_ended):
  text = text.replace('OWN', str(os.getpid()))
  (tmp_path / '.lock').write_text(text.replace('HERE', socket.gethostname()))
  assert files.holder_has_ended(tmp_path / '.lock') == has_ended
  assert not files.holder_has_ended(tmp_path / 'missing')
