"""Each tracker has each record once, however often a run stops."""

import json
import logging

import pytest

from seld_jax import trackers
from seld_jax.errors import InputError
from seld_jax.trackers import mirroring

SETTINGS = {'seed': 0, 'train.batch_size': 8}
RECORDS = [
  {'step': 1, 'split': 'train', 'loss': 0.5, 'learning_rate': 1e-3},
  {'step': 2, 'split': 'train', 'loss': 0.25, 'learning_rate': 1e-3},
  {'step': 2, 'split': 'validation', 'seld_score': 0.75, 'F20': None},
  {'step': 3, 'split': 'train', 'loss': 0.125, 'learning_rate': 5e-4},
  {'step': 4, 'split': 'train', 'loss': 0.0625, 'learning_rate': 5e-4},
  {'step': 4, 'split': 'validation', 'seld_score': 0.5, 'note': 'text'},
]


class Memory:
  """A tracker that keeps its records in a list, and fails when told to."""

  def __init__(self, kept, fails_at=None):
    self.kept, self.fails_at = kept, fails_at
    self.written = None
    self.ended: bool | None = None

  def write(self, index, step, values):
    if index == self.fails_at:
      raise OSError('no space left')
    self.kept.append((step, values))

  def close(self, *, is_complete):
    self.ended = is_complete


@pytest.fixture
def opened(monkeypatch):
  """Replaces the trackers; a list of those that were opened, by name."""
  found, kept = {}, {}

  def open_one(name, workdir, state, **options):
    run = kept.setdefault((name, state['name'], options['project']), [])
    found[name] = Memory(run)
    return found[name]

  monkeypatch.setattr(mirroring, '_open', open_one)
  monkeypatch.setattr(mirroring, 'check_installed', lambda names: None)
  return found


def follow(workdir, *, names=('jsonl', 'wandb'), records=(), **options):
  """Opens the trackers of a run that has some records."""
  options = {'project': 'p', 'settings': SETTINGS, **options}
  found = trackers.mirror(workdir, names, **options)
  copies = found.__enter__()
  copies.follow(records)
  return found, copies


def expected(records):
  return [(record['step'], trackers.scalars(record)) for record in records]


@pytest.mark.parametrize('stop', range(len(RECORDS) + 1))
@pytest.mark.parametrize('back_to', [0, 2, 3])
def test_a_stopped_run_sends_each_record_once(stop, back_to, tmp_path, opened):
  """It dies after some records, and resumes from an earlier checkpoint."""
  back_to = min(back_to, stop)
  _, copies = follow(tmp_path)
  for record in RECORDS[:stop]:
    copies.write(record)
  # Killed: nothing is closed.
  block, copies = follow(tmp_path, records=RECORDS[:back_to])
  for record in RECORDS[back_to:]:
    copies.write(record)
  block.__exit__(None, None, None)
  assert opened['wandb'].kept == expected(RECORDS)


def test_a_tracker_that_is_added_later_gets_all_records(tmp_path, opened):
  block, copies = follow(tmp_path, names=('jsonl', 'trackio'))
  for record in RECORDS[:3]:
    copies.write(record)
  block.__exit__(None, None, None)
  _, copies = follow(
    tmp_path, names=('jsonl', 'trackio', 'wandb'), records=RECORDS[:3]
  )
  copies.write(RECORDS[3])
  for name in 'trackio', 'wandb':
    assert opened[name].kept == expected(RECORDS[:4])


def test_another_project_gets_all_records(tmp_path, opened):
  block, copies = follow(tmp_path)
  for record in RECORDS[:3]:
    copies.write(record)
  block.__exit__(None, None, None)
  _, copies = follow(
    tmp_path, records=RECORDS[:3], project='q', has_checkpoint=True
  )
  copies.write(RECORDS[3])
  assert opened['wandb'].kept == expected(RECORDS[:4])


def test_another_project_gets_the_final_scores_too(tmp_path, opened):
  results = {'test': {'seld_score': 0.5}}
  kept = []
  for project in 'pqq':
    block, copies = follow(tmp_path, project=project, has_checkpoint=True)
    copies.finish(results, step=7)
    block.__exit__(None, None, None)
    kept.append([*opened['wandb'].kept])
  assert kept[0] == kept[1] == kept[2] != []


def test_a_tracker_that_fails_is_left_out_with_one_warning(
  tmp_path, opened, caplog
):
  block, copies = follow(tmp_path, names=('jsonl', 'trackio', 'wandb'))
  opened['wandb'].fails_at = 1
  for record in RECORDS:
    copies.write(record)
  block.__exit__(None, None, None)
  assert opened['trackio'].kept == expected(RECORDS)
  assert opened['wandb'].kept == expected(RECORDS[:1])
  (warning,) = [r for r in caplog.records if r.levelno == logging.WARNING]
  assert 'wandb failed' in warning.getMessage()
  assert 'OSError: no space left' in warning.getMessage()
  # The resumed run sends what is missing.
  follow(tmp_path, names=('jsonl', 'trackio', 'wandb'), records=RECORDS)
  assert opened['trackio'].kept == expected(RECORDS)
  assert opened['wandb'].kept == expected(RECORDS)


