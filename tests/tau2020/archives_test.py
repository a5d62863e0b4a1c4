"""From a server to folders that the reader of datasets knows."""

import json
import random
import shutil
import types

import pytest
from helpers.served_archives import (
  DEFLATED,
  STORED,
  fill_disk,
  md5,
  serving,
  write_split_zip,
)

from seld_jax import files
from seld_jax.dataset import recordings
from seld_jax.errors import InputError
from seld_jax.tau2020 import archives, split_zip

NAMES = ['fold1_room1_mix001_ov1', 'fold1_room1_mix002_ov2']
SOUNDS = {
  f'foa_dev/{name}.wav': random.Random(name).randbytes(9000) for name in NAMES
}
LABELS = {f'metadata_dev/{name}.csv': b'0,1,0,30,-40\n' * 90 for name in NAMES}
BESIDE = {'metadata_info.txt': b'mix,fold\n'}


@pytest.fixture
def server(monkeypatch):
  monkeypatch.setenv('NO_PROXY', '127.0.0.1')
  with serving() as server:
    yield server


@pytest.fixture
def record(server, tmp_path):
  """Two archives on a server, one of them in three parts."""
  found = []
  for folder, contents, method, room in (
    ('metadata_dev', LABELS | BESIDE, DEFLATED, ()),
    ('foa_dev', SOUNDS, STORED, (8000, 7000)),
  ):
    paths = write_split_zip(
      tmp_path / f'{folder}.zip',
      [(name, data, method) for name, data in contents.items()],
      room=room,
    )
    checksums = {}
    for path in paths:
      data = server.files[path.name] = path.read_bytes()
      checksums[path.name] = md5(data)
      path.unlink()
    names = [n.partition('/')[2] for n in contents if '/' in n]
    found.append(archives.Archive(folder, checksums, tuple(names), 9000))
  assert len(server.files) == 4
  return found


@pytest.fixture
def out(tmp_path):
  return tmp_path / 'data' / 'tau'


def fetch(server, out, record, *, retries=0, **options):
  return archives.fetch(
    out, record, url=server.url, retries=retries, pause=0, **options
  )


def refused(server, out, record, **options):
  with pytest.raises(InputError) as error:
    fetch(server, out, record, **options)
  text = str(error.value)
  assert len(text.splitlines()) == 1
  return text


def found(out, *, hidden=False):
  return {
    str(path.relative_to(out)): path.read_bytes()
    for path in out.rglob('*')
    if path.is_file() and (hidden or not path.name.startswith('.'))
  }


def states(out):
  """What tells whether a file was written again."""
  return {
    path: (path.stat().st_ino, path.stat().st_mtime_ns)
    for path in out.rglob('*')
    if path.is_file()
  }


EVERYTHING = SOUNDS | LABELS | BESIDE


def test_a_record_becomes_a_dataset(server, out, record, capsys):
  assert fetch(server, out, record) == ['metadata_dev', 'foa_dev']
  assert found(out) == EVERYTHING
  assert [one.name for one in recordings.find_recordings(out)] == NAMES
  assert [name for name, _ in server.gets()] == [
    'metadata_dev.zip',
    'foa_dev.z01',
    'foa_dev.z02',
    'foa_dev.zip',
  ]
  said = capsys.readouterr()
  assert said.out == ''
  assert f'to download; with what is unpacked, {out} will need' in said.err
  assert 'foa_dev.zip, unpacking: 0.018 MB to do' in said.err


def test_a_second_start_does_nothing(server, out, record, capsys):
  fetch(server, out, record)
  before = states(out)
  server.log.clear()
  capsys.readouterr()
  assert fetch(server, out, record) == []
  assert server.log == []
  assert states(out) == before
  assert capsys.readouterr().err == ''


def test_archives_are_kept_on_request(server, out, record):
  fetch(server, out, record, keep_archives=True)
  kept = {f'archives/{name}': data for name, data in server.files.items()}
  assert found(out) == EVERYTHING | kept
  before = states(out)
  fetch(server, out, record)
  assert states(out) == before


def test_a_broken_download_continues_at_the_next_start(server, out, record):
  server.cuts = [None, None, 0]
  assert 'foa_dev.z02 cannot be fetched' in refused(server, out, record)
  # What is done is done, and what is needed still is there.
  kept = {'archives/foa_dev.z01': server.files['foa_dev.z01']}
  part = {'archives/foa_dev.z02.part': b''}
  assert found(out) == LABELS | BESIDE | kept | part
  server.log.clear()
  assert fetch(server, out, record) == ['foa_dev']
  assert [n for n, _ in server.gets()] == ['foa_dev.z02', 'foa_dev.zip']
  assert found(out) == EVERYTHING


@pytest.mark.parametrize('stop', [KeyboardInterrupt, SystemExit])
def test_an_unpacking_that_was_stopped_continues(
  stop, server, out, record, monkeypatch
):
  real = split_zip.chunks

  def chunks(archive, member):
    if NAMES[1] in member.name and member.name.endswith('.wav'):
      raise stop
    yield from real(archive, member)

  with monkeypatch.context() as patch:
    patch.setattr(split_zip, 'chunks', chunks)
    with pytest.raises(stop):
      fetch(server, out, record)
  # A killed one leaves this, too, which no reader takes for a recording.
  (out / 'foa_dev' / '.fold1_room1_mix002_ov2-0123abcd.wav').write_bytes(b'ha')
  first = out / 'foa_dev' / f'{NAMES[0]}.wav'
  assert first.is_file()
  before = states(out)[first]
  server.log.clear()
  assert fetch(server, out, record) == ['foa_dev']
  assert server.log == [], 'the archives were there'
  assert states(out)[first] == before
  assert found(out) == EVERYTHING


