"""Networks of stereo, of any array and of any features predict everywhere."""

import json
import re
import zipfile

import numpy as np
import pytest
from helpers import audio_sets
from helpers.tiny import make_run
from jax import jit

import seld_jax
from seld_jax import audio, dataset, features, labels, predictor
from seld_jax import config as config_lib
from seld_jax.dataset import cache
from seld_jax.errors import InputError
from seld_jax.prediction import (
  PredictionOptions,
  Spec,
  export_file,
  live,
  recordings,
)

# Another quick test trains, uses and exports a network of stereo.
CASES = ['salsa', pytest.param('salsa_lite of five', marks=pytest.mark.slow)]


@pytest.fixture(scope='module', params=CASES)
def case(request, tmp_path_factory):
  """A random network, and a recording: config, run, network, sound, path."""
  folder = tmp_path_factory.mktemp('case')
  config = audio_sets.make_config(request.param, folder / 'data')
  feats = config.features
  path, _ = audio_sets.write_recording(
    folder / 'data',
    'fold1_a',
    50,
    format=feats.format,
    num_channels=feats.num_channels or 4,
  )
  run = make_run(folder / 'run', config)
  sound = audio.read(path, num_channels=audio.info(path).num_channels)
  return config, run, seld_jax.load(run), sound, path


def test_predictions_are_those_of_the_features_of_the_dataset(case):
  """The features of training, from the cache, and one window for all frames."""
  from seld_jax.train import snapshot, step

  config, run, network, sound, path = case
  (entry,) = dataset.find_recordings(
    config.data.root, format=config.features.format
  )
  options = config_lib.feature_options(config)
  stored = cache.extract([entry], run / 'features', options=options)['fold1_a']
  frames = np.load(stored)
  assert frames.shape == (100, *features.shape(**options))
  variables = snapshot.read(run).variables
  model = step.make_model(config)
  windows = frames.reshape(2, 50, *frames.shape[1:])
  expected = jit(model.apply)(
    {name: variables[name] for name in ('params', 'batch_stats')},
    dataset.standardise(windows, variables['statistics']),
  )
  found = network(sound, 24000)
  for name, array in found.outputs.items():
    joined = np.concatenate(expected[name])
    # Windows of log-mel features are clipped below their own maximum.
    np.testing.assert_allclose(array, joined, atol=2e-4)
  assert network.spec.num_channels == len(sound)


def test_blocks_of_a_stream_give_the_same_as_the_whole(case):
  _, _, network, sound, _ = case
  if not network.spec.is_framewise:
    with pytest.raises(InputError, match=r'salsa, which .* predict live: pred'):
      network.stream()
    with pytest.raises(InputError, match='predict live'):
      live.watch(network, iter([sound]), 24000)
  whole = network(sound, 24000).outputs
  parts = list(network.frames(np.array_split(sound, 7, axis=-1), 24000))
  for name, array in whole.items():
    joined = np.concatenate([part.outputs[name] for part in parts])
    np.testing.assert_allclose(joined, array, atol=1e-5)


@pytest.mark.slow
def test_the_last_frames_of_any_length_are_predicted(case):
  """The last window is filled with its last frame, as in training."""
  _, _, network, sound, _ = case
  short = network(sound[:, : 24000 + 3601], 24000)
  assert len(short.activity) == 12
  assert all(np.isfinite(array).all() for array in short.outputs.values())


def test_an_export_predicts_the_same_and_says_what_it_needs(case, tmp_path):
  config, run, network, sound, _ = case
  path = tmp_path / 'x.seld'
  if not network.spec.is_framewise:
    with pytest.raises(
      InputError, match='salsa cannot be exported, because'
    ) as error:
      predictor.export_run(run, platforms=['cpu'])
    (named,) = re.findall('features.kind=(.*)[.]$', str(error.value))
    formats = [features.KINDS[kind] for kind in named.split(' or ')]
    assert all(config.features.format in some for some in formats)
    return
  export_file.write(path, predictor.export_run(run, platforms=['cpu']))
  with zipfile.ZipFile(path) as archive:
    spec = json.loads(archive.read('export.json'))['spec']
  assert (spec['format'], spec['num_channels'], spec['kind']) == (
    config.features.format,
    len(sound),
    config.features.kind,
  )
  loaded = seld_jax.load(path)
  assert loaded.spec == network.spec
  found, expected = loaded(sound, 24000), network(sound, 24000)
  for name, array in expected.outputs.items():
    np.testing.assert_allclose(found.outputs[name], array, atol=1e-4)


def test_files_with_other_channels_are_refused(case, tmp_path):
  _, _, network, sound, _ = case
  needed = len(sound)
  for count in {1, 2, 4, 5, 6} - {needed}:
    path = tmp_path / f'{count}.wav'
    audio.write(path, np.resize(sound, (count, 24000)))
    outcome = recordings.predict_files(network, [path], tmp_path / 'out')
    (text,) = outcome.failures
    assert f'has {count} channel' in text and f'{needed} are needed' in text
  with pytest.raises(InputError, match=rf'shape \[{needed}, samples\]'):
    network(sound[:-1], 24000)


def test_files_are_predicted_with_a_picture(case, tmp_path):
  _, _, network, sound, path = case
  options = PredictionOptions(threshold=0.02)
  outcome = recordings.predict_files(
    network, [path], tmp_path, options=options, plot=True
  )
  assert not outcome.failures and (tmp_path / 'fold1_a.png').stat().st_size
  written = labels.read_csv(tmp_path / 'fold1_a.csv')
  expected = network(sound, 24000, threshold=0.02).events
  np.testing.assert_array_equal(written.frame, expected.frame)
  np.testing.assert_allclose(written.xyz, expected.xyz, atol=1e-6)
  if network.spec.is_frontal:
    assert (written.xyz[:, 0] >= -1e-9).all() and not written.xyz[:, 2].any()


def test_kinds_that_need_whole_recordings_are_those_of_the_features():
  fields = config_lib.default()
  for kind in features.KINDS:
    fields.features.format = features.KINDS[kind][0]
    fields.features.kind = kind
    from seld_jax.train import snapshot

    spec = snapshot.spec_of(fields)
    assert isinstance(spec, Spec)
    assert spec.is_framewise == features.is_framewise(kind=kind)
