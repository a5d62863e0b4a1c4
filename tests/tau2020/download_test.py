"""Downloads from a server of our own, which behaves as badly as others."""

import os
import random
import socket

import pooch.core
import pytest
from helpers.served_archives import fill_disk, md5, serving

from seld_jax.errors import InputError
from seld_jax.tau2020 import download

DATA = random.Random(0).randbytes(5 * download.BLOCK)
CHECKSUM = f'md5:{md5(DATA)}'
# Answers break off on the border of blocks, as what is left of one is lost.
HALF = 2 * download.BLOCK


@pytest.fixture
def server(monkeypatch):
  monkeypatch.setenv('NO_PROXY', '127.0.0.1')
  with serving() as server:
    server.files['a.zip'] = DATA
    yield server


@pytest.fixture
def path(tmp_path):
  return tmp_path / 'archives' / 'a.zip'


def get(server, path, *, retries=3, pause=0.0, checksum=CHECKSUM):
  download.download(
    f'{server.url}/a.zip',
    path,
    checksum=checksum,
    retries=retries,
    pause=pause,
  )


def refused(server, path, **options):
  with pytest.raises(InputError) as error:
    get(server, path, **options)
  text = str(error.value)
  assert len(text.splitlines()) == 1
  assert len(text) < 400, 'a sentence, not a listing'
  return text


def names(path):
  return sorted(one.name for one in path.parent.iterdir())


def test_a_file_comes_whole_and_says_who_asks(server, path):
  get(server, path)
  assert path.read_bytes() == DATA
  assert names(path) == ['a.zip']
  assert server.gets() == [('a.zip', None)]
  assert server.agents[0].startswith('seld_jax/')


def test_a_file_that_is_there_is_not_asked_for(server, path):
  get(server, path)
  before = path.stat()
  get(server, path)
  assert len(server.log) == 1
  after = path.stat()
  assert (after.st_ino, after.st_mtime_ns) == (
    before.st_ino,
    before.st_mtime_ns,
  )


def test_a_file_of_other_contents_is_replaced(server, path):
  path.parent.mkdir()
  path.write_bytes(b'half of a download by hand')
  get(server, path)
  assert path.read_bytes() == DATA


def test_a_cut_connection_is_taken_up_where_it_broke(server, path, capsys):
  server.cuts = [HALF, download.BLOCK]
  get(server, path)
  assert path.read_bytes() == DATA
  assert server.gets() == [
    ('a.zip', None),
    ('a.zip', f'bytes={HALF}-'),
    ('a.zip', f'bytes={HALF + download.BLOCK}-'),
  ]
  lines = capsys.readouterr().err.splitlines()
  assert lines[0] == 'a.zip: 0.32768 MB to do'
  assert 'trying again in 0 s' in lines[1]
  assert lines[2] == 'a.zip: 0.196608 MB to do, 0.131072 done before'
  assert lines[-1].startswith('a.zip: 0.32768 MB done')


def test_the_next_start_takes_up_what_broke(server, path):
  server.cuts = [HALF]
  text = refused(server, path, retries=0)
  assert text.startswith(f'{server.url}/a.zip cannot be fetched: ')
  assert text.endswith('continues what has come so far.')
  assert names(path) == ['a.zip.part']
  assert path.with_name('a.zip.part').read_bytes() == DATA[:HALF]
  get(server, path)
  assert path.read_bytes() == DATA
  assert server.gets()[1:] == [('a.zip', f'bytes={HALF}-')]
  assert names(path) == ['a.zip']


def test_it_gives_up_only_when_nothing_comes_any_more(server, path):
  server.cuts = [download.BLOCK] * 3 + [0] * 9
  refused(server, path, retries=2)
  # Three that brought something; the third failed, and two more after it.
  assert len(server.gets()) == 5


def test_a_server_that_knows_no_ranges_sends_all_again(server, path):
  server.ranges = False
  server.cuts = [HALF]
  get(server, path)
  assert path.read_bytes() == DATA
  assert server.gets()[1] == ('a.zip', f'bytes={HALF}-')


def test_another_part_than_asked_for_is_not_appended(server, path):
  server.ranges = 'wrong'
  server.cuts = [HALF]
  get(server, path)
  assert path.read_bytes() == DATA
  assert [asked for _, asked in server.gets()] == [None, f'bytes={HALF}-', None]


