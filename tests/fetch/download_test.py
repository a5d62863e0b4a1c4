"""Downloads from a local server that fails in the ways that servers do."""

import hashlib
import random
import socket

import pytest
from helpers.archive_server import fill_disk, md5, serving

from seld_jax.errors import InputError
from seld_jax.fetch import download

DATA = random.Random(0).randbytes(5 * download.BLOCK)
CHECKSUM = f'md5:{md5(DATA)}'
# Connections are cut after whole blocks: the rest of a block would be lost.
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
  assert len(text) < 400, 'a sentence, not a traceback'
  return text


def names(path):
  return sorted(one.name for one in path.parent.iterdir())


def test_a_file_is_downloaded_and_the_program_identifies_itself(server, path):
  get(server, path)
  assert path.read_bytes() == DATA
  assert names(path) == ['a.zip']
  assert server.gets() == [('a.zip', None)]
  assert server.agents[0].startswith('seld_jax/')


def test_a_file_that_is_there_is_not_requested(server, path):
  get(server, path)
  before = path.stat()
  get(server, path)
  assert len(server.log) == 1
  after = path.stat()
  assert (after.st_ino, after.st_mtime_ns) == (
    before.st_ino,
    before.st_mtime_ns,
  )


def test_a_file_with_other_contents_is_replaced(server, path):
  path.parent.mkdir()
  path.write_bytes(b'half of a download by hand')
  get(server, path)
  assert path.read_bytes() == DATA


def test_a_cut_connection_resumes_where_it_stopped(
  server, path, capsys, caplog
):
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
  assert lines[1] == 'a.zip: 0.196608 MB to do, 0.131072 done before'
  assert lines[-1].startswith('a.zip: 0.32768 MB done')
  assert [record.levelname for record in caplog.records] == ['WARNING'] * 2
  assert caplog.messages[0].startswith(f'{server.url}/a.zip: ')
  assert caplog.messages[0].endswith('; trying again in 0 s')


def test_the_next_start_resumes_a_failed_download(server, path):
  server.cuts = [HALF]
  text = refused(server, path, retries=0)
  assert text.startswith(f'{server.url}/a.zip cannot be fetched: ')
  assert text.endswith('start again: the download will resume.')
  assert names(path) == ['a.zip.part']
  assert path.with_name('a.zip.part').read_bytes() == DATA[:HALF]
  get(server, path)
  assert path.read_bytes() == DATA
  assert server.gets()[1:] == [('a.zip', f'bytes={HALF}-')]
  assert names(path) == ['a.zip']


def test_it_gives_up_only_when_no_more_data_arrives(server, path):
  server.cuts = [download.BLOCK] * 3 + [0] * 9
  refused(server, path, retries=2)
  # Three attempts received data. The third counts as the first failure, and
  # two more attempts fail after it.
  assert len(server.gets()) == 5


def test_a_server_without_ranges_sends_the_whole_file_again(server, path):
  server.ranges = False
  server.cuts = [HALF]
  get(server, path)
  assert path.read_bytes() == DATA
  assert server.gets()[1] == ('a.zip', f'bytes={HALF}-')


def test_another_range_than_requested_is_not_appended(server, path):
  server.ranges = 'wrong'
  server.cuts = [HALF]
  get(server, path)
  assert path.read_bytes() == DATA
  assert [asked for _, asked in server.gets()] == [None, f'bytes={HALF}-', None]


def test_a_wrong_checksum_is_reported_and_the_file_is_deleted(server, path):
  server.files['a.zip'] = bad = b'something else'
  text = refused(server, path)
  assert text == (
    f'{server.url}/a.zip should have the checksum {CHECKSUM}, but the received '
    f'file has md5:{md5(bad)}; it was deleted: start again to download it '
    'again.'
  )
  assert names(path) == []
  assert len(server.gets()) == 1
  server.files['a.zip'] = DATA
  get(server, path)
  assert path.read_bytes() == DATA


def test_a_part_of_another_file_is_deleted_too(server, path):
  path.parent.mkdir()
  path.with_name('a.zip.part').write_bytes(b'x' * 99)
  assert 'checksum' in refused(server, path)
  assert names(path) == []


