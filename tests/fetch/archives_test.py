"""Archives on a server become a dataset in a folder."""

import dataclasses
import json
import random
import shutil
import types

import pytest
from helpers.archive_server import (
  DEFLATED,
  STORED,
  fill_disk,
  md5,
  put_archive,
  put_record,
  serving,
)

from seld_jax import files
from seld_jax.dataset import recordings
from seld_jax.errors import InputError
from seld_jax.fetch import archives as fetching
from seld_jax.fetch import split_zip

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
    checksums = put_archive(
      server, tmp_path / f'{folder}.zip', contents, room=room, method=method
    )
    names = [n.partition('/')[2] for n in contents if '/' in n]
    found.append(
      fetching.Archive(folder, checksums, tuple(names), unpacked_bytes=18000)
    )
  assert len(server.files) == 4
  return found


@pytest.fixture
def out(tmp_path):
  return tmp_path / 'data' / 'tau'


def fetch(server, out, record, *, retries=0, **options):
  options = {'dataset': 'tau2020', 'url': server.url, **options}
  return fetching.fetch(out, record, retries=retries, pause=0, **options)


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
  """Returns inode and time of each file, which change when it is rewritten."""
  return {
    path: (path.stat().st_ino, path.stat().st_mtime_ns)
    for path in out.rglob('*')
    if path.is_file()
  }


EVERYTHING = SOUNDS | LABELS | BESIDE


def test_archives_become_a_dataset(server, out, record, capsys):
  assert fetch(server, out, record) == ['metadata_dev', 'foa_dev']
  assert found(out) == EVERYTHING
  assert [one.name for one in recordings.find_recordings(out)] == NAMES
  assert [name for name, _ in server.gets()] == [
    'metadata_dev.zip',
    'foa_dev.z01',
    'foa_dev.z02',
    'foa_dev.zip',
  ]
  printed = capsys.readouterr()
  assert printed.out == ''
  assert f'; including the unpacked files, {out} will need ' in printed.err
  assert 'foa_dev.zip, unpacking: 0.018 MB to do' in printed.err


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


def test_an_archive_that_was_cut_off_is_fetched_again(server, out, record):
  (out / 'archives').mkdir(parents=True)
  cut = out / 'archives' / 'foa_dev.z01'
  cut.write_bytes(server.files['foa_dev.z01'][:3000])
  unknown = [dataclasses.replace(one, unpacked_bytes=0) for one in record]
  assert fetch(server, out, unknown) == ['metadata_dev', 'foa_dev']
  assert found(out) == EVERYTHING


def test_a_broken_download_resumes_at_the_next_start(server, out, record):
  server.cuts = [None, None, 0]
  assert 'foa_dev.z02 cannot be fetched' in refused(server, out, record)
  # The first archive is unpacked; the parts of the second are kept.
  kept = {'archives/foa_dev.z01': server.files['foa_dev.z01']}
  part = {'archives/foa_dev.z02.part': b''}
  assert found(out) == LABELS | BESIDE | kept | part
  server.log.clear()
  assert fetch(server, out, record) == ['foa_dev']
  assert [n for n, _ in server.gets()] == ['foa_dev.z02', 'foa_dev.zip']
  assert found(out) == EVERYTHING


@pytest.mark.parametrize('stop', [KeyboardInterrupt, SystemExit])
def test_interrupted_unpacking_resumes(stop, server, out, record, monkeypatch):
  real = split_zip.chunks

  def chunks(archive, member):
    if NAMES[1] in member.name and member.name.endswith('.wav'):
      raise stop
    yield from real(archive, member)

  with monkeypatch.context() as patch:
    patch.setattr(split_zip, 'chunks', chunks)
    with pytest.raises(stop):
      fetch(server, out, record)
  # A killed process leaves a hidden file, which is not taken for a recording.
  (out / 'foa_dev' / '.fold1_room1_mix002_ov2-0123abcd.wav').write_bytes(b'ha')
  first = out / 'foa_dev' / f'{NAMES[0]}.wav'
  assert first.is_file()
  before = states(out)[first]
  server.log.clear()
  assert fetch(server, out, record) == ['foa_dev']
  assert server.log == [], 'the archives are not downloaded again'
  assert states(out)[first] == before
  assert found(out) == EVERYTHING


