"""Published datasets are read as they lie, whatever selects the checkpoint."""

import json
import types
from typing import Any

import numpy as np
import pytest
from helpers.published_sets import l3das22, starss23, stereo2025
from helpers.tiny import make_one_convolution, make_tiny

from seld_jax import audio, inference, labels, main, runs, train
from seld_jax import config as config_lib
from seld_jax.dataset import rooms_of
from seld_jax.errors import InputError
from seld_jax.report import run_page
from seld_jax.train import (
  loop,
  many,
  prepare,
  run_recordings,
  scoring,
  snapshot,
)


def config_of(root, *, folds, **data):
  """A tiny configuration: training folds and test folds, no validation."""
  config = make_one_convolution(make_tiny(config_lib.default(), root))
  config.data.train_folds, config.data.test_folds = folds
  config.data.validation_folds = ()
  for name, value in data.items():
    config.data[name] = value
  config.train.num_steps = config.train.evaluate_every = 2
  return config


@pytest.fixture
def run_without_steps(monkeypatch):
  """Runs are prepared, scored and tested, with a network that is not trained.

  It predicts that no class is active.
  """

  def predict_fold(step, variables, statistics, fold, **options):
    del step, variables, statistics, options
    bounds = zip(fold.offsets, fold.num_label_frames, strict=False)
    return [
      {
        'sed': np.zeros_like(fold.targets['activity'][start : start + length]),
        'sed_logits': np.full(
          (length, fold.targets['activity'].shape[1]), -9.0
        ),
        'doa': fold.targets['doa'][start : start + length],
      }
      for start, length in bounds
    ]

  def train_nothing(run, **options):
    del options
    state: Any = types.SimpleNamespace(
      step=2, params={}, batch_stats={}, statistics={}, average=None
    )
    evaluators = scoring.make_evaluators(run)
    assert scoring.record_scores(run, state, evaluators) is not None
    return 2, state, evaluators

  monkeypatch.setattr(inference, 'predict_fold', predict_fold)
  monkeypatch.setattr(loop, '_train', train_nothing)
  return train.train_and_evaluate


@pytest.fixture(scope='module')
def starss(tmp_path_factory):
  return starss23(tmp_path_factory.mktemp('starss'), formats=('foa',))


def lines(workdir):
  text = (workdir / 'metrics.jsonl').read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_rooms_of_starss_select_the_checkpoint(
  starss, tmp_path, capsys, run_without_steps
):
  config = config_of(
    starss,
    folds=((1, 3), (4,)),
    edition='2023',
    validation_rooms=('room6', 'fold1_room4'),
  )
  workdir = tmp_path / 'run'
  scores = run_without_steps(config, workdir)
  assert scores['selection'] == 'lowest seld_score on fold1_room4, fold3_room6'
  assert scores['edition'] == '2023'
  validation, test = scores['results']
  assert validation['rooms'] == ['fold1_room4', 'fold3_room6']
  assert (validation['folds'], validation['num_recordings']) == ([], 2)
  assert (test['folds'], test['num_recordings']) == ([4], 3)
  assert 'selected_on' not in test
  kept = runs.read_config(workdir)
  assert kept.data.classes == labels.STARSS_CLASSES
  assert kept.data.csv_edition == kept.eval.edition == '2023'
  assert [one['split'] for one in lines(workdir)] == ['validation']
  # The same run, asked for with other words, is complete.
  other = config_lib.resolve(config)
  other.data.edition, other.data.class_map = '', 'starss'
  assert train.train_and_evaluate(other, workdir) == scores
  main.print_scores(scores)
  assert 'selected on it' not in capsys.readouterr().out
  page = run_page.SECTIONS['Scores'](runs.read_run(workdir))
  assert 'fold1_room4, fold3_room6, 2 recordings' in page
  assert 'also selected the checkpoint' not in page


