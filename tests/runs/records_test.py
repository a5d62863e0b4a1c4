"""Records after a crash, and the same bytes after a resume."""

import json

import pytest

from seld_jax import runs

RECORDS = [
  {'step': 1, 'split': 'train', 'loss': 0.1 + 0.2},
  {'step': 2, 'split': 'train', 'loss': 1e-300},
  {'step': 2, 'split': 'validation', 'seld_score': 1 / 3},
  {'step': 3, 'split': 'train', 'loss': 12345678.9},
]


@pytest.fixture
def path(tmp_path):
  path = tmp_path / runs.METRICS
  for record in RECORDS:
    runs.append_record(path, record)
  return path


def test_appended_records_are_read(path):
  assert runs.read_records(path) == RECORDS
  lines = path.read_text().splitlines()
  assert [json.loads(line) for line in lines] == RECORDS


def test_a_missing_file_has_no_records(tmp_path):
  assert runs.read_records(tmp_path / 'none.jsonl') == []
  runs.rewind_records(tmp_path / 'none.jsonl', 3)
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('lost', range(1, 20))
def test_an_incomplete_last_line_is_left_out(lost, path):
  content = path.read_bytes()
  assert lost < len(content.splitlines()[-1])
  path.write_bytes(content[:-lost])
  assert runs.read_records(path) == RECORDS[:-1]


@pytest.mark.parametrize('step', range(5))
def test_rewind_keeps_the_records_up_to_a_step(step, path):
  runs.rewind_records(path, step)
  assert runs.read_records(path) == [r for r in RECORDS if r['step'] <= step]


@pytest.mark.parametrize('step', range(3))
@pytest.mark.parametrize('lost', [0, 1, 9])
def test_rewinding_and_appending_again_gives_the_same_bytes(step, lost, path):
  whole = path.read_bytes()
  path.write_bytes(whole[: len(whole) - lost])
  runs.rewind_records(path, step)
  for record in RECORDS:
    if record['step'] > step:
      runs.append_record(path, record)
  assert path.read_bytes() == whole
