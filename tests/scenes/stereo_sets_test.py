"""Sets of stereo clips: rendered ones, and those of Ambisonic recordings."""

import csv
import functools
import pathlib
import re
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.command_outcomes import outcome
from helpers.folder_contents import tree

from seld_jax import audio, geometry, labels, scenes, shards
from seld_jax import synthesize as synthesize_command
from seld_jax.errors import InputError
from seld_jax.scenes import (
  composer,
  conversion,
  library,
  renderer,
  rooms,
  synthesize,
)

RATE = 24000
PARTS = ('dev-train-sony', 'dev-train-tau', 'dev-test-sony', 'dev-test-tau')
OPTIONS: dict[str, Any] = {
  'recordings': 4,
  'seconds': 6.0,
  'formats': ('stereo',),
  'clips': 2.5,
  'evaluation': True,
}
run = functools.partial(outcome, 'seld_jax.synthesize')


@pytest.fixture(scope='module')
def made(tmp_path_factory):
  """A set of stereo clips of six scenes."""
  out = tmp_path_factory.mktemp('clips') / 'set'
  synthesize(out, num_workers=0, **OPTIONS)
  return out


def rows_of(out):
  with open(out / 'scenes.csv', newline='') as file:
    return list(csv.DictReader(file))


def test_clips_have_the_published_folders_names_and_form(made):
  parts = set()
  for path in (made / 'stereo_dev').rglob('*.wav'):
    parts.add(path.parent.name)
    fold = 3 if 'train' in path.parent.name else 4
    assert re.fullmatch(
      rf'fold{fold}_room\d+_mix\d{{3}}_deg\d{{3}}_start\d{{4}}', path.stem
    )
    info = soundfile.info(path)
    assert (info.channels, info.samplerate) == (2, RATE)
    assert (info.frames, info.subtype) == (5 * RATE, 'PCM_16')
    table = made / 'metadata_dev' / path.parent.name / f'{path.stem}.csv'
    header, *lines = table.read_text().splitlines()
    assert header == 'frame,class,source,azimuth,distance,onscreen'
    for line in lines:
      frame, index, source, azimuth, distance, onscreen = map(
        int, line.split(',')
      )
      assert 0 <= frame < 50 and 0 <= index < 13 and source in (0, 1)
      assert -90 <= azimuth <= 90 and 100 <= distance <= 500
      assert onscreen in (0, 1)
      assert not onscreen or abs(azimuth) <= 50
  assert parts == {*PARTS}
  names = sorted(path.stem for path in (made / 'stereo_eval').iterdir())
  assert names == [f'mix{n:04d}' for n in range(1, 7)]
  assert len([*(made / 'stereo_dev').rglob('*.wav')]) == 12
  text = ' '.join((made / 'README.md').read_text().split())
  assert '12 development clips and 6 evaluation clips of 5 s' in text
  assert 'L = W + Y and R = W - Y' in text


def test_scenes_csv_tells_where_the_sources_of_a_clip_are(made):
  """Its azimuths, folded, and its distances are those of the labels."""
  covered = 0
  for row in rows_of(made):
    folder = 'metadata_dev' if row['file'].startswith('fold') else '*eval'
    (path,) = made.glob(f'{folder}/**/{row["file"]}.csv')
    events = labels.read_csv(path, edition='2025', distance_scale=None)
    onset, duration = float(row['onset']), float(row['duration'])
    assert 0 <= onset < 5 and 0 < duration <= 5 - onset + 1e-3
    middle = onset + duration / 2
    frame = int(10 * middle)
    own = (events.track == int(row['track'])) & (events.frame == frame)
    own &= events.class_index == labels.STARSS_CLASSES.index(row['class'])
    if not own.any():
      continue  # a pause of the sound
    covered += 1
    assert events.distance is not None and events.onscreen is not None
    np.testing.assert_allclose(
      events.distance[own], float(row['distance']), atol=0.0051
    )
    azimuth = float(row['azimuth_start']) + float(row['speed']) * (
      (frame + 0.5) / 10 - onset
    )
    found = geometry.to_polar(events.xyz[own])[0]
    np.testing.assert_allclose(
      found, geometry.fold_to_front(np.array([azimuth])), atol=3
    )
    border = np.abs(np.abs(geometry.wrap_degrees(azimuth)) - 50) < 4
    level = abs(float(row['elevation'])) < 10
    if level and not border:
      expected = abs(geometry.wrap_degrees(azimuth)) < 50
      assert events.onscreen[own].all() == expected
  assert covered > len(rows_of(made)) / 2