def l3das_config(root, **data):
  config = config_of(root, folds=((0, 3), (4,)), **data)
  config.features.sample_rate = 32000
  config.features.hop_length, config.features.win_length = 640, 1024
  return config


def test_selection_on_the_test_is_told_everywhere(
  tmp_path, capsys, run_without_steps
):
  root = l3das22(tmp_path / 'set')
  config = l3das_config(root, class_map='l3das22')
  config.eval.select_on_test = True
  config.eval.watch = ('test',)  # which is then scored only once
  workdir = tmp_path / 'run'
  scores = run_without_steps(config, workdir)
  assert runs.read_config(workdir).data.classes == labels.L3DAS22_CLASSES
  assert scores['selection'] == (
    'lowest seld_score on the test fold 4, whose scores are therefore too good '
    '(eval.select_on_test)'
  )
  (test,) = scores['results']
  assert (test['name'], test['selected_on']) == ('test', True)
  assert runs.read_run(workdir).scores == scores
  # The test was scored at every evaluation, and ranked the checkpoints.
  assert [one['split'] for one in lines(workdir)] == ['test']
  main.print_scores(scores)
  printed = ' '.join(capsys.readouterr().out.split())
  assert 'test, window 1 s (selected on it)' in printed
  assert 'eval.select_on_test' in printed
  page = run_page.SECTIONS['Scores'](runs.read_run(workdir))
  assert 'The test recordings also selected the checkpoint' in page
  assert '1 recordings, which also selected the checkpoint, windows of' in page


def test_the_stereo_set_of_2025_is_read(tmp_path):
  root = stereo2025(tmp_path / 'set', seconds=5.0)
  config = config_of(
    root, folds=((3,), (4,)), edition='2025', validation_share=0.2
  )
  config.features.format = 'stereo'
  config.output.format = 'accdoa'
  config.output.distance, config.output.axes = True, 2
  config = config_lib.resolve(config)
  assert config.eval.edition == '2025'
  data = prepare.load_data(config)
  assert data.validation is not None and data.test is not None
  assert [len(data.train.names), len(data.test.names)] == [10, 6]
  assert len(rooms_of(data.validation.names)) == 1  # a room has 2 or 4 clips
  assert data.test.features.shape == (6 * 250, config.features.n_mels, 2)
  for events in data.test.references:
    if len(events.frame):
      assert events.distance is not None
      assert {*events.distance.round(9)} == {2.15, 0.9}  # metres


def test_drawn_rooms_depend_on_the_seed_alone(tmp_path):
  root = stereo2025(tmp_path, seconds=1.0)
  config = config_of(root, folds=((3,), (4,)), validation_share=0.4)
  config.features.format = 'stereo'
  drawn = set()
  for config.seed in range(6):
    found, _ = prepare.extract_features(config)
    rooms = [
      rooms_of([one.name for one in found[purpose]])
      for purpose in ('train', 'validation')
    ]
    assert not {*rooms[0]} & {*rooms[1]}
    assert len(found['train']) + len(found['validation']) == 12
    assert found == prepare.extract_features(config)[0]
    drawn.add(rooms[1])
  assert len(drawn) > 1


def test_events_of_l3das22_are_directions_and_metres(tmp_path):
  config = l3das_config(l3das22(tmp_path / 'set'), class_map='l3das22')
  config.output.distance = True
  data = prepare.load_data(config_lib.resolve(config))
  assert data.test is not None
  (events,) = data.test.references
  knock = labels.L3DAS22_CLASSES.index('Knock')
  np.testing.assert_array_equal(
    events.frame[events.class_index == knock], np.arange(2, 13)
  )
  assert events.distance is not None
  assert {*events.distance} == {1.5, 0.75}  # metres
  np.testing.assert_allclose(events.xyz, [[0.0, 1.0, 0.0]] * 17, atol=1e-12)


