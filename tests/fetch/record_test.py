"""The list of files of a record is read, or refused in one sentence."""

import json

import pytest
from helpers.archive_server import put_record, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax.errors import InputError
from seld_jax.fetch import record

MD5 = 'd41d8cd98f00b204e9800998ecf8427e'
JSON = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
  lambda inside: (
    st.lists(inside, max_size=3)
    | st.dictionaries(
      st.sampled_from(['files', 'entries', 'key', 'size', 'checksum', 'id']),
      inside,
      max_size=4,
    )
  ),
)


@pytest.fixture(scope='module')
def server():
  with pytest.MonkeyPatch.context() as patch, serving() as server:
    patch.setenv('NO_PROXY', '127.0.0.1')
    yield server


def read(server, content):
  server.files['1'] = content
  return record.read(f'{server.url}/1', retries=0)


def entry(**changes):
  return {'key': 'a.zip', 'size': 7, 'checksum': f'md5:{MD5}', **changes}


@pytest.mark.parametrize('key', ['files', 'entries'])
def test_files_are_read_in_both_forms_of_the_list(key, server):
  content = {'id': 1, key: [entry(), entry(key='b.zip', size=0)]}
  assert read(server, json.dumps(content).encode()) == {
    'a.zip': record.File(7, MD5),
    'b.zip': record.File(0, MD5),
  }


def test_the_helper_of_these_tests_writes_that_form(server):
  server.files['x.zip'] = b''
  put_record(server, 5, ['x.zip'])
  assert record.read(f'{server.url}/5') == {'x.zip': record.File(0, MD5)}


@pytest.mark.parametrize(
  'changes',
  [
    {'key': 3},
    {'size': -1},
    {'size': 7.0},
    {'size': True},
    {'size': None},
    {'checksum': None},
    {'checksum': f'sha256:{MD5}'},
    {'checksum': f'md5:{MD5[1:]}'},
  ],
)
def test_an_incomplete_file_is_refused(changes, server):
  content = json.dumps({'files': [entry(), entry(**changes)]}).encode()
  with pytest.raises(InputError, match='should give the key, the size and the'):
    read(server, content)


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_json_is_read_or_refused_in_a_sentence(value):
  try:
    found = record.parse(json.dumps(value).encode(), 'url')
  except InputError as error:
    assert len(str(error).splitlines()) == 1
    assert str(error).startswith('url ')
  else:
    assert found and all(isinstance(one, record.File) for one in found.values())


@pytest.mark.parametrize('content', [b'', b'\xff', b'<html></html>', b'[]'])
def test_other_text_is_refused(content, server):
  with pytest.raises(InputError, match=r'/1 (cannot be read|should list)'):
    read(server, content)


def test_an_endless_list_is_refused(server, monkeypatch):
  monkeypatch.setattr(record, '_MOST_BYTES', 1000)
  with pytest.raises(InputError, match='the server sends more than 1000 bytes'):
    read(server, b' ' * 1001)


def test_a_cut_list_is_asked_for_again(server):
  server.files['1'] = json.dumps({'files': [entry()]}).encode()
  server.cuts = [20]
  assert record.read(f'{server.url}/1', retries=1, pause=0)
  server.cuts = [20]
  with pytest.raises(InputError, match='cannot be fetched'):
    record.read(f'{server.url}/1', retries=0)


def test_only_unknown_checksums_are_looked_up():
  found = {'a.zip': record.File(7, MD5), 'b.zip': record.File(8, MD5)}
  checksums = {'a.zip': '', 'c.zip': MD5}
  assert record.missing(checksums, found, 'url') == {
    'a.zip': record.File(7, MD5)
  }
  with pytest.raises(
    InputError, match=r'url has no file d\.zip, but a\.zip, b'
  ):
    record.missing({'d.zip': ''}, found, 'url')
