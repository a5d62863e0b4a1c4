"""Features equal those of librosa and NumPy in float64."""

import functools
import math

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from helpers.array_sounds import (
  OPTIONS,
  PAIRS,
  PAPER,
  RATE,
  SHORT,
  foa_features,
  mic_features,
  noise,
  scene,
)
from helpers.compiling import USUAL
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import features

FORMATS = {'foa': foa_features, 'mic': mic_features}

# The independent computation.


def reference_spectrum(audio, *, n_fft, win_length, hop_length, pad_mode):
  """librosa in float64, `[channels, frames, bins]`, whole hops only."""
  spectrum = librosa.stft(
    audio.astype(np.float64) + 1e-8,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    window='hann',
    center=True,
    pad_mode=pad_mode,
    dtype=np.complex128,
  )
  num_frames = math.ceil(audio.shape[-1] / hop_length)
  return np.swapaxes(spectrum, -1, -2)[..., :num_frames, :]


def reference_filters(*, n_fft, n_mels):
  return librosa.filters.mel(
    sr=RATE, n_fft=n_fft, n_mels=n_mels, dtype=np.float64
  )


def reference_log_mel(spectrum, filters):
  return np.stack(
    [
      librosa.power_to_db(np.abs(channel) ** 2 @ filters.T, top_db=80.0)
      for channel in spectrum
    ]
  )


def reference_intensity(spectrum, filters):
  intensity = np.real(np.conj(spectrum[0]) * spectrum[1:])
  norm = np.sqrt(np.sum(intensity**2, axis=0)) + 1e-8
  return (intensity / norm) @ filters.T