def test_an_interrupted_check_does_not_lose_the_file(server, path, monkeypatch):
  def stop(*_, **__):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(download.hashlib, 'new', stop)
    with pytest.raises(KeyboardInterrupt):
      get(server, path)
  assert names(path) == ['a.zip.part']
  get(server, path)
  assert path.read_bytes() == DATA
  # The server answers that nothing is missing.
  assert server.gets()[1:] == [('a.zip', f'bytes={len(DATA)}-')]


def test_any_algorithm_can_be_used_for_the_checksum(server, path):
  checksum = hashlib.sha256(DATA).hexdigest()
  get(server, path, checksum=f'sha256:{checksum.upper()}')
  assert path.read_bytes() == DATA
  assert 'but the received file has sha256:' in refused(
    server, path, checksum=f'sha256:{"0" * 64}'
  )


def test_checking_a_large_file_shows_its_progress(
  server, path, capsys, monkeypatch
):
  monkeypatch.setattr(download, '_LARGE', len(DATA))
  get(server, path)
  lines = capsys.readouterr().err.splitlines()
  assert lines[2] == 'a.zip, checking: 0.32768 MB to do'
  assert lines[3].startswith('a.zip, checking: 0.32768 MB done')


def test_a_failed_check_keeps_the_file_that_was_there(server, path):
  path.parent.mkdir()
  path.write_bytes(b'mine')
  server.files['a.zip'] = b'something else'
  assert 'checksum' in refused(server, path)
  assert path.read_bytes() == b'mine'
  assert names(path) == ['a.zip']


def test_a_full_disk_keeps_the_received_bytes(server, path, monkeypatch):
  with monkeypatch.context() as patch:
    fill_disk(patch, HALF)
    text = refused(server, path)
  assert f'{path}.part could not be written: the disk that holds' in text
  assert 'is full; free 0.000197 GB and start again: the down' in text
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


def test_a_file_that_the_server_does_not_have_is_requested_once(server, path):
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
def test_a_busy_server_gets_the_time_that_it_asks_for(
  headers, expected, server, path, monkeypatch
):
  waits = []
  monkeypatch.setattr(download.time, 'sleep', waits.append)
  server.answers = [(503, headers), (429, headers)]
  get(server, path, pause=2.0)
  assert waits == expected
  assert path.read_bytes() == DATA


def test_a_missing_network_is_reported_in_one_sentence(tmp_path, monkeypatch):
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
        'start again: the download will resume.'
      )
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  'url',
  [
    *('nowhere/a.zip', 'file:///a.zip', 'http://', 'http://mirror..example/a'),
    *(f'http://{"a" * 64}.example/a', 'http://[x/a'),
  ],
)
def test_an_invalid_address_is_refused_at_once(url, tmp_path):
  with pytest.raises(InputError, match='cannot be fetched'):
    download.download(url, tmp_path / 'a.zip', checksum=CHECKSUM, pause=1e9)


def test_the_size_is_none_if_the_server_does_not_report_it(server):
  assert download.file_size(f'{server.url}/a.zip') == len(DATA)
  assert download.file_size(f'{server.url}/b.zip') is None
  server.heads = False
  assert download.file_size(f'{server.url}/a.zip') is None
  server.heads, server.files['c.zip'] = True, b''
  assert download.file_size(f'{server.url}/c.zip') is None
  assert server.gets() == []


def test_without_a_checksum_the_size_decides(server, path):
  url = f'{server.url}/a.zip'
  with pytest.raises(InputError, match=f'has {len(DATA)} bytes, but the file'):
    download.download(url, path, size=len(DATA) - 1, pause=0)
  assert names_if_any(path) == []
  text = f'should have {len(DATA) + 1} bytes, but the received file has'
  with pytest.raises(InputError, match=text):
    download.download(url, path, size=len(DATA) + 1, pause=0)
  assert names(path) == []
  download.download(url, path, size=len(DATA), pause=0)
  assert path.read_bytes() == DATA
  server.log.clear()
  download.download(url, path, size=len(DATA), pause=0)
  assert server.log == []


def test_a_file_that_came_whole_before_is_not_requested_again(server, path):
  """A process can be killed between the last byte and the check."""
  path.parent.mkdir()
  path.with_name('a.zip.part').write_bytes(DATA)
  download.download(
    f'{server.url}/a.zip', path, checksum=CHECKSUM, size=len(DATA)
  )
  assert (names(path), server.log) == (['a.zip'], [])
  assert path.read_bytes() == DATA


