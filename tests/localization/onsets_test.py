"""Directions move to the onsets around them."""

import numpy as np
import pytest
from helpers.plane_waves import plane_waves
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import geometry, localization
from seld_jax.errors import InputError


def histograms(audio, *, rate=24000, sizes=None):
  """The histograms of a recording, pushed in blocks of these sizes."""
  onsets = localization.OnsetHistograms(sample_rate=rate, high=3000.0)
  cuts = np.cumsum(sizes or [])
  parts = [onsets.push(block) for block in np.split(audio, cuts, axis=-1)]
  return np.concatenate([*parts, onsets.flush()])


def refine(found, xyz, **options):
  """Refines the same directions [n, 3] in all label frames: [frames, n, 3]."""
  frames = np.repeat(np.arange(len(found)), len(xyz))
  every = np.tile(xyz, (len(found), 1))
  refined = localization.refine_directions(
    found, frame=frames, xyz=every, **options
  )
  return refined.reshape(len(found), len(xyz), 3)


def bursts(xyz, *, seconds=2.0, rate=24000, seed=0):
  """Short noises every 0.4 s from one direction."""
  rng = np.random.default_rng(seed)
  size = round(seconds * rate)
  on = np.arange(size) % round(0.4 * rate) < round(0.05 * rate)
  noise = 0.1 * rng.standard_normal(size) * on
  x, y, z = xyz
  return noise * np.array([[1.0], [y], [z], [x]])


def in_room(xyz, *, rate=24000, seed=1):
  """The same in a room whose walls are on one side and reflect for long.

  All reflections together have more energy than the direct sound.
  """
  rng = np.random.default_rng(seed)
  dry = bursts(xyz)
  total = dry.copy()
  for _ in range(300):
    delay = round(rate * rng.uniform(0.01, 0.3))
    azimuth, elevation = rng.uniform(60, 180), rng.uniform(-40, 40)
    level = 0.3 * 10 ** (-3 * delay / rate / 0.5)
    echo = bursts(geometry.to_cartesian(azimuth, elevation))
    total[:, delay:] += level * echo[:, :-delay]
  return total


@settings(max_examples=15, deadline=None)
@given(
  azimuth=st.floats(-180, 180),
  elevation=st.floats(-90, 90),
  turn=st.floats(-12, 12),
  rate=st.sampled_from([8000, 24000, 44100]),
)
def test_a_plane_wave_is_found_exactly(azimuth, elevation, turn, rate):
  audio, xyz = plane_waves('foa', [(azimuth, elevation, 1)], rate=rate)
  roughly = geometry.to_cartesian(azimuth + turn, elevation + turn)[None]
  refined = refine(histograms(audio, rate=rate), roughly)
  assert geometry.angular_distance(refined, xyz[0]).max() < 0.1
  np.testing.assert_allclose(np.linalg.norm(refined, axis=-1), 1, atol=1e-6)


def test_the_direct_sound_counts_and_not_the_room():
  """The mean intensity points elsewhere, because echoes come from one side."""
  xyz = geometry.to_cartesian(30.0, 10.0)
  audio = in_room(xyz)
  w, y, z, x = audio
  mean = np.array([(w * one).sum() for one in (x, y, z)])
  assert geometry.angular_distance(mean, xyz) > 20
  roughly = geometry.to_cartesian(np.array([45.0]), np.array([0.0]))
  refined = refine(histograms(audio), roughly)
  assert geometry.angular_distance(refined, xyz).max() < 4


def test_each_direction_moves_to_its_own_source():
  places = [(-20, 0, 1), (25, 10, 1)]
  audio, xyz = plane_waves('foa', places, width=400)
  roughly = geometry.to_cartesian(np.array([-5.0, 40.0]), np.array([8.0, 0]))
  found = histograms(audio)
  refined = refine(found, roughly)
  assert geometry.angular_distance(refined, xyz).max() < 4
  # Alone, without the other, it is between both.
  alone = refine(found, roughly[:1], cone=60.0)
  assert geometry.angular_distance(alone, xyz[0]).min() > 8


def test_frames_need_not_be_in_order():
  audio, _ = plane_waves('foa', [(0, 0, 1), (90, 0, 1)], width=400)
  found = histograms(audio)
  rng = np.random.default_rng(0)
  frame = rng.integers(0, len(found), 40)
  xyz = rng.standard_normal((40, 3))
  whole = localization.refine_directions(found, frame=frame, xyz=xyz)
  order = np.argsort(frame, kind='stable')
  ordered = localization.refine_directions(
    found, frame=frame[order], xyz=xyz[order]
  )
  np.testing.assert_array_equal(whole[order], ordered)


