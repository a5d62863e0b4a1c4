"""A calibrated run finds events with its own thresholds everywhere."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from absl import flags

import seld_jax
from seld_jax import calibrate, predictor, runs
from seld_jax import config as config_lib
from seld_jax.errors import InputError
from seld_jax.prediction import export_checks, export_file
from seld_jax.train import calibration, pretrained, snapshot

AUDIO = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 36000))


@pytest.fixture(scope='module')
def calibrated(plain_run, tiny_root, tmp_path_factory):
  """A run whose dataset was moved after the training."""
  run = tmp_path_factory.mktemp('calibrated') / 'run'
  shutil.copytree(plain_run, run)
  for path in run / 'config.json', run / 'checkpoints' / 'config.json':
    path.write_text(path.read_text().replace(str(tiny_root), 'gone'))
  with pytest.raises(InputError, match='gone is missing.* with --data=FOLDER'):
    calibration.calibrate(run)
  return run, calibration.calibrate(run, data=tiny_root)


def test_the_thresholds_are_stored_and_do_not_lower_the_scores(calibrated):
  run, result = calibrated
  classes = snapshot.read(run).config.data.classes
  assert tuple(result.thresholds) == tuple(classes)
  stored = json.loads((run / runs.THRESHOLDS).read_text())
  assert stored == {'step': result.step, 'class_thresholds': result.thresholds}
  for name, after in result.after['per_class'].items():
    before = result.before['per_class'][name]
    if after['F20'] is not None and before['F20'] is not None:
      assert after['F20'] >= before['F20'] - 1e-9


def test_every_form_of_the_run_has_the_thresholds(
  plain_run, calibrated, tmp_path
):
  run, result = calibrated
  expected = tuple(result.thresholds.values())
  loaded = seld_jax.load(run)
  assert loaded.spec.class_thresholds == expected
  assert seld_jax.load(plain_run).spec.class_thresholds == ()
  shared = pretrained.write(tmp_path / 'shared', snapshot.read(run), card='')
  assert seld_jax.load(shared).spec == loaded.spec
  file = tmp_path / 'run.seld'
  export_file.write(file, predictor.export_run(run, platforms=['cpu']))
  assert seld_jax.load(file).spec.class_thresholds == expected


def test_events_are_found_with_the_thresholds(calibrated):
  run, _ = calibrated
  thresholds = [0.9] * 13 + [0.02]
  names = snapshot.read(run).config.data.classes
  step = json.loads((run / runs.THRESHOLDS).read_text())['step']
  before = (run / runs.THRESHOLDS).read_text()
  try:
    runs.write_thresholds(
      run, dict(zip(names, thresholds, strict=True)), step=step
    )
    loaded = seld_jax.load(run)
    prediction = loaded(AUDIO, 24000)
    found = prediction.events
    assert {*found.class_index.tolist()} <= {13}
    assert len(found.frame) == np.sum(prediction.activity[:, 13] > 0.02)
    more = loaded(AUDIO, 24000, threshold=0.01).events  # instead of them
    assert len({*more.class_index.tolist()}) > 1
  finally:
    (run / runs.THRESHOLDS).write_text(before)


def test_thresholds_of_another_checkpoint_are_ignored(
  plain_run, tmp_path, caplog
):
  run = tmp_path / 'run'
  shutil.copytree(plain_run, run)
  names = snapshot.read(run).config.data.classes
  runs.write_thresholds(run, dict.fromkeys(names, 0.3), step=10**6)
  assert seld_jax.load(run).spec.class_thresholds == ()
  assert 'run python -m seld_jax.calibrate' in caplog.text


@pytest.mark.parametrize(
  'text',
  [
    '{"step": 4}',
    '{"step": 4, "class_thresholds": {"alarm": 1.5}}',
    '{"step": -1, "class_thresholds": {}}',
    'nothing',
  ],
)
def test_damaged_thresholds_are_named(plain_run, tmp_path, text):
  run = tmp_path / 'run'
  shutil.copytree(plain_run, run)
  (run / runs.THRESHOLDS).write_text(text)
  with pytest.raises(InputError, match=r'thresholds\.json'):
    seld_jax.load(run)


def test_thresholds_that_cannot_be_read_are_not_written(
  plain_run, tiny_root, tmp_path
):
  run = tmp_path / 'run'
  shutil.copytree(plain_run, run)
  with pytest.raises(
    InputError, match=r"0\.01 to 0\.999, got 0\.005 for 'dog'"
  ):
    runs.write_thresholds(run, {'dog': 0.005}, step=4)
  assert not (run / runs.THRESHOLDS).exists()
  # Runs of earlier versions may have such a threshold for all classes.
  values = json.loads((run / 'config.json').read_text())
  values['eval']['threshold'] = 0.005
  for path in run / 'config.json', run / 'checkpoints' / 'config.json':
    path.write_text(json.dumps(values))
  calibration.calibrate(run, data=tiny_root)
  assert min(seld_jax.load(run).spec.class_thresholds) >= 0.01


def test_thresholds_of_other_classes_are_refused(plain_run, tmp_path):
  run = tmp_path / 'run'
  shutil.copytree(plain_run, run)
  trained = snapshot.read(run)
  others = [*trained.config.data.classes[1:], 'whistle']
  runs.write_thresholds(run, dict.fromkeys(others, 0.3), step=trained.step)
  with pytest.raises(InputError, match=r'thresholds\.json does not belong'):
    seld_jax.load(run)


def test_a_run_without_validation_recordings_is_refused(tiny_run, tmp_path):
  run = tmp_path / 'run'
  shutil.copytree(tiny_run, run)
  values = json.loads((run / 'config.json').read_text())
  values['data']['validation_folds'] = []
  (run / 'config.json').write_text(json.dumps(values))
  with pytest.raises(InputError, match='no validation recordings'):
    calibration.calibrate(run)
  values['data'] |= {'validation_folds': [2], 'root': str(tmp_path / 'gone')}
  (run / 'config.json').write_text(json.dumps(values))
  with pytest.raises(InputError, match='gone is missing'):
    calibration.calibrate(run)


def test_the_command_shows_each_class(plain_run, tmp_path, capsys):
  run = tmp_path / 'run'
  shutil.copytree(plain_run, run)
  values = flags.FlagValues()
  calibrate.define_flags(values)
  values(['calibrate', '--edition=2021'])
  calibrate.main([str(run)], values)
  shown = capsys.readouterr().out
  for name in snapshot.read(run).config.data.classes:
    assert name in shown
  assert 'thresholds of step' in shown
  with pytest.raises(InputError, match='A run directory is needed'):
    calibrate.main([], values)


def test_a_threshold_for_each_class_or_none(calibrated):
  spec = seld_jax.load(calibrated[0]).spec
  values = export_checks.spec_values(spec)
  assert export_checks.make_spec(values, version=3) == spec
  values['class_thresholds'] = [0.5]
  with pytest.raises(ValueError, match='has 1 numbers for 14 classes'):
    export_checks.make_spec(values, version=3)
  plain = dataclasses.replace(spec, class_thresholds=())
  assert 'class_thresholds' not in export_checks.spec_values(plain)


def test_a_config_may_have_thresholds(tiny_config):
  tiny_config.eval.class_thresholds = (0.3,) * 14
  config_lib.validate(tiny_config, num_devices=1)
  spec = snapshot.spec_of(tiny_config)
  np.testing.assert_array_equal(spec.thresholds, [0.3] * 14)
  tiny_config.eval.class_thresholds = (0.3,) * 13
  with pytest.raises(InputError, match='a number for each of the 14'):
    config_lib.validate(tiny_config, num_devices=1)
  tiny_config.eval.class_thresholds = (1.0,) * 14
  with pytest.raises(InputError, match='numbers from 0.01 to 0.999'):
    config_lib.validate(tiny_config, num_devices=1)