def test_a_small_file_is_read_to_memory(server):
  url = f'{server.url}/a.zip'
  server.cuts = [HALF]
  assert download.read(url, most=len(DATA), pause=0) == DATA
  with pytest.raises(InputError, match=f'sends more than {len(DATA) - 1} byt'):
    download.read(url, most=len(DATA) - 1)
  with pytest.raises(InputError, match='the server answers 404 Not Found'):
    download.read(f'{server.url}/b.zip', most=9)


def names_if_any(path):
  return names(path) if path.parent.exists() else []


@pytest.mark.parametrize('lengths', [True, False])
def test_a_body_that_is_too_large_is_refused_while_it_comes(
  lengths, server, path, monkeypatch
):
  written = []
  real = download.progress.bar

  def count(*arguments, **options):
    written.append(arguments)
    return real(*arguments, **options)

  monkeypatch.setattr(download.progress, 'bar', count)
  server.lengths = lengths
  with pytest.raises(InputError) as error:
    download.download(
      f'{server.url}/a.zip', path, checksum=CHECKSUM, most=HALF + 1, pause=0
    )
  assert f'the file should have at most {HALF + 1}' in str(error.value)
  assert 'the received bytes were deleted' in str(error.value)
  assert names_if_any(path) == []
  assert len(server.gets()) == 1, 'trying again would not help'
  assert len(written) == (0 if lengths else 1), 'refused before it is written'


def test_a_body_without_a_length_is_received_up_to_the_known_size(server, path):
  server.lengths = False
  download.download(
    f'{server.url}/a.zip', path, checksum=CHECKSUM, most=len(DATA), pause=0
  )
  assert path.read_bytes() == DATA


def test_a_rest_that_is_too_large_is_refused(server, path):
  server.cuts = [HALF]
  refused(server, path, retries=0)
  with pytest.raises(InputError, match=f'has {len(DATA)} bytes, but the file'):
    download.download(
      f'{server.url}/a.zip', path, checksum=CHECKSUM, most=len(DATA) - 1
    )
  assert names(path) == []


@pytest.mark.parametrize('digits', [19, 5000])
def test_a_length_of_many_digits_is_refused_in_a_sentence(server, path, digits):
  server.lengths = '9' * digits
  text = refused(server, path)
  assert text.endswith(f'the server reports a length of {digits} digits.')
  with pytest.raises(InputError, match=f'a length of {digits} digits'):
    download.file_size(f'{server.url}/a.zip')


def test_redirects_are_followed_without_reading_their_bodies(server, path):
  def endless():
    while True:
      yield b'x' * download.BLOCK

  server.redirects = [('/elsewhere/a.zip', endless()), ('a.zip', [])]
  get(server, path)
  assert path.read_bytes() == DATA
  assert len(server.gets()) == 3


def test_endless_redirects_are_refused(server, path):
  server.redirects = [('/a.zip', [])] * 20
  assert 'redirects more than 10 times' in refused(server, path)


@pytest.mark.parametrize(
  'address', ['file:///etc/passwd', 'http://[x/y', 'http://a..example/b']
)
def test_a_redirect_to_no_address_of_the_web_is_refused(server, path, address):
  server.redirects = [(address, [])]
  assert 'cannot be fetched' in refused(server, path)


def test_an_empty_file_can_be_downloaded(server, path):
  server.files['a.zip'] = b''
  get(server, path, checksum=f'md5:{md5(b"")}')
  assert path.read_bytes() == b''
  path.unlink()
  download.download(f'{server.url}/a.zip', path, size=0)
  assert path.read_bytes() == b''


@pytest.mark.parametrize('status', [204, 300, 302, 304])
def test_answers_that_are_no_file_are_refused(server, path, status):
  """A redirect to nowhere, for example."""
  server.answers = [(status, {})]
  assert f'the server answers {status}' in refused(server, path, checksum='')
  assert names_if_any(path) == []


def test_a_part_that_is_longer_than_the_file_begins_again(server, path):
  path.parent.mkdir()
  path.with_name('a.zip.part').write_bytes(DATA + b'more')
  get(server, path, checksum='')
  assert path.read_bytes() == DATA


@pytest.mark.parametrize('checksum', ['1da708', 'crc32:1234', 'shake_128:12'])
def test_checksums_of_another_form_are_refused_at_once(server, path, checksum):
  text = refused(server, path, checksum=checksum)
  assert 'must be an algorithm and its digest' in text
  assert server.log == []
