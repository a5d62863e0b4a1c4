"""Each problem of a dataset is found, and nothing else is reported."""

import dataclasses
import json
import re

import numpy as np
import pytest
from helpers.dataset_to_validate import (
  NAMES,
  RATE,
  assert_matches,
  events_of,
  run,
  sound_of,
)

from seld_jax import audio, labels, validate
from seld_jax.validate import checks, readings

FIRST = f'foa_dev/{NAMES[0]}.wav'
LABELS = f'metadata_dev/{NAMES[0]}.csv'


def change_audio(root, change, *, rate=RATE):
  path = root / FIRST
  audio.write(path, change(audio.read(path)), sample_rate=rate)


def change_labels(root, change):
  path = root / LABELS
  path.write_text(change(path.read_text()))


def silence(sound):
  sound[2] = 0
  return sound


def disconnected(sound):
  """An offset and noise of one step of 16 bits."""
  step = np.random.default_rng(0).integers(-1, 2, sound.shape[1]) / 2**15
  sound[2] = 0.01 + step
  return sound


def clip(sound):
  sound[1, 5000:5010] = 1
  return sound


def here_and_there():
  """The labelled direction in even frames, the opposite one in odd frames."""
  events = events_of(0)
  sign = (-1.0) ** events.frame
  return dataclasses.replace(events, xyz=events.xyz * sign[:, None])


def share(root, column, value):
  """Gives an event in each of the two folds the same value."""
  lines = (root / 'scenes.csv').read_text().split('\n')
  for index in 1, 4:
    cells = lines[index].split(',')
    cells[column] = value
    lines[index] = ','.join(cells)
  (root / 'scenes.csv').write_text('\n'.join(lines))


DEFECTS = {
  'no labels': (
    lambda root: (root / LABELS).unlink(),
    ('pairs', 'error', FIRST, 'its label file .* is missing'),
  ),
  'no audio': (
    lambda root: (root / FIRST).unlink(),
    ('pairs', 'error', LABELS, 'its sound file .* is missing'),
  ),
  'three channels': (
    lambda root: change_audio(root, lambda s: s[:3]),
    ('audio', 'error', FIRST, 'has 3 channels'),
  ),
  'six channels': (
    lambda root: change_audio(root, lambda s: s[[0, 1, 2, 3, 0, 1]]),
    ('audio', 'error', FIRST, r'has 6 channels.*num_channels=6\)\[\[0, 1, 2'),
  ),
  'another rate': (
    lambda root: change_audio(root, lambda s: s, rate=32000),
    ('audio', 'error', FIRST, '32000 Hz.*ffmpeg.* -ar 24000'),
  ),
  'truncated': (
    lambda root: (root / FIRST).write_bytes((root / FIRST).read_bytes()[:9999]),
    ('audio', 'error', FIRST, 'truncated'),
  ),
  'too short': (
    lambda root: change_audio(root, lambda s: s[:, : 3 * RATE]),
    ('duration', 'error', FIRST, '3.0 s, .* in frame 37 at 3.7 s: delete'),
  ),
  'class': (
    lambda root: change_labels(root, lambda t: t + '3,14,0,0,0\n'),
    ('labels', 'error', LABELS, "line 37: class .* 0 to 13, got '14'"),
  ),
  'angle': (
    lambda root: change_labels(root, lambda t: t + '3,1,0,0,91\n'),
    ('labels', 'error', LABELS, "elevation .* -90 to 90, got '91'"),
  ),
  'duplicate rows': (
    lambda root: change_labels(
      root, lambda t: t + ''.join(t.splitlines(True)[:3])
    ),
    ('duplicates', 'warning', LABELS, '3 rows of 39'),
  ),
  'a source in two places': (
    lambda root: change_labels(root, lambda t: t + '3,6,7,10,0\n3,6,7,40,0\n'),
    (
      'conflicts',
      'warning',
      LABELS,
      r'1 time, .* first in frame 3 \(class 6, track 7\)',
    ),
  ),
  'silent channel': (
    lambda root: change_audio(root, silence),
    ('silence', 'error', FIRST, 'channel 3 is silent'),
  ),
  'a channel that is not connected': (
    lambda root: change_audio(root, disconnected),
    ('silence', 'error', FIRST, 'channel 3 is silent'),
  ),
  'clipped channel': (
    lambda root: change_audio(root, clip),
    ('clipping', 'warning', FIRST, 'channel 2 is clipped'),
  ),
  'FuMa': (
    lambda root: change_audio(root, lambda s: s[[0, 3, 1, 2]]),
    ('directions', 'error', FIRST, r'read as FuMa order \(W, X, Y, Z\), but'),
  ),
  'clockwise': (
    lambda root: change_audio(root, lambda s: s * [[1], [-1], [1], [1]]),
    ('directions', 'error', FIRST, 'read as ACN order and azimuth clockwise'),
  ),
  'FuMa and clockwise': (
    lambda root: change_audio(
      root, lambda s: s[[0, 3, 1, 2]] * [[1], [1], [-1], [1]]
    ),
    ('directions', 'error', FIRST, 'read as FuMa order and azimuth clockwise'),
  ),
  'other labels': (
    lambda root: change_audio(root, lambda s: sound_of(here_and_there(), 0)),
    ('directions', 'warning', FIRST, 'do not agree'),
  ),
  'a shared room': (
    lambda root: share(root, 5, '9x8x7'),
    ('folds', 'error', 'scenes.csv', 'folds 1, 2 share 1 room, such as 9x8x7'),
  ),
  'a shared source': (
    lambda root: share(root, 4, 'one.wav'),
    ('folds', 'error', 'scenes.csv', 'folds 1, 2 share 1 source, .* one.wav'),
  ),
}


