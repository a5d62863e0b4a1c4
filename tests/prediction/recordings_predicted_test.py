"""Sound files give CSV files; invalid files give an error message each."""

import concurrent.futures
import errno
import logging
import os

import numpy as np
import pytest
import soundfile
from helpers import perfect_outputs
from helpers.amb_files import write_amb

import seld_jax
from seld_jax import audio, labels, outputs
from seld_jax.audio import channels
from seld_jax.errors import InputError
from seld_jax.prediction import (
  PredictionOptions,
  Predictor,
  Spec,
  recordings,
)


@pytest.fixture(scope='module')
def predictor(tiny_run):
  return seld_jax.load(tiny_run)


@pytest.fixture
def foa():
  """Two seconds of a source in front on the left, as FOA."""
  rng = np.random.default_rng(0)
  return (
    0.1 * np.array([[1], [0.6], [0.2], [0.77]]) * rng.standard_normal(48000)
  )


# Below the default, so that the untrained network detects something.
OPTIONS = PredictionOptions(threshold=0.3)


def predict(predictor, inputs, out, *, options=OPTIONS, **others):
  return recordings.predict_files(
    predictor, inputs, out, options=options, **others
  )


def test_each_recording_gives_a_csv_file(predictor, tiny_root, tmp_path):
  folder = tiny_root / 'foa_dev'
  outcome = predict(predictor, [folder], tmp_path / 'out')
  names = sorted(path.stem for path in folder.glob('*.wav'))
  assert [path.stem for path in outcome.written] == names
  assert not outcome.failures
  assert outcome.audio_seconds == 4 * len(names)
  assert f'{len(names)} recordings' in str(outcome)
  assert 'times real time' in str(outcome)
  for path in outcome.written:
    sound = audio.read(folder / f'{path.stem}.wav')
    expected = predictor(sound, 24000, threshold=0.3).events
    found = labels.read_csv(path, num_classes=14)
    np.testing.assert_array_equal(found.frame, expected.frame)
    np.testing.assert_array_equal(found.class_index, expected.class_index)
    np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-6)
    rows = path.read_text().splitlines()
    assert rows, 'this threshold detects something'
    assert {row.count(',') for row in rows} == {4}


def test_csv_files_keep_the_subfolders_of_sound_files(predictor, foa, tmp_path):
  for name in 'a/x.wav', 'b/x.flac', 'b/c/Y.OGG', 'b/._x.wav', 'b/notes.txt':
    path = tmp_path / 'in' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name in ('x.wav', 'x.flac', 'Y.OGG'):
      soundfile.write(path, foa.T, 24000)
    else:
      path.write_text('no sound')
  out = tmp_path / 'out'
  outcome = predict(predictor, [tmp_path / 'in'], out)
  assert not outcome.failures
  found = {str(path.relative_to(out)) for path in out.rglob('*.*')}
  assert found == {'a/x.csv', 'b/x.csv', 'b/c/Y.csv'}


def test_two_files_with_the_same_name_are_refused_before_any_work(
  predictor, foa, tmp_path
):
  for name in 'a', 'b':
    (tmp_path / name).mkdir()
    audio.write(tmp_path / name / 'x.wav', np.clip(foa, -1, 1))
  paths = [tmp_path / 'a' / 'x.wav', tmp_path / 'b' / 'x.wav']
  with pytest.raises(InputError, match=r'a/x\.wav and .*b/x\.wav would both'):
    predict(predictor, paths, tmp_path / 'out')
  assert not (tmp_path / 'out').exists()
  outcome = predict(predictor, [paths[0], paths[0]], tmp_path / 'out')
  assert len(outcome.written) == 1


