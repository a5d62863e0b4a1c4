"""A run as a whole: which files it writes, and from which recordings."""

import json
import logging

import jax
import numpy as np
import pytest
from helpers.training import assert_same_run, final_state

from seld_jax import config as config_lib
from seld_jax import fetch, report, runs, train
from seld_jax.errors import InputError
from seld_jax.train import prepare


def read_scores(workdir):
  return json.loads((workdir / 'scores.json').read_text())


def records_of(workdir, split):
  """The records of a split in metrics.jsonl."""
  records = runs.read_records(workdir / runs.METRICS)
  return [record for record in records if record['split'] == split]


def test_a_run_writes_all_its_files(plain_run, tiny_config):
  scores = read_scores(plain_run)
  assert (
    config_lib.from_dict(json.loads((plain_run / 'config.json').read_text()))
    == tiny_config
  )
  assert [r['step'] for r in records_of(plain_run, 'train')] == [1, 2, 3, 4]
  validations = records_of(plain_run, 'validation')
  assert [r['step'] for r in validations] == [2, 4]
  names = ['ER20', 'F20', 'LE_CD', 'LR_CD', 'seld_score']
  assert all(list(record)[-5:] == names for record in validations)
  assert scores['edition'] == '2020'
  best = min(validations, key=lambda record: record['seld_score'])
  selected = {r['step']: r for r in validations}[scores['selected_step']]
  assert selected['seld_score'] == best['seld_score']
  by_name = {result['name']: result for result in scores['results']}
  assert by_name['validation']['scores']['seld_score'] == best['seld_score'], (
    'the restored state has the score that it had when it was saved'
  )
  assert len(list((plain_run / 'predictions' / 'test').glob('*.csv'))) == 2


def test_a_complete_run_is_not_trained_again(plain_run, tiny_config, caplog):
  before = (plain_run / runs.METRICS).stat().st_mtime_ns
  caplog.set_level(logging.INFO, 'seld_jax')
  scores = train.train_and_evaluate(tiny_config, plain_run)
  assert scores == read_scores(plain_run)
  assert caplog.messages == [f'The run in {plain_run} is complete.']
  assert (plain_run / runs.METRICS).stat().st_mtime_ns == before


def test_a_complete_run_says_what_it_was_not_tested_on(
  plain_run, tiny_config, caplog
):
  tiny_config.data.evaluation = True
  train.train_and_evaluate(tiny_config, plain_run)
  (message,) = caplog.messages
  assert 'not tested on the evaluation recordings in' in message
  assert f'delete {plain_run / "scores.json"}' in message


@pytest.mark.slow
@pytest.mark.parametrize('budget', ['device_budget', 'host_budget'])
def test_a_run_that_streams_equals_one_with_all_data_on_the_device(
  budget, watched_run, watched_config, tmp_path, caplog
):
  """It streams from memory, or from disk when memory is too small as well."""
  watched_config.data[budget] = 1e-9
  caplog.set_level(logging.INFO, 'seld_jax')
  scores = train.train_and_evaluate(watched_config, tmp_path)
  assert ('(on disk)' in caplog.text) == (budget == 'host_budget')
  assert scores == read_scores(tmp_path) == read_scores(watched_run)
  assert_same_run(watched_config, watched_run, tmp_path)


@pytest.mark.slow
def test_several_steps_in_one_program_equal_single_steps(
  plain_run, tiny_config, tmp_path
):
  """Up to rounding: three steps in one program, then the one that is left."""
  tiny_config.train.steps_per_dispatch = tiny_config.train.log_every = 3
  tiny_config.train.evaluate_every = 3
  train.train_and_evaluate(tiny_config, tmp_path)

  def assert_close(record, other):
    assert record.keys() == other.keys()
    for name, value in other.items():
      if name not in ('split', 'step'):
        np.testing.assert_allclose(record[name], value, rtol=1e-3, atol=1e-5)

  *three, last = records_of(plain_run, 'train')
  means = {
    name: np.mean([record[name] for record in three])
    for name in last
    if name not in ('split', 'step')
  }
  first, second = records_of(tmp_path, 'train')
  assert (first['step'], second['step']) == (3, 4)
  assert_close(first, {'step': 3, 'split': 'train', **means})
  assert_close(second, last)
  validations = records_of(tmp_path, 'validation')
  assert [record['step'] for record in validations] == [3, 4]
  assert_close(validations[-1], records_of(plain_run, 'validation')[-1])


def test_the_error_for_a_missing_dataset_tells_how_to_get_one(
  tiny_config, tmp_path
):
  tiny_config.data.root = str(tmp_path / 'nowhere')
  with pytest.raises(InputError) as error:
    train.train_and_evaluate(tiny_config, tmp_path / 'run')
  for word in 'metadata_dev', 'seld_jax.synthesize', '--config.data.root':
    assert word in str(error.value)


