"""Sounds from known directions are found there, by both methods."""

from typing import Any

import numpy as np
import pytest
from helpers.plane_waves import FORMATS, diffuse, find, plane_waves
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import geometry, localization
from seld_jax.errors import InputError
from seld_jax.localization import spectra

# Degrees by which a single plane wave may be missed. Intensity vectors are
# exact. The points of SRP form triangles with sides of 5 degrees; the middle of
# a triangle is 5 / sqrt(3) degrees from its corners.
EXACT = {'foa': 0.1, 'mic': 2.9}
# The same for two sources. The array is small: its peaks are wide and overlap.
SEPARATED = {'foa': 3, 'mic': 16}


@pytest.mark.parametrize('format', FORMATS)
@settings(max_examples=15, deadline=None)
@given(
  azimuth=st.floats(-180, 180),
  elevation=st.floats(-90, 90),
  rate=st.sampled_from([16000, 44100]),
)
def test_a_plane_wave_is_found(format, azimuth, elevation, rate):
  audio, xyz = plane_waves(
    format, [(azimuth, elevation, 1)], rate=rate, seconds=0.25
  )
  found = find(format, audio, rate=rate)
  assert len(found) == 3
  angle = geometry.angular_distance(found.xyz[:, 0], xyz[0])
  assert angle.max() < EXACT[format]
  assert (found.strength[:, 0] > 0.95).all()
  assert (found.strength[:, 1] < 0.12).all()
  assert (found.activity == found.strength).all()


@pytest.mark.parametrize('format', FORMATS)
@settings(max_examples=8, deadline=None)
@given(
  azimuth=st.floats(-180, 180),
  elevation=st.floats(-50, 50),
  distance=st.floats(60, 180),
)
def test_two_sources_are_found(format, azimuth, elevation, distance):
  """At the same time, but not at the same frequencies."""
  places = [(azimuth, elevation, 1), (azimuth + distance, -elevation, 1)]
  audio, xyz = plane_waves(format, places, seconds=0.4, width=400)
  found = find(format, audio)
  angles = geometry.angular_distance(found.xyz[:, :, None], xyz[None, None])
  # Each of them is near one that is found.
  assert angles.min(axis=1).max() < SEPARATED[format]
  assert found.strength.min() > 0.3


@pytest.mark.parametrize('format', FORMATS)
def test_no_second_source_is_nearer_than_the_least_angle(format):
  """No point of the grid need be so far from the first source."""
  found = find(format, diffuse(format), num_sources=2, min_angle=180)
  first, second = np.moveaxis(found.xyz, 1, 0)
  near = geometry.angular_distance(first, second) < 170
  assert near.any() and not found.strength[near, 1].any()


@pytest.mark.parametrize('format', FORMATS)
def test_one_source_at_a_time_is_the_first_of_two(format):
  audio, _ = plane_waves(format, [(30, 10, 1), (150, 0, 0.7)])
  one, two = (find(format, audio, num_sources=number) for number in (1, 2))
  np.testing.assert_array_equal(one.xyz[:, 0], two.xyz[:, 0])
  np.testing.assert_array_equal(one.strength[:, 0], two.strength[:, 0])
  assert one.xyz.shape == (10, 1, 3)


@pytest.mark.parametrize('format', FORMATS)
def test_diffuse_noise_has_no_direction(format):
  found = find(format, diffuse(format))
  assert found.strength.max() < 0.12
  wave, _ = plane_waves(format, [(30, 10, 1)])
  assert find(format, wave).strength[:, 0].min() > 0.95


