"""Datasets with one thing wrong each: it is found, and nothing else."""

import dataclasses
import shutil
import subprocess
import sys

import numpy as np
import pytest

from seld_jax import audio, checks, geometry, labels, validate
from seld_jax.errors import InputError

RATE = 24000
SECONDS = 4
NAMES = [
  f'fold{fold}_room1_mix00{mix}_ov1' for fold in (1, 2) for mix in (1, 2)
]
SCENES = 'file,fold,room,class,sound,room_size\n'


def events_of(seed):
  """A source that moves, away from the front and the horizon."""
  frames = np.arange(2, 38)
  azimuth = 40 + 20 * seed + frames
  xyz = geometry.to_cartesian(azimuth % 360 - 180, 20.0 + 0 * frames)
  return labels.Events(frames, frames * 0 + seed, frames * 0, xyz)


def sound_of(events, seed):
  """FOA of noise from there over a little from everywhere."""
  rng = np.random.default_rng(seed)
  samples = SECONDS * RATE
  frame = np.minimum(np.arange(samples) // (RATE // 10), SECONDS * 10 - 1)
  xyz = np.zeros((SECONDS * 10, 3))
  xyz[events.frame] = events.xyz
  there = np.linalg.norm(xyz, axis=-1)
  x, y, z = xyz[frame].T
  noise = 0.05 * rng.standard_normal(samples)
  foa = noise * np.stack([there[frame], y, z, x])
  return foa + 1e-3 * rng.standard_normal(foa.shape)


@pytest.fixture(scope='module')
def sound_dataset(tmp_path_factory):
  root = tmp_path_factory.mktemp('dataset')
  rows = []
  for seed, name in enumerate(NAMES):
    events = events_of(seed)
    labels.write_csv(root / 'metadata_dev' / f'{name}.csv', events)
    sound = sound_of(events, seed)
    for format in 'foa', 'mic':
      audio.write(root / f'{format}_dev' / f'{name}.wav', sound)
    rows.append(f'{name},{name[4]},1,alarm,sounds/{name}.wav,{seed}x3x2\n')
  (root / 'scenes.csv').write_text(SCENES + ''.join(rows))
  return root


@pytest.fixture
def root(sound_dataset, tmp_path):
  shutil.copytree(sound_dataset, tmp_path / 'data')
  return tmp_path / 'data'


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


def clip(sound):
  sound[1] = np.clip(sound[1] * 30, -1, 1)
  return sound


def here_and_there():
  """From the labelled direction in even frames, from behind it in odd ones."""
  events = events_of(0)
  sign = (-1.0) ** events.frame
  return dataclasses.replace(events, xyz=events.xyz * sign[:, None])


def share(root, column, value):
  """Gives an event of each fold the same value."""
  lines = (root / 'scenes.csv').read_text().split('\n')
  for index in 1, 4:
    cells = lines[index].split(',')
    cells[column] = value
    lines[index] = ','.join(cells)
  (root / 'scenes.csv').write_text('\n'.join(lines))


DEFECTS = {
  'no labels': (
    lambda root: (root / LABELS).unlink(),
    ('pairs', 'error', FIRST, 'no labels'),
  ),
  'no audio': (
    lambda root: (root / FIRST).unlink(),
    ('pairs', 'error', LABELS, 'no audio'),
  ),
  'three channels': (
    lambda root: change_audio(root, lambda s: s[:3]),
    ('audio', 'error', FIRST, 'has 3 channels'),
  ),
  'another rate': (
    lambda root: change_audio(root, lambda s: s, rate=32000),
    ('audio', 'error', FIRST, '32000 Hz'),
  ),
  'truncated': (
    lambda root: (root / FIRST).write_bytes((root / FIRST).read_bytes()[:9999]),
    ('audio', 'error', FIRST, 'truncated'),
  ),
  'too short': (
    lambda root: change_audio(root, lambda s: s[:, : 3 * RATE]),
    ('duration', 'error', FIRST, '3.0 s, .* frame 37 at 3.7 s'),
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
  'silent channel': (
    lambda root: change_audio(root, silence),
    ('silence', 'error', FIRST, 'channel 2 is silent'),
  ),
  'clipped channel': (
    lambda root: change_audio(root, clip),
    ('clipping', 'warning', FIRST, 'channel 1 is clipped'),
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


def test_a_sound_dataset_has_no_findings(sound_dataset):
  report = validate.validate(sound_dataset)
  assert report.findings == []
  assert (report.num_files, report.num_labels) == (8, 4)
  assert report.readings == {checks.EXPECTED_READING: 4}


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


def assert_matches(pattern, text):
  with pytest.raises(ValueError, match=pattern):
    raise ValueError(text)


@pytest.mark.parametrize('room', ['1', 'bomb_shelter'], ids=['number', 'name'])
def test_rooms_by_name(tmp_path, room):
  text = f'file,fold,room\na,1,{room}\nb,2,{room}\n'
  (tmp_path / 'scenes.csv').write_text(text)
  found = checks.check_folds(tmp_path / 'scenes.csv')
  # Numbers restart in every fold.
  assert len(found) == (not room.isdecimal())


def test_what_cannot_be_told_is_no_finding(root):
  # A source in front fits both signs of the azimuth.
  frames = np.arange(40)
  front = labels.Events(
    frames, frames * 0, frames * 0, np.tile([1.0, 0, 0], (40, 1))
  )
  labels.write_csv(root / LABELS, front)
  change_audio(root, lambda s: sound_of(front, 0))
  # One label says too little.
  (root / f'metadata_dev/{NAMES[1]}.csv').write_text('3,1,0,170,-60\n')
  report = validate.validate(root)
  assert report.findings == []
  assert report.readings == {checks.EXPECTED_READING: 2, None: 2}


def test_evaluation_recordings_need_no_labels(root, sound_dataset):
  (root / 'foa_dev').rename(root / 'foa_eval')
  shutil.rmtree(root / 'metadata_dev')
  shutil.rmtree(root / 'mic_dev')
  audio_alone = run(f'--root={root}')
  assert audio_alone.returncode == 1
  assert 'there is nothing to train on' in audio_alone.stdout
  report = validate.validate(root)
  assert [f.check for f in report.findings] == ['recordings']
  assert report.readings == {None: 4}
  # Beside recordings to train on they are fine.
  shutil.copytree(sound_dataset, root, dirs_exist_ok=True)
  assert validate.validate(root).findings == []


@pytest.mark.parametrize('number', [1, 4])
def test_names_without_fold(root, number):
  for name in NAMES[:number]:
    for folder, end in ('foa', 'wav'), ('mic', 'wav'), ('metadata', 'csv'):
      path = root / f'{folder}_dev' / f'{name}.{end}'
      path.rename(path.with_name(f'a_{path.name}'))
  report = validate.validate(root)
  # Training leaves out what has no fold; it needs something else.
  level = 'error' if number == 4 else 'warning'
  assert [f.level for f in report.findings] == [level, level]
  for finding in report.findings:
    assert_matches(f'{number} of 4 .* such as a_{NAMES[0]}', finding.text)


def test_the_same_name_in_two_folders(root):
  shutil.rmtree(root / 'mic_dev')
  shutil.copytree(root / 'foa_dev', root / 'foa_dev' / 'again')
  [finding] = validate.validate(root).findings
  assert finding.level == 'error'
  assert_matches('have the same name', finding.text)


def scenes_as_generated(root, microphones):
  """The dataset as AudibleLight leaves its scenes."""
  for name in NAMES:
    for microphone in microphones:
      folder = root / 'scenes' / name
      folder.mkdir(parents=True, exist_ok=True)
      shutil.copy(
        root / 'foa_dev' / f'{name}.wav',
        folder / f'audio_out_{microphone}.wav',
      )
      shutil.copy(
        root / 'metadata_dev' / f'{name}.csv',
        folder / f'metadata_out_{microphone}.csv',
      )
  return root / 'scenes'


@pytest.mark.parametrize(
  ('microphones', 'files'),
  [(['foa'], 4), (['any'], 4), (['foa', 'mic'], 8), (['foa', 'ambeo'], 4)],
)
def test_generated_scenes(root, microphones, files):
  report = validate.validate(scenes_as_generated(root, microphones))
  assert report.findings == []
  assert (report.num_files, report.num_labels) == (files, files)
  assert report.readings == {checks.EXPECTED_READING: 4}


def test_generated_scenes_that_cannot_be_trained_on(root):
  scenes = scenes_as_generated(root, ['a', 'b'])
  report = validate.validate(scenes)
  assert report.num_errors == len(report.findings) == 2
  assert_matches('holds the microphones a, b', report.findings[0].text)
  for path in scenes.rglob('*_b.*'):
    path.unlink()
  (scenes / NAMES[0] / 'metadata_out_a.csv').unlink()
  [finding] = validate.validate(scenes).findings
  assert_matches('no labels .*metadata_out_a.csv', finding.text)


def test_other_layouts(root):
  (root / 'foa_dev').rename(root / 'foa')
  (root / 'metadata_dev').rename(root / 'labels')
  shutil.rmtree(root / 'mic_dev')
  for folder, end in ('foa', 'wav'), ('labels', 'csv'):
    (root / folder / 'dev-test-tau').mkdir()
    for name in NAMES[:2]:
      path = root / folder / f'{name}.{end}'
      path.rename(path.parent / 'dev-test-tau' / path.name)
  report = validate.validate(root)
  assert report.findings == []
  assert report.readings == {checks.EXPECTED_READING: 4}


def test_no_dataset(tmp_path):
  with pytest.raises(InputError, match='holds no audio: expected foa_dev'):
    validate.validate(tmp_path)
  with pytest.raises(InputError, match='gone is not a folder'):
    validate.validate(tmp_path / 'gone')


def run(*arguments):
  return subprocess.run(
    [sys.executable, '-m', 'seld_jax.validate', *arguments],
    capture_output=True,
    text=True,
    timeout=100,
  )


def test_command_tells_whether_training_can_start(root):
  done = run(f'--root={root}')
  assert done.returncode == 0, done.stderr
  assert '8 sound files, 4 label files' in done.stdout
  assert f'4 FOA recordings: {checks.EXPECTED_READING}' in done.stdout
  assert done.stdout.endswith('Training can start.\n')
  assert '4 recordings done' in done.stderr
  change_audio(root, silence)
  change_labels(root, lambda text: text + text)
  done = run(f'--root={root}')
  assert done.returncode == 1
  assert f'error: {root / FIRST}: channel 2 is silent\n' in done.stdout
  assert f'warning: {root / LABELS}: 36 rows' in done.stdout
  assert 'Training cannot start: 1 error' in done.stdout
  done = run(f'--root={root / "gone"}')
  assert done.returncode == 1
  assert 'Traceback' not in done.stderr
