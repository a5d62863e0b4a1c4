"""Features against librosa and NumPy in float64, and against physics."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax import test_util
from scipy import signal

from seld_jax import features, geometry

RATE = 24000
PAPER = {'n_fft': 1024, 'win_length': 960, 'hop_length': 480, 'n_mels': 64}
SHORT = {'n_fft': 2048, 'win_length': 2048, 'hop_length': 1200, 'n_mels': 32}
PAIRS = list(itertools.combinations(range(4), 2))
OPTIONS = (*PAPER, 'top_db', 'pad_mode', 'layout')

foa_features = jax.jit(features.foa_features, static_argnames=OPTIONS)
mic_features = jax.jit(features.mic_features, static_argnames=OPTIONS)
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


# Sounds.


def noise(seed, *shape, level=0.1):
  rng = np.random.default_rng(seed)
  return (level * rng.standard_normal(shape)).astype(np.float32)


def speech_like(seed, samples):
  """Gliding harmonics under a syllable envelope."""
  rng = np.random.default_rng(seed)
  time = np.arange(samples) / RATE
  pitch = 120 + 20 * np.sin(2 * np.pi * 2.3 * time + rng.uniform(0, 6))
  phase = 2 * np.pi * np.cumsum(pitch) / RATE
  voice = sum(np.sin(k * phase) / k**1.2 for k in range(1, 60))
  return 0.1 * voice * np.maximum(0, np.sin(2 * np.pi * 4 * time)) ** 2


def bursts(seed, samples):
  """Decaying noise and tones with silence between them."""
  rng = np.random.default_rng(seed)
  time = np.arange(samples) / RATE
  sound = np.zeros(samples)
  for start in rng.integers(0, samples // 2, 5):
    rest = time[: samples - start]
    tone = np.sin(2 * np.pi * rng.uniform(200, 8000) * rest)
    both = tone + rng.standard_normal(len(rest))
    sound[start:] += 0.2 * both * np.exp(-rest / 0.05)
  return sound


def plane_wave(sound, azimuth, elevation):
  """FOA in the order W, Y, Z, X."""
  x, y, z = geometry.to_cartesian(azimuth, elevation)
  return np.stack([sound, y * sound, z * sound, x * sound]).astype(np.float32)


def delayed(sound, delays, margin=20):
  """Channels that hear a sound, less its margins, later by whole samples."""
  stop = len(sound) - margin
  return np.stack([sound[margin - d : stop - d] for d in delays]).astype(
    np.float32
  )


def reverberate(sound, *, seed, seconds=0.3):
  """Four channels with as many different tails of a room."""
  rng = np.random.default_rng(seed)
  samples = int(seconds * RATE)
  decay = 10.0 ** (-3 * np.arange(samples) / samples)
  tails = 0.02 * rng.standard_normal((4, samples)) * decay
  return signal.fftconvolve(tails, sound[None], axes=-1)[
    :, : len(sound)
  ].astype(np.float32)


def scene(kind, array, samples=36000):
  """A sound from somewhere over a floor of -60 dBFS in every channel."""
  if kind == 'noise':
    return noise(0, 4, samples)
  if kind == 'room':
    direct = scene('events', array, samples)
    return direct + reverberate(bursts(1, samples), seed=4)
  make = {'speech': speech_like, 'events': bursts}[kind]
  if array == 'foa':
    direct = plane_wave(make(1, samples), 50, 20)
    direct = direct + plane_wave(make(2, samples), -110, -35)
  else:
    direct = delayed(make(1, samples + 40), (0, 3, -4, 7))
    direct = direct + 0.5 * delayed(make(2, samples + 40), (1, -6, 5, 10))
  return direct + noise(3, 4, samples, level=1e-3)


def assert_log_mels_agree(actual, expected):
  """1e-3 dB within 60 dB of the channel's maximum, 2e-2 down to 80."""
  assert actual.shape == expected.shape
  error = np.abs(actual - expected)
  loudest = expected.max(axis=(-2, -1), keepdims=True)
  assert error[expected >= loudest - 60].max() < 1e-3
  assert error.max() < 2e-2


@pytest.mark.parametrize('pad_mode', ['constant', 'reflect'])
@pytest.mark.parametrize('options', [PAPER, SHORT], ids=['paper', 'short'])
@pytest.mark.parametrize('kind', ['noise', 'speech', 'events', 'room'])
def test_equal_to_librosa(kind, options, pad_mode):
  n_fft, n_mels = options['n_fft'], options['n_mels']
  for array, number in ('foa', 3), ('mic', 6):
    audio = scene(kind, array)
    actual = FORMATS[array](audio, pad_mode=pad_mode, **options)
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


