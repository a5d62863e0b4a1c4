"""SALSA-Lite equals librosa and NumPy, and its phases are lengths in metres."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from helpers.array_sounds import RATE, bursts, delayed, noise, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import features

STATIC = ('sample_rate', 'n_fft', 'hop_length', 'win_length')
STATIC = (*STATIC, 'pad_mode', 'alias_frequency')
salsa_lite = jit(features.salsa_lite_features, static_argnames=STATIC)

# Of the published code, and of the DCASE baselines.
PUBLISHED = {'n_fft': 512, 'hop_length': 300, 'win_length': 512}
BASELINES = {'n_fft': 1024, 'hop_length': 480, 'win_length': 960}


def sound(channels, samples=9000):
  delays = np.random.default_rng(5).integers(-9, 9, channels)
  direct = delayed(bursts(1, samples + 40), delays)
  return direct + noise(3, channels, samples, level=1e-3)


def reference(audio, options, *, pad_mode, offset, bins, phases):
  """The published formulas in float64, with the spectra of librosa."""
  spectrum = librosa.stft(
    audio.astype(np.float64) + offset,
    pad_mode=pad_mode,
    dtype=np.complex128,
    **options,
  )[:, : bins[1], : -(-audio.shape[-1] // options['hop_length'])]
  decibels = [
    librosa.power_to_db(np.abs(channel[bins[0] :]) ** 2, top_db=None).T
    for channel in spectrum
  ]
  phase = np.angle(spectrum[1:] * np.conj(spectrum[0]))
  frequency = np.arange(bins[1]) * RATE / options['n_fft']
  frequency[0] = 1
  metres = phase / (2 * np.pi * frequency[:, None] / 343)
  metres[:, phases:] = 0
  return np.stack(
    [*decibels, *metres[:, bins[0] :].transpose(0, 2, 1)], axis=-1
  )


@pytest.mark.parametrize('channels', [2, 4, 5, 8])
def test_features_equal_the_published_formulas(channels):
  audio = sound(channels)
  found = np.asarray(salsa_lite(audio))
  expected = reference(
    audio, PUBLISHED, pad_mode='reflect', offset=0, bins=(1, 192), phases=43
  )
  assert found.shape == expected.shape == (30, 191, 2 * channels - 1)
  compare(found, expected, features.path_periods(format='mic', n_fft=512))
  if channels == 5:
    with jax.enable_x64(True):
      exact = np.asarray(salsa_lite(audio.astype(np.float64)))
    periods = features.path_periods(format='mic', n_fft=512)
    assert errors(exact, expected, periods).max() < 1e-7


@pytest.mark.parametrize(('alias', 'phases'), [(0.0, 86), (2030.0, 87)])
def test_features_equal_those_of_the_baselines(alias, phases):
  """Their code keeps one more phase than those below 2 kHz."""
  audio = sound(4)
  options = {'offset': 1e-8, 'pad_mode': 'constant'}
  found = np.asarray(
    salsa_lite(audio, alias_frequency=alias, **BASELINES, **options)
  )
  expected = reference(
    audio, BASELINES, bins=(2, 384), phases=phases, **options
  )
  assert found.shape == expected.shape == (19, 382, 7)
  compare(found, expected, features.path_periods(format='mic', **BASELINES))
  shape = features.shape(format='mic', kind='salsa_lite', **BASELINES)
  assert shape == (382, 7)


def errors(found, expected, periods):
  """Errors; a phase of half a period has two signs.

  All phases of the first frame are such or 0, because reflected padding makes
  it symmetrical.
  """
  channels = (found.shape[-1] + 1) // 2
  difference = found - expected
  whole = np.round(difference / periods[:, None])
  whole[..., :channels] = 0
  return np.abs(difference - whole * periods[:, None])


def compare(found, expected, periods):
  """1e-3 dB and 1e-4 m, where float32 has so many digits of a bin.

  Those of a bin are fewer the softer it is than the loudest bin of its frame.
  """
  difference = errors(found, expected, periods)
  channels = (found.shape[-1] + 1) // 2
  below = expected[..., :channels].max(axis=1, keepdims=True)
  below = below - expected[..., :channels]
  assert difference[..., :channels][below < 60].max() < 1e-3
  both = np.maximum(below[..., 1:], below[..., :1]) < 40
  assert np.mean(both) > 0.7
  assert difference[..., channels:][both].max() < 1e-4


@settings(deadline=None, max_examples=12)
@given(delays=st.tuples(*[st.floats(-2.5, 2.5)] * 3))
def test_phases_are_path_differences_of_a_plane_wave(delays):
  """Delays of any fraction of a sample, within half a period of 2 kHz."""
  frequencies = np.fft.rfftfreq(6000, 1 / RATE)
  spectrum = np.fft.rfft(noise(1, 6000))
  shifts = np.exp(-2j * np.pi * frequencies * np.array([[0, *delays]]).T / RATE)
  audio = np.fft.irfft(spectrum * shifts).astype(np.float32)
  found = np.asarray(salsa_lite(audio, offset=0.0))[2:-2, :, 4:]
  metres = -np.array(delays) / RATE * 343  # later: the path is longer
  np.testing.assert_allclose(
    np.median(found[:, 2:42], axis=(0, 1)), metres, atol=3e-3
  )
  assert not found[:, 42:].any()  # 2016 Hz and above


def test_phases_end_at_the_alias_frequency():
  audio = sound(4, 3000)
  frequencies = np.arange(1, 192) * RATE / 512
  for frequency in 100.0, 2000.0, 3000.0, 12000.0:
    found = np.asarray(salsa_lite(audio, alias_frequency=frequency))[..., 4:]
    has_phase = (found != 0).any(axis=(0, 2))
    np.testing.assert_array_equal(has_phase, frequencies < frequency)


def test_gain_shifts_log_powers_and_nothing_else():
  audio = scene('noise', 'mic', 3000)
  before, after = (np.asarray(salsa_lite(x)) for x in (audio, 4 * audio))
  np.testing.assert_allclose(
    after[..., :4], before[..., :4] + 20 * np.log10(4), atol=1e-3
  )
  np.testing.assert_array_equal(after[..., 4:], before[..., 4:])


@pytest.mark.parametrize('level', [0.0, 1e-20, 1.0, 1e4])
def test_any_level_is_finite_and_so_are_gradients(level):
  for gains in ([1, 1, 1], [1, 0, 1], [0, 1, 1]):
    audio = level * noise(8, 3, 2400) * np.array(gains, np.float32)[:, None]
    cells, gradient = _values_and_gradient(audio)
    assert np.isfinite(cells).all()
    assert np.isfinite(gradient).all()
    if not level:
      np.testing.assert_allclose(cells[..., :3], -100, atol=1e-4)
      assert not cells[..., 3:].any()


@jit
def _values_and_gradient(audio):
  def total(x):
    cells = features.salsa_lite_features(x)
    return jnp.sum(cells * jnp.cos(jnp.arange(5.0))), cells

  gradient, cells = jax.grad(total, has_aux=True)(audio)
  return cells, gradient


def test_too_few_bins_and_channels_are_refused():
  with pytest.raises(ValueError, match='no bins between 50 and 9000 Hz'):
    features.salsa_lite_features(
      np.zeros((4, 480), 'f'), n_fft=2, win_length=2, hop_length=2
    )
  with pytest.raises(ValueError, match='2 or more channels'):
    features.salsa_lite_features(np.zeros((1, 480), 'f'))
