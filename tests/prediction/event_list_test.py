"""Events in words and as values, and the command that prints them."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.command_outcomes import outcome
from helpers.environments import environment
from helpers.plane_waves import plane_waves
from hypothesis import given
from hypothesis import strategies as st

import seld_jax
from seld_jax import audio, geometry, labels
from seld_jax import predict as seld_predict
from seld_jax.prediction import event_list


def interval(azimuth, elevation, *, last=None, distance=None):
  first = geometry.to_cartesian(azimuth, elevation)
  last = first if last is None else geometry.to_cartesian(*last)
  mean = (first + last) / np.linalg.norm(first + last)
  return labels.Interval(12.3, 14.1, 0, mean, first, last, distance)


@pytest.mark.parametrize(
  'event, words',
  [
    (interval(40, 5), 'left 40 deg, up 5 deg'),
    (interval(-90, -12), 'right 90 deg, down 12 deg'),
    (interval(0, 0), 'front'),
    (interval(0.4, 30), 'front, up 30 deg'),
    (interval(-179.9, 0), 'behind'),
    (interval(77, 90), 'above'),
    (interval(0, -90), 'below'),
    (interval(-30, 0, distance=2.34), 'right 30 deg, 2.3 m'),
    (interval(0, 0, last=(16, 0)), 'left 8 deg'),
    (interval(-30, 0, last=(60, 10)), 'right 30 deg, moves to left 60 deg, up'),
  ],
)
def test_directions_in_words(event, words):
  found = event_list.to_words(event)
  assert found == words or found.startswith(words + ' ')


@given(st.floats(-180, 180), st.floats(-80, 80))
def test_words_tell_the_direction_to_a_degree(azimuth, elevation):
  words = event_list.to_words(interval(azimuth, elevation))
  told = {
    'front': 0,
    'behind': 180,
    'left': 1,
    'right': -1,
    'up': 1,
    'down': -1,
  }
  numbers = [int(one) for one in re.findall('[0-9]+', words)]
  first = words.split(',')[0]
  side = told[first.split()[0]]
  angle = side if ' ' not in first else side * numbers.pop(0)
  height = 0
  if numbers:
    height = told[words.split(', ')[1].split()[0]] * numbers[0]
  angles = geometry.angular_distance(
    geometry.to_cartesian(angle, height),
    geometry.to_cartesian(azimuth, elevation),
  )
  assert angles <= 0.75


def test_lines_are_in_columns():
  spec = seld_jax.load('intensity').spec
  found = list(event_list.lines([interval(40, 5)] * 2, spec))
  assert found == ['12.3-14.1 s  sound  left 40 deg, up 5 deg'] * 2


@pytest.fixture
def song(tmp_path):
  """Noise from the left in the second second."""
  sound, _ = plane_waves('foa', [(40, 0, 1)], seconds=2.0)
  sound[:, :24000] *= 1e-4
  audio.write(tmp_path / 'song.wav', sound)
  return tmp_path / 'song.wav'


def predict(*words, folder, **others):
  return outcome('seld_jax.predict', *words, folder=folder, **others)


def test_no_flag_is_needed(song, tmp_path):
  """The bundled network, a CSV file beside the sound file, and sentences."""
  done = predict('song.wav', folder=tmp_path)
  assert done.returncode == 0, done.stderr
  assert re.search('^song.csv: 1 recording, 2.0 s', done.stdout, re.MULTILINE)
  loaded = seld_jax.load('demo')
  expected = loaded(audio.read(song), 24000).events
  found = labels.read_csv(tmp_path / 'song.csv')
  np.testing.assert_array_equal(found.frame, expected.frame)
  intervals = labels.find_intervals(expected)
  for line in event_list.lines(intervals, loaded.spec):
    assert line in done.stdout.splitlines()
  # The CSV file of the user is not replaced unless the user says so.
  (tmp_path / 'song.csv').write_text('mine')
  again = predict('song.wav', folder=tmp_path)
  assert again.returncode == 1
  assert 'song.csv exists already and was not replaced' in again.stderr
  assert (tmp_path / 'song.csv').read_text() == 'mine'
  # Neither is a picture.
  (tmp_path / 'song.csv').unlink()
  (tmp_path / 'song.png').write_text('mine')
  again = predict('--plot', 'song.wav', folder=tmp_path)
  assert again.returncode == 1
  assert 'song.png exists already and was not replaced' in again.stderr
  assert (tmp_path / 'song.png').read_text() == 'mine'
  assert not (tmp_path / 'song.csv').exists()


def test_words_json_and_csv_tell_the_same(song, tmp_path):
  flag = '--model=intensity'
  words = predict(flag, '--out=out', 'song.wav', folder=tmp_path)
  assert words.returncode == 0, words.stderr
  csv = (tmp_path / 'out' / 'song.csv').read_text()
  values = predict(flag, '--out=out', '--json', 'song.wav', folder=tmp_path)
  (recording,) = json.loads(values.stdout)['recordings']
  assert recording['file'] == 'song.wav'
  assert recording['csv'] == 'out/song.csv'
  intervals = labels.find_intervals(labels.read_csv(tmp_path / 'out/song.csv'))
  lines = words.stdout.splitlines()
  assert len(recording['events']) == len(intervals) == len(lines) - 1 > 0
  for entry, one, line in zip(
    recording['events'], intervals, lines, strict=False
  ):
    azimuth, elevation = geometry.to_polar(one.xyz)
    assert entry['azimuth'] == pytest.approx(azimuth, abs=0.051)
    assert entry['elevation'] == pytest.approx(elevation, abs=0.051)
    assert (entry['start'], entry['end']) == (one.start, one.end)
    assert line.startswith(f'{one.start:.1f}-{one.end:.1f} s  sound  left ')
  piped = predict(flag, '--out=-', 'song.wav', folder=tmp_path)
  assert (piped.returncode, piped.stdout) == (0, csv)


def test_json_is_printed_beside_a_label_file_that_stays(song, tmp_path):
  """A program that asks twice gets the same answer twice."""
  flags = '--model=intensity', '--json', 'song.wav'
  first = predict(*flags, folder=tmp_path)
  (tmp_path / 'song.csv').write_text('mine')
  again = predict(*flags, folder=tmp_path)
  assert (first.returncode, again.returncode) == (0, 0), again.stderr
  (one,), (other,) = (
    json.loads(done.stdout)['recordings'] for done in (first, again)
  )
  assert one == other | {'csv': 'song.csv'}
  assert other['csv'] is None and other['events']
  assert 'song.csv exists already and stays as it is' in again.stderr
  assert (tmp_path / 'song.csv').read_text() == 'mine'


def test_a_picture_is_kept_beside_a_label_file_that_stays(song, tmp_path):
  flags = '--model=intensity', '--json', '--plot', 'song.wav'
  (tmp_path / 'song.csv').write_text('mine')
  done = predict(*flags, folder=tmp_path)
  assert done.returncode == 0, done.stderr
  assert (tmp_path / 'song.png').stat().st_size
  again = predict(*flags, folder=tmp_path)
  assert again.returncode == 1
  assert 'song.png exists already and was not replaced' in again.stderr


@pytest.mark.parametrize(
  ('value', 'limit', 'text'),
  [(0.4567, 0.5, '0.46'), (0.9987, 0.999, '0.999'), (0.4996, 0.4999, '0.4996')],
)
def test_the_highest_activity_is_shown_below_its_threshold(value, limit, text):
  found = seld_predict._below(value, limit)
  assert found == text
  assert float(found) <= limit


def test_a_pipe_gives_the_same_as_a_file(song, tmp_path):
  flag = '--model=intensity'
  expected = predict(flag, '--out=-', 'song.wav', folder=tmp_path)
  found = predict(flag, '--out=-', '-', folder=tmp_path, piped=song)
  assert found[:2] == expected[:2]
  spoken = predict(flag, '-', folder=tmp_path, piped=song)
  assert spoken.returncode == 0
  assert re.match(r'\d.\d-\d.\d s  sound  left 4', spoken.stdout)
  assert sorted(path.name for path in tmp_path.iterdir()) == ['song.wav']
  kept = predict(flag, '--out=out', '--plot', '-', folder=tmp_path, piped=song)
  assert kept.returncode == 0, kept.stderr
  assert (tmp_path / 'out' / 'stdin.csv').read_text() == expected.stdout
  assert (tmp_path / 'out' / 'stdin.png').stat().st_size


def test_a_pipe_without_a_sound_file_is_one_sentence(tmp_path):
  (tmp_path / 'text').write_text('no sound\n' * 100)
  done = predict(
    '--model=intensity', '-', folder=tmp_path, piped=tmp_path / 'text'
  )
  assert (done.returncode, done.stdout) == (1, '')
  assert done.stderr.startswith('error: standard input ')
  assert len(done.stderr.splitlines()) == 1


def test_messages_about_a_pipe_name_no_temporary_file(song, tmp_path):
  samples = song.read_bytes()
  (tmp_path / 'zero').write_bytes(samples[:40] + bytes(4) + samples[44:])
  done = predict(
    '--model=intensity', '-', folder=tmp_path, piped=tmp_path / 'zero'
  )
  assert done.returncode == 0
  assert done.stdout.splitlines()[-1].startswith('1 recording, 2.0 s')
  assert done.stderr.startswith('warning: standard input ')
  (tmp_path / 'more').write_bytes(samples + 2 * samples[44:])
  done = predict(
    '--model=intensity', '-', folder=tmp_path, piped=tmp_path / 'more'
  )
  assert done.stderr.startswith('error: standard input has')
  assert '-i - new.wav' in done.stderr


def test_a_pipe_without_space_on_the_disk_is_one_sentence(song, tmp_path):
  program = (
    'import tempfile, runpy\n'
    'tempfile._candidate_tempdir_list = lambda: ["song.wav"]\n'
    'runpy.run_module("seld_jax.predict", run_name="__main__")'
  )
  with song.open('rb') as source:
    done = subprocess.run(
      [sys.executable, '-c', program, '-'],
      cwd=tmp_path,
      stdin=source,
      capture_output=True,
      text=True,
      env=environment(),
    )
  assert (done.returncode, done.stdout) == (1, '')
  assert done.stderr.startswith('error: No temporary folder can be made')
  assert len(done.stderr.splitlines()) == 1


def test_folders_are_not_listed_unless_asked(song, tmp_path):
  flag = '--model=intensity'
  quiet = predict(flag, '--out=out', '.', folder=tmp_path)
  assert quiet.stdout.startswith('out: 1 recording')
  assert 'classes: 0 sound' in quiet.stdout
  listed = predict(flag, '--out=out', '--list', '.', folder=tmp_path)
  assert ' s  sound  left ' in listed.stdout