@settings(max_examples=10, deadline=None)
@given(
  sizes=st.lists(st.integers(0, 9000), max_size=6),
  rate=st.sampled_from([8000, 11025, 24000]),
)
def test_the_sizes_of_blocks_do_not_matter(sizes, rate):
  audio, _ = plane_waves('foa', [(10, 20, 1), (120, 0, 1)], rate=rate)
  whole = histograms(audio, rate=rate)
  assert whole.shape == (10, 1000, 3)
  found = histograms(audio, rate=rate, sizes=sizes)
  np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-4)


def test_label_frames_come_as_soon_as_they_are_known():
  audio, _ = plane_waves('foa', [(10, 20, 1)])
  onsets = localization.OnsetHistograms(sample_rate=24000)
  count = 0
  for number, block in enumerate(np.split(audio, 100, axis=-1), start=1):
    count += len(onsets.push(block))  # each block has 10 ms
    assert 0.01 * number < 0.1 * count + onsets.latency + 1e-9
  assert 0 < count < 10
  assert count + len(onsets.flush()) == 10


@pytest.mark.parametrize('level', [2.0**-20, 2.0**20])
def test_the_level_does_not_matter(level):
  audio = in_room(geometry.to_cartesian(30.0, 10.0))
  np.testing.assert_allclose(
    histograms(level * audio), histograms(audio), atol=1e-3
  )


def test_without_sound_nothing_moves():
  xyz = np.array([[0.0, 3.0, 4.0], [1.0, 0.0, 0.0]])
  for audio in np.zeros((4, 24000)), np.zeros((4, 1)), np.zeros((4, 0)):
    found = histograms(audio)
    assert len(found) == -(-audio.shape[-1] // 2400)
    assert not found.any()
    refined = refine(found, xyz)
    expected = np.broadcast_to([[0, 0.6, 0.8], [1, 0, 0]], refined.shape)
    np.testing.assert_allclose(refined, expected, atol=1e-6)


def test_a_steady_sound_does_not_count_and_a_new_one_does():
  """A hum from the left goes on; a burst comes from the front."""
  time = np.arange(48000) / 24000
  hum = 0.3 * np.sin(2 * np.pi * 800 * time) * np.array([[1], [1], [0], [0]])
  front = bursts([1.0, 0.0, 0.0]) * (time > 1)
  found = histograms(hum + front)
  roughly = geometry.to_cartesian(np.array([25.0]), np.array([0.0]))
  refined = refine(found, roughly, cone=89.0)
  azimuth, _ = geometry.to_polar(refined[14:, 0])
  assert np.abs(azimuth).max() < 3


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({'histograms': np.zeros((3, 999, 3))}, r'\[label_frames, 1000, 3\]'),
    ({'xyz': np.zeros((2, 3))}, r'\[2, 3\]'),
    ({'frame': np.array([3])}, '3 histograms, got 3 to 3'),
    ({'frame': np.array([-1])}, 'got -1 to -1'),
    ({'frame': np.array([1.0])}, 'must be integers, got float64'),
    ({'frame': np.array([True])}, 'must be integers, got bool'),
    ({'frame': np.array([[0]])}, r'\[1, 1\]'),
    ({'frame': np.array(0)}, r'got .*, \[\] and'),
    ({'xyz': np.array([[0, np.nan, 1]])}, 'Directions must be finite'),
    ({'cone': 0.5}, 'cone must be a number from 1 to 90, got 0.5'),
    ({'iterations': -1}, 'iterations must be an integer of 0 or more, got -1'),
  ],
)
def test_what_cannot_be_refined_is_refused(changes, words):
  arguments = {
    'histograms': np.zeros((3, 1000, 3)),
    'frame': np.array([0]),
    'xyz': np.array([[1.0, 0, 0]]),
    **changes,
  }
  with pytest.raises(InputError, match=words):
    localization.refine_directions(**arguments)


def test_what_is_no_recording_is_refused():
  with pytest.raises(InputError, match='sample_rate must be a positive'):
    localization.OnsetHistograms(sample_rate=0)
  with pytest.raises(InputError, match='no frequencies from low=3000'):
    localization.OnsetHistograms(sample_rate=4000, low=3000.0)
  onsets = localization.OnsetHistograms(sample_rate=24000)
  with pytest.raises(InputError, match=r'\[4, samples\], got shape \(2, 10\)'):
    onsets.push(np.zeros((2, 10)))
  with pytest.raises(InputError, match='must be finite'):
    onsets.push(np.full((4, 10), np.nan))
  with pytest.raises(InputError, match=r'larger than 1e\+09, .* got 1e\+19'):
    onsets.push(np.full((4, 10), 1e19))


def test_frames_may_be_of_any_integer_type():
  audio, _ = plane_waves('foa', [(0, 0, 1), (90, 0, 1)], width=400)
  found, xyz = histograms(audio), np.eye(3)
  first, second = (
    localization.refine_directions(found, frame=frame, xyz=xyz)
    for frame in (np.array([0, 4, 0]), np.array([0, 4, 0], np.uint8))
  )
  np.testing.assert_array_equal(first, second)
