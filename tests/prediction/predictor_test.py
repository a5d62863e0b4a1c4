"""A predictor gives the predictions of its run, without the dataset."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seld_jax
from seld_jax import config as config_lib
from seld_jax import dataset, devices, inference, labels
from seld_jax import features as features_lib
from seld_jax.dataset import placement
from seld_jax.errors import InputError
from seld_jax.train import checkpoint, step


@pytest.fixture(scope='module')
def sound():
  rng = np.random.default_rng(1)
  return 0.1 * rng.standard_normal((4, 24000 * 5 + 1111)).astype(np.float32)


@pytest.fixture(scope='module')
def predictor(tiny_run):
  return seld_jax.load(tiny_run)


def expected(run, sound):
  """The evaluation in training: features of the recording, then windows."""
  config = config_lib.from_dict(json.loads((run / 'config.json').read_text()))
  state = step.create_state(config)
  with checkpoint.open_manager(run / 'checkpoints') as manager:
    _, state = checkpoint.restore_best(manager, state)
  options = config_lib.feature_options(config)
  whole = np.asarray(features_lib.compute(sound, **options))
  pool = config_lib.label_pool(config)
  length = -(-len(whole) // pool)
  whole = np.pad(
    whole, ((0, length * pool - len(whole)), (0, 0), (0, 0)), 'edge'
  )
  fold = dataset.Fold(
    ('x',),
    whole,
    {},
    np.array([0, length]),
    np.array([length]),
    (labels.no_events(),),
    pool,
  )
  window = config.eval.window
  (output,) = inference.predict_fold(
    inference.make_predict_step(step.make_model(config)),
    {'params': state.params, 'batch_stats': state.batch_stats},
    state.statistics,
    fold,
    source=placement.streamed(devices.make_mesh(), whole),
    window=window,
    batch_size=3,
  )
  return output


def test_equal_to_the_evaluation_of_the_run(tiny_run, predictor, sound):
  """For noise of constant level, top_db clips windows like the recording."""
  prediction = predictor(sound, 24000)
  output = expected(tiny_run, sound)
  assert prediction.activity.shape == (51, 14)
  np.testing.assert_allclose(prediction.activity, output['sed'], atol=1e-5)
  np.testing.assert_allclose(prediction.doa, output['doa'], atol=1e-5)
  threshold = predictor.spec.threshold
  assert len(prediction.events.frame) == (prediction.activity > threshold).sum()
  np.testing.assert_allclose(
    np.linalg.norm(prediction.events.xyz, axis=-1), 1, atol=1e-9
  )


def test_only_the_run_is_needed_and_it_is_not_changed(
  tiny_run, tmp_path, sound
):
  copy = tmp_path / 'copy'
  (copy / 'checkpoints').mkdir(parents=True)
  shutil.copy(tiny_run / 'config.json', copy)
  shutil.copytree(
    tiny_run / 'checkpoints', copy / 'checkpoints', dirs_exist_ok=True
  )
  # A snapshot that a running training is saving.
  torn = copy / 'checkpoints' / '9.orbax-checkpoint-tmp'
  torn.mkdir()
  before = sorted(copy.rglob('*'))
  predictor = seld_jax.load(copy)
  assert sorted(copy.rglob('*')) == before
  assert predictor(sound[:, :24000], 24000).activity.shape == (10, 14)


OVERLAPS = (0.0, 0.3, 0.9)


@pytest.fixture(scope='module')
def whole(predictor, sound):
  """The prediction of the recording for each overlap, window by window."""
  return {
    overlap: predictor(sound, 24000, overlap=overlap, batch_size=1)
    for overlap in OVERLAPS
  }


@settings(deadline=None, max_examples=25)
@given(
  cuts=st.lists(st.integers(0, 24000 * 5 + 1111), max_size=8).map(sorted),
  overlap=st.sampled_from(OVERLAPS),
)
def test_a_stream_equals_the_prediction_of_the_recording(
  predictor, sound, whole, cuts, overlap
):
  stream = predictor.stream(overlap=overlap)
  parts = [stream.push(part) for part in np.split(sound, cuts, axis=-1)]
  parts.append(stream.flush())
  np.testing.assert_array_equal(
    np.concatenate([part.activity for part in parts]), whole[overlap].activity
  )
  np.testing.assert_array_equal(
    np.concatenate([part.doa for part in parts]), whole[overlap].doa
  )


@pytest.mark.parametrize('overlap', OVERLAPS)
def test_the_batch_size_changes_only_rounding(predictor, sound, whole, overlap):
  batched = predictor(sound, 24000, overlap=overlap, batch_size=4)
  np.testing.assert_allclose(
    batched.activity, whole[overlap].activity, atol=1e-5
  )
  np.testing.assert_allclose(batched.doa, whole[overlap].doa, atol=1e-5)


def test_another_window_changes_the_prediction(predictor, sound, whole):
  """In a shorter window the network has less context."""
  short = predictor(sound, 24000, window=0.5, batch_size=1)
  assert short.activity.shape == (51, 14)
  assert np.abs(whole[0.0].activity - short.activity).max() > 1e-6


def test_recordings_can_be_shorter_than_a_window(predictor, sound):
  for samples in 2400, 5000, 23999:
    prediction = predictor(sound[:, :samples], 24000)
    assert prediction.activity.shape == (-(-samples // 2400), 14)
    assert np.isfinite(prediction.doa).all()


def test_another_sample_rate_gives_the_same_prediction(predictor):
  """For noise below 8 kHz, at twice the sample rate of the network."""
  from scipy import signal

  rng = np.random.default_rng(2)
  wide = rng.standard_normal((4, 48000 * 2))
  low = signal.sosfiltfilt(signal.butter(8, 8000, fs=48000, output='sos'), wide)
  fast = (0.05 * low).astype(np.float32)
  slow = signal.resample_poly(fast, 1, 2, axis=-1)
  first = predictor(fast, 48000)
  second = predictor(slow, 24000)
  assert first.activity.shape == second.activity.shape
  np.testing.assert_allclose(first.activity, second.activity, atol=0.02)


def test_resampling_is_logged_once_for_each_sample_rate(
  predictor, sound, caplog
):
  caplog.set_level('INFO', logger='seld_jax')
  predictor(sound[:, :5000], 24000)
  assert not caplog.records
  for _ in range(2):
    predictor(sound[:, :5000], 44100)
  (record,) = caplog.records
  assert record.name.startswith('seld_jax')
  expected = 'audio at 44100 Hz is resampled to the 24000 Hz of the network'
  assert record.getMessage() == expected


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'threshold': 1.5}, 'threshold must be between 0 and 1, got 1.5'),
    ({'window': 0.0}, 'at least one label frame of 0.1 s and'),
    ({'overlap': 1.0}, 'overlap must be less than the window of 10'),
    ({'overlap': -1.0}, 'overlap must be less than the window'),
  ],
)
def test_invalid_options_are_refused(predictor, sound, options, message):
  with pytest.raises(InputError, match=message):
    predictor(sound, 24000, **options)


def run_copy(tiny_run, tmp_path):
  shutil.copytree(tiny_run, tmp_path / 'run')
  return tmp_path / 'run'


def test_a_missing_run_is_refused(tmp_path):
  with pytest.raises(InputError, match='gone does not exist'):
    seld_jax.load(tmp_path / 'gone')
  with pytest.raises(InputError, match=r'has no config\.json'):
    seld_jax.load(tmp_path)


def test_a_run_without_checkpoints_is_refused(tiny_run, tmp_path):
  run = run_copy(tiny_run, tmp_path)
  shutil.rmtree(run / 'checkpoints')
  with pytest.raises(InputError, match='holds no checkpoint yet'):
    seld_jax.load(run)
  assert not (run / 'checkpoints').exists()


def test_an_incomplete_checkpoint_is_refused(tiny_run, tmp_path):
  run = run_copy(tiny_run, tmp_path)
  for path in (run / 'checkpoints').rglob('*'):
    if path.is_file() and 'default' in path.parts:
      path.unlink()
  with pytest.raises(InputError, match=r'checkpoints/4, cannot be read'):
    seld_jax.load(run)


def test_a_damaged_config_is_refused(tiny_run, tmp_path):
  run = run_copy(tiny_run, tmp_path)
  (run / 'config.json').write_text('{"data": ')
  with pytest.raises(InputError, match=r'config\.json cannot be read as JSON'):
    seld_jax.load(run)


def test_a_config_with_other_classes_is_refused(tiny_run, tmp_path):
  run = run_copy(tiny_run, tmp_path)
  config = json.loads((run / 'config.json').read_text())
  config['data']['classes'] = config['data']['classes'][:12]
  (run / 'config.json').write_text(json.dumps(config))
  with pytest.raises(InputError, match=r'does not fit .*has 12 classes'):
    seld_jax.load(run)


def test_the_best_snapshot_is_loaded(tiny_run):
  from seld_jax.train import snapshot

  assert snapshot.read(tiny_run).step == 4