def reference_gcc(spectrum, n_lags):
  result = []
  for first, second in PAIRS:
    cross = np.conj(spectrum[first]) * spectrum[second]
    phase = np.exp(1j * np.angle(cross)) * (cross != 0)
    whole = np.fft.irfft(phase, axis=-1)
    result.append(
      np.concatenate([whole[:, -n_lags // 2 :], whole[:, : n_lags // 2]], -1)
    )
  return np.stack(result)


def assert_log_mels_agree(actual, expected):
  """1e-3 dB within 60 dB of the channel's maximum, 2e-2 down to 80."""
  assert actual.shape == expected.shape
  error = np.abs(actual - expected)
  loudest = expected.max(axis=(-2, -1), keepdims=True)
  assert error[expected >= loudest - 60].max() < 1e-3
  assert error.max() < 2e-2


def assert_equal_to_librosa(formats, kind, options, pad_mode):
  n_fft, n_mels = options['n_fft'], options['n_mels']
  for array, number in ('foa', 3), ('mic', 6):
    audio = scene(kind, array)
    actual = formats[array](audio, pad_mode=pad_mode, **options)
    transform = {k: v for k, v in options.items() if k != 'n_mels'}
    spectrum = reference_spectrum(audio, pad_mode=pad_mode, **transform)
    filters = reference_filters(n_fft=n_fft, n_mels=n_mels)
    frames = math.ceil(36000 / options['hop_length'])
    assert actual.shape == (frames, n_mels, 4 + number)
    assert actual.dtype == jnp.float32
    actual = np.moveaxis(np.asarray(actual, np.float64), -1, 0)
    assert_log_mels_agree(actual[:4], reference_log_mel(spectrum, filters))
    spatial = (
      reference_intensity(spectrum, filters)
      if array == 'foa'
      else reference_gcc(spectrum, n_mels)
    )
    np.testing.assert_allclose(actual[4:], spatial, atol=1e-4)


@pytest.mark.parametrize('pad_mode', ['constant', 'reflect'])
@pytest.mark.parametrize('options', [PAPER, SHORT], ids=['paper', 'short'])
@pytest.mark.parametrize('kind', ['noise', 'speech', 'events', 'room'])
def test_features_equal_those_of_librosa(kind, options, pad_mode):
  assert_equal_to_librosa(FORMATS, kind, options, pad_mode)


@pytest.mark.slow
def test_features_compiled_as_for_a_user_equal_those_of_librosa():
  usual = {
    name: jax.jit(function, static_argnames=OPTIONS, compiler_options=USUAL)
    for name, function in {
      'foa': features.foa_features,
      'mic': features.mic_features,
    }.items()
  }
  assert_equal_to_librosa(usual, 'room', PAPER, 'constant')


@pytest.mark.parametrize('array', ['foa', 'mic'])
def test_features_in_float64_equal_those_of_librosa_up_to_rounding(array):
  audio = scene('events', array).astype(np.float64)
  with jax.enable_x64(True):
    actual = np.asarray(FORMATS[array](audio))
  assert actual.dtype == np.float64
  spectrum = reference_spectrum(
    audio, n_fft=1024, win_length=960, hop_length=480, pad_mode='constant'
  )
  filters = reference_filters(n_fft=1024, n_mels=64)
  spatial = (
    reference_intensity(spectrum, filters)
    if array == 'foa'
    else reference_gcc(spectrum, 64)
  )
  expected = np.concatenate([reference_log_mel(spectrum, filters), spatial])
  np.testing.assert_allclose(
    np.moveaxis(actual, -1, 0), expected, atol=1e-9, rtol=1e-9
  )


@pytest.mark.parametrize('samples', [1025, 4799, 4800, 4801])
@pytest.mark.parametrize('pad_mode', ['constant', 'reflect'])
def test_stft_of_any_length_equals_librosa(samples, pad_mode):
  audio = noise(samples, samples)
  expected = reference_spectrum(
    audio, n_fft=1024, win_length=960, hop_length=480, pad_mode=pad_mode
  )
  actual = features.stft(audio, pad_mode=pad_mode)
  assert actual.shape == expected.shape == (math.ceil(samples / 480), 513)
  np.testing.assert_allclose(actual, expected, atol=2e-5)


@settings(deadline=None, max_examples=12)
@given(
  samples=st.integers(1, 30000),
  hop_length=st.integers(1, 2000),
  options=st.sampled_from([(1024, 960), (2048, 2048), (512, 400), (256, 129)]),
  pad_mode=st.sampled_from(['constant', 'reflect']),
)
def test_frames_are_samples_over_hop_rounded_up(
  samples, hop_length, options, pad_mode
):
  n_fft, win_length = options
  shape = jax.eval_shape(
    functools.partial(
      features.foa_features,
      n_fft=n_fft,
      win_length=win_length,
      hop_length=hop_length,
      pad_mode=pad_mode,
      n_mels=16,
    ),
    jax.ShapeDtypeStruct((4, samples), jnp.float32),
  )
  assert shape.shape == (math.ceil(samples / hop_length), 16, 7)


@settings(deadline=None, max_examples=8)
@given(
  win_length=st.integers(1, 64),
  extra=st.integers(0, 20),
  hop_length=st.integers(1, 90),
  samples=st.integers(64, 300),
)
def test_stft_equals_numpy_frame_by_frame(
  win_length, extra, hop_length, samples
):
  n_fft = win_length + extra
  audio = noise(samples, samples, level=1.0)
  window = np.sin(np.pi * np.arange(win_length) / win_length) ** 2
  left = (n_fft - win_length) // 2
  padded = np.concatenate([np.zeros(n_fft), audio, np.zeros(2 * n_fft + 90)])
  expected = []
  for start in range(0, samples, hop_length):
    first = n_fft + start - n_fft // 2
    frame = np.zeros(n_fft)
    frame[left : left + win_length] = (
      window * padded[first + left : first + left + win_length]
    )
    expected.append(np.fft.rfft(frame))
  actual = features.stft(
    audio, n_fft=n_fft, hop_length=hop_length, win_length=win_length
  )
  np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.mark.parametrize(
  'options',
  [
    {'sample_rate': 24000, 'n_fft': 1024, 'n_mels': 64},
    {'sample_rate': 24000, 'n_fft': 2048, 'n_mels': 32},
    {'sample_rate': 44100, 'n_fft': 2048, 'n_mels': 96},
    {'sample_rate': 16000, 'n_fft': 512, 'n_mels': 20},
    {'sample_rate': 24000, 'n_fft': 1024, 'n_mels': 40, 'f_min': 50.0},
    {'sample_rate': 48000, 'n_fft': 4096, 'n_mels': 24, 'f_max': 900.0},
    {
      'sample_rate': 32000,
      'n_fft': 2048,
      'n_mels': 30,
      'f_min': 1500.0,
      'f_max': 8000.0,
    },
  ],
)
def test_mel_filter_bank_equals_librosa(options):
  expected = librosa.filters.mel(
    sr=options['sample_rate'],
    n_fft=options['n_fft'],
    n_mels=options['n_mels'],
    fmin=options.get('f_min', 0.0),
    fmax=options.get('f_max'),
    dtype=np.float64,
  )
  actual = features.mel_filter_bank(**options)
  assert actual.shape == (options['n_mels'], options['n_fft'] // 2 + 1)
  np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_shared_mel_filters_cannot_be_overwritten():
  filters = features.mel_filter_bank()
  with pytest.raises(ValueError, match='read-only'):
    filters[0, 0] = 1


@pytest.mark.parametrize('kind', ['noise', 'speech', 'events', 'room'])
def test_the_correlation_of_x_and_y_is_that_of_numpy(kind):
  audio = scene(kind, 'foa')
  actual = features.foa_features(audio, xy_correlation=True)  # as in the paper
  transform = {name: size for name, size in PAPER.items() if name != 'n_mels'}
  spectrum = reference_spectrum(audio, pad_mode='constant', **transform)
  weights = reference_filters(n_fft=PAPER['n_fft'], n_mels=PAPER['n_mels'])
  x, y = spectrum[3], spectrum[1]
  cross, power_x, power_y = (
    np.real(one) @ weights.T
    for one in (x.conj() * y, x.conj() * x, y.conj() * y)
  )
  is_sound = (power_x > 1e-9) & (power_y > 1e-9)
  expected = cross / np.sqrt(np.where(is_sound, power_x * power_y, 1))
  np.testing.assert_allclose(
    np.asarray(actual[..., 7])[is_sound], expected[is_sound], atol=1e-3
  )
  assert is_sound.mean() > 0.1
  np.testing.assert_array_equal(actual[..., :7], features.foa_features(audio))
