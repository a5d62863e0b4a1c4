"""The scores of any edition rank the snapshots, and are those reported."""

import json
import logging
import types
from typing import Any

import numpy as np
import pytest
from helpers.command_outcomes import outcome
from helpers.tiny import make_one_convolution, make_tiny

from seld_jax import config as config_lib
from seld_jax import (
  devices,
  inference,
  labels,
  main,
  metrics,
  report,
  runs,
  train,
)
from seld_jax.report import run_contents
from seld_jax.train import checkpoint, scoring
from seld_jax.train.run import prepare_run

FRAMES = 40  # label frames of a recording of the tiny dataset


@pytest.fixture(scope='module')
def far_root(tiny_root, tmp_path_factory):
  """The tiny dataset with distances in its labels."""
  root = tmp_path_factory.mktemp('far')
  (root / 'foa_dev').symlink_to(tiny_root / 'foa_dev')
  for path in (tiny_root / 'metadata_dev').glob('*.csv'):
    one = labels.read_csv(path)
    far = labels.Events(
      one.frame, one.class_index, one.track, one.xyz, 1 + one.frame / 10
    )
    labels.write_csv(
      root / 'metadata_dev' / path.name,
      far,
      edition='2023',
      distance_scale=100.0,  # centimetres
    )
  return root


@pytest.fixture
def make_run(tiny_root, far_root, tmp_path):
  """Makes a run of an edition, ready to score its states."""

  def make(edition):
    is_far = edition in metrics.WITH_DISTANCES
    root = far_root if is_far else tiny_root
    config = make_one_convolution(make_tiny(config_lib.default(), root))
    config.eval.edition = edition
    config.output.distance = is_far
    config.data.csv_edition = '2023' if is_far else ''
    runs.write_config(tmp_path, config)
    return prepare_run(config, tmp_path, devices.make_mesh())

  return make


@pytest.fixture
def networks(monkeypatch):
  """What the network of each step predicts: step -> fold -> outputs."""
  predicted = {}

  def predict_fold(step, variables, statistics, fold, **options):
    del step, variables, options
    return predicted[statistics['step']](fold)

  monkeypatch.setattr(inference, 'predict_fold', predict_fold)
  return predicted


def state_of(step) -> Any:
  return types.SimpleNamespace(
    step=step,
    params={},
    batch_stats={},
    statistics={'step': step},
    average=None,
  )


def noisy(fold):
  """Outputs that are right now and then, with false alarms of other classes."""
  rng = np.random.default_rng(0)

  def change(outputs):
    shape = outputs['sed'].shape
    kept = rng.random(shape) < np.where(outputs['sed'] > 0, 0.8, 0.002)
    return outputs | {
      'sed': kept.astype(np.float32),
      'doa': outputs['doa'] + rng.normal(0, 0.3, (*shape, 3)),
      'distance': 1.0 + rng.random(shape),
    }

  return [change(outputs) for outputs in exact(fold)]


def exact(fold):
  """Outputs equal to the targets."""
  found = []
  for start, length in zip(fold.offsets, fold.num_label_frames, strict=False):
    target = {k: v[start : start + length] for k, v in fold.targets.items()}
    sed = target.pop('activity')
    found.append({'sed': sed, 'sed_logits': 8 * sed - 4, **target})
  return found


def turned(fold):
  """The right classes, 30 degrees away from their directions."""
  tilt = np.tan(np.radians(30)) * np.array([0, 0, 1])  # all are horizontal
  return [one | {'doa': one['doa'] + tilt} for one in exact(fold)]


def half(fold):
  """Class 1 as it is, class 2 never."""
  keep = np.arange(14) != 2
  return [one | {'sed': one['sed'] * keep} for one in exact(fold)]


def silent(fold):
  return [one | {'sed': 0 * one['sed']} for one in exact(fold)]