def test_sound_comes_from_the_labelled_side():
  """Frames with one source: the louder channel is that of the labels."""
  rng = np.random.default_rng(5)
  room = rooms.Room((8.0, 7.0, 3.0), (0.15,) * rooms.OCTAVES.size)
  scene = composer.draw_scene(
    rng,
    library.open_library(None, class_map='starss'),
    1,
    room,
    overlap=1,
    seconds=20.0,
    style=composer.Style(snr_db=(60.0, 60.0), moving=0.0),
  )
  sound = renderer.render(scene, ('stereo',))['stereo']
  events = composer.label_events(scene)
  agreed = total = 0
  for heading in (0, 75, 200):
    pair, seen = scenes.foa_to_stereo(sound, events, heading=heading)
    assert np.abs(pair).max() <= 0.9
    level = np.square(pair[:, : len(pair[0]) // 2400 * 2400])
    level = level.reshape(2, -1, 2400).mean(axis=-1)
    azimuth = geometry.to_polar(seen.xyz)[0]
    side = np.abs(azimuth) > 25
    louder_left = level[0, seen.frame] > level[1, seen.frame]
    agreed += np.sum((louder_left == (azimuth > 0))[side])
    total += side.sum()
  assert total > 100
  assert agreed / total > 0.9


@pytest.mark.slow
def test_bytes_do_not_depend_on_workers_shards_or_interruptions(made, tmp_path):
  out = tmp_path / 'two'
  for number in 2, 1:
    synthesize(out, num_workers=0, shard=shards.Shard(number, 2), **OPTIONS)
  wavs = sorted(out.rglob('*.wav'))
  times = {path: path.stat().st_mtime_ns for path in wavs}
  wavs[0].write_bytes(wavs[0].read_bytes()[:1000])
  table = sorted(out.rglob('metadata_*/**/*.csv'))[-1]
  table.write_text(table.read_text()[:60])
  wavs[1].with_name(f'.{wavs[1].stem}-1234abcd.half.wav').touch()
  synthesize(out, num_workers=2, **OPTIONS)
  assert tree(out) == tree(made)
  kept = [path for path in wavs if path.stat().st_mtime_ns == times[path]]
  assert len(kept) == len(wavs) - 1


def test_a_clip_without_events_is_complete(tmp_path):
  """Pauses may be longer than a clip."""
  options: dict[str, Any] = {
    'recordings': 1,
    'seconds': 5.0,
    'formats': ('stereo',),
    'num_workers': 0,
  }
  synthesize(tmp_path, **options)
  (table,) = tmp_path.glob('metadata_dev/*/*.csv')
  table.write_text('frame,class,source,azimuth,distance,onscreen\n')
  rows = (tmp_path / 'scenes.csv').read_text().splitlines()
  (tmp_path / 'scenes.csv').write_text(rows[0] + '\n')
  synthesize(tmp_path, **options)
  assert len(table.read_text().splitlines()) == 1


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'seconds': 4.0}, r'at least as many seconds \(--seconds\), got 4'),
    ({'formats': ('foa', 'stereo')}, 'dcase2025 is .* stereo, got foa'),
    ({'layout': 'starss23'}, 'foa, mic, got stereo; .*layout=dcase2025'),
    ({'csv_edition': '2024'}, 'stereo clips .*2025, got .2024'),
    ({'clips': 0.0}, r'--clips\) is above 0 .*got 0'),
    ({'clips': 1e9}, 'at most 100, got 1e'),
  ],
)
def test_impossible_sets_of_clips_are_refused(tmp_path, options, words):
  with pytest.raises(InputError, match=words):
    synthesize(tmp_path / 'out', num_workers=0, **{**OPTIONS, **options})
  assert not (tmp_path / 'out').exists()


