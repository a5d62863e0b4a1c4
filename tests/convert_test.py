"""Published networks become runs and exports that predict what they did."""

import json
import os
import shutil

import jax
import numpy as np
import pytest
from helpers.command_outcomes import outcome
from helpers.published_network import outputs_of, random_tensors
from helpers.shared_files import shared
from helpers.torch_files import zip_file

import seld_jax
from seld_jax import (
  audio,
  convert,
  dataset,
  features,
  labels,
  report,
  runs,
  train,
)
from seld_jax import config as config_lib
from seld_jax.errors import InputError
from seld_jax.train import snapshot

SIZES = {'filters': (4, 4, 4), 'units': 8, 'hidden': (6,)}
CLASSES = ('dog', 'bell')
RNG = np.random.default_rng(0)
MEAN, SCALE = RNG.normal(-30, 5, 448), RNG.uniform(5, 9, 448)


def written(folder, **options):
  """A file of weights for two classes, and the tensors in it."""
  tensors = random_tensors(**{'outputs': 3 * 4 * 2, **SIZES, **options})
  path = folder / 'weights.h5'
  path.write_bytes(zip_file(tensors))
  return path, tensors


@pytest.fixture(scope='module')
def files(tmp_path_factory):
  """Weights, a scaler, and the tensors."""
  folder = tmp_path_factory.mktemp('published')
  weights, tensors = written(folder)
  scaler = folder / 'scaler.npz'
  np.savez(scaler, mean=MEAN, scale=SCALE)
  return weights, scaler, tensors


def converted(files, **options):
  return convert.convert(
    files[0],
    **{
      'baseline': 'dcase2024',
      'scaler': files[1],
      'class_names': CLASSES,
      **options,
    },
  )


