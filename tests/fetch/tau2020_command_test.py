"""The list of published archives, and the command that fetches them."""

import collections
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from helpers.archive_server import (
  DEFLATED,
  STORED,
  md5,
  serving,
  write_split_zip,
)

from seld_jax import tau2020

FOLDERS = [
  f'{kind}_{split}'
  for split in ('dev', 'eval')
  for kind in ('metadata', 'foa', 'mic')
]


@pytest.fixture
def server(monkeypatch):
  monkeypatch.setenv('NO_PROXY', '127.0.0.1')
  with serving() as server:
    yield server


def test_a_fold_has_a_hundred_recordings_half_of_them_with_overlap():
  names = tau2020.recording_names('dev')
  form = re.compile(r'fold([1-6])_room([12])_mix(\d{3})_ov([12])')
  matches = [form.fullmatch(name) for name in names]
  parts = [match.groups() for match in matches if match]
  assert len(set(parts)) == len(names) == 600
  folds = collections.Counter(fold for fold, *_ in parts)
  assert folds == dict.fromkeys('123456', 100)
  overlaps = collections.Counter((fold, ov) for fold, _, _, ov in parts)
  assert set(overlaps.values()) == {50}
  # The sixth fold has a single room with 100 recordings.
  for name in (
    'fold1_room1_mix001_ov1',
    'fold2_room1_mix025_ov1',
    'fold3_room2_mix026_ov2',
    'fold5_room2_mix050_ov2',
    'fold6_room1_mix050_ov1',
    'fold6_room1_mix100_ov2',
  ):
    assert name in names
  assert 'fold6_room2_mix001_ov1' not in names


def test_evaluation_recordings_are_numbered():
  names = tau2020.recording_names('eval')
  assert len(names) == 200
  assert (names[0], names[-1]) == ('mix001', 'mix200')


def test_everything_is_selected_by_default():
  selected = tau2020.select()
  assert [archive.folder for archive in selected] == FOLDERS
  checksums = {}
  for archive in selected:
    assert list(archive.checksums)[-1] == f'{archive.folder}.zip'
    checksums |= archive.checksums
  assert checksums == tau2020.CHECKSUMS
  assert len(set(checksums.values())) == 10
  assert all(
    re.fullmatch('[0-9a-f]{32}', value) for value in checksums.values()
  )


@pytest.mark.parametrize('formats', ['foa', 'mic', 'both'])
@pytest.mark.parametrize('splits', ['dev', 'eval', 'both'])
def test_every_selection_includes_the_labels(formats, splits):
  selected = tau2020.select(formats=formats, splits=splits)
  other = {'foa': 'mic', 'mic': 'foa', 'dev': 'eval', 'eval': 'dev', 'both': ''}
  expected = [
    folder
    for folder in FOLDERS
    if not {other[formats], other[splits]} & set(folder.split('_'))
  ]
  assert [archive.folder for archive in selected] == expected
  for archive in selected:
    kind, _, split = archive.folder.partition('_')
    suffix = 'csv' if kind == 'metadata' else 'wav'
    names = [f'{name}.{suffix}' for name in tau2020.recording_names(split)]
    assert list(archive.names) == names


# The command, in separate processes.


def command(*words, code=None):
  program = ['-m', 'seld_jax.tau2020'] if code is None else ['-c', code]
  return subprocess.Popen(
    [sys.executable, *program, *words],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    env={**os.environ, 'NO_PROXY': '127.0.0.1'},
  )


def code_for(archives):
  """A program: the command, with other archives than the published ones."""
  return (
    'import signal\n'
    'from seld_jax import commands, fetch, tau2020\n'
    # Processes that a shell starts in the background ignore Ctrl-C, and so do
    # their children.
    'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
    f'archives = [fetch.Archive(*one) for one in {archives!r}]\n'
    'tau2020.select = lambda formats, splits: archives\n'
    'commands.run(tau2020.main, define_flags=tau2020.define_flags,\n'
    '             required=("out",), resumes=True)\n'
  )


def outcome(process):
  out, err = process.communicate(timeout=60)
  return process.returncode, out, err