def test_other_sample_rates_and_lengths(predictor, foa, tmp_path, caplog):
  for name, rate, samples in (
    ('short', 24000, 2400),
    ('second', 48000, 48000),
    ('odd', 44100, 47123),
  ):
    soundfile.write(tmp_path / f'{name}.wav', foa[:, :samples].T, rate)
  caplog.set_level(logging.INFO, logger='seld_jax')
  outcome = predict(predictor, [tmp_path], tmp_path / 'out')
  assert not outcome.failures
  notes = [
    text for text in caplog.messages if 'is resampled to the 240' in text
  ]
  assert len(notes) == 2
  for path in outcome.written:
    header = soundfile.info(tmp_path / f'{path.stem}.wav')
    frames = labels.read_csv(path).frame
    assert frames.max() < -(-header.frames * 10 // header.samplerate)


def write_bad(folder, foa):
  """Writes one file for each reason to refuse it; returns the messages."""
  folder.mkdir()
  for count in 1, 2, 5:
    soundfile.write(
      folder / f'channels{count}.wav', np.resize(foa, (count, 9000)).T, 24000
    )
  (folder / 'empty.wav').write_bytes(b'')
  soundfile.write(folder / 'none.wav', foa[:, :0].T, 24000)
  soundfile.write(folder / 'brief.wav', foa[:, :240].T, 24000)
  soundfile.write(folder / 'whole.wav', foa.T, 24000)
  whole = (folder / 'whole.wav').read_bytes()
  (folder / 'whole.wav').unlink()
  (folder / 'header.wav').write_bytes(whole[:30])
  (folder / 'cut.wav').write_bytes(whole[:-5000])
  soundfile.write(folder / 'cut.flac', foa.T, 24000)
  flac = (folder / 'cut.flac').read_bytes()
  (folder / 'cut.flac').unlink()
  (folder / 'torn.flac').write_bytes(flac[: len(flac) // 2])
  for name, value in ('nan', np.nan), ('inf', np.inf):
    bad = foa.copy()
    bad[1, 30000] = value
    soundfile.write(folder / f'{name}.wav', bad.T, 24000, subtype='FLOAT')
  (folder / 'text.wav').write_text('This is no sound.\n' * 50)
  soundfile.write(folder / 'slow.wav', foa.T, 8)
  return {
    'channels1': 'has 1 channel, but 4 are needed',
    'channels2': 'has 2 channels, but 4 are needed',
    'channels5': 'has 5 channels, but 4 are needed',
    'empty': 'is empty',
    'none': 'holds no samples',
    'brief': 'lasts 10 ms, but at least 100 ms',
    'header': 'cannot be read as a sound file',
    'cut': 'is truncated',
    'torn': '',
    'nan': 'NaN or infinite; the first is sample 30000 of channel 2',
    'inf': 'NaN or infinite; the first is sample 30000 of channel 2',
    'text': 'cannot be read as a sound file',
    'slow': 'a sample rate of 8 Hz, but 1000 to 400000 Hz are possible',
  }


def test_invalid_files_are_reported_and_the_others_are_predicted(
  predictor, foa, tmp_path
):
  expected = write_bad(tmp_path / 'bad', foa)
  soundfile.write(tmp_path / 'good.wav', foa.T, 24000)
  (tmp_path / 'nothing').mkdir()
  inputs = [
    tmp_path / 'bad',
    tmp_path / 'gone.wav',
    tmp_path / 'nothing',
    tmp_path / 'good.wav',
  ]
  outcome = predict(predictor, inputs, tmp_path / 'out')
  assert [path.name for path in outcome.written] == ['good.csv']
  assert [path.name for path in (tmp_path / 'out').iterdir()] == ['good.csv']
  expected |= {'gone': 'does not exist', 'nothing': 'has no sound files'}
  assert len(outcome.failures) == len(expected)
  for name, message in expected.items():
    (text,) = [one for one in outcome.failures if f'/{name}' in one]
    assert message in text
    assert '\n' not in text
    assert text.endswith('.')


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read all files')
def test_a_file_without_permission_is_reported(predictor, foa, tmp_path):
  path = tmp_path / 'secret.wav'
  soundfile.write(path, foa.T, 24000)
  path.chmod(0)
  outcome = predict(predictor, [path], tmp_path / 'out')
  assert 'secret.wav' in outcome.failures[0]


def test_an_output_folder_that_is_a_file_is_refused(predictor, tmp_path):
  out = tmp_path / 'out.wav'
  out.write_text('kept')
  with pytest.raises(InputError, match=r'out\.wav is a file, but a folder'):
    recordings.predict_files(predictor, [tmp_path], out)
  assert out.read_text() == 'kept'


def test_a_file_name_that_is_too_long_is_reported(predictor, foa, tmp_path):
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  long = tmp_path / ('a' * 300)
  outcome = predict(predictor, [long, tmp_path / 'x.wav'], tmp_path / 'out')
  assert [path.name for path in outcome.written] == ['x.csv']
  assert outcome.failures[0].endswith('cannot be read: File name too long.')
  with pytest.raises(InputError, match='could not be written: File name too'):
    predict(predictor, [tmp_path / 'x.wav'], long)


def test_a_folder_that_cannot_be_written_is_refused(predictor, foa, tmp_path):
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  (tmp_path / 'file').write_text('')
  with pytest.raises(InputError, match='could not be written'):
    predict(predictor, [tmp_path / 'x.wav'], tmp_path / 'file' / 'out')


def test_a_read_only_folder_is_named_and_not_a_file_in_it(
  tmp_path, monkeypatch
):
  """As root, permissions do not hold."""

  def refuse(path, *arguments, **options):
    raise PermissionError(errno.EACCES, 'Permission denied', path)

  monkeypatch.setattr(os, 'open', refuse)
  expected = f'into the folder {tmp_path}: Permission denied; name .* --out'
  with pytest.raises(InputError, match=expected):
    recordings._check_writable(tmp_path)


def test_two_commands_can_write_to_one_folder(tmp_path):
  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    checks = [
      pool.submit(recordings._check_writable, tmp_path) for _ in range(200)
    ]
  for one in checks:
    one.result()
  assert not list(tmp_path.iterdir())


def test_invalid_options_are_refused_before_any_work(predictor, foa, tmp_path):
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  for options, message in (
    ({'overlap': 60.0}, 'overlap must be less'),
    ({'window': -1.0}, 'at least one label frame'),
    ({'threshold': 2.0}, 'threshold must be between'),
    ({'overlap': float('nan')}, 'overlap must be finite'),
    ({'window': float('nan')}, 'at least one label frame'),
    ({'window': 1e9}, 'at most 600 s'),
  ):
    with pytest.raises(InputError, match=message):
      predict(
        predictor,
        [tmp_path / 'x.wav'],
        tmp_path / 'out',
        options=PredictionOptions(**options),
      )
    assert not (tmp_path / 'out').exists()


def test_channels_in_another_order_are_sorted(predictor, foa, tmp_path):
  soundfile.write(tmp_path / 'acn.wav', foa.T, 24000, subtype='FLOAT')
  soundfile.write(
    tmp_path / 'fuma.wav', foa[[0, 3, 1, 2]].T, 24000, subtype='FLOAT'
  )
  predict(predictor, [tmp_path / 'acn.wav'], tmp_path / 'out')
  selection = channels.by_name(format='foa', order='fuma')
  predict(
    predictor, [tmp_path / 'fuma.wav'], tmp_path / 'out', selection=selection
  )
  rows = [(tmp_path / 'out' / f'{n}.csv').read_text() for n in ('acn', 'fuma')]
  assert rows[0] == rows[1]


def test_b_format_and_higher_orders_need_no_flag(
  predictor, foa, tmp_path, caplog
):
  sound = foa.astype('float32')
  more = np.zeros((16, foa.shape[1]), 'float32')
  more[:4] = sound
  half = np.float32(2**-0.5)
  b_format = sound[[0, 3, 1, 2]] * np.array([[half], [1], [1], [1]])
  for name, samples in ('four', sound), ('sixteen', more):
    path = tmp_path / f'{name}.wav'
    soundfile.write(path, samples.T, 24000, subtype='FLOAT')
  write_amb(tmp_path / 'b.AMB', b_format)
  outcome = predict(predictor, [tmp_path], tmp_path / 'out')
  assert not outcome.failures and not caplog.messages
  b, *others = [np.loadtxt(one, delimiter=',') for one in outcome.written]
  assert len(b) and len(others) == 2
  for rows in others:
    np.testing.assert_allclose(rows, b, atol=1e-3)


def test_a_wrong_order_of_channels_gives_a_warning(
  predictor, foa, tmp_path, caplog
):
  soundfile.write(tmp_path / 'right.wav', foa.T, 24000)
  soundfile.write(tmp_path / 'wrong.wav', foa[[2, 0, 1, 3]].T, 24000)
  outcome = predict(predictor, [tmp_path], tmp_path / 'out')
  assert len(outcome.written) == 2
  (record,) = [one for one in caplog.records if one.levelname == 'WARNING']
  assert record.name.startswith('seld_jax')
  assert 'wrong.wav' in record.getMessage()
  assert 'channel 2 is louder than the first' in record.getMessage()


@pytest.fixture(scope='module')
def near_and_far():
  """A network that always hears two dogs: in front, 1.25 m, and left, 3 m."""
  import jax.numpy as jnp

  format = outputs.make('multi_accdoa', num_classes=2, distance=True)
  front_left = np.zeros((3, 2, 4), np.float32)
  front_left[0, 1], front_left[2, 1] = (1, 0, 0, 1.25), (0, 0.9, 0, 3)

  def program(variables, audio, num_frames):
    del num_frames
    return (jnp.tile(variables, (audio.shape[0], 10, 1, 1, 1)),)

  fields = perfect_outputs.spec_fields(
    classes=('cat', 'dog'),
    sample_rate=24000,
    hop_length=480,
    n_fft=1024,
    pool=5,
    window=50,
  )
  spec = Spec(**fields, output=format)
  return Predictor(program, front_left, spec, source='x')


@pytest.mark.parametrize(
  ('edition', 'lines'),
  [
    (None, ['0,1,0,0,0,125', '0,1,1,90,0,300', '1,1,0,0,0,125']),
    ('2023', ['0,1,0,0,0,125', '0,1,1,90,0,300', '1,1,0,0,0,125']),
    ('2024', ['0,1,0,0,0,125', '0,1,1,90,0,300', '1,1,0,0,0,125']),
    ('2020', ['0,1,0,0,0', '0,1,1,90,0', '1,1,0,0,0']),
    ('2019', ['dog,0,2,0,0,1.25', 'dog,0,2,0,90,3']),
    ('2025', ['0,1,0,0,125,0', '0,1,1,90,300,0', '1,1,0,0,125,0']),
  ],
)
def test_sources_and_distances_reach_the_csv_file(
  near_and_far, foa, tmp_path, caplog, edition, lines
):
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  options = PredictionOptions(overlap=0.3)
  outcome = predict(
    near_and_far,
    [tmp_path / 'x.wav'],
    tmp_path,
    options=options,
    csv_edition=edition,
    plot=True,
  )
  assert not outcome.failures
  assert ('they are left out' in caplog.text) == (edition == '2020')
  rows = (tmp_path / 'x.csv').read_text().splitlines()
  if edition == '2019':
    assert rows.pop(0).startswith('sound_event_recording,')
    assert rows == lines
    return
  if edition == '2025':
    assert rows.pop(0) == 'frame,class,source,azimuth,distance,onscreen'
    assert 'onscreen of edition 2025 is 0 in all rows' in caplog.text
    assert 'azimuths are folded to the front' in caplog.text
  assert rows[:3] == lines and len(rows) == 40
  found = labels.read_csv(tmp_path / 'x.csv', distance_scale=None)
  np.testing.assert_array_equal(found.track, [0, 1] * 20)
  if edition == '2020':
    assert found.distance is None
  else:
    assert found.distance is not None
    np.testing.assert_allclose(found.distance, [1.25, 3.0] * 20)


def test_a_network_without_distances_writes_no_files_of_2025(
  predictor, foa, tmp_path
):
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  with pytest.raises(InputError, match='2025 need a distance .* predicts none'):
    predict(predictor, [tmp_path / 'x.wav'], tmp_path, csv_edition='2025')
  assert not (tmp_path / 'x.csv').exists()


def test_events_are_returned_with_their_distances(near_and_far, foa, tmp_path):
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  events, _ = recordings.predict_file(
    near_and_far, tmp_path / 'x.wav', tmp_path / 'x.csv', keep=1.0
  )
  assert events.distance is not None
  np.testing.assert_allclose(events.distance[:2], [1.25, 3.0])
  assert len(events.distance) == len(events.frame)


def test_the_highest_activity_is_that_of_all_recordings(
  predictor, foa, tmp_path
):
  for name, level in ('a', 1), ('b', 0.01):
    soundfile.write(tmp_path / f'{name}.wav', level * foa.T, 24000)
  outcome = predict(predictor, [tmp_path], tmp_path / 'out')
  sounds = (audio.read(tmp_path / f'{name}.wav') for name in 'ab')
  expected = max(predictor(one, 24000).activity.max() for one in sounds)
  assert outcome.highest == pytest.approx(expected, abs=1e-5)


def test_plot_writes_a_picture(predictor, foa, tmp_path):
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  predict(predictor, [tmp_path / 'x.wav'], tmp_path / 'out', plot=True)
  png = (tmp_path / 'out' / 'x.png').read_bytes()
  assert png.startswith(b'\x89PNG')


def test_a_picture_shows_the_start_of_a_long_recording(
  predictor, foa, tmp_path, monkeypatch
):
  """It stays legible, and a recording of a day needs little memory."""
  shown = {}

  def plot(events, *_, **options):
    shown.update(options, frames=events.frame)
    return figure(events, *_, **options)

  figure = recordings.figures.plot_tracks
  monkeypatch.setattr(recordings.figures, 'plot_tracks', plot)
  monkeypatch.setattr(recordings, 'LONGEST_PLOT', 1.25)
  soundfile.write(tmp_path / 'x.wav', foa.T, 24000)
  predict(predictor, [tmp_path], tmp_path / 'out', plot=True)
  assert shown['num_frames'] == 13
  assert shown['audio'].shape == (1, 30000)
  whole = labels.read_csv(tmp_path / 'out' / 'x.csv').frame
  np.testing.assert_array_equal(shown['frames'], whole[whole < 13])
  assert 0 < len(shown['frames']) < len(whole)


def test_only_events_of_the_first_seconds_are_returned(
  predictor, foa, tmp_path
):
  sound = np.tile(foa, 5)
  soundfile.write(tmp_path / 'x.wav', sound.T, 24000)
  counts = []
  for keep in 0.0, 3.0, 60.0:
    events, _ = recordings.predict_file(
      predictor,
      tmp_path / 'x.wav',
      tmp_path / 'x.csv',
      options=OPTIONS,
      keep=keep,
    )
    counts.append(len(events.frame))
  assert counts[0] == 0
  assert counts[2] == len(labels.read_csv(tmp_path / 'x.csv').frame) > 0
