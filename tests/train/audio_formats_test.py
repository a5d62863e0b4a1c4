"""Training on stereo, on any array and on any features, from end to end."""

import json
import types
from typing import Any

import numpy as np
import pytest
from helpers import audio_sets

import seld_jax
from seld_jax import audio, evaluate, labels, predictor, report, runs, train
from seld_jax.errors import InputError
from seld_jax.prediction import export_file, recordings

# Each takes as long to compile.
CASES = [
  pytest.param('stereo', marks=pytest.mark.slow),
  pytest.param('foa with a correlation', marks=pytest.mark.slow),
  pytest.param('salsa', marks=pytest.mark.slow),
  pytest.param('salsa_lite of five', marks=pytest.mark.slow),
]


@pytest.mark.parametrize('case', CASES)
def test_a_network_is_trained_scored_predicted_and_reported(case, tmp_path):
  config = audio_sets.make_config(case, tmp_path / 'data')
  feats = config.features
  audio_sets.make_set(
    tmp_path / 'data',
    format=feats.format,
    num_channels=feats.num_channels or 4,
  )
  if feats.xy_correlation:
    config.augment.rotate = False
    config.augment.steps = ('rotation(max_angle=90)', 'symmetries()', 'masks()')
  config.eval.threshold = 0.01  # so that an untrained network finds events
  config.features.top_db = 0.0  # so that windows have the features of the whole
  if feats.kind != 'log_mel':
    config.features.top_db = 80.0
  workdir = tmp_path / 'run'
  train.train_and_evaluate(config, workdir)
  records = (workdir / runs.METRICS).read_text().splitlines()
  assert all(np.isfinite(json.loads(one).get('loss', 0.0)) for one in records)
  (result,) = [
    one for one in runs.read_scores(workdir)['results'] if one['name'] == 'test'
  ]
  assert 0 <= result['scores']['F20'] <= 1

  # Predictions of the run are those of its files, and so are their scores.
  network = seld_jax.load(workdir)
  written = workdir / result['predictions']
  paths = sorted((tmp_path / 'data' / f'{feats.format}_dev').glob('fold1*.wav'))
  outcome = recordings.predict_files(network, paths, tmp_path / 'out')
  assert len(outcome.written) == 2 and not outcome.failures
  for path in outcome.written:
    ours, theirs = (
      labels.read_csv(folder / path.name)
      for folder in (tmp_path / 'out', written)
    )
    np.testing.assert_array_equal(ours.frame, theirs.frame)
    np.testing.assert_allclose(ours.xyz, theirs.xyz, atol=2e-3)
    if network.spec.is_frontal:
      assert len(ours.frame) and (ours.xyz[:, 0] >= -1e-9).all()
  if network.spec.is_framewise:
    file = tmp_path / 'x.seld'
    export_file.write(file, predictor.export_run(workdir, platforms=['cpu']))
    exported = seld_jax.load(file)
    assert exported.spec == network.spec
    sound = audio.read(paths[0], num_channels=network.spec.num_channels)
    stream = exported.stream(batch_size=8)
    parts = [stream.push(sound[:, :30001]), stream.push(sound[:, 30001:])]
    parts.append(stream.flush())
    for name, array in network(sound, 24000).outputs.items():
      joined = np.concatenate([part.outputs[name] for part in parts])
      np.testing.assert_allclose(joined, array, atol=1e-4)
  references = tmp_path / 'data' / 'metadata_dev'
  scores = evaluate.evaluate_folders(
    references,
    written,
    folds=[1],
    num_frames='audio',
    audio=tmp_path / 'data' / f'{feats.format}_dev',
    num_classes=14,
  )
  assert scores['F20'] == pytest.approx(result['scores']['F20'])

  page = report.write_report(workdir).read_text()
  first = {'stereo': 'left channel', 'foa': 'W channel'}
  assert first.get(feats.format, 'first microphone') in page
  assert ('"frontal":true' in page.replace(' ', '')) == network.spec.is_frontal
  figure = workdir / 'figures' / 'tracks.png'
  assert figure.stat().st_size


