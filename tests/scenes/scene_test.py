"""Scenes follow their rules, and sound comes from the labelled directions."""

import itertools

import numpy as np
import pytest
import soundfile
from scipy import signal

from seld_jax import geometry
from seld_jax.scenes import (
  arrays,
  composer,
  library,
  renderer,
  rooms,
  sounds,
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


def draw_some(*, overlap, seed=0, seconds=30.0):
  rng = np.random.default_rng(seed)
  room = rooms.draw_room(rng)
  return composer.draw_scene(
    rng,
    library.open_library(None),
    1,
    room,
    overlap=overlap,
    seconds=seconds,
  )


@pytest.mark.parametrize('overlap', [1, 2, 3])
def test_drawn_scenes_follow_the_rules(overlap):
  active = []
  for seed in range(3):
    scene = draw_some(overlap=overlap, seed=seed)
    assert isinstance(scene.room, rooms.Room)
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
        assert overlap > 1
        assert a.track != b.track
        assert a.class_name != b.class_name
    frames = composer.label_events(scene).frame
    counts = np.bincount(frames, minlength=300)
    assert counts.size == 300
    assert counts.max() <= overlap
    active.append(np.mean(counts > 0))
  assert np.mean(active) > 0.6


def test_labels_follow_the_arc_and_wrap_at_180_degrees():
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


def test_convolution_with_equal_responses_is_the_ordinary_one():
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
def test_moving_sources_do_not_click(speed):
  """A moving low tone has no energy at high frequencies."""
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


def test_moving_sound_comes_from_the_labelled_directions():
  noise = np.random.default_rng(0).standard_normal(4 * RATE)
  event = make_event(noise, azimuth=-100, elevation=15, speed=40)
  scene = make_scene([event], rt60=0.2, seconds=4.0)
  audio = renderer.render(scene, ('foa',))['foa']
  rows = composer.label_events(scene)
  for frame, truth in list(zip(rows.frame, rows.xyz, strict=True))[1:]:
    found = direction(audio[:, frame * 2400 : (frame + 1) * 2400])
    assert geometry.angular_distance(found, truth) < 8


def test_intensity_finds_the_direction_of_sources_in_26_directions():
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


def test_ambience_is_isotropic_and_pink_and_has_the_requested_level():
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
  assert 2 < (low - high) / 4 < 4  # dB per octave

  # The event is active in the first of two seconds, the ambience in both.
  event = make_event(rng.standard_normal(RATE))
  scene = make_scene([event], rt60=0.2, seconds=2.0, snr_db=10.0)
  power = renderer.render(scene, ('foa',))['foa'][0] ** 2
  quiet = power[int(1.5 * RATE) :].mean()
  ratio = (power[:RATE].mean() - quiet) / quiet
  assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.7)


def test_recordings_do_not_clip_and_reverberation_is_not_labelled():
  scene = draw_some(overlap=2, seed=5, seconds=12.0)
  audio = renderer.render(scene, ('foa',))['foa']
  assert audio.shape == (4, 12 * RATE)
  assert audio.dtype == np.float32
  assert 0.05 < np.abs(audio).max() <= renderer.PEAK + 1e-6
  last = max(event.onset + event.duration for event in scene.events)
  assert composer.label_events(scene).frame.max() <= last * 10


def test_a_track_has_one_event_at_a_time():
  """This also holds for short sounds that are followed by another one."""
  short = make_event(np.ones(RATE // 100), onset=5.03)
  soon = make_event(np.ones(RATE), onset=5.045)
  rows = composer.label_events(make_scene([short, soon], seconds=8))
  np.testing.assert_array_equal(rows.frame, range(50, 60))
  alone = composer.label_events(make_scene([short], seconds=8))
  np.testing.assert_array_equal(alone.frame, [50])
  assert composer.label_events(make_scene([])).frame.size == 0


def test_stretched_long_sounds_never_overlap_in_their_class(
  tmp_path,
):
  """Eight seconds become more than the longest event if they are 30% slower."""
  rng = np.random.default_rng(0)
  rows = ['file,class,fold']
  for name in 'piano', 'alarm':
    samples = 0.1 * rng.standard_normal(8 * RATE)
    soundfile.write(tmp_path / f'{name}.wav', samples, RATE)
    rows.append(f'{name}.wav,{name},1')
  (tmp_path / 'manifest.csv').write_text('\n'.join(rows))
  source = library.open_library(tmp_path)
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