@pytest.mark.parametrize('array', ['foa', 'mic'])
def test_equal_to_librosa_to_rounding_in_float64(array):
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


@settings(deadline=None, max_examples=25)
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
def test_stft_frame_by_frame(win_length, extra, hop_length, samples):
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


# Physics.


@settings(deadline=None, max_examples=30)
@given(azimuth=st.floats(-180, 180), elevation=st.floats(-90, 90))
def test_intensity_of_a_plane_wave_points_to_its_source(azimuth, elevation):
  audio = plane_wave(noise(0, 4800), azimuth, elevation)
  intensity = np.asarray(foa_features(audio))[..., 4:]
  xyz = geometry.to_cartesian(azimuth, elevation)
  towards = intensity[..., [2, 0, 1]]  # stored as Y, Z, X
  # Every bin is a unit vector, so each band sums up to the weights of its bins.
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


@pytest.mark.parametrize('n_lags', [2, 7, 64, 100])
def test_gcc_keeps_the_lags_around_zero(n_lags):
  spectrum = features.stft(noise(2, 2, 2400))
  cross = np.conj(spectrum[0]) * spectrum[1]
  whole = np.fft.irfft(cross / np.abs(cross))
  actual = features.gcc_phat(spectrum, n_lags=n_lags)
  assert actual.shape == (1, 5, n_lags)
  lags = np.arange(n_lags) - n_lags // 2
  np.testing.assert_allclose(actual[0], whole[:, lags], atol=1e-5)


@pytest.mark.parametrize('gain', [2.0, 0.25, -1.0])
def test_gain_moves_log_mels_and_nothing_else(gain):
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


def test_top_db_clips_under_the_maximum_of_each_channel():
  audio = scene('events', 'foa') * np.array([[1], [1e-3], [1], [30]], 'f')
  whole = np.asarray(foa_features(audio, top_db=None))[..., :4]
  clipped = np.asarray(foa_features(audio, top_db=25.0))[..., :4]
  floor = whole.max(axis=(0, 1)) - 25
  assert (whole < floor).any(axis=(0, 1)).all()
  np.testing.assert_allclose(clipped, np.maximum(whole, floor), atol=1e-4)


# Sounds that have no phase somewhere.


def extremes(samples=4800):
  time = np.arange(samples) / RATE
  silence = np.zeros((4, samples))
  click = silence.copy()
  click[:, 1000] = 1
  last = silence.copy()
  last[2, -1] = -1
  dead = noise(4, 4, samples)
  dead[0] = 0
  tone = np.sin(2 * np.pi * 1000 * time)
  square = np.sign(np.sin(2 * np.pi * 500 * time + 0.1))
  return {
    'silence': silence,
    'first sample': np.eye(1, samples)[[0] * 4],
    'last sample': last,
    'click': click,
    'dead channel': dead,
    'dead but one': silence + noise(5, samples) * np.eye(4)[:, 1:2],
    'constant': silence + 1,
    'alternating': silence + (-1.0) ** np.arange(samples),
    'tone': np.stack([tone, 0 * tone, tone, -tone]),
    'square wave': silence + square,
    'square waves': square * np.array([[1], [0.5], [0], [-1]]),
    'clipped noise': np.clip(noise(6, 4, samples, level=20), -1, 1),
    'one step of 16 bits': silence + 2.0**-15,
    'very loud': noise(7, 4, samples, level=3e3).clip(-1e4, 1e4),
    'very loud square wave': silence + 1e4 * square,
    'very soft': noise(8, 4, samples, level=1e-12),
    'subnormal': silence + 1e-40,
    'loud and soft': noise(9, 4, samples) * np.logspace(-20, 5, 4)[:, None],
  }


@functools.cache
def features_and_gradient(array):
  """Jitted features, and the gradient of a sum that weighs every cell."""

  def total(audio, offset):
    cells = FORMATS[array](audio, offset=offset)
    return jnp.sum(cells * jnp.cos(jnp.arange(cells.size)).reshape(cells.shape))

  return FORMATS[array], jax.jit(jax.grad(total))


def assert_finite_and_bounded(array, audio, offset):
  function, gradient = features_and_gradient(array)
  cells = np.asarray(function(audio, offset=offset))
  assert np.isfinite(cells).all()
  log_mels, spatial = cells[..., :4], cells[..., 4:]
  assert log_mels.min() > -100.001
  # The loudest possible frame: all of it in one band of weight 1.
  peak = max(float(np.abs(audio).max()), 1e-5) * 1024
  assert log_mels.max() < 20 * np.log10(peak)
  assert (np.ptp(log_mels, axis=(0, 1)) < 80.001).all()
  if array == 'foa':
    bound = features.mel_filter_bank().sum(axis=-1)[:, None]
  else:
    bound = np.ones((64, 1))
  assert (np.abs(spatial) <= bound * 1.001).all()
  assert np.isfinite(gradient(audio, offset=offset)).all()