def test_clips_are_not_mixed_with_other_formats(made, tmp_path):
  synthesize(tmp_path / 'foa', recordings=1, seconds=1.0, num_workers=0)
  with pytest.raises(InputError, match='tau2020, but layout dcase2025'):
    synthesize(
      tmp_path / 'foa',
      recordings=1,
      seconds=5.0,
      formats=('stereo',),
      num_workers=0,
    )
  before = tree(made)
  with pytest.raises(InputError, match='dcase2025, but layout starss23'):
    synthesize(
      made, **dict(OPTIONS, formats=('foa',)), layout='starss23', num_workers=0
    )
  assert tree(made) == before


@pytest.fixture
def recording(tmp_path):
  """A recording of 8 s with a source at azimuth 30 that becomes louder."""
  root = tmp_path / 'root'
  noise = np.random.default_rng(0).standard_normal(8 * RATE) * 0.02
  x, y, z = geometry.to_cartesian(30.0, 0.0)
  foa = np.outer([1, y, z, x], noise * np.linspace(0.1, 2, noise.size))
  folder = root / 'foa_dev' / 'dev-train-tau'
  folder.mkdir(parents=True)
  audio.write(folder / 'fold3_room1_mix001.wav', foa)
  table = root / 'metadata_dev' / 'dev-train-tau' / 'fold3_room1_mix001.csv'
  table.parent.mkdir(parents=True)
  table.write_text(''.join(f'{f},2,0,30,0,{100 + f}\n' for f in range(80)))
  return root


def one_of(root):
  (path,) = (root / 'foa_dev').rglob('*.wav')
  (table,) = (root / 'metadata_dev').rglob('*.csv')
  return conversion.FoaRecording(path, table, path.parent.name)


def test_a_shard_without_recordings_has_nothing_to_do(recording, tmp_path):
  out, shard = tmp_path / 'out', shards.Shard(2, 2)
  scenes.convert_foa([one_of(recording)], out, shard=shard)
  assert not [*out.rglob('*.wav')]


def test_recordings_become_clips_that_are_cut_and_turned(recording, tmp_path):
  out = tmp_path / 'out'
  scenes.convert_foa([one_of(recording)], out, clips=4, num_workers=0)
  source = audio.read(one_of(recording).audio)
  paths = sorted((out / 'stereo_dev' / 'dev-train-tau').iterdir())
  assert len(paths) == 6
  assert '6 clips of 5 s, made' in (out / 'README.md').read_text()
  for path in paths:
    match = re.fullmatch(r'.*_deg(\d{3})_start(\d{4})', path.stem)
    assert match
    heading, start = int(match[1]), int(match[2])
    pair = audio.read(path, num_channels=2)
    part = source[:, start * 2400 : (start + 50) * 2400]
    sine = np.sin(np.radians(30 + heading))
    np.testing.assert_allclose(pair[0], part[0] * (1 + sine), atol=2e-4)
    np.testing.assert_allclose(pair[1], part[0] * (1 - sine), atol=2e-4)
    events = labels.read_csv(
      out / 'metadata_dev' / 'dev-train-tau' / f'{path.stem}.csv',
      edition='2025',
    )
    np.testing.assert_array_equal(events.frame, np.arange(50))
    np.testing.assert_array_equal(events.distance, 100 + start + events.frame)
    np.testing.assert_allclose(events.xyz[:, 1], sine, atol=1e-9)