def test_final_scores_are_sent_once_and_end_the_run(tmp_path, opened):
  scores = {'test': {'seld_score': 0.5, 'per_class': {'a': 1}}, 'eval': {}}
  block, copies = follow(tmp_path, records=RECORDS)
  copies.finish(scores, step=2)
  # Killed before scores.json; the test is repeated.
  block, copies = follow(tmp_path, records=RECORDS)
  assert opened['wandb'].ended is None
  copies.finish(scores, step=2)
  block.__exit__(None, None, None)
  last = (2, {'final/test/seld_score': 0.5})
  assert opened['wandb'].kept == [*expected(RECORDS), last]
  assert opened['wandb'].ended is True


def test_results_of_a_repeated_test_that_are_new_are_sent(tmp_path, opened):
  scores = {'test': {'seld_score': 0.5}}
  _, copies = follow(tmp_path, records=RECORDS)
  copies.finish(scores, step=2)
  _, copies = follow(tmp_path, records=RECORDS)
  copies.finish(scores | {'evaluation': {'seld_score': 0.6}}, step=2)
  assert opened['wandb'].kept == [
    *expected(RECORDS),
    (2, {'final/test/seld_score': 0.5}),
    (2, {'final/evaluation/seld_score': 0.6}),
  ]


def test_an_interrupted_run_is_not_complete(tmp_path, opened):
  block, _ = follow(tmp_path, records=RECORDS)
  block.__exit__(None, None, None)
  assert opened['wandb'].ended is False


def test_another_run_in_the_same_directory_has_another_name(tmp_path, opened):
  """Only if it has other settings, and no checkpoint that it goes on from."""
  first = follow(tmp_path, records=RECORDS) and opened['wandb'].kept
  other = {**SETTINGS, 'seed': 1}
  follow(tmp_path, records=RECORDS, settings=other, has_checkpoint=True)
  assert opened['wandb'].kept is first
  follow(tmp_path, records=RECORDS[:1], settings=other)
  assert opened['wandb'].kept == expected(RECORDS[:1])
  assert first == expected(RECORDS)


def test_what_the_tracker_has_itself_is_believed(tmp_path, opened, monkeypatch):
  """A server may lack the last records of a process that was killed."""
  follow(tmp_path, records=RECORDS)
  kept = opened['wandb'].kept
  del kept[4:]
  make = mirroring._open

  def open_one(*args, **options):
    tracker = make(*args, **options)
    tracker.written = len(kept)
    return tracker

  monkeypatch.setattr(mirroring, '_open', open_one)
  follow(tmp_path, records=RECORDS)
  assert kept == expected(RECORDS)


def test_a_tracker_that_cannot_start_stops_only_a_new_run(
  tmp_path, opened, monkeypatch, caplog
):
  make = mirroring._open

  def fail(name, *args, **options):
    raise ConnectionError('no network.\nmore lines')

  monkeypatch.setattr(mirroring, '_open', fail)
  with pytest.raises(InputError, match=r'wandb cannot be started \(.*network'):
    follow(tmp_path)
  assert not (tmp_path / mirroring.STATE).exists()
  monkeypatch.setattr(mirroring, '_open', make)
  follow(tmp_path, records=RECORDS[:2])
  monkeypatch.setattr(mirroring, '_open', fail)
  _, copies = follow(tmp_path, records=RECORDS[:2])
  copies.write(RECORDS[2])
  assert caplog.text.count('cannot be started') == 1
  monkeypatch.setattr(mirroring, '_open', make)
  follow(tmp_path, records=RECORDS[:3])
  assert opened['wandb'].kept == expected(RECORDS[:3])


@pytest.mark.parametrize(
  'content', ['', '[]', '{}', '{"name": "a", "settings": "", "written": [1]}']
)
def test_a_damaged_state_is_explained(content, tmp_path, opened):
  (tmp_path / mirroring.STATE).write_text(content)
  with pytest.raises(InputError, match=r'trackers\.json.* Delete the file'):
    follow(tmp_path)


def test_a_state_that_cannot_be_written_stops_nothing(tmp_path, opened, caplog):
  _, copies = follow(tmp_path)
  (tmp_path / mirroring.STATE).unlink()
  (tmp_path / mirroring.STATE).mkdir()
  copies.write(RECORDS[0])
  copies.write(RECORDS[1])
  assert caplog.text.count('wandb failed') == 1


def test_the_default_needs_no_file_and_no_package(tmp_path):
  _, copies = follow(tmp_path, names=('jsonl',))
  copies.write(RECORDS[0])
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', [n for n in trackers.NAMES if n != 'jsonl'])
def test_a_missing_package_is_explained(name, monkeypatch, tmp_path):
  import sys

  package = {'tensorboard': 'tensorboardX'}.get(name, name)
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.raises(InputError, match=f'`pip install {package}`, or '):
    follow(tmp_path, names=('jsonl', name))


def test_scalars_are_numbers_by_split_and_name():
  assert trackers.scalars(RECORDS[2]) == {'validation/seld_score': 0.75}
  assert trackers.scalars(RECORDS[5]) == {'validation/seld_score': 0.5}
  assert trackers.scalars({'step': 1, 'split': 'a', 'b': True, 'n': 2}) == {
    'a/n': 2.0
  }


def test_the_state_names_the_run_and_counts_its_records(tmp_path, opened):
  follow(tmp_path, records=RECORDS)
  state = json.loads((tmp_path / mirroring.STATE).read_text())
  assert state['name'].startswith(tmp_path.name)
  assert state['written'] == {'wandb': len(RECORDS)}