def test_a_full_disk_while_unpacking(server, out, record, monkeypatch):
  size = sum(map(len, [*server.files.values(), *(LABELS | BESIDE).values()]))
  with monkeypatch.context() as patch:
    fill_disk(patch, size + 10_000)
    text = refused(server, out, record)
  assert f'{NAMES[1]}.wav could not be written' in text
  assert 'is full; free ' in text
  server.log.clear()
  fetch(server, out, record)
  assert server.log == []
  assert found(out) == EVERYTHING


def test_a_file_that_was_lost_comes_back_alone(server, out, record):
  fetch(server, out, record)
  before = states(out)
  lost = out / 'foa_dev' / f'{NAMES[1]}.wav'
  lost.unlink()
  assert fetch(server, out, record) == ['foa_dev']
  assert found(out) == EVERYTHING
  after = states(out)
  written = {path.name for path in after if after[path] != before.get(path)}
  assert written == {lost.name, archives.MANIFEST}


def test_archives_left_over_by_a_kill_are_removed(server, out, record):
  fetch(server, out, record)
  left = out / archives.ARCHIVES_FOLDER / 'foa_dev.z01'
  files.write_text(left, 'x')
  assert fetch(server, out, record) == []
  assert found(out) == EVERYTHING


def test_formats_come_one_after_the_other(server, out, record):
  assert fetch(server, out, record[:1]) == ['metadata_dev']
  assert fetch(server, out, record) == ['foa_dev']
  assert found(out) == EVERYTHING


def test_names_that_are_missing_are_told(server, out, record):
  names = ('fold1_room1_mix000_ov1.wav', 'fold9.wav', *record[1].names)
  record[1] = archives.Archive('foa_dev', record[1].checksums, names)
  for _ in range(2):
    text = refused(server, out, record)
    assert text == (
      f'{out}/archives/foa_dev.zip lacks 2 of 4 files, of which '
      'fold1_room1_mix000_ov1.wav is the first.'
    )


def test_wrong_bytes_are_refused(server, out, record):
  server.files['foa_dev.z02'] = b'wrong'
  text = refused(server, out, record)
  checksum = record[1].checksums['foa_dev.z02']
  assert f'foa_dev.z02 has not the checksum md5:{checksum}, but got' in text
  assert not list(out.rglob('foa_dev.z02*'))
  assert not (out / 'foa_dev').exists()


def test_recordings_of_others_are_not_mixed_in(server, out, record):
  mine = out / 'foa_dev' / f'{NAMES[0]}.wav'
  files.write_text(mine, 'mine')
  text = refused(server, out, record)
  assert text.startswith(f'{out}/foa_dev holds files that this command did not')
  assert server.log == [], 'it shows before hours of downloading'
  assert found(out) == {f'foa_dev/{NAMES[0]}.wav': b'mine'}


@pytest.mark.parametrize('keep', [False, True])
def test_too_small_a_disk_is_refused_at_once(
  keep, server, out, record, monkeypatch
):
  sizes = [len(server.files[name]) for name in sorted(server.files)]
  labels, sounds = sizes[-1], sum(sizes[:-1])
  # Each holds two files of about 9000 bytes; labels go before sounds come.
  peak = 18000 + sounds + 18000 + (labels if keep else 0)

  def usage(free):
    return lambda _: types.SimpleNamespace(free=free)

  with monkeypatch.context() as patch:
    patch.setattr(shutil, 'disk_usage', usage(peak - 1))
    text = refused(server, out, record, keep_archives=keep)
    assert text.startswith(
      f'{out} needs {peak / 1e9:.3g} GB more, but its disk'
    )
    assert text.endswith('free 1e-09 GB, or fetch less.')
    assert server.gets() == []
    patch.setattr(shutil, 'disk_usage', usage(peak))
    fetch(server, out, record, keep_archives=keep)


def test_only_one_fetches_at_a_time(server, out, record):
  with files.lock(out / '.fetching.lock', busy=str):
    text = refused(server, out, record)
  assert text == (
    f'Another command is fetching to {out}: wait for it, or stop it.'
  )
  fetch(server, out, record)


@pytest.mark.parametrize(
  'text',
  ['', '[]', '{"foa_dev": {}}', '{"foa_dev": {"done": true}}', '{"a": 1}'],
)
def test_a_note_that_is_none_is_refused(text, server, out, record):
  files.write_text(out / archives.MANIFEST, text)
  assert 'is not what this command wrote' in refused(server, out, record)


def test_the_note_tells_what_was_unpacked(server, out, record):
  fetch(server, out, record)
  note = json.loads((out / archives.MANIFEST).read_text())
  assert {
    name: size
    for entry in note.values()
    for name, (size, _) in entry['files'].items()
  } == {name: len(data) for name, data in EVERYTHING.items()}


@pytest.mark.parametrize('out', ['file', 'file/below'])
def test_a_place_that_is_no_folder_is_named(out, server, record, tmp_path):
  (tmp_path / 'file').write_text('')
  text = refused(server, tmp_path / out, record)
  assert f'{tmp_path / out} cannot be used as a folder' in text


def test_addresses_may_have_the_name_in_them(server, out, record):
  url = server.url + '/deep/{name}'
  archives.fetch(out, record, url=url, retries=0)
  assert found(out) == EVERYTHING