def test_conversion_is_resumed_and_does_not_depend_on_workers(
  recording, tmp_path
):
  other = recording / 'foa_dev' / 'dev-train-tau' / 'fold3_room1_mix001.wav'
  both = [one_of(recording), one_of(recording)._replace(folder='dev-test-tau')]
  for name, workers in ('a', 0), ('b', 1):
    scenes.convert_foa(both, tmp_path / name, num_workers=workers)
  assert tree(tmp_path / 'a') == tree(tmp_path / 'b')
  wavs = sorted((tmp_path / 'b').rglob('*.wav'))
  time = wavs[1].stat().st_mtime_ns
  wavs[0].rename(wavs[0].with_name(f'.{wavs[0].stem}-1234abcd.half.wav'))
  scenes.convert_foa(both, tmp_path / 'b', num_workers=0)
  assert tree(tmp_path / 'a') == tree(tmp_path / 'b')
  assert wavs[1].stat().st_mtime_ns == time
  with pytest.raises(InputError, match='seed 0, but seed 1 was requested'):
    scenes.convert_foa(both, tmp_path / 'a', seed=1, num_workers=0)
  with pytest.raises(InputError, match='not made by this conversion'):
    scenes.convert_foa(both, recording, num_workers=0)
  assert other.is_file()


def test_a_corrected_recording_replaces_its_clips(recording, tmp_path):
  one, out = one_of(recording), tmp_path / 'out'
  loud = np.zeros((4, 8 * RATE))
  loud[:2] = 0.7  # other clips clip than those of the corrected recording
  audio.write(one.audio, loud)
  scenes.convert_foa([one], out, clips=8, num_workers=0)
  audio.write(one.audio, loud[[0, 1, 2, 1]] * 0.5)
  scenes.convert_foa([one], out, clips=8, num_workers=0)
  scenes.convert_foa([one], tmp_path / 'fresh', clips=8, num_workers=0)
  assert tree(out) == tree(tmp_path / 'fresh')


def test_a_corrected_recording_may_have_another_length(recording, tmp_path):
  one, out = one_of(recording), tmp_path / 'out'
  whole = audio.read(one.audio)
  scenes.convert_foa([one], out, clips=4, num_workers=0)
  other = out / 'stereo_dev' / one.folder / 'notes_of_mine.wav'
  other.write_bytes(b'')
  audio.write(one.audio, whole[:, : 7 * RATE])
  one.labels.write_text('9,2,0,30,0,100\n')
  for name in 'out', 'fresh':
    scenes.convert_foa([one], tmp_path / name, clips=4, num_workers=0)
  other.unlink()  # it is no clip
  assert tree(out) == tree(tmp_path / 'fresh')


def test_recordings_of_one_name_are_refused(recording, tmp_path):
  """Their clips would have one name as well."""
  one = one_of(recording)
  other = one._replace(audio=one.audio.with_suffix('.flac'))
  with pytest.raises(InputError, match=r'wav and .*flac have the same name'):
    scenes.convert_foa([one, other], tmp_path / 'out', num_workers=0)
  scenes.convert_foa([one], tmp_path / 'out', num_workers=0)
  moved = one._replace(folder='elsewhere')
  with pytest.raises(InputError, match='of other recordings than requested'):
    scenes.convert_foa([moved], tmp_path / 'out', num_workers=0)


