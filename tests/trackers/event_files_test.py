"""TensorBoard's files hold what metrics.jsonl holds, also after a resume."""

import struct

import numpy as np
import pytest
from helpers.tiny import make_one_convolution
from helpers.training import train_until_first_checkpoint

from seld_jax import runs, trackers, train

event_pb2 = pytest.importorskip('tensorboardX.proto.event_pb2')
record_writer = pytest.importorskip('tensorboardX.record_writer')


def events(folder):
  """All whole events of a folder; checks their checksums."""
  found = []
  for path in sorted(folder.glob('*tfevents*')):
    content = path.read_bytes()
    while content:
      (length,) = struct.unpack('<Q', content[:8])
      if len(content) < 16 + length:
        break  # TensorBoard goes on with the next file, too
      body = content[12 : 12 + length]
      sums = struct.unpack('<I', content[8:12])
      sums += struct.unpack('<I', content[12 + length : 16 + length])
      assert sums == (
        record_writer.masked_crc32c(content[:8]),
        record_writer.masked_crc32c(body),
      )
      found.append(event_pb2.Event.FromString(body))
      content = content[16 + length :]
  return found


def curves(folder):
  """The points of each tag, in the order in which they were written."""
  found = {}
  for event in events(folder):
    for value in event.summary.value:
      if value.HasField('simple_value'):
        points = found.setdefault(value.tag, [])
        points.append((event.step, np.float32(value.simple_value)))
  return found


def expected(records):
  """The same of records; event files have float32."""
  found = {}
  for record in records:
    for name, value in trackers.scalars(record).items():
      found.setdefault(name, []).append((record['step'], np.float32(value)))
  return found


def without_final(points):
  return {n: p for n, p in points.items() if not n.startswith('final/')}


@pytest.fixture
def config(tiny_config):
  make_one_convolution(tiny_config)
  tiny_config.log.to = ('jsonl', 'tensorboard')
  return tiny_config


def test_a_run_that_was_killed_and_resumed_has_each_step_once(
  config, tmp_path, monkeypatch
):
  train_until_first_checkpoint(config, tmp_path, monkeypatch)
  scores = train.train_and_evaluate(config, tmp_path)
  points = curves(tmp_path / 'tensorboard')
  records = runs.read_records(tmp_path / runs.METRICS)
  assert without_final(points) == expected(records)
  assert [step for step, _ in points['train/loss']] == [1, 2, 3, 4]
  assert {'validation/seld_score', 'train/learning_rate'} <= set(points)
  results = {result['name']: result['scores'] for result in scores['results']}
  assert points['final/test/seld_score'] == [
    (scores['selected_step'], np.float32(results['test']['seld_score']))
  ]
  fields = [
    value.tag
    for event in events(tmp_path / 'tensorboard')
    for value in event.summary.value
    if not value.HasField('simple_value')
  ]
  # The configuration once, and the end of the run.
  assert sorted(fields) == [
    '_hparams_/session_end_info',
    '_hparams_/session_start_info',
    'config/text_summary',
  ]


@pytest.mark.slow
def test_the_tracker_may_be_added_to_a_run_that_is_resumed(
  config, tmp_path, monkeypatch
):
  config.log.to = ('jsonl',)
  train_until_first_checkpoint(config, tmp_path, monkeypatch)
  assert not (tmp_path / 'tensorboard').exists()
  config.log.to = ('tensorboard', 'jsonl')
  train.train_and_evaluate(config, tmp_path)
  records = runs.read_records(tmp_path / runs.METRICS)
  assert without_final(curves(tmp_path / 'tensorboard')) == expected(records)


RECORDS = [
  {'step': step, 'split': 'train', 'loss': 1 / step, 'rate': 1e-30}
  for step in range(1, 6)
]


def write(workdir, records, known=(), settings=()):
  with trackers.mirror(
    workdir, ['tensorboard'], project='p', settings=dict(settings)
  ) as copies:
    copies.follow(known)
    for record in records:
      copies.write(record)


@pytest.mark.parametrize('lost', [1, 4, 5, 20])
def test_an_event_that_was_cut_off_is_written_again(lost, tmp_path):
  """The process is killed in the middle of its last event."""
  write(tmp_path, RECORDS[:3])
  (path,) = (tmp_path / 'tensorboard').iterdir()
  path.write_bytes(path.read_bytes()[:-lost])
  assert curves(tmp_path / 'tensorboard') == expected(RECORDS[:2])
  write(tmp_path, RECORDS[3:], known=RECORDS[:3])
  assert curves(tmp_path / 'tensorboard') == expected(RECORDS)


def test_files_of_another_run_are_kept_but_not_shown(tmp_path):
  write(tmp_path, RECORDS, settings={'seed': 0})
  (old,) = (tmp_path / 'tensorboard').iterdir()
  content = old.read_bytes()
  write(tmp_path, RECORDS[:1], settings={'seed': 1})
  assert curves(tmp_path / 'tensorboard') == expected(RECORDS[:1])
  (kept,) = (tmp_path / 'tensorboard').glob('*earlier*')
  assert kept.read_bytes() == content


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_tensorboard_itself_reads_the_curves(tmp_path):
  """Also past an event that was cut off."""
  accumulator = pytest.importorskip(
    'tensorboard.backend.event_processing.event_accumulator',
    reason='tensorboard is not installed',
  )
  write(tmp_path, RECORDS[:3])
  (path,) = (tmp_path / 'tensorboard').iterdir()
  path.write_bytes(path.read_bytes()[:-5])
  write(tmp_path, RECORDS[3:], known=RECORDS[:3])
  found = accumulator.EventAccumulator(str(tmp_path / 'tensorboard')).Reload()
  assert set(found.Tags()['scalars']) == {'train/loss', 'train/rate'}
  assert [
    (event.step, np.float32(event.value))
    for event in found.Scalars('train/loss')
  ] == expected(RECORDS)['train/loss']
