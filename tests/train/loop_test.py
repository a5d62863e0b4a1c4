"""A run as a whole: what it leaves, and on which recordings."""

import json
import logging

import jax
import numpy as np
import pytest
from helpers.training import assert_same_run, final_state

from seld_jax import config as config_lib
from seld_jax import report, runs, train
from seld_jax.errors import InputError


def test_a_run_leaves_what_the_readme_says(tiny_config, tmp_path):
  scores = train.train_and_evaluate(tiny_config, tmp_path)
  assert json.loads((tmp_path / 'scores.json').read_text()) == scores
  assert (
    config_lib.from_dict(json.loads((tmp_path / 'config.json').read_text()))
    == tiny_config
  )
  records = runs.read_records(tmp_path / 'metrics.jsonl')
  assert [r['step'] for r in records if r['split'] == 'train'] == [1, 2, 3, 4]
  validations = [r for r in records if r['split'] == 'validation']
  assert [r['step'] for r in validations] == [2, 4]
  best = min(validations, key=lambda record: record['seld_score'])
  selected = {r['step']: r for r in validations}[scores['selected_step']]
  assert selected['seld_score'] == best['seld_score']
  by_name = {result['name']: result for result in scores['results']}
  assert by_name['validation']['scores']['seld_score'] == best['seld_score'], (
    'the restored snapshot scores as it did when it was saved'
  )
  assert len(list((tmp_path / 'predictions' / 'test').glob('*.csv'))) == 2


def test_a_complete_run_is_left_alone(tiny_config, tmp_path, caplog):
  first = train.train_and_evaluate(tiny_config, tmp_path)
  caplog.set_level(logging.INFO, 'seld_jax')
  again = train.train_and_evaluate(tiny_config, tmp_path)
  assert again == first
  assert 'complete' in caplog.messages[-1]


@pytest.mark.parametrize('budget', ['device_budget', 'host_budget'])
def test_a_run_that_streams_equals_one_in_memory(
  budget, tiny_config, tmp_path, caplog
):
  """From memory when the device is small, and from disk when both are."""
  tiny_config.eval.watch = ('train',)
  tiny_config.eval.watch_recordings = 1
  whole = train.train_and_evaluate(tiny_config, tmp_path / 'whole')
  tiny_config.data[budget] = 1e-9
  caplog.set_level(logging.INFO, 'seld_jax')
  scores = train.train_and_evaluate(tiny_config, tmp_path / 'parts')
  assert ('(on disk)' in caplog.text) == (budget == 'host_budget')
  assert scores == whole
  assert_same_run(tiny_config, tmp_path / 'whole', tmp_path / 'parts')


def test_steps_in_one_program_are_those_of_many(tiny_config, tmp_path):
  """Two at a time, and the one that is left; rounding apart."""
  tiny_config.train.num_steps = 5
  tiny_config.train.log_every = tiny_config.train.evaluate_every = 2
  train.train_and_evaluate(tiny_config, tmp_path / 'one')
  tiny_config.train.steps_per_dispatch = 2
  train.train_and_evaluate(tiny_config, tmp_path / 'two')
  records, others = (
    runs.read_records(tmp_path / name / runs.METRICS) for name in ('one', 'two')
  )
  assert [r['step'] for r in records if r['split'] == 'train'] == [2, 4, 5]
  for record, other in zip(records, others, strict=True):
    assert record.keys() == other.keys()
    for name, value in record.items():
      if name != 'split':
        np.testing.assert_allclose(other[name], value, rtol=1e-3, atol=1e-5)


def test_missing_dataset_says_what_to_do(tiny_config, tmp_path):
  tiny_config.data.root = str(tmp_path / 'nowhere')
  with pytest.raises(InputError) as error:
    train.train_and_evaluate(tiny_config, tmp_path / 'run')
  for word in 'metadata_dev', 'seld_jax.synthesize', '--config.data.root':
    assert word in str(error.value)


def test_without_validation_the_last_snapshot_is_tested(tiny_config, tmp_path):
  tiny_config.data.validation_folds = ()
  scores = train.train_and_evaluate(tiny_config, tmp_path)
  assert scores['selected_step'] == 4
  assert scores['selection'] == 'last snapshot'
  assert [result['name'] for result in scores['results']] == ['test']


def test_evaluation_recordings_are_predicted_and_scored(tiny_config, tmp_path):
  tiny_config.data.evaluation = True
  scores = train.train_and_evaluate(tiny_config, tmp_path)
  result = scores['results'][-1]
  assert result['name'] == 'evaluation'
  assert result['num_recordings'] == result['scores']['recordings'] == 2
  names = {p.name for p in (tmp_path / result['predictions']).iterdir()}
  assert names == {'mix001.csv', 'mix002.csv'}


def test_evaluation_recordings_without_labels_are_predicted_alone(
  tiny_config, tiny_root, tmp_path
):
  """As it was while the challenge ran."""
  root = tmp_path / 'data'
  root.mkdir()
  for folder in 'foa_dev', 'metadata_dev', 'foa_eval':
    (root / folder).symlink_to(tiny_root / folder)
  tiny_config.data.root = str(root)
  tiny_config.data.evaluation = True
  scores = train.train_and_evaluate(tiny_config, tmp_path / 'run')
  result = scores['results'][-1]
  assert (result['name'], result['scores']) == ('evaluation', None)
  assert len(list((tmp_path / 'run' / result['predictions']).iterdir())) == 2
  page = report.write_report(tmp_path / 'run').read_text()
  assert '2 recordings without labels' in page
  # One label file of two is a mistake.
  (root / 'metadata_eval').mkdir()
  (root / 'metadata_eval/mix002.csv').write_text('10,1,0,5,0\n')
  with pytest.raises(InputError, match='mix001.wav has no labels, like 1 of'):
    train.train_and_evaluate(tiny_config, tmp_path / 'other')


def test_missing_evaluation_recordings_are_said_before_training(
  tiny_config, tiny_root, tmp_path
):
  root = tmp_path / 'data'
  root.mkdir()
  for folder in 'foa_dev', 'metadata_dev':
    (root / folder).symlink_to(tiny_root / folder)
  tiny_config.data.root = str(root)
  tiny_config.data.evaluation = True
  with pytest.raises(InputError, match=r'foa_eval .*data\.evaluation=False'):
    train.train_and_evaluate(tiny_config, tmp_path / 'run')


def test_watching_more_folds_changes_nothing_but_the_records(
  tiny_config, tmp_path
):
  train.train_and_evaluate(tiny_config, tmp_path / 'plain')
  state = final_state(tiny_config, tmp_path / 'plain')
  tiny_config.eval.watch = ('train', 'test')
  tiny_config.eval.watch_recordings = 1
  scores = train.train_and_evaluate(tiny_config, tmp_path / 'watched')
  jax.tree.map(
    np.testing.assert_array_equal,
    state,
    final_state(tiny_config, tmp_path / 'watched'),
  )
  plain = runs.read_records(tmp_path / 'plain' / 'metrics.jsonl')
  watched = runs.read_records(tmp_path / 'watched' / 'metrics.jsonl')
  extra = [r for r in watched if r['split'] in ('train_fold', 'test')]
  assert [r for r in watched if r not in extra] == plain
  assert [r['step'] for r in extra] == [2, 2, 4, 4]
  # At the selected step the curve has what the table has.
  at = {r['step']: r for r in extra if r['split'] == 'test'}
  table = scores['results'][-1]['scores']
  assert table['seld_score'] == at[scores['selected_step']]['seld_score']
