"""Stereo clips: sound and labels of a turned scene, and what is on screen."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels, scenes
from seld_jax.errors import InputError
from seld_jax.scenes import arrays, stereo

DEGREES = st.floats(-180, 180)
HEADINGS = st.integers(0, 359)


def plane_wave(azimuth, elevation=0.0, *, signal=(1.0, -0.5, 0.25)):
  """FOA of a plane wave."""
  x, y, z = geometry.to_cartesian(azimuth, elevation)
  return np.outer([1.0, y, z, x], signal)


def make_events(azimuth, elevation, distance=None):
  azimuth, elevation = np.broadcast_arrays(azimuth, elevation)
  count = np.arange(azimuth.size)
  return labels.Events(
    count,
    count % 13,
    count % 3,
    geometry.to_cartesian(azimuth.astype(float), elevation.astype(float)),
    distance,
  )


def azimuths(events):
  return geometry.to_polar(events.xyz)[0]


@pytest.mark.parametrize(('azimuth', 'silent'), [(90, 1), (-90, 0)])
def test_a_plane_wave_from_one_side_is_only_in_the_channel_of_that_side(
  azimuth, silent
):
  wave = plane_wave(azimuth)
  pair, _ = scenes.foa_to_stereo(wave, labels.no_events(), heading=0)
  np.testing.assert_allclose(pair[silent], 0, atol=1e-12)
  np.testing.assert_allclose(pair[1 - silent], 2 * wave[0], atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(azimuth=DEGREES, elevation=st.floats(-90, 90), heading=HEADINGS)
def test_levels_of_the_channels_are_those_of_cardioids_to_both_sides(
  azimuth, elevation, heading
):
  """The gain of a cardioid is 1 plus the cosine of the angle to its axis."""
  pair, _ = scenes.foa_to_stereo(
    plane_wave(azimuth, elevation), labels.no_events(), heading=heading
  )
  source = geometry.to_cartesian(azimuth + heading, elevation)
  for channel, axis in zip(pair, ([0, 1.0, 0], [0, -1.0, 0]), strict=True):
    angle = np.radians(geometry.angular_distance(source, np.array(axis)))
    np.testing.assert_allclose(channel[0], 1 + np.cos(angle), atol=1e-7)


def test_front_and_back_sound_the_same_and_are_labelled_the_same():
  azimuth = np.arange(-180, 181)
  mirrored = 180 - azimuth
  events = make_events(azimuth, 0)
  behind = make_events(mirrored, 0)
  one = [
    stereo.foa_to_stereo(plane_wave(a), events, heading=0) for a in azimuth
  ]
  other = [
    stereo.foa_to_stereo(plane_wave(a), behind, heading=0) for a in mirrored
  ]
  for (sound, found), (same, folded) in zip(one, other, strict=True):
    np.testing.assert_allclose(sound, same, atol=1e-12)
    np.testing.assert_allclose(found.xyz, folded.xyz, atol=1e-12)
  found = azimuths(one[0][1])
  assert np.abs(found).max() <= 90
  np.testing.assert_allclose(
    np.sin(np.radians(found)), np.sin(np.radians(azimuth)), atol=1e-12
  )


@settings(max_examples=100, deadline=None)
@given(azimuth=DEGREES, heading=HEADINGS)
def test_the_level_difference_tells_the_labelled_azimuth(azimuth, heading):
  """Sound and labels turn together, whatever the heading is."""
  pair, events = scenes.foa_to_stereo(
    plane_wave(azimuth), make_events([azimuth], 0), heading=heading
  )
  left, right = np.abs(pair[:, 0])
  np.testing.assert_allclose(
    (left - right) / (left + right),
    np.sin(np.radians(azimuths(events)[0])),
    atol=1e-7,
  )


@given(azimuth=st.integers(-179, 180), heading=HEADINGS)
def test_a_turned_camera_sees_whole_degrees_as_whole_degrees(azimuth, heading):
  _, turned = scenes.foa_to_stereo(
    plane_wave(0), make_events([azimuth], 20), heading=heading
  )
  expected = geometry.fold_to_front(np.array([azimuth + heading]))
  np.testing.assert_allclose(azimuths(turned), expected, atol=1e-9)


def test_turning_the_scene_is_as_turning_the_camera():
  """A scene at azimuth a + h without heading is the scene at a with h."""
  rng = np.random.default_rng(0)
  for heading in (0, 17, 90, 180, 311):
    azimuth = rng.uniform(-180, 180, 5)
    signals = rng.standard_normal((5, 50))
    first, second = (
      np.sum(
        [
          plane_wave(a + turned, 10, signal=signal)
          for a, signal in zip(azimuth, signals, strict=True)
        ],
        axis=0,
      )
      for turned in (0, heading)
    )
    one = scenes.foa_to_stereo(first, make_events(azimuth, 10), heading=heading)
    other = scenes.foa_to_stereo(
      second, make_events(azimuth + heading, 10), heading=0
    )
    np.testing.assert_allclose(one[0], other[0], atol=1e-12)
    np.testing.assert_allclose(one[1].xyz, other[1].xyz, atol=1e-12)
    np.testing.assert_array_equal(one[1].onscreen, other[1].onscreen)


def test_a_diffuse_field_has_the_coherence_of_two_opposite_cardioids():
  """Powers are those of cardioids, and the field is half correlated."""
  covariance = arrays.diffuse_covariance(
    [arrays.ARRAYS['foa']], np.array([1000.0])
  )[0].real
  mix = np.array([[1.0, 1, 0, 0], [1, -1, 0, 0]])
  found = mix @ covariance @ mix.T
  np.testing.assert_allclose(np.diag(found), 4 / 3)
  np.testing.assert_allclose(found[0, 1] / found[0, 0], 0.5)


def test_everything_but_directions_and_the_flag_stays():
  events = make_events([10, 100, -170], [0, 30, -60], np.array([1.0, 2, 3]))
  _, seen = scenes.foa_to_stereo(plane_wave(0), events, heading=40)
  for field in dataclasses.fields(events):
    if field.name not in ('xyz', 'onscreen'):
      np.testing.assert_array_equal(
        getattr(seen, field.name), getattr(events, field.name)
      )
  np.testing.assert_allclose(azimuths(seen), [50, 40, -50], atol=1e-9)
  np.testing.assert_allclose(seen.xyz[:, 2], 0)
  np.testing.assert_array_equal(seen.onscreen, [True, False, False])


@pytest.mark.parametrize(
  ('azimuth', 'elevation', 'expected'),
  [
    (0, 0, True),
    (50, 0, True),
    (51, 0, False),
    (-50, 0, True),
    (-51, 0, False),
    (180, 0, False),
    (130, 0, False),
    (0, 33, True),
    (0, 34, False),
    (0, -34, False),
    # In a flat picture, the upper border is lower at the sides.
    (40, 27, True),
    (40, 28, False),
  ],
)
def test_the_picture_is_100_degrees_wide_and_16_to_9(
  azimuth, elevation, expected
):
  """Its upper border is at atan(tan(50 degrees) * 9 / 16) = 33.8 degrees."""
  assert stereo.is_on_screen(np.array(azimuth), np.array(elevation)) == expected


def published_flags(azimuth, elevation):
  """The flags of the published code for whole degrees, written anew.

  A picture of 360 by 180 pixels of one degree, one of which is lit, is seen by
  a camera with 640 by 360 pixels and bilinear interpolation. A source is on
  screen if any pixel of the camera is lit at all: if it looks less than a pixel
  past the centre of the lit one.
  """
  width = np.tan(np.radians(50))
  x = np.linspace(-width, width, 640)
  y = np.linspace(width, -width, 360) * 360 / 640
  right, up = np.meshgrid(x, y)
  column = (np.arctan2(right, 1) / (2 * np.pi) + 0.5) * 360 - 0.5
  row = (0.5 - np.arctan2(up, np.hypot(right, 1)) / np.pi) * 180 - 0.5
  lit = np.zeros((180, 360), bool)
  for down in 0, 1:
    for aside in 0, 1:
      lit[
        np.floor(row).astype(int) + down, np.floor(column).astype(int) + aside
      ] = True
  return lit[(90 - elevation) % 180, (180 - azimuth) % 360]


def test_flags_differ_from_the_published_only_at_the_border_of_the_picture():
  azimuth, elevation = np.meshgrid(np.arange(-179, 181), np.arange(-89, 90))
  published = published_flags(azimuth, elevation)
  ours = stereo.is_on_screen(azimuth, elevation)
  around = np.stack(
    [
      stereo.is_on_screen(azimuth + a, np.clip(elevation + e, -90, 90))
      for a in np.linspace(-1.5, 1.5, 7)
      for e in np.linspace(-1.5, 1.5, 7)
    ]
  )
  border = around.any(axis=0) & ~around.all(axis=0)
  assert (ours != published).any()
  assert not (ours != published)[~border].any()
  assert (
    np.mean(ours[np.abs(elevation) < 20] == published[np.abs(elevation) < 20])
    > 0.98
  )


@pytest.mark.parametrize('shape', [(2, 10), (4,), (5, 10)])
def test_other_sounds_than_ambisonics_are_refused(shape):
  with pytest.raises(InputError, match=r'shape \[4, samples\].*got shape'):
    scenes.foa_to_stereo(np.zeros(shape), labels.no_events(), heading=0)


@settings(max_examples=50, deadline=None)
@given(
  frames=st.integers(50, 3000),
  count=st.integers(1, 500),
  seed=st.integers(0, 99),
)
def test_no_clip_of_a_recording_is_drawn_twice(frames, count, seed):
  drawn = stereo.draw_clips(
    np.random.default_rng(seed), 'a', num_frames=frames, count=count
  )
  assert len({clip.name for clip in drawn}) == len(drawn)
  assert len(drawn) == min(count, 360 * (frames - 49))
  for clip in drawn:
    assert 0 <= clip.start <= frames - 50
    assert 0 <= clip.heading <= 359
    assert clip.name == f'a_deg{clip.heading:03d}_start{clip.start:04d}'


def test_clips_cut_sound_and_labels_at_the_same_frames():
  sound = np.arange(4 * 24000 * 8, dtype=float).reshape(4, -1)
  part = stereo.cut_sound(sound, 13)
  assert part.shape == (4, 5 * 24000)
  assert part[0, 0] == 1.3 * 24000
  events = make_events(np.zeros(80), 0)
  seen = stereo.cut_events(events, 13)
  np.testing.assert_array_equal(seen.frame, np.arange(50))
  np.testing.assert_array_equal(seen.class_index, (np.arange(50) + 13) % 13)


def test_label_files_of_clips_have_whole_centimetres(tmp_path):
  events = make_events([10, 120], 0, np.array([1.237, 2.0]))
  _, seen = scenes.foa_to_stereo(plane_wave(0), events, heading=0)
  path = tmp_path / 'a.csv'
  stereo.write_labels(path, seen)
  assert path.read_text().splitlines() == [
    'frame,class,source,azimuth,distance,onscreen',
    '0,0,0,10,124,1',
    '1,1,1,60,200,0',
  ]
