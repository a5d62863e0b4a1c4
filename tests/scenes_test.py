"""Scenes: sounds, labels, rendering, and the sets that are written."""

import csv
import itertools
import pathlib

import numpy as np
import pytest
import soundfile
from scipy import signal

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.scenes import (
  arrays,
  check_settings,
  composer,
  events,
  plan,
  renderer,
  rooms,
  sounds,
  synthesize,
)

FOA = (arrays.ARRAYS['foa'],)
RATE = 24000


def make_scene(placed, *, rt60=0.3, seconds=3.0, snr_db=60.0, seed=0):
  size = (6.0, 5.0, 3.0)
  room = rooms.Room(size, (rt60,) * rooms.OCTAVES.size)
  receiver = np.array([3.1, 2.4, 1.45])
  return composer.Scene(room, receiver, tuple(placed), seconds, snr_db, seed)


def make_event(samples, *, azimuth=0.0, elevation=0.0, speed=0.0, onset=0.0):
  intervals = np.array([[0.0, samples.size / RATE]])
  sound = sounds.Sound(samples.astype(np.float32), intervals, 'test')
  return composer.Event(
    'alarm', sound, onset, 0, azimuth, elevation, 1.0, speed, 0.0
  )


def draw_some(*, overlap, seed=0, style=None):
  rng = np.random.default_rng(seed)
  room = rooms.draw_room(rng)
  return composer.draw_scene(
    rng,
    events.open_source(None),
    1,
    room,
    overlap=overlap,
    seconds=30.0,
    style=style,
  )


def tree(folder):
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in sorted(pathlib.Path(folder).rglob('*'))
    if path.is_file()
  }


@pytest.mark.parametrize('overlap', [1, 2])
def test_scenes_keep_their_promises(overlap):
  sounding = []
  for seed in range(4):
    scene = draw_some(overlap=overlap, seed=seed)
    size = np.asarray(scene.room.size)
    for event in scene.events:
      assert -45 <= event.elevation <= 45
      assert event.distance >= 1.0
      assert abs(event.speed) in (0, 10, 20, 40)
      path = scene.receiver + event.position(np.linspace(0, event.duration, 99))
      assert np.all((path > 0.1) & (path < size - 0.1))
      assert event.onset + event.duration <= scene.seconds + 1e-6
    for a, b in itertools.combinations(scene.events, 2):
      if a.onset + a.duration > b.onset and b.onset + b.duration > a.onset:
        assert overlap == 2
        assert a.track != b.track
        assert a.class_name != b.class_name
    frames = composer.label_events(scene).frame
    counts = np.bincount(frames, minlength=300)
    assert counts.size == 300
    assert counts.max() <= overlap
    sounding.append(np.mean(counts > 0))
  assert np.mean(sounding) > 0.6


def test_labels_follow_the_arc_and_wrap():
  event = make_event(
    np.ones(2 * RATE), azimuth=170.2, elevation=-12.6, speed=20, onset=0.25
  )
  rows = composer.label_events(make_scene([event]))
  assert list(rows.frame) == list(range(2, 22))
  azimuth, elevation = geometry.to_polar(rows.xyz)
  np.testing.assert_allclose(azimuth, np.rint(azimuth), atol=1e-9)
  np.testing.assert_allclose(elevation, -13, atol=1e-9)
  for frame, degrees in zip(rows.frame, azimuth, strict=True):
    seconds = min(max(0.1 * frame + 0.05 - 0.25, 0), 2)
    true = 170.2 + 20 * seconds
    assert abs((degrees - true + 180) % 360 - 180) <= 0.5 + 1e-9
  integers, _ = composer.frame_directions(event, rows.frame)
  assert integers.min() > -180
  assert integers.max() == 180


def test_pauses_within_a_sound_are_not_labelled():
  samples = np.ones(2 * RATE, np.float32)
  sound = sounds.Sound(samples, np.array([[0.0, 0.52], [1.3, 1.33]]), 'x')
  event = composer.Event('piano', sound, 1.0, 0, 0.0, 0.0, 1.0, 0.0, 0.0)
  np.testing.assert_array_equal(
    composer.active_frames(event), [10, 11, 12, 13, 14, 23]
  )


def test_moving_convolution_with_equal_responses_is_the_ordinary_one():
  rng = np.random.default_rng(0)
  dry = rng.standard_normal(5000).astype(np.float32)
  response = rng.standard_normal((4, 300)).astype(np.float32)
  count = 5000 // 700 + 2
  wet = renderer.convolve_moving(
    dry, np.broadcast_to(response, (count, 4, 300)), hop=700
  )
  expected = np.stack([np.convolve(dry, row) for row in response])
  np.testing.assert_allclose(wet, expected, atol=2e-4)