def test_labels_behind_the_listener_are_refused_in_stereo(tmp_path):
  config = audio_sets.make_config('stereo', tmp_path)
  _, table = audio_sets.write_recording(
    tmp_path, 'fold3_a', 120, format='stereo'
  )
  config.data.validation_folds = config.data.test_folds = ()
  with pytest.raises(InputError) as caught:
    train.prepare.load_data(config)
  assert str(caught.value).startswith(
    f'{table}: 10 of 10 directions are behind the listener, such as azimuth '
    '120 in frame 5'
  )
  config.output.axes = 3
  assert train.prepare.load_data(config).train.names == ('fold3_a',)


def test_a_network_of_other_features_keeps_its_own_statistics(
  tmp_path, caplog, monkeypatch
):
  """FOA of 2020 and of 2021 have the same shapes, but not the same numbers."""
  from seld_jax import config as config_lib
  from seld_jax.train import fine_tuning, snapshot, sources, step

  config = audio_sets.make_config('stereo', tmp_path)
  config.features.update({'format': 'foa', 'stereo': ()})
  state = step.create_state(config)
  tree = {
    'params': state.params,
    'batch_stats': state.batch_stats,
    'statistics': {name: 7 + one for name, one in state.statistics.items()},
  }
  theirs = config_lib.to_dict(config)['features']
  source = export_file.flatten(tree), snapshot.spec_of(config), theirs
  monkeypatch.setattr(sources, 'load_variables', lambda _: source)
  for name in 'norm', 'energy':
    config.features.intensity = name
    (tmp_path / name).mkdir()
    run: Any = types.SimpleNamespace(config=config, workdir=tmp_path / name)
    started = fine_tuning.begin(run, state, 'other', is_resumed=False)
    is_same = name == 'norm'
    kept = round(float(started.statistics['mean'].mean()), 3)
    assert kept == (7 if is_same else 0)
    assert ("intensity was 'norm' and is 'energy'" in caplog.text) != is_same


@pytest.mark.parametrize(
  ('field', 'value'), [('layout', 'published'), ('alias_frequency', 1500.0)]
)
def test_features_of_other_settings_are_other_features(field, value):
  from seld_jax import config as config_lib
  from seld_jax.train import fine_tuning

  config = config_lib.default()
  theirs = config_lib.to_dict(config)['features']
  assert not fine_tuning._other_features(theirs, config)
  theirs[field] = value
  assert field in fine_tuning._other_features(theirs, config)


def test_no_number_of_microphones_means_the_usual_one(tmp_path):
  """Otherwise equal features would keep their own statistics."""
  from seld_jax.train import fine_tuning

  config = audio_sets.make_config('five microphones', tmp_path)
  config.features.num_channels = 0
  other = fine_tuning._other_features
  assert not other({'format': 'mic', 'num_channels': 4}, config)
  assert 'num_channels was 5' in other(
    {'format': 'mic', 'num_channels': 5}, config
  )


def test_scenes_are_not_rendered_for_an_array_of_five(tmp_path):
  config = audio_sets.make_config('five microphones', tmp_path / 'gone')
  with pytest.raises(InputError, match=r'gone is missing. Record with your ar'):
    train.prepare.load_data(config)
  config.data.synthesize = 6
  with pytest.raises(InputError, match=r'renders .* of four .* is 5: set'):
    train.prepare.load_data(config)


def test_recordings_with_other_channels_are_refused_before_training(tmp_path):
  config = audio_sets.make_config('stereo', tmp_path)
  sound, _ = audio_sets.write_recording(
    tmp_path, 'fold3_a', 20, format='stereo'
  )
  audio.write(sound, np.zeros((4, 24000)))
  config.data.validation_folds = config.data.test_folds = ()
  with pytest.raises(
    InputError, match='4 channels, but 2 are needed, left and'
  ):
    train.prepare.load_data(config)
