"""Directions without a network: `seld_jax.load('intensity')` and `'srp'`."""

import numpy as np
import pytest
import soundfile
from helpers.command_outcomes import outcome
from helpers.plane_waves import FORMATS, diffuse, find, plane_waves
from helpers.shared_files import shared

import seld_jax
from seld_jax import audio, geometry, labels
from seld_jax.errors import InputError
from seld_jax.prediction import (
  METHODS,
  DirectionFinder,
  PredictionOptions,
  direction_stream,
  recordings,
)

FORMAT_OF = dict(zip(METHODS, FORMATS, strict=True))
PLACES = [(30, 10, 1), (150, -20, 1)]


def scene(method, *, seconds=2.0, rate=24000):
  """Two sources from the second second on, in soft diffuse noise."""
  options = {'seconds': seconds, 'rate': rate}
  format = FORMAT_OF[method]
  sources, xyz = plane_waves(format, PLACES, width=400, **options)
  sources[:, :rate] = 0
  return sources + 0.02 * diffuse(format, **options), xyz


@pytest.mark.parametrize('method', METHODS)
def test_a_recording_in_memory(method):
  sound, xyz = scene(method)
  predictor = seld_jax.load(method)
  assert isinstance(predictor, DirectionFinder)
  found = predictor(sound, 24000)
  assert found.activity.shape == (20, 1) and found.doa.shape == (20, 1, 3)
  assert found.activity[:9].max() < predictor.spec.threshold
  events = found.events
  assert set(events.frame) <= set(range(9, 20)) and not events.class_index.any()
  for track in 0, 1:  # the two change places, because they are equally strong
    rows = events.track == track
    assert rows.sum() >= 9
    angle = geometry.angular_distance(events.xyz[rows][:, None], xyz).min(1)
    assert np.median(angle) < 10
  strict = predictor(sound, 24000, threshold=0.95)
  assert len(strict.events.frame) == 0


@pytest.mark.parametrize('method', METHODS)
def test_blocks_of_any_size_give_the_same(method, monkeypatch):
  """Also where the label frames are computed in many parts."""
  sound, _ = scene(method, seconds=1.87)
  expected = find(FORMAT_OF[method], sound.astype(np.float32))
  monkeypatch.setattr(direction_stream, '_PIECE', 7)
  for size in 1000, 30000:
    predictor = seld_jax.load(method)
    blocks = [sound[:, i : i + size] for i in range(0, len(sound[0]), size)]
    [*parts, last] = predictor.frames(blocks, 24000)
    assert not any(len(part) for part in parts)
    assert last.first == 0 and len(last) == 19
    np.testing.assert_allclose(
      last.outputs['sed'][..., 0], expected.activity, atol=1e-4
    )
    angle = geometry.angular_distance(last.outputs['doa'], expected.xyz)
    assert np.median(angle) < 0.1


@pytest.mark.parametrize('method', METHODS)
def test_files_of_any_sample_rate(method, tmp_path):
  for rate in 16000, 44100:
    sound, _ = scene(method, rate=rate)
    audio.write(tmp_path / 'in' / f'{rate}.wav', sound, sample_rate=rate)
  done = recordings.predict_files(
    seld_jax.load(method), [tmp_path / 'in'], tmp_path / 'out', plot=True
  )
  assert not done.failures and len(done.written) == 2
  for path in done.written:
    rows = [line.split(',') for line in path.read_text().splitlines()]
    assert {len(row) for row in rows} == {5}
    assert {row[1] for row in rows} == {'0'}
    assert {row[2] for row in rows} == {'0', '1'}
    assert labels.read_csv(path).frame.max() == 19
    assert path.with_suffix('.png').stat().st_size
  done = recordings.predict_files(
    seld_jax.load(method),
    [tmp_path / 'in' / '16000.wav'],
    tmp_path / 'seconds',
    csv_edition='2019',
  )
  assert 'sound' in done.written[0].read_text()


@pytest.mark.parametrize('method', METHODS)
def test_a_cough_in_a_real_recording(method):
  """From azimuth -10 and elevation -10, from 0.366 s on."""
  path = shared(f'spatial/tau2019_{FORMAT_OF[method]}_1s.wav')
  sound, rate = soundfile.read(path)
  events = seld_jax.load(method)(sound.T, rate).events
  first = events.track == 0
  assert 5 <= first.sum() <= 8
  assert events.frame.min() == 3
  angle = geometry.angular_distance(
    events.xyz[first], geometry.to_cartesian(-10, -10)
  )
  assert angle.max() < 15