def test_a_wrong_checksum_is_one_sentence_and_removes_the_file(server, path):
  server.files['a.zip'] = bad = b'something else'
  text = refused(server, path)
  assert f'{server.url}/a.zip' in text
  assert f'has not the checksum {CHECKSUM}, but got {md5(bad)}' in text
  assert names(path) == []
  assert len(server.gets()) == 1
  server.files['a.zip'] = DATA
  get(server, path)
  assert path.read_bytes() == DATA


def test_a_part_of_another_file_is_removed_too(server, path):
  path.parent.mkdir()
  path.with_name('a.zip.part').write_bytes(b'x' * 99)
  assert 'checksum' in refused(server, path)
  assert names(path) == []


def test_what_is_stopped_while_checking_is_not_lost(server, path, monkeypatch):
  def stop(*_, **__):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(pooch.core, 'hash_matches', stop)
    with pytest.raises(KeyboardInterrupt):
      get(server, path)
  assert names(path) == ['a.zip.part']
  get(server, path)
  assert path.read_bytes() == DATA
  # The server says that nothing is missing.
  assert server.gets()[1:] == [('a.zip', f'bytes={len(DATA)}-')]


def test_disks_without_hard_links_will_do(server, path, monkeypatch):
  def link(*_):
    raise PermissionError

  monkeypatch.setattr(os, 'link', link)
  get(server, path)
  assert path.read_bytes() == DATA
  assert names(path) == ['a.zip']


def test_a_full_disk_keeps_what_came(server, path, monkeypatch):
  with monkeypatch.context() as patch:
    fill_disk(patch, HALF)
    text = refused(server, path)
  assert f'{path}.part could not be written: the disk that holds' in text
  assert 'is full; free 0.000197 GB and start again' in text
  assert len(server.gets()) == 1, 'trying again would not help'
  assert names(path) == ['a.zip.part']
  assert path.with_name('a.zip.part').read_bytes() == DATA[:HALF]
  get(server, path)
  assert path.read_bytes() == DATA
  assert server.gets()[1] == ('a.zip', f'bytes={HALF}-')


def test_a_folder_that_cannot_be_made_is_named(server, path):
  path.parent.write_text('a file')
  assert f'{path} could not be written: ' in refused(server, path)
  assert not server.log


def test_a_file_that_is_not_there_is_not_asked_for_again(server, path):
  del server.files['a.zip']
  text = refused(server, path)
  assert text.endswith('cannot be fetched: the server answers 404 Not Found.')
  assert len(server.gets()) == 1
  assert names(path) == []


@pytest.mark.parametrize(
  ('headers', 'expected'),
  [
    ({}, [2, 4]),
    ({'Retry_After': '7'}, [7, 7]),
    ({'Retry_After': '99999'}, [600, 600]),
    ({'Retry_After': 'Fri, 31 Dec 2027 23:59:59 GMT'}, [2, 4]),
  ],
)
def test_a_busy_server_gets_time(headers, expected, server, path, monkeypatch):
  waits = []
  monkeypatch.setattr(download.time, 'sleep', waits.append)
  server.answers = [(503, headers), (429, headers)]
  get(server, path, pause=2.0)
  assert waits == expected
  assert path.read_bytes() == DATA


def test_no_network_is_one_sentence(tmp_path, monkeypatch):
  monkeypatch.setenv('NO_PROXY', '127.0.0.1')
  with socket.socket() as closed:
    closed.bind(('127.0.0.1', 0))
    url = f'http://127.0.0.1:{closed.getsockname()[1]}/a.zip'
    for ask in (
      lambda: download.file_size(url, retries=1, pause=0),
      lambda: download.download(
        url, tmp_path / 'a.zip', checksum=CHECKSUM, retries=1, pause=0
      ),
    ):
      with pytest.raises(InputError) as error:
        ask()
      assert str(error.value) == (
        f'{url} cannot be fetched: Connection refused; check the network and '
        'start again, which continues what has come so far.'
      )
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('url', ['nowhere/a.zip', 'file:///a.zip', 'http://'])
def test_what_is_no_address_is_refused_at_once(url, tmp_path):
  with pytest.raises(InputError, match='cannot be fetched'):
    download.download(url, tmp_path / 'a.zip', checksum=CHECKSUM, pause=1e9)


def test_sizes_are_told_where_they_are_known(server):
  assert download.file_size(f'{server.url}/a.zip') == len(DATA)
  assert download.file_size(f'{server.url}/b.zip') is None
  server.heads = False
  assert download.file_size(f'{server.url}/a.zip') is None
  assert server.gets() == []