@pytest.mark.parametrize('format', FORMATS)
def test_silence_has_no_sources(format):
  for audio in np.zeros((4, 24000)), np.zeros((4, 1)):
    found = find(format, audio)
    assert len(found) == -(-audio.shape[-1] // 2400)
    assert not found.activity.any() and not found.strength.any()
    np.testing.assert_allclose(np.linalg.norm(found.xyz, axis=-1), 1, rtol=1e-6)
    assert (found.level == -np.inf).all()
  assert len(find(format, np.zeros((4, 0)))) == 0


@pytest.mark.parametrize('format', FORMATS)
def test_a_sound_in_digital_silence_is_active_only_while_it_lasts(format):
  audio, xyz = plane_waves(format, [(-70, 20, 1)], seconds=2)
  audio[:, :9600] = audio[:, 16800:] = 0
  found = find(format, audio)
  active = np.flatnonzero(found.activity[:, 0] > 0.5)
  # The windows of a spectrum reach 10 ms beyond the label frame.
  assert {4, 5, 6} <= set(active) <= {3, 4, 5, 6, 7}
  assert (
    geometry.angular_distance(found.xyz[active, 0], xyz[0]) < EXACT[format]
  ).all()


@pytest.mark.parametrize('format', FORMATS)
@pytest.mark.parametrize('factor', [2.0**-60, 2.0**40])
def test_the_level_does_not_matter(format, factor):
  audio, _ = plane_waves(format, [(30, 10, 1), (150, 0, 0.7)], seconds=2)
  audio = audio + 0.3 * diffuse(format, seconds=2)
  audio[:, :24000] *= 0.01
  first, other = find(format, audio), find(format, factor * audio)
  np.testing.assert_array_equal(first.xyz, other.xyz)
  np.testing.assert_array_equal(first.activity, other.activity)
  assert first.activity[12:].any() and not first.activity[:9].any()
  np.testing.assert_allclose(
    other.level - first.level, 20 * np.log10(factor), rtol=1e-6
  )


@pytest.mark.parametrize('format', FORMATS)
def test_one_sample_may_be_huge(format):
  """What remains of the others is rounded to nothing."""
  audio, _ = plane_waves(format, [(30, 10, 1)], seconds=1)
  audio[0, 100] = 1e38
  with np.errstate(all='raise', under='ignore'):
    found = find(format, audio)
  assert np.isfinite(found.xyz).all() and np.isfinite(found.level[0])


@pytest.mark.parametrize('format', FORMATS)
def test_pieces_of_a_recording_give_the_whole(format, monkeypatch):
  audio, _ = plane_waves(format, [(30, 10, 1), (150, 0, 0.7)], seconds=1.73)
  audio[:, 10000:20000] *= 0.1
  whole = find(format, audio)
  monkeypatch.setattr(spectra, '_PIECE', 4)
  parts = find(format, audio)
  np.testing.assert_allclose(parts.xyz, whole.xyz, atol=1e-4)
  np.testing.assert_allclose(parts.strength, whole.strength, atol=1e-5)
  np.testing.assert_allclose(parts.level, whole.level, atol=1e-4)


def test_a_turned_recording_gives_turned_directions():
  """The grid has no symmetry, so that this is no property of the code alone."""
  audio, _ = plane_waves(
    'foa', [(30, 10, 1), (150, -20, 0.8)], seconds=2, width=400
  )
  audio = audio + 0.2 * diffuse('foa', seconds=2)
  w, y, z, x = audio
  turned = find('foa', np.stack([w, x, -z, -y]))  # x to y, y to -x, z to -z
  first = find('foa', audio).xyz[:, 0] @ np.array(
    [[0, 1, 0], [-1, 0, 0], [0, 0, -1]]
  )
  angle = geometry.angular_distance(first, turned.xyz[:, 0])
  assert np.median(angle) < 3


def test_levels_are_those_of_the_band():
  rng = np.random.default_rng(0)
  noise = rng.standard_normal((4, 48000))
  found = find('foa', noise, low=0, high=12000)
  assert abs(found.level.mean()) < 0.3
  narrow = find('foa', noise, low=3000, high=6000)
  assert abs(narrow.level.mean() - 10 * np.log10(0.25)) < 0.3


def test_mistakes_are_refused_in_a_sentence():
  audio = np.zeros((4, 4800))
  mistakes: tuple[tuple[dict[str, Any], str], ...] = (
    ({'num_sources': 3}, 'num_sources must be 1 or 2, got 3'),
    ({'low': 6000}, 'no frequencies from low=6000 to high=5000 Hz'),
    ({'rate': 0}, 'sample_rate must be a positive integer, got 0'),
    ({'rate': 22050.5}, 'sample_rate must be a positive integer, got 22050.5'),
    ({'context': -1}, 'context must be an integer of 0 or more, got -1'),
    ({'context': 1.5}, 'context must be an integer of 0 or more, got 1.5'),
    ({'min_angle': 400}, 'min_angle must be a number from 0 to 180, got 400'),
    ({'rate': np.nan}, 'sample_rate must be a positive integer, got nan'),
    ({'num_sources': 1.0}, 'num_sources must be 1 or 2, got 1.0'),
    ({'high': np.nan}, 'high must be a number from 0 to inf, got nan'),
  )
  for options, message in mistakes:
    for format in FORMATS:
      with pytest.raises(InputError, match=message):
        find(format, audio, **options)
  with pytest.raises(InputError, match=r'\[4, samples\], got shape \(2, 9\)'):
    find('foa', np.zeros((2, 9)))
  with pytest.raises(InputError, match='finite, got NaN'):
    find('foa', np.full((4, 9), np.nan))
  for channels, message in (
    (1, 'Two microphones at least are needed, got 1'),
    (5, 'has 5 channels, but steering has 4 microphones'),
  ):
    with pytest.raises(InputError, match=message):
      find('mic', np.zeros((channels, 4800)))
  for positions, message in (
    (np.zeros((3, 2)), r'got shape \(3, 2\)'),
    (np.full((3, 3), np.inf), 'must be finite'),
  ):
    with pytest.raises(InputError, match=message):
      localization.free_field(positions)
  with pytest.raises(InputError, match='speed_of_sound must be above 0'):
    localization.free_field(np.zeros((3, 3)), speed_of_sound=-343.0)


@pytest.mark.parametrize(
  ('gains', 'message'),
  [
    (lambda points, frequencies: np.ones((4, 3)), r'got shape \(4, 3\)'),
    (
      lambda points, frequencies: np.full(
        (4, len(points), len(frequencies)), np.nan
      ),
      'gains of steering must be finite',
    ),
  ],
)
def test_steering_of_another_kind_is_refused(gains, message):
  with pytest.raises(InputError, match=message):
    localization.srp_directions(
      np.ones((4, 4800)), sample_rate=24000, steering=gains
    )


def test_soft_passages_count_little_and_stay_finite():
  """Also when all times and frequencies count alike."""
  audio, xyz = plane_waves('foa', [(70, 20, 1)])
  audio[:, 12000:] *= 1e-21
  found = find('foa', audio, energy_power=0.0)
  assert np.isfinite(found.xyz).all()
  assert geometry.angular_distance(found.xyz[:4, 0], xyz[0]).max() < 1


@pytest.mark.parametrize(
  'option', [{'energy_power': 1.5}, {'width': 0}, {'min_angle': np.nan}]
)
def test_options_out_of_range_are_refused(option):
  (name,) = option
  with pytest.raises(InputError, match=f'{name} must be a number from'):
    find('foa', np.zeros((4, 2400)), **option)


def test_whole_rates_may_be_floats_and_steering_need_not_be_hashable():
  audio = np.random.default_rng(0).standard_normal((4, 4800))
  field = localization.free_field(0.1 * np.eye(4, 3))

  class Steering:
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __call__(self, points, frequencies):
      return field(points, frequencies)

  given: Any = ((24000.0, Steering()), (24000, field))
  found, expected = (
    localization.srp_directions(audio, sample_rate=rate, steering=steering)
    for rate, steering in given
  )
  np.testing.assert_array_equal(found.xyz, expected.xyz)
  others: Any = None, np.eye(4, 3)
  for wrong in others:
    with pytest.raises(InputError, match='steering must be a function'):
      localization.srp_directions(audio, sample_rate=24000, steering=wrong)
