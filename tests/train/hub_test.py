"""Networks from a hub: a local server that answers as a model hub does."""

import http.server
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import seld_jax
from seld_jax import predictor
from seld_jax.errors import InputError
from seld_jax.train import hub, pretrained, snapshot

COMMIT = 'a' * 40


class _Hub(http.server.BaseHTTPRequestHandler):
  """Has the network me/net, the text me/text, and nothing else."""

  contents: dict[str, dict[str, bytes]] = {}

  def do_GET(self):
    parts = self.path.partition('?')[0].strip('/').split('/')
    if parts[:2] == ['api', 'models']:
      name, what = '/'.join(parts[2:4]), parts[4]
      if name not in self.contents:
        return self._answer(404, b'{}', {'X-Error-Code': 'RepoNotFound'})
      if what == 'revision' and parts[5] not in ('main', 'v1'):
        return self._answer(404, b'{}', {'X-Error-Code': 'RevisionNotFound'})
      files = self.contents[name]
      about = {
        'revision': {
          'id': name,
          'sha': COMMIT,
          'siblings': [{'rfilename': file} for file in files],
        },
        'tree': [
          {'type': 'file', 'path': file, 'size': len(content), 'oid': 'b' * 40}
          for file, content in files.items()
        ],
      }[what]
      return self._answer(200, json.dumps(about).encode())
    name, file = '/'.join(parts[:2]), parts[-1]
    headers = {'X-Repo-Commit': COMMIT, 'ETag': f'"{file}"'}
    return self._answer(200, self.contents[name][file], headers)

  do_HEAD = do_GET

  def _answer(self, status, content, headers=None):
    self.send_response(status)
    for key, value in (headers or {}).items():
      self.send_header(key, value)
    self.send_header('Content-Length', str(len(content)))
    self.end_headers()
    if self.command != 'HEAD':
      self.wfile.write(content)

  def log_message(self, *_):
    pass


@pytest.fixture(scope='module')
def address(tiny_run, tmp_path_factory):
  folder = tmp_path_factory.mktemp('net')
  pretrained.write(folder, snapshot.read(tiny_run), card='# A network\n')
  (folder / 'train.py').write_text('raise SystemExit')
  files = {path.name: path.read_bytes() for path in folder.iterdir()}
  _Hub.contents = {'me/net': files, 'me/text': {'README.md': b'# Text'}}
  server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Hub)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  yield f'http://127.0.0.1:{server.server_port}'
  server.shutdown()
  server.server_close()


_PROGRAM = """
import json, sys
from seld_jax import predictor
from seld_jax.errors import InputError
from seld_jax.train import hub
found = {}
for source in sys.argv[1:]:
  try:
    folder = hub.download(source)
    arrays, _ = predictor.load_variables(source)
    names = sorted(path.name for path in folder.iterdir())
    found[source] = [names, arrays['params/sed/kernel'].tolist()]
  except InputError as error:
    found[source] = str(error)
print(json.dumps(found))
"""


def load(sources, address, home):
  done = subprocess.run(
    [sys.executable, '-c', _PROGRAM, *sources],
    env={
      **os.environ,
      'HF_ENDPOINT': address,
      'HF_HOME': str(home),
      'HF_HUB_DISABLE_TELEMETRY': '1',
      'PYTHONPATH': os.pathsep.join(sys.path),
    },
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout)


def test_networks_are_loaded_by_name_and_found_again_without_the_hub(
  tiny_run, address, tmp_path
):
  sources = ['hf:me/net', 'hf:me/net@v1', 'hf:me/net@v2', 'hf:me/none']
  found = load([*sources, 'hf:me/text'], address, tmp_path)
  expected, _ = predictor.load_variables(tiny_run)
  for source in 'hf:me/net', 'hf:me/net@v1':
    names, kernel = found[source]
    assert names == ['README.md', 'config.json', 'model.safetensors']
    np.testing.assert_array_equal(
      np.float32(kernel), expected['params/sed/kernel']
    )
  assert 'not the revision v2' in found['hf:me/net@v2']
  assert 'no network me/none' in found['hf:me/none']
  assert 'has no model.safetensors' in found['hf:me/text']
  # Nothing answers at this address, but the network is in the cache.
  gone = load(['hf:me/net', 'hf:me/new'], 'http://127.0.0.1:9', tmp_path)
  assert gone['hf:me/net'] == found['hf:me/net']
  assert 'hf:me/new cannot be downloaded' in gone['hf:me/new']


@pytest.mark.parametrize(
  'name', ['hf:', 'hf:me', 'hf:me/a/b', 'hf:../x', 'hf:a/b c']
)
def test_other_names_are_refused(name):
  with pytest.raises(InputError, match='hf:OWNER/NAME'):
    seld_jax.load(name)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
  monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
  with pytest.raises(InputError, match='`pip install huggingface_hub`'):
    hub.download('hf:me/net')