@pytest.mark.parametrize(
  ('content', 'text'),
  [
    (b'\xff\xfe\x00', 'must be a table of scenes, .* it is not UTF-8 text'),
    (
      b'fold,sound\n1,' + b'a' * 200_000,
      'must be .* but it is no CSV: field larger',
    ),
    (b'file,sound\na,b\n', 'must be .* but it lacks the column fold'),
    (b'fold,file\n1,b\n', 'it has none of the columns sound, room and room_'),
    (b'', 'must be .* but it lacks the column fold'),
  ],
)
def test_strange_table_of_scenes_is_one_finding(tmp_path, content, text):
  (tmp_path / 'scenes.csv').write_bytes(content)
  (found,) = checks.check_folds(tmp_path / 'scenes.csv')
  assert (found.check, found.level) == ('folds', 'warning')
  assert re.match(text, found.text)
  assert found.text.endswith(', so that folds cannot be compared')


def test_long_names_in_a_table_of_scenes_are_cut(tmp_path):
  name = 'a' * 100_000
  text = f'fold,sound\n1,{name}\n2,{name}\n'
  (tmp_path / 'scenes.csv').write_text(text)
  (found,) = checks.check_folds(tmp_path / 'scenes.csv')
  assert found.text == (f'folds 1, 2 share 1 source, such as {"a" * 77}...')


def test_a_sound_dataset_has_no_findings(sound_dataset):
  report = validate.validate(sound_dataset)
  assert report.findings == []
  assert (report.num_files, report.num_labels) == (8, 4)
  assert report.readings == {readings.EXPECTED_READING: 4}


@pytest.mark.parametrize('name', DEFECTS)
def test_one_defect_is_found_and_nothing_else(root, name):
  spoil, (check, level, file, text) = DEFECTS[name]
  spoil(root)
  report = validate.validate(root)
  found = [f for f in report.findings if 'mic_dev' not in f.file]
  assert len(found) == 1, found
  assert (found[0].check, found[0].level) == (check, level)
  assert found[0].file == str(root / file)
  assert_matches(text, found[0].text)
  assert report.num_errors == sum(f.level == 'error' for f in report.findings)


def test_measured_rooms_in_several_folds_are_a_warning(root):
  """Scenes in measured rooms have the same rooms in all folds."""
  share(root, 5, '101')
  for rirs, level in (None, 'error'), ('abc', 'warning'):
    (root / 'synthesis.json').write_text(json.dumps({'rirs': rirs}))
    (found,) = checks.check_folds(root / 'scenes.csv')
    assert (found.level, found.text[-3:]) == (level, '101')
  (root / 'synthesis.json').write_text('{')
  (found,) = checks.check_folds(root / 'scenes.csv')
  assert found.level == 'error'


def add_distances(root, distance):
  for path in (root / 'metadata_dev').iterdir():
    rows = path.read_text().splitlines()
    path.write_text(''.join(f'{row},{distance}\n' for row in rows))


@pytest.mark.parametrize(
  ('distance', 'flags', 'text'),
  [
    (None, ['--edition=2024'], '4 of 4 label files have no distances'),
    (0, ['--edition=2024'], 'half of the distances are 0 m or less.*write the'),
    (2.5, ['--edition=2024'], '0.025 m or less.*unit: --distance_unit=m '),
    (
      250,
      ['--edition=2024', '--distance_unit=m'],
      '250 m or more.*unit: --distance_unit=cm ',
    ),
    (250, ['--edition=2024'], ''),
    (2.5, ['--edition=2024', '--distance_unit=m'], ''),
    (None, ['--edition=2023'], ''),
  ],
)
def test_distances_that_training_refuses_are_errors(
  root, distance, flags, text
):
  if distance is not None:
    add_distances(root, distance)
  done = run(f'--root={root}', *flags)
  assert re.search(text, done.stdout)
  assert done.stdout.count('error: ') == bool(text)
  assert done.returncode == bool(text), done.stdout