def test_no_dataset_is_advised_for_classes_of_ones_own():
  config = config_lib.default()
  config.data.classes = ('violin', 'flute')
  text = prepare.missing_dataset(config)
  assert 'Put your recordings in' in text and 'TAU' not in text


@pytest.mark.parametrize(
  ('edition', 'format', 'name', 'flags'),
  [
    ('', 'mic', 'tau2020', '--format=mic'),
    ('2021', 'foa', 'tau2021', '--layout=tau2021 --csv_edition=2021'),
    ('2024', 'foa', 'starss23', '--layout=starss23 --csv_edition=2024'),
    ('2025', 'stereo', 'dcase2025', '--layout=dcase2025 --csv_edition=2025'),
  ],
)
def test_the_error_for_a_missing_dataset_names_that_of_the_edition(
  edition, format, name, flags
):
  config = config_lib.default()
  config.data.edition, config.features.format = edition, format
  first, second, _ = prepare.missing_dataset(config).split('\n')
  assert f'seld_jax.fetch {name} --out=' in first
  assert first.endswith(f' --formats={format}')
  assert second.endswith(flags)
  assert name in fetch.DATASETS and format in fetch.DATASETS[name].formats


@pytest.mark.slow
def test_a_run_without_validation_is_tested_on_its_last_state(
  tiny_config, tmp_path
):
  """With evaluation recordings, which are predicted and scored."""
  tiny_config.data.validation_folds = ()
  tiny_config.data.evaluation = True
  scores = train.train_and_evaluate(tiny_config, tmp_path)
  assert scores['selected_step'] == 4
  assert scores['selection'] == 'last snapshot'
  assert [one['name'] for one in scores['results']] == ['test', 'evaluation']
  result = scores['results'][-1]
  assert result['num_recordings'] == result['scores']['recordings'] == 2
  names = {p.name for p in (tmp_path / result['predictions']).iterdir()}
  assert names == {'mix001.csv', 'mix002.csv'}


def link_dataset(root, tiny_root, folders):
  """Makes a dataset of some folders of the tiny one."""
  root.mkdir()
  for folder in folders:
    (root / folder).symlink_to(tiny_root / folder)
  return str(root)


@pytest.mark.slow
def test_evaluation_recordings_without_labels_are_predicted_but_not_scored(
  tiny_config, tiny_root, tmp_path
):
  """Their labels were secret during the challenge."""
  root = tmp_path / 'data'
  folders = 'foa_dev', 'metadata_dev', 'foa_eval'
  tiny_config.data.root = link_dataset(root, tiny_root, folders)
  tiny_config.data.evaluation = True
  tiny_config.train.num_steps = tiny_config.train.evaluate_every = 1
  scores = train.train_and_evaluate(tiny_config, tmp_path / 'run')
  result = scores['results'][-1]
  assert (result['name'], result['scores']) == ('evaluation', None)
  assert len(list((tmp_path / 'run' / result['predictions']).iterdir())) == 2
  page = report.write_report(tmp_path / 'run').read_text()
  assert '2 recordings without labels' in page
  tested = scores['results'][-2]
  assert tested['name'] == 'test'
  assert f'{tested["scores"]["seld_score"]:.3f}' in page
  # Labels for only one of the two recordings are a mistake.
  (root / 'metadata_eval').mkdir()
  (root / 'metadata_eval/mix002.csv').write_text('10,1,0,5,0\n')
  with pytest.raises(InputError, match='mix001.wav has no labels, like 1 of'):
    train.train_and_evaluate(tiny_config, tmp_path / 'other')


def test_missing_evaluation_recordings_are_an_error_before_training(
  tiny_config, tiny_root, tmp_path
):
  tiny_config.data.root = link_dataset(
    tmp_path / 'data', tiny_root, ('foa_dev', 'metadata_dev')
  )
  tiny_config.data.evaluation = True
  with pytest.raises(InputError, match=r'foa_eval .*data\.evaluation=False'):
    train.train_and_evaluate(tiny_config, tmp_path / 'run')


def test_watching_more_folds_changes_the_records_only(
  plain_run, watched_run, tiny_config
):
  """All other records, and the last state, are the same to the bit."""
  states = (final_state(tiny_config, run) for run in (plain_run, watched_run))
  jax.tree.map(np.testing.assert_array_equal, *states)
  plain = runs.read_records(plain_run / runs.METRICS)
  watched = runs.read_records(watched_run / runs.METRICS)
  extra = [r for r in watched if r['split'] in ('train_fold', 'test')]
  assert [r for r in watched if r not in extra] == plain
  assert [r['step'] for r in extra] == [2, 2, 4, 4]
  # At the selected step, the curve has the value of the table.
  at = {r['step']: r for r in extra if r['split'] == 'test'}
  scores = read_scores(watched_run)
  table = scores['results'][-1]['scores']
  assert table['seld_score'] == at[scores['selected_step']]['seld_score']