@pytest.mark.parametrize('edition', metrics.EDITIONS)
def test_scores_are_those_that_evaluate_gives_the_predictions(
  edition, make_run, networks, caplog, capsys
):
  run = make_run(edition)
  networks[2] = noisy
  evaluators = scoring.make_evaluators(run)
  with caplog.at_level(logging.INFO, 'seld_jax'):
    score = scoring.record_scores(run, state_of(2), evaluators)
  results = scoring.final_results(run, state_of(2), evaluators)
  content = {
    'selected_step': 2,
    'num_steps': 2,
    'selection': scoring.describe_selection(run),
    'edition': edition,
    'results': results,
  }
  (run.workdir / 'scores.json').write_text(json.dumps(content))
  assert runs.read_scores(run.workdir) == content
  for one in run_contents.read_recordings(
    runs.read_run(run.workdir), results[1]
  ):
    for events in one.reference, one.prediction:
      distance = events.distance
      assert (distance is not None) == (edition in metrics.WITH_DISTANCES)
      if distance is not None:  # metres
        assert 1 <= distance.min() <= distance.max() <= 4
  evaluated = {}
  for result, fold in zip(results, (2, 1), strict=True):
    done = outcome(
      'seld_jax.evaluate',
      f'--reference={run.config.data.root}/metadata_dev',
      f'--predictions={run.workdir / result["predictions"]}',
      *(f'--folds={fold}', f'--frames={FRAMES}', '--per=class', '--json'),
      *(['--csv_edition=2023'] if edition in metrics.WITH_DISTANCES else []),
    )
    assert done.returncode == 0, done.stderr
    evaluated[result['name']] = json.loads(done.stdout)
    assert_equal(evaluated[result['name']], result['scores'])
  expected = evaluated['validation']
  assert expected['edition'] == edition
  (record,) = runs.read_records(run.workdir / runs.METRICS)
  names = metrics.main_scores(edition)
  assert list(record)[-len(names) :] == list(names)
  assert set(record) & set(expected) == set(names), 'no other scores'
  assert_equal({name: expected[name] for name in names}, record)
  assert score == record['seld_score']
  assert score is not None and score > 0
  unknown = [name for name in names if record[name] is None]
  assert unknown == [name for name in names if 'onscreen' in name]
  for name in names:
    digits = 1 if name in ('LE_CD', 'DOA_error', 'DOAE') else 3
    shown = '-' if name in unknown else f'{record[name]:.{digits}f}'
    assert f'{name} {shown}' in caplog.text
  main.print_scores(content)
  printed = capsys.readouterr().out
  assert f'DCASE {edition} scores of step 2' in printed
  assert all(name in printed for name in names)


def assert_equal(found, expected):
  """Equal numbers, up to the rounding of directions in files."""
  for name, value in found.items():
    if isinstance(value, dict):
      assert_equal(value, expected[name])
    elif isinstance(value, float | list):
      assert value == pytest.approx(expected[name], abs=1e-6), name
    else:
      assert value == expected[name], name


@pytest.mark.parametrize(
  ('edition', 'snapshots', 'best'),
  [
    ('2019', {2: turned, 4: half}, 2),
    ('2020', {2: turned, 4: half}, 4),
    ('2024', {2: silent, 4: half, 6: silent}, 4),
    ('2024', {2: silent, 4: silent}, 4),  # of equal ones the latest
    ('2025', {2: silent, 4: turned, 6: half}, 4),  # elevations do not count
  ],
)
def test_the_edition_ranks_the_snapshots(
  edition, snapshots, best, make_run, networks
):
  run = make_run(edition)
  networks.update(snapshots)
  evaluators = scoring.make_evaluators(run)
  state = {'a': np.zeros(2)}
  with checkpoint.open_manager(run.workdir / 'checkpoints') as manager:
    for step in snapshots:
      score = scoring.record_scores(run, state_of(step), evaluators)
      checkpoint.save(manager, step, state, seld_score=score)
    checkpoint.wait(manager)
    assert checkpoint.restore_best(manager, state)[0] == best
  records = runs.read_records(run.workdir / runs.METRICS)
  scores = {record['step']: record['seld_score'] for record in records}
  assert scores[best] == min(scores.values())
  if edition == '2024':
    assert records[0]['seld_score'] == 1 and records[0]['DOAE'] is None


@pytest.mark.slow
def test_a_run_with_distances_is_trained_scored_and_shown(make_run, tmp_path):
  config = make_run('2025').config
  scores = train.train_and_evaluate(config, tmp_path)
  assert scores == runs.read_scores(tmp_path)
  assert scores['edition'] == '2025'
  page = report.write_report(tmp_path).read_text()
  for name in 'DOAE', 'RDE', 'onscreen_accuracy', 'DCASE 2025':
    assert name in page
  assert 'LE_CD' not in page
  assert 'No recording can be shown' not in page