@pytest.mark.parametrize(('distance', 'is_wrong'), [(2.5, True), (250, False)])
def test_a_wrong_unit_is_a_warning_if_no_network_needs_it(
  root, distance, is_wrong
):
  add_distances(root, distance)
  found = validate.validate(root).findings
  assert [one.check for one in found] == ['distances'] * is_wrong
  assert all(one.level == 'warning' for one in found)


def test_the_same_place_at_another_distance_is_no_duplicate(root):
  add_distances(root, 250)
  path = root / LABELS
  first = path.read_text().splitlines()[0]
  path.write_text(path.read_text() + first.replace(',250', ',150') + '\n')
  found = validate.validate(root).findings
  assert 'duplicates' not in {one.check for one in found}


@pytest.mark.parametrize('room', ['1', 'bomb_shelter'], ids=['number', 'name'])
def test_names_of_rooms_are_compared_but_not_numbers(tmp_path, room):
  text = f'file,fold,room\na,1,{room}\nb,2,{room}\n'
  (tmp_path / 'scenes.csv').write_text(text)
  found = checks.check_folds(tmp_path / 'scenes.csv')
  # Numbers of rooms begin anew in every fold.
  assert len(found) == (not room.isdecimal())


@pytest.mark.parametrize('number', [9, 16])
def test_the_first_four_channels_of_higher_orders_are_checked(root, number):
  expected = validate.validate(root)
  rng = np.random.default_rng(0)
  for path in (root / 'foa_dev').iterdir():
    sound = audio.read(path)
    more = 0.1 * rng.standard_normal((number - 4, sound.shape[-1]))
    audio.write(path, np.concatenate([sound, more]))
  assert validate.validate(root) == expected
  # The channels of microphones have no orders.
  path = root / 'mic_dev' / f'{NAMES[0]}.wav'
  audio.write(path, np.concatenate([audio.read(path)] * 4))
  [finding] = validate.validate(root).findings
  assert_matches('has 16 channels, but 4 are needed', finding.text)


@pytest.mark.parametrize('shorter', [2, 5, 10])
def test_shorter_label_frames_are_named_with_their_flag(root, shorter):
  hop = 0.1 / shorter
  for path in (root / 'metadata_dev').iterdir():
    lines = []
    for line in path.read_text().splitlines():
      frame, rest = line.split(',', 1)
      for part in range(shorter):
        lines.append(f'{shorter * int(frame) + part},{rest}\n')
    path.write_text(''.join(lines))
  found = [
    one for one in validate.validate(root).findings if one.check == 'duration'
  ]
  assert len(found) == 8
  for one in found:
    assert f'--label_hop={hop:g}' in one.text
  assert validate.validate(root, label_hop=hop).num_errors == 0


def test_directions_that_cannot_be_determined_are_no_finding(root):
  # A source in front fits both signs of the azimuth.
  frames = np.arange(40)
  front = labels.Events(
    frames, frames * 0, frames * 0, np.tile([1.0, 0, 0], (40, 1))
  )
  labels.write_csv(root / LABELS, front)
  change_audio(root, lambda s: sound_of(front, 0))
  # A single label is not enough.
  (root / f'metadata_dev/{NAMES[1]}.csv').write_text('3,1,0,170,-60\n')
  report = validate.validate(root)
  assert report.findings == []
  assert report.readings == {readings.EXPECTED_READING: 2, None: 2}


def test_command_says_whether_training_can_start(root):
  done = run(f'--root={root}')
  assert done.returncode == 0, done.stderr
  assert '8 sound files, 4 label files' in done.stdout
  assert f'4 FOA recordings: {readings.EXPECTED_READING}' in done.stdout
  expected = 'contain folds 1, 2; set .* defaults also need 3, 4, 5, 6'
  assert re.search(expected, done.stdout)
  assert done.stdout.endswith('Training can start.\n')
  assert '4 recordings done' in done.stderr
  change_audio(root, silence)
  change_labels(root, lambda text: text + text)
  done = run(f'--root={root}')
  assert done.returncode == 1
  assert f'error: {root / FIRST}: channel 3 is silent\n' in done.stdout
  assert f'warning: {root / LABELS}: 36 rows' in done.stdout
  assert 'Training cannot start: 1 error' in done.stdout
  done = run(f'--root={root / "gone"}')
  assert done.returncode == 1
  assert 'Traceback' not in done.stderr
