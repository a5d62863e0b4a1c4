"""Features follow physics: direction, delay, gain and silence of a sound."""

import numpy as np
import pytest
from helpers.array_sounds import (
  FORMATS,
  PAIRS,
  delayed,
  foa_features,
  mic_features,
  noise,
  plane_wave,
  scene,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import features, geometry


@settings(deadline=None, max_examples=30)
@given(azimuth=st.floats(-180, 180), elevation=st.floats(-90, 90))
def test_intensity_of_a_plane_wave_points_to_its_source(azimuth, elevation):
  audio = plane_wave(noise(0, 4800), azimuth, elevation)
  intensity = np.asarray(foa_features(audio))[..., 4:]
  xyz = geometry.to_cartesian(azimuth, elevation)
  towards = intensity[..., [2, 0, 1]]  # stored as Y, Z, X
  # Every bin has a unit vector, so a band has the sum of its weights.
  reach = features.mel_filter_bank().sum(axis=-1)[:, None]
  np.testing.assert_allclose(towards / reach, towards * 0 + xyz, atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(delays=st.tuples(*[st.integers(-15, 15)] * 4))
def test_gcc_peaks_at_the_delay_of_the_second_channel(delays):
  sound = noise(1, 4840)
  correlation = np.asarray(mic_features(delayed(sound, delays)))[..., 4:]
  for pair, (first, second) in enumerate(PAIRS):
    lag = correlation[2:-2, :, pair].argmax(axis=1) - 32
    assert set(lag) == {delays[second] - delays[first]}
    if delays[second] == delays[first]:
      np.testing.assert_allclose(correlation[:, 32, pair], 1, atol=1e-4)


@pytest.mark.parametrize('n_fft', [1024, 1023])
@pytest.mark.parametrize('n_lags', [2, 7, 64, 100])
def test_gcc_keeps_the_lags_around_zero(n_lags, n_fft):
  spectrum = features.stft(noise(2, 2, 2400), n_fft=n_fft)
  cross = np.conj(spectrum[0]) * spectrum[1]
  whole = np.fft.irfft(cross / np.abs(cross), n_fft)
  actual = features.gcc_phat(spectrum, n_lags=n_lags, n_fft=n_fft)
  if n_fft == 1024:
    np.testing.assert_array_equal(
      actual, features.gcc_phat(spectrum, n_lags=n_lags)
    )
  assert actual.shape == (1, 5, n_lags)
  lags = np.arange(n_lags) - n_lags // 2
  np.testing.assert_allclose(actual[0], whole[:, lags], atol=1e-5)


@pytest.mark.parametrize('gain', [2.0, 0.25, -1.0])
def test_gain_shifts_log_mels_and_nothing_else(gain):
  for array in FORMATS:
    audio = scene('noise', array, 4800)
    before, after = (
      np.asarray(FORMATS[array](x, offset=0.0)) for x in (audio, gain * audio)
    )
    shift = 20 * np.log10(abs(gain))
    np.testing.assert_allclose(
      after[..., :4], before[..., :4] + shift, atol=1e-4
    )
    np.testing.assert_allclose(after[..., 4:], before[..., 4:], atol=1e-4)


def test_top_db_clips_below_the_maximum_of_each_channel():
  audio = scene('events', 'foa') * np.array([[1], [1e-3], [1], [30]], 'f')
  whole = np.asarray(foa_features(audio, top_db=None))[..., :4]
  clipped = np.asarray(foa_features(audio, top_db=25.0))[..., :4]
  floor = whole.max(axis=(0, 1)) - 25
  assert (whole < floor).any(axis=(0, 1)).all()
  np.testing.assert_allclose(clipped, np.maximum(whole, floor), atol=1e-4)


def test_silence_has_no_spatial_features():
  silence = np.zeros((4, 4800), np.float32)
  for array in FORMATS:
    cells = np.asarray(FORMATS[array](silence, offset=0.0))
    np.testing.assert_array_equal(cells[..., 4:], 0)
    np.testing.assert_allclose(cells[..., :4], -100, atol=1e-4)


def test_a_silent_channel_affects_only_its_own_pairs():
  audio = noise(10, 4, 4800)
  dead = audio * np.array([[1], [0], [1], [1]], np.float32)
  before, after = (
    np.asarray(mic_features(x, offset=0.0))[..., 4:] for x in (audio, dead)
  )
  for pair, channels in enumerate(PAIRS):
    expected = 0 if 1 in channels else before[..., pair]
    np.testing.assert_allclose(after[..., pair], expected, atol=1e-6)


def test_a_silent_dipole_does_not_affect_the_others():
  audio = plane_wave(noise(11, 4800), 0, 0)  # Y and Z are exactly zero
  intensity = np.asarray(foa_features(audio, offset=0.0))[..., 4:]
  np.testing.assert_allclose(intensity[..., :2], 0, atol=1e-8)
  assert (intensity[..., 2] > 0.01).all()
