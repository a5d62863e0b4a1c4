"""Scores of directions without classes, of folders and by the command."""

import json
import pathlib

import numpy as np
import pytest
from helpers.recordings_to_evaluate import NAMES, assert_close, run

from seld_jax import evaluate, labels, metrics
from seld_jax.errors import InputError

SCORES = metrics.main_scores(metrics.CLASSLESS)


def with_classes(folder, target, change):
  """Copies label files, with other classes."""
  target.mkdir()
  for path in pathlib.Path(folder).glob('*.csv'):
    rows = [line.split(',') for line in path.read_text().splitlines()]
    for row in rows:
      row[1] = str(change(int(row[1])))
    text = '\n'.join(','.join(row) for row in rows)
    (target / path.name).write_text(text + '\n')
  return target


def test_classes_of_files_do_not_matter(folders, tmp_path):
  reference, predictions = folders
  expected = evaluate.evaluate_folders(reference, predictions, classless=True)
  assert 0 < expected['LE'] < 20 and expected['recall'] < 1
  for name, change in (
    ('one', lambda index: 0),
    ('many', lambda index: 3000 + index),
  ):
    other = with_classes(predictions, tmp_path / name, change)
    found = evaluate.evaluate_folders(reference, other, classless=True)
    assert_close(found, expected)


def test_the_result_has_lengths_intervals_and_groups(folders):
  found = evaluate.evaluate_folders(*folders, classless=True)
  assert found['edition'] == 'classless' and found['num_classes'] == 1
  assert found['num_frames'] == 600 and found['length_rule'] == 'default'
  assert tuple(found['intervals']) == SCORES
  assert found['per_class'] == {} and set(found['per_overlap']) == {
    'ov1',
    'ov2',
  }
  rows = [one['reference_segments'] for one in found['per_fold'].values()]
  assert sum(rows) == 300 * len(NAMES)
  found = evaluate.evaluate_folders(
    *folders, edition='2024', num_frames='last_reference', classless=True
  )
  assert found['length_rule'] == 'last_reference'


def test_a_system_without_any_prediction_has_null_in_json(tmp_path):
  front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
  labels.write_csv(tmp_path / 'a' / 'mix1.csv', front)
  labels.write_csv(tmp_path / 'b' / 'mix1.csv', labels.no_events())
  done = run(
    f'--reference={tmp_path / "a"}',
    f'--predictions={tmp_path / "b"}',
    '--classless',
    '--json',
  )
  assert done.returncode == 0, done.stderr
  printed = json.loads(done.stdout)
  assert printed['LE'] is None and printed['recall'] == 0
  assert printed['precision'] is None


def test_the_command_prints_them(folders):
  reference, predictions = folders
  flags = f'--reference={reference}', f'--predictions={predictions}'
  expected = evaluate.evaluate_folders(*folders, classless=True)
  done = run(*flags, '--classless', '--per=overlap')
  assert done.returncode == 0, done.stderr
  assert 'Directions without classes, 4 recordings of 600' in done.stdout
  assert f'{expected["LE"]:.1f}°' in done.stdout
  assert all(name in done.stdout for name in SCORES[:-1])
  done = run(*flags, '--classless', '--json')
  printed = json.loads(done.stdout)
  assert {name: printed[name] for name in SCORES} == pytest.approx(
    {name: expected[name] for name in SCORES}
  )
  for flag, message in (
    ('--per=class', 'leave out --per=class or --classless'),
    ('--as_published', 'leave out --as_published or --classless'),
  ):
    done = run(*flags, '--classless', flag)
    assert done.returncode == 1
    assert message in ' '.join((done.stderr + done.stdout).split())
    assert 'Traceback' not in done.stderr


def test_lengths_are_needed_where_editions_need_them(folders):
  with pytest.raises(InputError, match='length'):
    evaluate.evaluate_folders(*folders, edition='2022', classless=True)