def test_clips_that_would_clip_are_replaced_by_others(
  recording, tmp_path, caplog
):
  """Sound of a source at 90 degrees has twice the level in one channel."""
  one = one_of(recording)
  loud = np.zeros((4, 8 * RATE))
  loud[:2] = 0.7
  loud[:, : 3 * RATE] = 0
  audio.write(one.audio, loud)
  scenes.convert_foa([one], tmp_path / 'out', clips=8, num_workers=0)
  paths = [*(tmp_path / 'out' / 'stereo_dev').rglob('*.wav')]
  assert paths
  for path in paths:
    heading = int(path.stem.split('_deg')[1][:3])
    assert 0.7 * (1 + abs(np.cos(np.radians(heading)))) <= 1
  assert len(paths) <= 13
  audio.write(one.audio, np.full((4, 8 * RATE), 0.99))
  scenes.convert_foa([one], tmp_path / 'none', num_workers=0)
  assert 'would clip (1 recordings' in caplog.text


@pytest.mark.parametrize(
  ('rows', 'words'),
  [
    ('1,2,0,30,0\n', 'no distances, .* such as STARSS23'),
    ('1,2,0,30,0,far\n', 'far'),
  ],
)
def test_labels_without_distances_are_refused(recording, tmp_path, rows, words):
  one = one_of(recording)
  pathlib.Path(one.labels).write_text(rows)
  with pytest.raises(InputError, match=words):
    scenes.convert_foa([one], tmp_path / 'out', num_workers=0)


def test_recordings_shorter_than_a_clip_are_left_out(
  recording, tmp_path, caplog
):
  one = one_of(recording)
  short = recording / 'foa_dev' / 'dev-train-tau' / 'fold3_room1_mix002.wav'
  audio.write(short, np.zeros((4, 4 * RATE)))
  two = [one, one._replace(audio=short)]
  scenes.convert_foa(two, tmp_path / 'out', num_workers=0)
  assert 'shorter than 5 s are left out' in caplog.text
  with pytest.raises(InputError, match='All recordings are shorter than 5 s'):
    scenes.convert_foa(two[1:], tmp_path / 'other', num_workers=0)
  with pytest.raises(InputError, match='no recording'):
    scenes.convert_foa([], tmp_path / 'third', num_workers=0)


def test_the_command_converts_a_dataset_and_its_clips_are_drawn(
  recording, tmp_path
):
  out = tmp_path / 'out'
  flags = ('--workers=1', '--clips=0.1')
  done = run(f'--out={out}', f'--from_foa={recording}', *flags)
  assert done.returncode == 0, done.stderr
  (path,) = out.glob('stereo_dev/dev-train-tau/*.wav')
  assert path.stem.startswith('fold3_room1_mix001_deg')
  synthesize_command.plot_set(
    out, format='stereo', classes=labels.STARSS_CLASSES, num_workers=0
  )
  assert [*out.glob('plots/*')] == [out / 'plots' / f'{path.stem}.png']


@pytest.mark.parametrize(
  ('flags', 'words'),
  [
    (('--layout=starss23',), '--layout is for scenes that are rendered'),
    (('--recordings=5',), '--recordings is for scenes'),
    (('--format=mic',), 'makes stereo clips, got --format=mic'),
    ((), 'foa_dev has no recordings'),
  ],
)
def test_the_command_refuses_what_it_would_ignore(tmp_path, flags, words):
  done = run(f'--out={tmp_path / "out"}', f'--from_foa={tmp_path}', *flags)
  assert done.returncode == 1
  assert words in done.stderr
  assert len(done.stderr.splitlines()) == 1


def test_the_command_renders_synthetic_recordings_beside(tmp_path):
  flags = ('--recordings=3', '--seconds=5', '--format=stereo', '--workers=1')
  done = run(f'--out={tmp_path}', '--folds=1,3,4', *flags)
  assert done.returncode == 0, done.stderr
  assert not list(tmp_path.glob('*_eval'))
  assert [*tmp_path.glob('stereo_dev/dev-train-synth/fold1_*.wav')]
  done = run(f'--out={tmp_path / "a"}', '--clips=2', '--recordings=1')
  assert done.returncode == 1 and 'the format is foa' in done.stderr
  done = run(f'--out={tmp_path}', '--folds=one', *flags)
  assert done.returncode == 1 and "got 'one'" in done.stderr