@pytest.mark.parametrize('speed', [10, -20, 40])
def test_moving_sources_make_no_clicks(speed):
  """A low tone that moves has nothing at high frequencies."""
  time = np.arange(2 * RATE) / RATE
  fade = np.minimum(np.minimum(time, 2 - time) / 0.3, 1)
  tone = np.sin(2 * np.pi * 500 * time) * np.sin(np.pi / 2 * fade) ** 2
  tail = np.zeros((4, 2000), np.float32)
  event = make_event(tone, speed=speed, elevation=20)
  wet = renderer.render_event(event, make_scene([event]), FOA, tail=tail)
  assert np.abs(wet).max() > 0.3
  high = signal.butter(8, 2000, 'highpass', fs=RATE, output='sos')
  rest = signal.sosfilt(high, wet)
  assert 20 * np.log10(np.abs(rest).max() / np.abs(wet).max()) < -55


def test_moving_source_is_heard_where_its_label_says():
  noise = np.random.default_rng(0).standard_normal(4 * RATE)
  event = make_event(noise, azimuth=-100, elevation=15, speed=40)
  scene = make_scene([event], rt60=0.2, seconds=4.0)
  audio = renderer.render(scene, ('foa',))['foa']
  rows = composer.label_events(scene)
  for frame, truth in list(zip(rows.frame, rows.xyz, strict=True))[1:]:
    found = direction(audio[:, frame * 2400 : (frame + 1) * 2400])
    assert geometry.angular_distance(found, truth) < 8


def test_direction_of_isolated_sources_at_26_directions():
  grid = np.array(
    [d for d in itertools.product((-1, 0, 1), repeat=3) if any(d)]
  )
  rng = np.random.default_rng(0)
  for vector in grid:
    azimuth, elevation = geometry.to_polar(vector.astype(float))
    event = make_event(
      rng.standard_normal(RATE), azimuth=azimuth, elevation=elevation
    )
    scene = make_scene([event], rt60=0.2, seconds=1.0, snr_db=20.0)
    found = direction(renderer.render(scene, ('foa',))['foa'])
    assert geometry.angular_distance(found, vector) < 5


def direction(audio):
  """The direction of the mean intensity vector, [3]."""
  w, y, z, x = signal.stft(audio, RATE, nperseg=1024)[2]
  return np.real([np.sum(np.conj(w) * v) for v in (x, y, z)])


def test_ambience_is_isotropic_pink_and_at_the_asked_level():
  rng = np.random.default_rng(0)
  noise = renderer.ambience(rng, FOA, 20 * RATE)
  assert np.mean(noise[0] ** 2) == pytest.approx(1.0, rel=0.05)
  sections = signal.butter(2, 500, 'highpass', fs=RATE, output='sos')
  covariance = np.cov(signal.sosfilt(sections, noise))
  covariance /= covariance[0, 0]
  np.testing.assert_allclose(np.diag(covariance)[1:], 1 / 3, atol=0.02)
  assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.02
  frequency, density = signal.welch(noise[0], RATE, nperseg=4096)
  low, high = (
    10 * np.log10(density[(frequency > f / 1.4) & (frequency < f * 1.4)].mean())
    for f in (250, 4000)
  )
  assert 2 < (low - high) / 4 < 4  # Decibels an octave.

  # The event sounds in the first second of two, the ambience throughout.
  event = make_event(rng.standard_normal(RATE))
  scene = make_scene([event], rt60=0.2, seconds=2.0, snr_db=10.0)
  power = renderer.render(scene, ('foa',))['foa'][0] ** 2
  quiet = power[int(1.5 * RATE) :].mean()
  ratio = (power[:RATE].mean() - quiet) / quiet
  assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.7)


def test_recordings_do_not_clip_and_reverberation_is_not_labelled():
  scene = draw_some(overlap=2, seed=5)
  audio = renderer.render(scene, ('foa',))['foa']
  assert audio.shape == (4, 30 * RATE)
  assert audio.dtype == np.float32
  assert 0.05 < np.abs(audio).max() <= renderer.PEAK + 1e-6
  last = max(event.onset + event.duration for event in scene.events)
  assert composer.label_events(scene).frame.max() <= last * 10


# Sets.


SMALL = {
  'recordings': 12,
  'seconds': 3.0,
  'evaluation': True,
  'formats': ('foa', 'mic'),
}


@pytest.fixture(scope='module')
def small_set(tmp_path_factory):
  out = tmp_path_factory.mktemp('sets') / 'one'
  synthesize(out, num_workers=1, **SMALL)
  return out