def test_the_command_fetches_and_then_has_nothing_to_do(server, tmp_path):
  """With small archives instead of the published ones."""
  contents = {
    f'{folder}/{name}.{suffix}': random.Random(name).randbytes(2000)
    for folder, suffix in (('foa_dev', 'wav'), ('metadata_dev', 'csv'))
    for name in ('fold1_room1_mix001_ov1', 'fold1_room1_mix002_ov2')
  }
  archives = []
  for folder, method in ('metadata_dev', DEFLATED), ('foa_dev', STORED):
    checksums = {}
    for path in write_split_zip(
      tmp_path / f'{folder}.zip',
      [
        (name, data, method)
        for name, data in contents.items()
        if name.startswith(folder)
      ],
      room=(1500, 1500) if folder == 'foa_dev' else (),
    ):
      server.files[path.name] = path.read_bytes()
      checksums[path.name] = md5(path.read_bytes())
    names = [name.partition('/')[2] for name in contents if folder in name]
    archives.append((folder, checksums, tuple(names)))
  code = code_for(archives)
  out = tmp_path / 'tau'
  words = [f'--out={out}', f'--url={server.url}', '--formats=foa']
  words.append('--splits=dev')
  status, printed, err = outcome(command(*words, code=code))
  assert status == 0, err
  expected = f'{out}/metadata_dev: 2 files\n{out}/foa_dev: 2 files\n'
  assert printed == expected
  for name, data in contents.items():
    assert (out / name).read_bytes() == data
  assert not (out / 'archives').exists()
  server.log.clear()
  status, printed, err = outcome(command(*words, code=code))
  assert (status, err) == (0, '')
  assert printed == 'Everything was there already.\n' + expected
  assert server.log == []


def test_archives_that_differ_from_the_published_ones_are_refused(
  server, tmp_path
):
  server.files['metadata_eval.zip'] = b'something else'
  status, out, err = outcome(
    command(
      f'--out={tmp_path}',
      f'--url={server.url}',
      '--splits=eval',
      '--formats=mic',
    )
  )
  assert (status, out) == (1, '')
  assert err.splitlines()[-1] == (
    f'error: {server.url}/metadata_eval.zip should have the checksum '
    f'md5:{tau2020.CHECKSUMS["metadata_eval.zip"]}, but the received file has '
    f'md5:{md5(b"something else")}; it was deleted: start again to download it '
    'again.'
  )
  visible = [p.name for p in tmp_path.iterdir() if not p.name.startswith('.')]
  assert visible == ['archives']
  assert not any((tmp_path / 'archives').iterdir())


def test_without_a_network_the_exit_status_is_1(tmp_path):
  with socket.socket() as closed:
    closed.bind(('127.0.0.1', 0))
    url = f'http://127.0.0.1:{closed.getsockname()[1]}'
    process = command(
      f'--out={tmp_path / "tau"}', f'--url={url}', '--retries=0'
    )
    status, out, err = outcome(process)
  assert (status, out) == (1, '')
  assert len(err.splitlines()) == 1
  assert err.startswith(f'error: {url}/metadata_dev.zip cannot be fetched: ')


def test_control_c_gives_130_and_keeps_the_received_bytes(server, tmp_path):
  server.files['metadata_dev.zip'] = data = bytes(1 << 17)
  server.cuts = [1 << 16]
  server.go_on = threading.Event()
  # The published archives would need more space than this disk may have.
  code = code_for(
    [('metadata_dev', {'metadata_dev.zip': md5(data)}, ('mix001.csv',))]
  )
  process = command(f'--out={tmp_path}', f'--url={server.url}', code=code)
  part = tmp_path / 'archives' / 'metadata_dev.zip.part'
  deadline = time.monotonic() + 60
  while not part.exists() or part.stat().st_size < 1 << 16:
    assert time.monotonic() < deadline and process.poll() is None
    time.sleep(0.01)
  process.send_signal(signal.SIGINT)
  status, out, err = outcome(process)
  assert (status, out) == (130, '')
  assert err.endswith('\nCtrl-C: stopped; the same command resumes the work.\n')
  assert 'Traceback' not in err
  assert part.read_bytes() == data[: 1 << 16]