@pytest.mark.parametrize('offset', [1e-8, 0.0])
@pytest.mark.parametrize('array', FORMATS)
@pytest.mark.parametrize('name', extremes())
def test_extreme_sounds_are_finite_and_bounded(name, array, offset):
  audio = extremes()[name].astype(np.float32)
  assert_finite_and_bounded(array, audio, offset)


@settings(deadline=None, max_examples=40)
@given(
  audio=hnp.arrays(
    np.float32,
    (4, 961),
    elements=st.floats(-1e4, 1e4, width=32),
    fill=st.floats(-1e4, 1e4, width=32),
  ),
  array=st.sampled_from(sorted(FORMATS)),
)
def test_any_finite_audio_is_finite_and_bounded(audio, array):
  assert_finite_and_bounded(array, audio, 0.0)


def test_silence_contributes_nothing():
  silence = np.zeros((4, 4800), np.float32)
  for array in FORMATS:
    cells = np.asarray(FORMATS[array](silence, offset=0.0))
    np.testing.assert_array_equal(cells[..., 4:], 0)
    np.testing.assert_allclose(cells[..., :4], -100, atol=1e-4)


def test_a_dead_channel_takes_only_its_own_pairs_away():
  audio = noise(10, 4, 4800)
  dead = audio * np.array([[1], [0], [1], [1]], np.float32)
  before, after = (
    np.asarray(mic_features(x, offset=0.0))[..., 4:] for x in (audio, dead)
  )
  for pair, channels in enumerate(PAIRS):
    expected = 0 if 1 in channels else before[..., pair]
    np.testing.assert_allclose(after[..., pair], expected, atol=1e-6)


def test_a_dead_dipole_leaves_the_others():
  audio = plane_wave(noise(11, 4800), 0, 0)  # Y and Z are exactly zero
  intensity = np.asarray(foa_features(audio, offset=0.0))[..., 4:]
  np.testing.assert_allclose(intensity[..., :2], 0, atol=1e-8)
  assert (intensity[..., 2] > 0.01).all()


# Transformations that must change nothing.


@pytest.mark.parametrize('options', [PAPER, SHORT], ids=['paper', 'short'])
@pytest.mark.parametrize('array', FORMATS)
def test_chunked_equals_whole(array, options):
  hop, window = options['hop_length'], options['win_length']
  audio = scene('events', array, 24000)
  function = functools.partial(FORMATS[array], top_db=None, **options)
  whole = np.asarray(function(audio))
  compared = 0
  for first, length in (0, 10000), (4, 9601), (7, 24000 - 7 * hop):
    chunk = audio[:, first * hop : first * hop + length]
    part = np.asarray(function(chunk))
    for frame in range(part.shape[0]):
      inside = hop * frame >= window // 2 and (
        hop * frame + window // 2 <= chunk.shape[-1]
      )
      if inside:
        np.testing.assert_allclose(part[frame], whole[first + frame], atol=1e-4)
        compared += 1
  assert compared >= 15


@pytest.mark.parametrize('array', FORMATS)
def test_batch_equals_single(array):
  batch = np.stack([scene('events', array, 4800), noise(12, 4, 4800)])
  batch = np.stack([batch, 0.01 * batch[::-1], batch * 0])  # [3, 2, 4, 4800]
  together = np.asarray(FORMATS[array](batch))
  mapped = np.asarray(jax.vmap(jax.vmap(FORMATS[array]))(batch))
  for index in np.ndindex(3, 2):
    single = FORMATS[array](batch[index])
    np.testing.assert_allclose(together[index], single, atol=1e-4)
    np.testing.assert_allclose(mapped[index], single, atol=1e-4)


@pytest.mark.parametrize('name', ['foa', 'mic'])
def test_jit_equals_eager(name):
  audio = scene('speech', name, 4800)
  eager = features.FORMATS[name](jnp.asarray(audio))
  assert eager.shape[-1] == features.NUM_CHANNELS[name]
  np.testing.assert_allclose(FORMATS[name](audio), eager, atol=1e-3)


def test_gradient_equals_finite_differences():
  with jax.enable_x64(True):
    for array in features.FORMATS.values():
      function = functools.partial(array, n_fft=64, win_length=60, n_mels=4)
      test_util.check_grads(
        jax.jit(functools.partial(function, hop_length=30, top_db=None)),
        (jnp.asarray(noise(13, 4, 120, level=1.0), jnp.float64),),
        order=1,
        modes=['rev'],
        rtol=1e-4,
      )