def test_unpacking_resumes_after_a_full_disk(server, out, record, monkeypatch):
  size = sum(map(len, [*server.files.values(), *(LABELS | BESIDE).values()]))
  with monkeypatch.context() as patch:
    fill_disk(patch, size + 10_000)
    text = refused(server, out, record)
  assert f'{NAMES[1]}.wav could not be written' in text
  assert 'is full; free ' in text
  assert text.endswith('and start again: unpacking will resume.')
  server.log.clear()
  fetch(server, out, record)
  assert server.log == []
  assert found(out) == EVERYTHING


def test_only_a_lost_file_is_written_again(server, out, record):
  fetch(server, out, record)
  before = states(out)
  lost = out / 'foa_dev' / f'{NAMES[1]}.wav'
  lost.unlink()
  assert fetch(server, out, record) == ['foa_dev']
  assert found(out) == EVERYTHING
  after = states(out)
  written = {path.name for path in after if after[path] != before.get(path)}
  assert written == {lost.name, fetching.MANIFEST}


def test_archives_left_by_a_killed_process_are_deleted(server, out, record):
  fetch(server, out, record)
  left = out / fetching.ARCHIVES_FOLDER / 'foa_dev.z01'
  files.write_text(left, 'x')
  assert fetch(server, out, record) == []
  assert found(out) == EVERYTHING


def test_formats_can_be_fetched_one_after_the_other(server, out, record):
  assert fetch(server, out, record[:1]) == ['metadata_dev']
  assert fetch(server, out, record) == ['foa_dev']
  assert found(out) == EVERYTHING


def test_missing_files_are_reported(server, out, record):
  names = ('fold1_room1_mix000_ov1.wav', 'fold9.wav', *record[1].names)
  record[1] = fetching.Archive('foa_dev', record[1].checksums, names)
  for _ in range(2):
    text = refused(server, out, record)
    assert text == (
      f'{out}/archives/foa_dev.zip lacks 2 of 4 files; the first one is '
      'fold1_room1_mix000_ov1.wav.'
    )


def test_archives_with_a_wrong_checksum_are_refused(server, out, record):
  server.files['foa_dev.z02'] = b'wrong'
  text = refused(server, out, record)
  checksum = record[1].checksums['foa_dev.z02']
  assert f'foa_dev.z02 should have the checksum md5:{checksum}, but' in text
  assert not list(out.rglob('foa_dev.z02*'))
  assert not (out / 'foa_dev').exists()


def test_recordings_of_another_origin_are_not_mixed_in(server, out, record):
  mine = out / 'foa_dev' / f'{NAMES[0]}.wav'
  files.write_text(mine, 'mine')
  text = refused(server, out, record)
  assert text.startswith(f'{out}/foa_dev contains files that this command did')
  assert server.log == [], 'it is refused before anything is downloaded'
  assert found(out) == {f'foa_dev/{NAMES[0]}.wav': b'mine'}


@pytest.mark.parametrize('keep', [False, True])
def test_a_disk_that_is_too_small_is_refused_at_once(
  keep, server, out, record, monkeypatch
):
  sizes = [len(server.files[name]) for name in sorted(server.files)]
  labels, sounds = sizes[-1], sum(sizes[:-1])
  # Each folder has two files of about 9000 bytes. The archive of the labels is
  # deleted before the sounds are downloaded.
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


def test_only_one_command_fetches_to_a_folder(server, out, record):
  with files.lock(out / '.fetching.lock', busy=str):
    text = refused(server, out, record)
  assert text == (
    f'Another command is fetching to {out}: wait until it is done, or stop it.'
  )
  fetch(server, out, record)


@pytest.mark.parametrize(
  'text',
  ['', '[]', '{"foa_dev": {}}', '{"foa_dev": {"done": true}}', '{"a": 1}'],
)
def test_a_damaged_manifest_is_refused(text, server, out, record):
  files.write_text(out / fetching.MANIFEST, text)
  assert 'was not written by this command' in refused(server, out, record)


def test_the_manifest_lists_the_unpacked_files(server, out, record):
  fetch(server, out, record)
  manifest = json.loads((out / fetching.MANIFEST).read_text())
  assert {
    name: size
    for entry in manifest.values()
    for name, (size, _) in entry['files'].items()
  } == {name: len(data) for name, data in EVERYTHING.items()}


