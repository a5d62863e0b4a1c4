"""trackio and wandb without a network; a test is skipped without the package.

What they store is read back without them: the database of trackio, and the log
of wandb, whose blocks have the format of LevelDB.
"""

import importlib
import json
import sqlite3
import struct
import time

import pytest

from seld_jax import trackers

SETTINGS = {'seed': 0, 'data.classes': ['alarm', 'dog'], 'train.batch_size': 8}
RECORDS = [
  {'step': step, 'split': split, 'loss': step / 7}
  for step in (100, 200, 300)
  for split in ('train', 'validation')
]
FINAL = (200, {'final/test/seld_score': 0.5})
EXPECTED = [(r['step'], trackers.scalars(r)) for r in RECORDS] + [FINAL]


def track(workdir, name):
  """A run that stops after four records, and resumes after the second one."""
  options = {'project': 'some-project', 'settings': SETTINGS}
  workdir.mkdir()
  with trackers.mirror(workdir, ['jsonl', name], **options) as copies:
    copies.follow([])
    for record in RECORDS[:4]:
      copies.write(record)
  with trackers.mirror(workdir, ['jsonl', name], **options) as copies:
    copies.follow(RECORDS[:2])
    for record in RECORDS[2:]:
      copies.write(record)
    copies.finish({'test': {'seld_score': 0.5}}, step=200)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Set before the packages are imported, which read it only then."""
  folder = tmp_path_factory.mktemp('offline')
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv('TRACKIO_DIR', str(folder / 'trackio'))
    patch.setenv('HF_HUB_OFFLINE', '1')
    patch.setenv('WANDB_MODE', 'offline')
    patch.setenv('WANDB_CACHE_DIR', str(folder / 'cache'))
    patch.setenv('WANDB_CONFIG_DIR', str(folder / 'config'))
    patch.setenv('WANDB_DATA_DIR', str(folder / 'data'))
    for name in 'TRACKIO_SPACE_ID', 'TRACKIO_SERVER_URL', 'WANDB_DIR':
      patch.delenv(name, raising=False)
    yield folder


# The packages have warnings of their own, which depend on their versions.
@pytest.mark.filterwarnings('default')
def test_trackio_has_each_record_once(folder, capfd):
  pytest.importorskip('trackio')
  track(folder / 'one', 'trackio')
  assert capfd.readouterr().out == ''
  (path,) = (folder / 'trackio').glob('some-project*.db')
  with sqlite3.connect(path) as connection:
    rows = connection.execute(
      'SELECT run_name, step, metrics FROM metrics ORDER BY id'
    ).fetchall()
    ((name, config),) = connection.execute(
      'SELECT run_name, config FROM configs'
    ).fetchall()
  connection.close()
  assert {row[0] for row in rows} == {name}
  assert name.startswith('one-')
  assert [(step, json.loads(text)) for _, step, text in rows] == EXPECTED
  assert json.loads(config).items() >= SETTINGS.items()


@pytest.mark.filterwarnings('default')
def test_wandb_has_each_record_once(folder, capfd):
  pytest.importorskip('wandb')
  track(folder / 'two', 'wandb')
  assert capfd.readouterr().out == ''
  parts = sorted((folder / 'two/wandb').glob('offline-run-*/*.wandb'))
  assert len(parts) == 2
  rows, names, config = [], set(), {}
  for record in (record for path in parts for record in whole_log(path)):
    if record.HasField('run'):
      names.add((record.run.project, record.run.run_id))
      config |= {
        item.key: json.loads(item.value_json)
        for item in record.run.config.update
      }
    elif record.HasField('history'):
      row = {
        item.key or item.nested_key[0]: json.loads(item.value_json)
        for item in record.history.item
      }
      rows.append((record.history.step.num, row))
  ((project, name),) = names
  assert project == 'some-project'
  assert name.startswith('two-')
  assert config.items() >= SETTINGS.items()
  # wandb's own numbers go on after the resume.
  assert [number for number, _ in rows] == list(range(len(EXPECTED)))
  assert [
    (row['step'], {name: row[name] for name in row if '/' in name})
    for _, row in rows
  ] == EXPECTED


def whole_log(path):
  """The records of a log; its process may still write when `finish` returns."""
  for _ in range(300):
    records = list(wandb_records(path))
    if any(record.HasField('exit') for record in records):
      return records
    time.sleep(0.1)
  raise AssertionError(f'{path} has no end')


def wandb_records(path):
  """The records of a log: blocks of 32 KiB with parts of records."""
  protobuf = importlib.import_module('wandb.proto.wandb_internal_pb2')
  content, whole, place = path.read_bytes(), b'', 7
  if content[:4] != b':W&B':
    return  # nothing is written yet
  while place + 7 <= len(content):
    left = 32768 - place % 32768
    _, length, kind = struct.unpack('<IHB', content[place : place + 7])
    if left < 7 or kind == 0:
      place += left
      continue
    whole += content[place + 7 : place + 7 + length]
    place += 7 + length
    if kind in (1, 4):  # a whole record, or its last part
      record = protobuf.Record()
      record.ParseFromString(whole)
      yield record
      whole = b''