def test_both_microphones_of_l3das22_in_one_file_are_refused(tmp_path):
  config = l3das_config(l3das22(tmp_path), class_map='l3das22')
  for path in tmp_path.rglob('*_A.wav'):
    other = path.with_name(path.name.replace('_A', '_B'))
    both = [audio.read(one, sample_rate=32000) for one in (path, other)]
    audio.write(path, np.concatenate(both), sample_rate=32000)
  with pytest.raises(InputError, match=r'_A\.wav has 8 channels, but 4 are'):
    prepare.load_data(config_lib.resolve(config))


def test_several_runs_may_have_an_edition(starss, tmp_path):
  config = config_of(starss, folds=((3,), (4,)), edition='2023')
  runs.write_config(tmp_path / 'a', config_lib.resolve(config))
  (tmp_path / 'a' / 'scores.json').write_text('{}')  # it is complete
  assert many.train_many({'a': config}, tmp_path) == {}
  config.eval.edition = '2022'
  with pytest.raises(
    InputError, match=r'config\.eval\.edition = 2023, not 2022'
  ):
    many.train_many({'a': config}, tmp_path)


def test_l3das22_with_other_classes_names_the_field_that_sets_them(tmp_path):
  config = l3das_config(l3das22(tmp_path))
  with pytest.raises(InputError, match="got 'Knock' .*with data.class_map"):
    prepare.load_data(config)


def test_a_run_is_not_resumed_with_other_rooms_for_validation(starss, tmp_path):
  """Rooms that were added could turn training rooms into those that select."""
  config = config_of(starss, folds=((3,), (4,)), validation_share=0.4)

  def keep(*rooms):
    names = tuple(f'{room}_mix001' for room in rooms)
    data = types.SimpleNamespace(
      train=types.SimpleNamespace(names=('fold3_room9_mix001',)),
      validation=types.SimpleNamespace(names=names),
    )
    run: Any = types.SimpleNamespace(config=config, workdir=tmp_path, data=data)
    loop._keep_recordings(run)

  keep('fold3_room4')
  keep('fold3_room6')  # no step was taken yet
  (tmp_path / 'checkpoints' / '2').mkdir(parents=True)
  keep('fold3_room6')
  with pytest.raises(InputError, match='of 1 validation recordings, but .* la'):
    keep('fold3_room7')
  with pytest.raises(InputError, match=r'but .* also has fold3_room7_mix001: '):
    keep('fold3_room6', 'fold3_room7')
  (tmp_path / run_recordings.NOTE).write_text('{')
  with pytest.raises(InputError, match=r'recordings\.json.* Delete the file'):
    keep('fold3_room6')


def test_thresholds_are_not_calibrated_on_recordings_of_the_training(
  starss, tmp_path, monkeypatch
):
  config = config_of(starss, folds=((3,), (4,)), validation_share=0.4)
  run_recordings.write(tmp_path, training=['fold3_room7_mix001'])
  trained = types.SimpleNamespace(config=config)
  fold = types.SimpleNamespace(names=('fold3_room7_mix001',))
  monkeypatch.setattr(snapshot, 'read', lambda _: trained)
  monkeypatch.setattr(prepare, 'load_validation', lambda _: fold)
  with pytest.raises(InputError, match='was trained on fold3_room7_mix001, '):
    train.calibrate(tmp_path)


def test_crops_have_the_classes_of_the_edition(starss):
  config = config_of(starss, folds=((3,), (4,)))
  config.data.edition = '2023'
  targets = train.load_crops(config)[0]['targets']
  assert targets['activity'].shape == (10, len(labels.STARSS_CLASSES))
  for purpose, words in (
    ('validation', r'set --config\.data\.validation_folds'),
    ('evaluation', r'set --config\.data\.evaluation=True'),
    ('foo', 'one of train, validation, test, evaluation, got .foo'),
  ):
    with pytest.raises(InputError, match=words):
      train.load_crops(config, purpose=purpose)