@pytest.mark.parametrize('out', ['file', 'file/below'])
def test_a_target_that_is_not_a_folder_is_refused(
  out, server, record, tmp_path
):
  (tmp_path / 'file').write_text('')
  text = refused(server, tmp_path / out, record)
  assert f'{tmp_path / out} cannot be used as a folder' in text


def test_addresses_may_contain_the_file_name(server, out, record):
  url = server.url + '/deep/{name}'
  fetch(server, out, record, url=url)
  assert found(out) == EVERYTHING


# Several datasets, whose archives have the same names.


def manifest_of(out):
  return json.loads((out / fetching.MANIFEST).read_text())


def test_notes_without_a_dataset_are_those_of_tau2020(server, out, record):
  """Version 0.1 fetched nothing else."""
  fetch(server, out, record)
  old = {
    folder: {key: entry[key] for key in ('done', 'kept', 'files')}
    for folder, entry in manifest_of(out).items()
  }
  files.write_text(out / fetching.MANIFEST, json.dumps(old))
  server.log.clear()
  assert fetch(server, out, record) == []
  text = refused(server, out, record, dataset='starss23')
  assert text == (
    f'{out} holds tau2020, which would mix with starss23: choose another --out.'
  )
  assert server.log == []
  assert found(out) == EVERYTHING


def test_another_dataset_is_not_mixed_in(server, out, record):
  fetch(server, out, record[:1], dataset='starss22')
  text = refused(server, out, record, dataset='starss23')
  assert text.startswith(f'{out} holds starss22, which would mix with starss23')
  assert found(out) == LABELS | BESIDE


def test_received_parts_of_another_dataset_are_not_continued(
  server, out, record
):
  server.cuts = [None, 0]
  refused(server, out, record[1:], dataset='starss22')
  text = refused(server, out, record, dataset='starss23')
  assert text == (
    f'{out}/archives holds archives of starss22: delete them, or choose '
    'another --out for starss23.'
  )
  part = out / fetching.ARCHIVES_FOLDER / 'foa_dev.z01'
  assert part.read_bytes() == server.files['foa_dev.z01']
  shutil.rmtree(out / fetching.ARCHIVES_FOLDER)
  fetch(server, out, record, dataset='starss23')
  assert found(out) == EVERYTHING


def test_a_dataset_of_which_nothing_came_is_forgotten(server, out, record):
  """A wrong name on the command line does not occupy the folder."""
  server.cuts = [0]
  text = refused(server, out, record, dataset='starss22')
  assert 'metadata_dev.zip cannot be fetched' in text
  fetch(server, out, record, dataset='starss23')
  assert {entry['dataset'] for entry in manifest_of(out).values()} == {
    'starss23'
  }


def test_files_placed_after_a_failed_download_are_refused(server, out, record):
  del server.files['foa_dev.z01']
  refused(server, out, record)
  mine = out / 'foa_dev' / f'{NAMES[0]}.wav'
  files.write_text(mine, 'mine')
  text = refused(server, out, record)
  assert text.startswith(f'{out}/foa_dev contains files that this command did')
  assert mine.read_text() == 'mine'


# Checksums that only the record knows.


@pytest.fixture
def unknown(record):
  """The archives without the checksums of the second one."""
  blank = dict.fromkeys(record[1].checksums, '')
  return [
    record[0],
    dataclasses.replace(record[1], checksums=blank, record=123),
  ]


def test_the_record_is_asked_for_unknown_checksums(server, out, unknown):
  names = list(unknown[1].checksums)
  put_record(server, 123, [*names, 'metadata_dev.zip'])
  address = f'{server.url}/api/{{record}}'
  assert len(fetch(server, out, unknown, record_url=address)) == 2
  assert found(out) == EVERYTHING
  assert [name for name, _ in server.gets()].count('123') == 1
  asked = [name for method, name, _ in server.log if method == 'HEAD']
  assert asked == ['metadata_dev.zip'], 'the record tells the other sizes'
  server.log.clear()
  assert fetch(server, out, unknown, record_url=address) == []
  assert server.log == []


def test_an_archive_that_differs_from_its_record_is_refused(
  server, out, unknown
):
  put_record(server, 123, unknown[1].checksums)
  data = server.files['foa_dev.z02']
  server.files['foa_dev.z02'] = data[:-1] + bytes([data[-1] ^ 1])
  text = refused(server, out, unknown, record_url=f'{server.url}/{{record}}')
  assert f'foa_dev.z02 should have the checksum md5:{md5(data)}, but' in text
  assert not (out / 'foa_dev').exists()


