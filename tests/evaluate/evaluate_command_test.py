"""The command prints the result of evaluate_folders, for all or some folds."""

import importlib
import json

import numpy as np
import pytest
from absl import flags
from helpers.recordings_to_evaluate import (
  NAMES,
  assert_close,
  run,
  some_recordings,
)

from seld_jax import evaluate, labels
from seld_jax.errors import InputError


def test_command_prints_json(folders):
  reference, predictions = folders
  done = run(
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--json',
    '--per=room',
  )
  assert done.returncode == 0, done.stderr
  printed = json.loads(done.stdout)
  expected = evaluate.evaluate_folders(*folders)
  for name in ('per_class', 'per_overlap', 'per_fold'):
    del expected[name]
  assert printed == expected


def test_command_prints_a_table(folders):
  reference, predictions = folders
  done = run(
    f'--reference={reference}', f'--predictions={predictions}', '--per=class'
  )
  assert done.returncode == 0, done.stderr
  result = evaluate.evaluate_folders(*folders)
  assert '4 recordings of 600 frames' in done.stdout
  assert f'{result["F20"]:.3f}' in done.stdout
  assert f'{result["LE_CD"]:.1f}°' in done.stdout
  for name in labels.TAU2020_CLASSES:
    assert name in done.stdout


def test_command_reports_a_mistake_in_one_sentence(folders):
  reference, predictions = folders
  (predictions / f'{NAMES[2]}.csv').unlink()
  done = run(f'--reference={reference}', f'--predictions={predictions}')
  assert done.returncode == 1
  assert f'lacks {NAMES[2]}.csv' in done.stderr + done.stdout
  assert 'Traceback' not in done.stderr
  done = run(
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--missing=empty',
    '--json',
  )
  assert done.returncode == 0
  assert json.loads(done.stdout)['recordings'] == 4
  assert run(f'--reference={reference}').returncode == 1
  done = run(str(reference), f'--reference={reference}', '--predictions=x')
  assert done.returncode == 1
  assert 'Traceback' not in done.stderr


def test_help_lists_the_flags():
  done = run('--help')
  assert done.returncode == 0
  for name in ('reference', 'predictions', 'json', 'frames', 'missing', 'per'):
    assert name in done.stdout.split('Flags:')[1]


def test_importing_defines_no_flags():
  importlib.import_module('seld_jax.evaluate.__main__')
  assert not {'reference', 'predictions', 'json'} & set(flags.FLAGS)


def test_folds_select_files_of_both_folders(folders):
  reference, predictions = folders
  (predictions / f'{NAMES[3]}.csv').unlink()
  with pytest.raises(InputError, match='and --folds=1 compares only the folds'):
    evaluate.evaluate_folders(*folders)
  one = evaluate.evaluate_folders(*folders, folds=[1])
  assert_close(one, evaluate.evaluate_predictions(some_recordings()[:3]))
  done = run(
    f'--reference={reference}',
    f'--predictions={predictions}',
    '--folds=1',
    '--json',
  )
  assert done.returncode == 0, done.stderr
  assert json.loads(done.stdout)['seld_score'] == one['seld_score']
  # Predictions for other folds are not compared.
  (predictions / 'fold2_extra.csv').write_text('')
  assert evaluate.evaluate_folders(*folders, folds=[1]) == one
  with pytest.raises(InputError, match='has no file of fold 7'):
    evaluate.evaluate_folders(*folders, folds=[1, 7])
  (predictions / 'fold2_extra.csv').unlink()
  with pytest.raises(InputError, match='no CSV files of the folds 2'):
    evaluate.evaluate_folders(*folders, folds=[2])
  # If only a part of a fold is missing, --folds does not help.
  (predictions / f'{NAMES[0]}.csv').unlink()
  with pytest.raises(InputError, match='lacks') as error:
    evaluate.evaluate_folders(*folders)
  assert '--folds' not in str(error.value)
  for wrong in '--folds=', '--folds=one', '--folds=1,-2':
    done = run(
      f'--reference={reference}', f'--predictions={predictions}', wrong
    )
    assert done.returncode == 1
    assert '--folds needs numbers' in done.stderr


def test_the_edition_and_the_classes_of_a_run_are_followed(folders, tmp_path):
  reference, predictions = folders
  inside = tmp_path / 'run' / 'predictions' / 'test'
  inside.parent.mkdir(parents=True)
  predictions.rename(inside)
  names = [f'kind {index}' for index in range(20)]
  config = {'data': {'classes': names}, 'eval': {'edition': '2022'}}
  path = tmp_path / 'run' / 'config.json'
  path.write_text(json.dumps(config))
  scores = tmp_path / 'run' / 'scores.json'
  scores.write_text('{}')
  words = [f'--reference={reference}', f'--predictions={inside}', '--json']
  words += ['--per=class', '--frames=600']
  found = json.loads(run(*words).stdout)
  assert (found['edition'], list(found['per_class'])) == ('2022', names)
  stated = json.loads(run(*words, '--edition=2021', '--classes=14').stdout)
  assert (stated['edition'], stated['num_classes']) == ('2021', 14)
  for wrong in {'data': 5}, config | {'eval': {'edition': ['x']}}:
    path.write_text(json.dumps(wrong))
    done = run(*words)
    assert done.returncode == 1
    assert 'config.json: eval.edition must be one of 2019, ' in done.stderr
  path.write_text('[]')
  assert 'config.json must hold a JSON object' in run(*words).stderr
  # Without scores.json, it is the config.json of another program.
  scores.unlink()
  assert json.loads(run(*words).stdout)['edition'] == '2020'


def test_names_in_files_are_those_of_the_run_or_of_a_flag(tmp_path):
  """Label files of 2019 have names of classes instead of numbers."""
  names = tuple(labels.TAU2019_CLASSES[::-1])[:3] + ('dog',)
  frame = np.arange(20)
  events = labels.Events(
    frame, frame // 5, 0 * frame, np.tile([0.0, 1.0, 0.0], (20, 1))
  )
  inside = tmp_path / 'run' / 'predictions' / 'test'
  for folder in tmp_path / 'reference', tmp_path / 'system':
    path = folder / 'mix001.csv'
    labels.write_csv(path, events, edition='2019', class_names=names)
  # The predictions of a run have numbers.
  labels.write_csv(inside / 'mix001.csv', events)
  config = {'data': {'classes': names}, 'eval': {'edition': '2020'}}
  (tmp_path / 'run' / 'config.json').write_text(json.dumps(config))
  (tmp_path / 'run' / 'scores.json').write_text('{}')
  reference = f'--reference={tmp_path / "reference"}'
  flag = f'--class_names={",".join(names)}'
  for words in (
    [f'--predictions={inside}'],
    [f'--predictions={tmp_path / "system"}', flag],
  ):
    done = run(reference, *words, '--frames=20', '--json', '--per=class')
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found['F20'], found['LE_CD']) == pytest.approx((1, 0), abs=1e-6)
    assert list(found['per_class']) == list(names)
  done = run(reference, f'--predictions={tmp_path / "system"}', '--frames=20')
  assert done.returncode == 1
  assert "got 'dog' (state other names with " in done.stderr
  assert '--class_names' in done.stderr