def test_layout_is_the_published_one(small_set):
  names = {path.stem for path in (small_set / 'foa_dev').iterdir()}
  assert names == {path.stem for path in (small_set / 'metadata_dev').iterdir()}
  assert len(names) == 12
  for fold in range(1, 7):
    mine = sorted(name for name in names if name.startswith(f'fold{fold}_'))
    assert [name.split('_')[1] for name in mine] == ['room1', 'room2']
    assert [name.split('_')[2] for name in mine] == ['mix001', 'mix001']
    assert {name.split('_')[3] for name in mine} == {'ov1', 'ov2'}
  evaluation = sorted(path.name for path in (small_set / 'foa_eval').iterdir())
  assert evaluation == [f'mix{n:03d}.wav' for n in range(1, 5)]
  for path in (small_set / 'foa_dev').iterdir():
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames) == (RATE, 4, 3 * RATE)
    assert info.subtype == 'PCM_16'
    text = small_set / 'metadata_dev' / f'{path.stem}.csv'
    for line in text.read_text().splitlines():
      frame, index, track, azimuth, elevation = map(int, line.split(','))
      assert 0 <= frame < 30
      assert 0 <= index < 14
      assert track in (0, 1)
      assert -180 < azimuth <= 180
      assert -45 <= elevation <= 45


def test_description_matches_labels_and_folds_share_nothing(small_set):
  with open(small_set / 'scenes.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  by_file = {row['file'] for row in rows}
  assert len(by_file) == 16
  folds_of = {}
  for row in rows:
    folds_of.setdefault(row['sound'], set()).add(row['fold'])
    folds_of.setdefault(row['room_size'], set()).add(row['fold'])
    if row['file'].startswith('fold'):
      read = labels.read_csv(small_set / 'metadata_dev' / f'{row["file"]}.csv')
      index = labels.TAU2020_CLASSES.index(row['class'])
      frames = read.frame[read.class_index == index]
      first, last = 10 * float(row['onset']), 10 * float(row['duration'])
      assert np.any((frames >= first - 1) & (frames <= first + last + 1))
  assert all(len(folds) == 1 for folds in folds_of.values())
  sounds_used = [row['sound'] for row in rows]
  assert len(set(sounds_used)) == len(sounds_used)


def test_bytes_do_not_depend_on_workers_nor_on_interruption(
  small_set, tmp_path
):
  synthesize(tmp_path / 'two', num_workers=2, **SMALL)
  assert tree(tmp_path / 'two') == tree(small_set)
  # As if stopped before two recordings were done.
  gone = [
    tmp_path / 'two' / 'foa_dev' / 'fold1_room1_mix001_ov1.wav',
    tmp_path / 'two' / 'metadata_dev' / 'fold6_room2_mix001_ov1.csv',
  ]
  for path in gone:
    path.unlink()
  for path in *gone, tmp_path / 'two' / 'scenes.csv':
    path.with_name(f'.{path.stem}-1234abcd.half{path.suffix}').write_bytes(b'')
  kept = tmp_path / 'two' / 'foa_dev' / 'fold2_room1_mix001_ov2.wav'
  before = kept.stat().st_mtime_ns
  synthesize(tmp_path / 'two', num_workers=0, **SMALL)
  assert tree(tmp_path / 'two') == tree(small_set)
  assert kept.stat().st_mtime_ns == before


def test_a_folder_of_another_set_is_refused(small_set, tmp_path):
  with pytest.raises(InputError, match='made with seed 0, but seed 1'):
    synthesize(small_set, num_workers=0, seed=1, **SMALL)
  (tmp_path / 'foa_dev').mkdir()
  with pytest.raises(InputError, match='synthesis.json'):
    synthesize(tmp_path, num_workers=0, **SMALL)


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'recordings': 0}, 'at least 1 recording'),
    ({'seconds': 0.5}, 'at least 1 second'),
    ({'formats': ('stereo',)}, 'one of foa, mic, got stereo'),
    ({'events': 'nowhere'}, 'nowhere does not exist'),
    ({'folds': (9,)}, 'leaves nothing to render'),
  ],
)
def test_impossible_requests_are_refused(tmp_path, options, words):
  with pytest.raises(InputError, match=words):
    synthesize(tmp_path / 'out', num_workers=0, **options)
  assert not (tmp_path / 'out').exists()


def test_plan_is_balanced():
  made = plan.plan_recordings(range(1, 9), 600, evaluation=True, seed=0)
  development = [r for r in made if r.split == 'dev']
  assert len(development) == 600
  assert len(made) == 800
  for fold in range(1, 7):
    mine = [r for r in development if r.fold == fold]
    assert sorted(r.mix for r in mine) == list(range(1, 101))
    assert sum(r.overlap == 1 for r in mine) == 50
    assert len({r.room for r in mine}) == 20
  evaluation = [r for r in made if r.split == 'eval']
  assert {r.fold for r in evaluation[:100]} == {7, 8}
  assert [r.name for r in evaluation] == [f'mix{n:03d}' for n in range(1, 201)]