def test_a_file_that_the_record_lacks_is_named(server, out, unknown):
  put_record(server, 123, ['foa_dev.zip', 'metadata_dev.zip'])
  text = refused(server, out, unknown, record_url=f'{server.url}/{{record}}')
  assert text.startswith(
    f'{server.url}/123 has no file foa_dev.z01, but foa_dev.zip, metadata_dev.'
  )


@pytest.mark.parametrize('listed', [None, b'<html>', b'{"files": []}'])
def test_without_a_record_archives_are_checked_by_size_and_crc(
  listed, server, out, unknown, caplog
):
  if listed is not None:
    server.files['123'] = listed
  server.cuts = [None, None, None, 3000]
  fetch(server, out, unknown, record_url=f'{server.url}/{{record}}', retries=1)
  assert found(out) == EVERYTHING
  (warning,) = [one for one in caplog.messages if 'checksums' in one]
  assert f'{server.url}/123' in warning
  assert 'checked by their sizes, and each file in them by its CRC' in warning


def test_without_a_record_damage_is_found_by_the_crc(server, out, unknown):
  data = bytearray(server.files['foa_dev.z02'])
  data[500] ^= 1
  server.files['foa_dev.z02'] = bytes(data)
  text = refused(server, out, unknown, record_url=f'{server.url}/{{record}}')
  assert 'is damaged: ' in text and 'CRC-32' in text
  assert all(name not in text for name in found(out) if name in SOUNDS)
  assert found(out).items() <= (
    EVERYTHING.items()
    | {(f'archives/{name}', data) for name, data in server.files.items()}
  )


def test_sizes_that_are_known_are_not_asked_for(server, out, record):
  known = [
    dataclasses.replace(
      archive,
      sizes={name: len(server.files[name]) for name in archive.checksums},
    )
    for archive in record
  ]
  fetch(server, out, known)
  assert found(out) == EVERYTHING
  assert {method for method, *_ in server.log} == {'GET'}


def test_a_file_of_another_size_is_refused(server, out, record):
  wrong = dataclasses.replace(
    record[0], sizes={'metadata_dev.zip': len(server.files['foa_dev.z01'])}
  )
  size = len(server.files['metadata_dev.zip'])
  text = refused(server, out, [wrong])
  assert f'but the received file has {size}; it was deleted' in text
  assert found(out) == {}


def test_a_number_of_files_that_surprises_is_told(server, out, record, caplog):
  record = [dataclasses.replace(one, num_files=2) for one in record]
  record[1] = dataclasses.replace(record[1], num_files=168)
  fetch(server, out, record)
  assert caplog.messages == [
    f'{out}/foa_dev has 2 files (.wav, .csv), but its publisher speaks of 168'
  ]
  assert [fetching.num_files(out, one.folder) for one in record] == [2, 2]
  assert fetching.num_files(out, 'mic_dev') == 0


def test_notes_in_a_folder_are_no_recordings(server, out, tmp_path, caplog):
  contents = SOUNDS | {'foa_dev/README.md': b'about'}
  checksums = put_archive(server, tmp_path / 'foa_dev.zip', contents)
  fetch(server, out, [fetching.Archive('foa_dev', checksums, num_files=2)])
  assert found(out) == contents
  assert caplog.messages == []


def test_an_archive_without_recordings_is_refused(server, out, tmp_path):
  checksums = put_archive(server, tmp_path / 'foa_dev.zip', {'foa_dev/a': b''})
  text = refused(server, out, [fetching.Archive('foa_dev', checksums)])
  assert text.endswith('foa_dev.zip has no recordings or label files.')


def test_fragments_within_folders_are_removed(server, out, tmp_path):
  contents = {
    f'foa_dev/dev-test-tau/{name}.wav': name.encode() * 99 for name in NAMES
  }
  checksums = put_archive(server, tmp_path / 'foa_dev.zip', contents)
  archive = fetching.Archive('foa_dev', checksums)
  fetch(server, out, [archive])
  lost = out / f'foa_dev/dev-test-tau/{NAMES[1]}.wav'
  left = lost.with_name(f'.{NAMES[1]}-0123abcd.half.wav')
  lost.rename(left)
  fetch(server, out, [archive])
  assert found(out, hidden=True).keys() == {*contents, fetching.MANIFEST}