@pytest.mark.parametrize('name', ['foa', 'mic'])
def test_published_values_are_the_defaults(name):
  audio = jnp.asarray(scene('events', name, 4800))
  stated = features.FORMATS[name](
    audio,
    sample_rate=24000,
    n_fft=1024,
    hop_length=480,
    win_length=960,
    n_mels=64,
    top_db=80.0,
    offset=1e-8,
  )
  np.testing.assert_array_equal(features.FORMATS[name](audio), stated)
  for option in {'offset': 1e-2}, {'top_db': 20.0}:
    other = features.FORMATS[name](audio, **option)
    assert np.abs(other - stated).max() > 0.1


# Layouts.


def published_order(log_mels, spatial):
  """What the published scripts do, one number at a time."""
  a, frames, mels = log_mels.shape
  b = spatial.shape[0]
  result = np.empty((frames, mels, a + b), log_mels.dtype)
  for frame in range(frames):
    row = []
    for band in range(mels):
      for channel in range(a):
        row.append(log_mels[channel, frame, band])
    for band in range(mels):
      for channel in range(b):
        row.append(spatial[channel, frame, band])
    numbers = iter(row)
    for band in range(mels):
      for channel in range(a + b):
        result[frame, band, channel] = next(numbers)
  return result


@pytest.mark.parametrize('spatial_channels', [3, 6])
def test_layouts_cell_by_cell(spatial_channels):
  count = 4 * 3 * 64
  log_mels = np.arange(count).reshape(4, 3, 64)
  spatial = count + np.arange(spatial_channels * 3 * 64)
  spatial = spatial.reshape(spatial_channels, 3, 64)
  aligned = np.asarray(features.stack(log_mels, spatial))
  published = np.asarray(features.stack(log_mels, spatial, layout='published'))
  for frame, band in itertools.product(range(3), range(64)):
    for channel in range(4):
      assert aligned[frame, band, channel] == log_mels[channel, frame, band]
    for channel in range(spatial_channels):
      expected = spatial[channel, frame, band]
      assert aligned[frame, band, 4 + channel] == expected
  np.testing.assert_array_equal(published, published_order(log_mels, spatial))
  # The same numbers, nearly all of them somewhere else.
  np.testing.assert_array_equal(
    np.sort(published, None), np.sort(aligned, None)
  )
  assert np.mean(published == aligned) < 0.02


@pytest.mark.parametrize('array', FORMATS)
def test_published_layout_of_features(array):
  audio = np.stack([noise(14, 4, 4800), noise(15, 4, 4800)])
  aligned = np.asarray(FORMATS[array](audio))
  published = np.asarray(FORMATS[array](audio, layout='published'))
  for one, other in zip(aligned, published, strict=True):
    channels = np.moveaxis(one, -1, 0)
    np.testing.assert_allclose(
      other, published_order(channels[:4], channels[4:]), atol=1e-4
    )


# Mistakes.


@pytest.mark.parametrize('name', ['foa', 'mic'])
@pytest.mark.parametrize('shape', [(3, 4800), (4800, 4), (2, 5, 480), (480,)])
def test_wrong_channels_are_refused_with_shape_and_axis(name, shape):
  with pytest.raises(ValueError) as error:
    features.FORMATS[name](jnp.zeros(shape))
  assert str(error.value) == (
    f'{name}_features needs the 4 channels of the audio on axis -2, '
    f'got shape {shape}.'
  )


def test_intensity_vector_refuses_other_channels():
  with pytest.raises(ValueError, match=r'axis -3, got shape \(2, 9, 513\)'):
    features.intensity_vector(
      jnp.zeros((2, 9, 513)), features.mel_filter_bank()
    )


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'layout': 'scrambled'}, "'aligned' or 'published', got 'scrambled'"),
    ({'pad_mode': 'edge'}, "'constant' or 'reflect', got 'edge'"),
    ({'win_length': 1025}, 'between 1 and n_fft = 1024, got 1025'),
    ({'win_length': 0}, 'between 1 and n_fft = 1024, got 0'),
  ],
)
def test_unknown_options_are_refused(options, message):
  for array in features.FORMATS.values():
    with pytest.raises(ValueError, match=message):
      jax.eval_shape(functools.partial(array, **options), jnp.zeros((4, 480)))


def test_no_samples_are_refused():
  with pytest.raises(ValueError, match=r'needs samples, got shape \(4, 0\)'):
    features.stft(jnp.zeros((4, 0)))