@pytest.mark.parametrize('method', METHODS)
def test_frequencies_that_a_recording_lacks_do_not_count(method):
  sound, xyz = plane_waves(FORMAT_OF[method], PLACES[:1], rate=8000)
  [*_, found] = seld_jax.load(method).frames([sound], 8000)
  assert found.activity[1:-1].min() > 0.95
  angle = geometry.angular_distance(found.outputs['doa'][1:-1, 0], xyz[0])
  assert angle.max() < 5


def test_conventions_of_channels(tmp_path):
  (w, y, z, x), _ = scene('intensity')
  fuma = np.stack([w / np.sqrt(2), x, y, z])
  audio.write(tmp_path / 'fuma.wav', fuma)
  audio.write(tmp_path / 'acn.wav', np.stack([w, y, z, x]))
  for name, flags in (
    ('fuma', ['--channels=fuma', '--norm=fuma']),
    ('acn', []),
  ):
    done = outcome(
      'seld_jax.predict',
      '--model=intensity',
      f'--out={tmp_path / "out"}',
      *flags,
      tmp_path / f'{name}.wav',
    )
    assert done.returncode == 0, done.stderr
    assert ' s  sound  left ' in done.stdout
  fuma, acn = (
    labels.read_csv(tmp_path / 'out' / f'{name}.csv')
    for name in ('fuma', 'acn')
  )
  assert len(acn.frame) > 15
  np.testing.assert_array_equal(fuma.frame, acn.frame)
  assert np.median(geometry.angular_distance(fuma.xyz, acn.xyz)) < 0.5


def test_silence_gives_an_empty_file(tmp_path):
  audio.write(tmp_path / 'silence.wav', np.zeros((4, 24000)))
  done = outcome(
    'seld_jax.predict',
    '--model=srp',
    f'--out={tmp_path}',
    tmp_path / 'silence.wav',
  )
  assert done.returncode == 0, done.stderr
  assert (tmp_path / 'silence.csv').read_text() == ''
  assert (
    'the highest activity is 0.00, and the threshold is 0.11' in done.stdout
  )


@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    (['--window=2'], 'has no windows: leave out --window and --overlap'),
    (['--overlap=1'], 'has no windows: leave out --window and --overlap'),
    (['--average_symmetries=4'], 'leave out --average_symmetries=4'),
    (['--threshold=2'], 'threshold must be between 0 and 1, got 2'),
    (['--csv_edition=2025'], 'need a distance in each row'),
    (['--channels=em32'], 'encode the 32 channels of an Eigenmike'),
  ],
)
def test_flags_without_meaning_are_refused(flags, message, tmp_path):
  audio.write(tmp_path / 'x.wav', 0.1 * np.eye(4, 24000))
  done = outcome(
    'seld_jax.predict',
    '--model=intensity',
    f'--out={tmp_path / "out"}',
    *flags,
    tmp_path / 'x.wav',
  )
  assert done.returncode == 1
  assert message in ' '.join((done.stderr + done.stdout).split())
  assert 'Traceback' not in done.stderr
  assert not [*tmp_path.rglob('*.csv')]


def test_stereo_is_refused(tmp_path):
  audio.write(tmp_path / 'stereo.wav', 0.1 * np.eye(2, 24000))
  for method in METHODS:
    done = outcome(
      'seld_jax.predict',
      f'--model={method}',
      f'--out={tmp_path / "out"}',
      tmp_path / 'stereo.wav',
    )
    assert done.returncode == 1
    assert 'has 2 channels, but 4 are needed' in ' '.join(done.stderr.split())


def test_live_prediction_is_refused(tmp_path):
  audio.write(tmp_path / 'x.wav', 0.1 * np.eye(4, 24000))
  done = outcome(
    'seld_jax.listen', '--model=intensity', f'--file={tmp_path / "x.wav"}'
  )
  assert done.returncode == 1
  text = ' '.join((done.stderr + done.stdout).split())
  assert 'intensity compares each label frame with the quietest parts' in text
  assert 'Traceback' not in done.stderr


def test_what_a_network_has_is_refused():
  predictor = seld_jax.load('srp')
  with pytest.raises(InputError, match='srp is no network'):
    predictor.outputs(np.zeros((1, 10, 64, 7)))
  with pytest.raises(InputError, match='cannot predict live'):
    predictor.stream()
  with pytest.raises(InputError, match='leave out --window'):
    predictor.check(PredictionOptions(window=1.0))
  for several in 'srp,demo', ['demo', 'intensity']:
    with pytest.raises(InputError, match='nothing can be averaged with it'):
      seld_jax.load(several)
  assert seld_jax.load('srp', average_symmetries=1).models == ('srp',)