def test_names_are_as_in_the_published_set():
  """Numbers start at 1 in every room, with the recordings of overlap 1."""
  made = plan.plan_recordings(range(1, 7), 600, evaluation=False, seed=0)
  rooms_of_fold = {}
  for one in made:
    room = rooms_of_fold.setdefault((one.fold, one.room), [])
    room.append(one.name)
  assert len(rooms_of_fold) == 120
  for (fold, room), names in rooms_of_fold.items():
    first = sum(name.endswith('ov1') for name in names)
    assert first in (2, 3)
    assert names == [
      f'fold{fold}_room{room}_mix{n:03d}_ov{1 if n <= first else 2}'
      for n in range(1, 6)
    ]


def test_a_track_has_one_event_at_a_time():
  """However short a sound, and however soon the next one starts."""
  short = make_event(np.ones(RATE // 100), onset=5.03)
  soon = make_event(np.ones(RATE), onset=5.045)
  rows = composer.label_events(make_scene([short, soon], seconds=8))
  np.testing.assert_array_equal(rows.frame, range(50, 60))
  alone = composer.label_events(make_scene([short], seconds=8))
  np.testing.assert_array_equal(alone.frame, [50])
  assert composer.label_events(make_scene([])).frame.size == 0


def test_long_sounds_never_share_a_class_however_far_they_are_stretched(
  tmp_path,
):
  """Eight seconds, 30% slower, are longer than what an event may take up."""
  rng = np.random.default_rng(0)
  rows = ['file,class,fold']
  for name in 'piano', 'alarm':
    samples = 0.1 * rng.standard_normal(8 * RATE)
    soundfile.write(tmp_path / f'{name}.wav', samples, RATE)
    rows.append(f'{name}.wav,{name},1')
  (tmp_path / 'manifest.csv').write_text('\n'.join(rows))
  source = events.open_source(tmp_path)
  style = composer.Style(variation=sounds.Variation(stretch=0.3))
  room = rooms.Room((6.0, 5.0, 3.0), (0.3,) * rooms.OCTAVES.size)
  longest = 0.0
  for seed in range(4):
    scene = composer.draw_scene(
      np.random.default_rng(seed), source, 1, room, overlap=2, style=style
    )
    longest = max(longest, *(event.duration for event in scene.events))
    made = composer.label_events(scene)
    cells = list(zip(made.frame, made.class_index, strict=True))
    assert len(set(cells)) == len(cells)
  assert 8.0 < longest <= sounds.MAX_SECONDS


def test_a_set_goes_on_with_the_evaluation_it_was_begun_with(tmp_path):
  """A run continues what the command began, and the other way round."""
  options = {'recordings': 6, 'seconds': 1.0, 'num_workers': 0}
  for begun, number in (True, 2), (False, 0):
    out = tmp_path / str(begun)
    synthesize(out, evaluation=begun, **options)
    (out / 'README.md').unlink()
    synthesize(out, **options)
    assert len(list(out.glob('foa_eval/*.wav'))) == number
  with pytest.raises(InputError, match='evaluation False, but evaluation True'):
    synthesize(out, evaluation=True, **options)


def test_settings_other_than_those_of_the_set_are_refused(tmp_path, caplog):
  sound = 0.1 * np.random.default_rng(0).standard_normal(RATE)
  for name in 'mine', 'other':
    (tmp_path / name / 'piano').mkdir(parents=True)
    soundfile.write(tmp_path / name / 'piano' / f'{name}.wav', sound, RATE)
  options = {'recordings': 2, 'seed': 3}
  mine = {**options, 'events': tmp_path / 'mine'}
  out = tmp_path / 'out'
  check_settings(out, **mine)
  synthesize(out, seconds=1.0, num_workers=0, **mine)
  told = len(caplog.records)
  check_settings(out, **options)
  check_settings(out, **mine)
  for wrong, words in (
    ({'recordings': 240}, 'recordings 2, but recordings 240 was asked for'),
    ({'seed': 0}, 'seed 3, but seed 0 was asked for'),
    ({'events': tmp_path / 'other'}, 'from other events than asked for'),
    ({'events': None}, 'from other events than asked for'),
  ):
    with pytest.raises(InputError, match=f'out holds scenes made .*{words}'):
      check_settings(out, **{**mine, **wrong})
  # Rendered scenes do without the sounds that they were made from.
  (tmp_path / 'mine').rename(tmp_path / 'gone')
  check_settings(out, **mine)
  # The sounds' own warnings are for those who render.
  assert len(caplog.records) == told