@pytest.fixture(scope='module')
def run(files, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('run')
  snapshot.write_run(workdir, converted(files), origin='converted')
  return workdir


@pytest.fixture(scope='module')
def predictor(run):
  return seld_jax.load(run)


def published_outputs(found):
  """Outputs in the published order: track, component, class."""
  found = np.swapaxes(found['accdoa'], -1, -2)
  return found.reshape(*found.shape[:-3], -1)


def sound(seconds=5):
  noise = np.random.default_rng(1).standard_normal((4, 24000 * seconds))
  envelope = 0.02 + 0.1 * np.sin(np.arange(24000 * seconds) / 9000) ** 2
  return (noise * envelope).astype(np.float32)


def test_raw_outputs_are_those_of_the_published_network(files, predictor):
  x = RNG.standard_normal((2, 20, 64, 7)).astype(np.float32)
  expected = outputs_of(files[2], x.transpose(0, 3, 1, 2))
  found = predictor.outputs(x)
  assert found['accdoa'].shape == (2, 4, 3, 2, 4)
  np.testing.assert_allclose(published_outputs(found), expected, atol=1e-4)


def test_audio_is_predicted_as_by_the_published_network(files, predictor):
  """Features with the channel first, minus the mean, divided by the scale."""
  clip = sound()
  x = np.asarray(features.compute(clip, format='foa', intensity='energy'))
  x = (x.transpose(0, 2, 1).reshape(-1, 448) - MEAN) / SCALE
  x = x.reshape(-1, 7, 64).swapaxes(0, 1)[None]
  expected = outputs_of(files[2], x)[0]
  found = predictor(clip, 24000)
  np.testing.assert_allclose(
    published_outputs(found.outputs), expected, atol=1e-3
  )
  # Distances are in metres, and vectors above 0.5 are events.
  raw = found.outputs['accdoa']
  is_active = np.linalg.norm(raw[..., :3], axis=-1) > 0.5
  assert is_active.any()
  assert set(
    zip(found.events.frame, found.events.class_index, strict=True)
  ) == {(frame, index) for frame, _, index in np.argwhere(is_active)}


def test_the_run_is_complete(run, predictor):
  config = runs.read_config(run)
  assert predictor.window_seconds == 5
  assert predictor.spec.threshold == 0.5
  assert config.features.intensity == 'energy'
  assert config.output.distance and config.output.activation == 'linear'
  copy = json.loads((run / 'checkpoints' / 'config.json').read_text())
  assert copy == config_lib.to_dict(config)
  page = report.write_report(run).read_text()
  assert 'This run has no scores' in page
  assert 'converted' in page


def test_only_a_folder_without_a_run_can_become_one(files, run, tmp_path):
  snapshot.check_new_run(tmp_path / 'new')
  for out, message in (run, 'holds a run already'), (files[0], 'is a file'):
    with pytest.raises(InputError, match=message):
      snapshot.check_new_run(out)


def test_a_folder_with_a_run_is_not_overwritten(files, run):
  with pytest.raises(InputError, match='holds a run already'):
    snapshot.write_run(run, converted(files), origin='converted')


@pytest.mark.slow
def test_an_export_is_the_same_network(files, predictor, tmp_path):
  out = tmp_path / 'network.seld'
  done = outcome(
    'seld_jax.convert',
    '--from=dcase2024',
    f'--weights={files[0]}',
    f'--scaler={files[1]}',
    f'--class_names={",".join(CLASSES)}',
    '--export',
    f'--out={out}',
  )
  assert done.returncode == 0, done.stderr
  assert '2 classes, multi_accdoa with distances' in done.stdout
  exported = seld_jax.load(out)
  clip = sound()
  np.testing.assert_allclose(
    exported(clip, 24000).outputs['accdoa'],
    predictor(clip, 24000).outputs['accdoa'],
    atol=1e-4,
  )
  x = RNG.standard_normal((1, 10, 64, 7)).astype(np.float32)
  np.testing.assert_allclose(
    exported.outputs(x)['accdoa'], predictor.outputs(x)['accdoa'], atol=1e-6
  )


def test_statistics_are_those_of_all_development_recordings(
  files, tiny_root, tmp_path
):
  trained = converted(
    files, scaler='', statistics=tiny_root, feature_cache=tmp_path
  )
  found = [
    np.asarray(
      features.compute(
        audio.read(recording.audio), format='foa', intensity='energy'
      ),
      np.float64,
    )
    for recording in dataset.find_recordings(tiny_root)
  ]
  assert len(found) == 6
  frames = np.concatenate(found)
  for name, expected in (
    ('mean', frames.mean(axis=0)),
    ('std', frames.std(axis=0)),
  ):
    np.testing.assert_allclose(
      trained.variables['statistics'][name], expected, rtol=1e-3, atol=1e-4
    )
  assert trained.config.data.root == str(tiny_root)


def test_features_of_other_datasets_stay_in_a_shared_folder(
  files, tiny_root, tmp_path
):
  """Datasets may have recordings of the same names."""
  folders = [tmp_path / 'one', tmp_path / 'two']
  for folder in folders:
    shutil.copytree(tiny_root, folder)
    for path in (folder / 'foa_dev').iterdir():
      os.utime(path, (1, 1 + folders.index(folder)))
  shared_folder = tmp_path / 'features'
  found = []
  for folder in folders:
    converted(files, scaler='', statistics=folder, feature_cache=shared_folder)
    found.append({path for path in shared_folder.rglob('*') if path.is_file()})
  assert found[0] < found[1]


@pytest.mark.parametrize('flag', ['weights', 'scaler'])
def test_an_export_does_not_replace_what_it_is_made_of(files, tmp_path, flag):
  """Not through a link, either."""
  (tmp_path / 'link').symlink_to(files[['weights', 'scaler'].index(flag)])
  done = outcome(
    'seld_jax.convert',
    '--from=dcase2024',
    f'--weights={files[0]}',
    f'--scaler={files[1]}',
    '--export',
    f'--out={tmp_path / "link"}',
  )
  assert done.returncode == 1
  assert f'--out and --{flag} are the same file' in done.stderr


@pytest.mark.parametrize(
  ('options', 'match'),
  [
    ({'scaler': ''}, 'give --scaler=FILE, or --statistics=FOLDER'),
    ({'statistics': 'data/x'}, 'not both'),
    ({'scaler': '', 'statistics': 'missing'}, 'there is no folder missing'),
    ({'class_names': ('a', 'b', 'c')}, 'has 24 outputs.*36 .*class_names'),
    ({'class_names': ('a', 'a')}, 'no class twice'),
    (
      {'baseline': 'dcase2025', 'scaler': ''},
      'looks like one of --from=dcase2024',
    ),
    ({'baseline': 'dcase2025'}, 'dcase2025 .* leave out --scaler'),
    (
      {'baseline': 'dcase2025', 'scaler': '', 'statistics': 'data/x'},
      'dcase2025 .* leave out --statistics',
    ),
  ],
)
def test_mistakes_are_named(files, options, match):
  with pytest.raises(InputError, match=match):
    converted(files, **options)


def test_no_classes_are_refused(files):
  with pytest.raises(InputError, match='--class_names must have a class'):
    converted(files, class_names=())


def test_a_scaler_of_other_features_is_refused(files, tmp_path):
  path = tmp_path / 'mic.npz'
  np.savez(path, mean=np.zeros(640), scale=np.ones(640))
  with pytest.raises(InputError, match='640 features, but .* 448: 7 channels'):
    converted(files, scaler=path)


@pytest.mark.parametrize(
  ('options', 'match'),
  [
    ({'channels': 5}, '5 feature channels'),
    ({'bands': 3}, '3 bands before its GRU'),
    ({'filters': (4, 4)}, '2 convolutions'),
    ({'units': 6}, 'attention_heads = 8 must divide'),
  ],
)
def test_networks_of_no_baseline_are_refused(files, tmp_path, options, match):
  weights, _ = written(tmp_path, **options)
  with pytest.raises(InputError, match=match):
    converted((weights, files[1]))


def test_networks_of_microphones_have_their_features(files, tmp_path):
  scaler = tmp_path / 'mic.npz'
  np.savez(scaler, mean=np.zeros(640), scale=np.ones(640))
  weights, _ = written(tmp_path, channels=10)
  trained = converted((weights, scaler))
  assert trained.config.features.format == 'mic'
  assert trained.variables['statistics']['mean'].shape == (64, 10)


def test_a_network_with_one_track_is_accdoa(files, tmp_path):
  weights, _ = written(tmp_path, outputs=4 * 2)
  trained = converted((weights, files[1]))
  assert trained.config.output.format == 'accdoa'


def test_networks_of_salsa_lite_have_their_features(files, tmp_path):
  """SALSA-Lite has as many channels as FOA features, but 382 bands."""
  scaler = tmp_path / 'salsa.npz'
  np.savez(scaler, mean=np.arange(7 * 382.0), scale=np.ones(7 * 382))
  weights, _ = written(tmp_path, bands=11)
  trained = converted((weights, scaler))
  assert trained.config.features.kind == 'salsa_lite'
  mean = trained.variables['statistics']['mean']
  assert mean.shape == (382, 7)
  assert mean[5, 3] == 3 * 382 + 5, 'the channel comes first in a scaler'


def test_networks_of_2025_are_stereo_and_need_no_scaler(tmp_path):
  """The published code does not standardise, and has no elevations."""
  tensors = random_tensors('dcase2025', channels=2, outputs=3 * 3 * 2, **SIZES)
  weights = tmp_path / 'best_model.pth'
  weights.write_bytes(zip_file({'seld_model': tensors, 'epoch': 7}))
  trained = convert.convert(weights, baseline='dcase2025', class_names=CLASSES)
  config = trained.config
  assert config.features.format == 'stereo'
  assert (config.output.axes, config.eval.edition) == (2, '2025')
  statistics = trained.variables['statistics']
  assert statistics['mean'].shape == (64, 2)
  assert not statistics['mean'].any() and (statistics['std'] == 1).all()
  assert snapshot.spec_of(config).num_channels == 2


def test_weights_that_are_no_weights_are_one_sentence(tmp_path, files):
  path = tmp_path / 'weights.h5'
  path.write_text('hello')
  done = outcome(
    'seld_jax.convert',
    '--from=dcase2024',
    f'--weights={path}',
    f'--scaler={files[1]}',
    f'--out={tmp_path / "out"}',
  )
  assert done.returncode == 1
  assert done.stderr.startswith(f'error: {path} is not a state dict')
  assert not (tmp_path / 'out').exists()


def of_published(name, **options):
  folder = shared('published/dcase2024')
  return convert.convert(folder / name, baseline='dcase2024', **options)


def test_a_real_recording_is_predicted_as_published(tmp_path):
  """From audio to outputs, which PyTorch computed from published features."""
  folder = shared('published/dcase2024')
  clip = audio.read(shared('spatial/starss23_foa_5s.wav'))
  trained = of_published(
    '3_1_dev_split0_multiaccdoa_foa_model.h5',
    scaler=folder / 'foa_scaler.joblib',
  )
  program = jax.jit(snapshot.make_program(trained.config))
  spec = snapshot.spec_of(trained.config)
  padding = spec.n_fft // 2
  padded = np.pad(
    clip, ((0, 0), (padding, padding)), constant_values=-spec.offset
  )
  (found,) = program(
    trained.variables, padded[None].astype(np.float32), np.array([250])
  )
  with np.load(folder / 'golden.npz') as golden:
    expected = golden['clip_outputs']
  np.testing.assert_allclose(
    published_outputs({'accdoa': np.asarray(found)[0]}), expected, atol=1e-3
  )
  assert trained.config.data.classes == labels.STARSS_CLASSES


@pytest.mark.slow
def test_a_converted_run_is_fine_tuned(run, tmp_path):
  """A few steps on scenes with distances, of the same classes."""
  root = tmp_path / 'set'
  rng = np.random.default_rng(2)
  for fold in 1, 2, 3:
    name = f'fold{fold}_room1_mix001'
    noise = 0.1 * rng.standard_normal(24000 * 6)
    gains = np.array([1, 0, 0, 1])[:, None]
    scene = gains * noise + 1e-3 * rng.standard_normal((4, len(noise)))
    audio.write(root / 'foa_dev' / f'{name}.wav', np.clip(scene, -1, 1))
    frames = np.arange(5, 50)
    labels.write_csv(
      root / 'metadata_dev' / f'{name}.csv',
      labels.Events(
        frame=frames,
        class_index=np.full(len(frames), fold % 2),
        track=np.zeros(len(frames), np.int64),
        xyz=np.tile([1.0, 0, 0], (len(frames), 1)),
        distance=np.full(len(frames), 2.0),
      ),
      edition='2023',
    )
  config = runs.read_config(run)
  config.data.root, config.data.distance_unit = str(root), 'm'
  config.data.train_folds = (3,)
  config.data.validation_folds, config.data.test_folds = (2,), (1,)
  config.train.batch_size, config.train.num_steps = 1, 3
  config.train.log_every = config.train.evaluate_every = 1
  config.train.learning_rate = 1e-4
  config.eval.batch_size = 1
  scores = train.train_and_evaluate(
    config, tmp_path / 'tuned', init_from=str(run)
  )
  note = json.loads((tmp_path / 'tuned' / 'init_from.json').read_text())
  assert note['anew'] == []
  assert [one['name'] for one in scores['results']] == ['validation', 'test']
  before, after = (
    snapshot.read(folder).variables['params']['accdoa']['bias']
    for folder in (run, tmp_path / 'tuned')
  )
  assert 0 < np.abs(before - after).max() < 0.01
