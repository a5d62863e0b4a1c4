"""SALSA equals the published algorithm, one bin of one frame at a time."""

import dataclasses
import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from helpers.array_sounds import (
  RATE,
  bursts,
  delayed,
  noise,
  plane_wave,
  reverberate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit, test_util

from seld_jax import features, geometry
from seld_jax.features import salsa

OPTIONS = ('format', 'sample_rate', 'n_fft', 'hop_length', 'win_length')
salsa_features = jit(
  features.salsa_features,
  static_argnames=(*OPTIONS, 'pad_mode', 'alias_frequency'),
)


def reference_spectrum(audio, n_fft=512, hop=300):
  """librosa in float64: [channels, frames, bins], whole hops only."""
  spectrum = librosa.stft(
    np.asarray(audio, np.float64),
    n_fft=n_fft,
    hop_length=hop,
    window='hann',
    center=True,
    pad_mode='reflect',
    dtype=np.complex128,
  )
  frames = -(-audio.shape[-1] // hop)
  return np.swapaxes(spectrum, -1, -2)[:, :frames]


def reference_floor(magnitudes):
  """Whether each frame of a bin is above its noise: plain numbers."""
  floor, above_in_a_row, result = 0.5 * np.mean(magnitudes[:5]), 0, []
  for magnitude in magnitudes:
    if magnitude > floor:
      above_in_a_row += 1
      floor *= 1.02 if above_in_a_row <= 3 else 1.002
    else:
      above_in_a_row = 0
      floor *= 0.98
    floor = max(floor, 1e-6)
    result.append(magnitude > 1.5 * floor)
  return result


def reference_directions(spectrum, format, first_left_out):
  """Eigenvectors by singular value decompositions, [frames, bins, others].

  Bins without a direction have zeros. Also returns whether a decision about
  one was so close that rounding could change it.
  """
  channels, frames, _ = spectrum.shape
  directions = np.zeros((frames, first_left_out - 1, channels - 1))
  is_close = np.zeros((frames, first_left_out - 1), bool)
  for bin in range(1, first_left_out):
    of_bin = spectrum[:, :, bin]
    magnitudes = [
      np.sqrt(np.mean([abs(of_bin[0, t - k]) ** 2 for k in range(3)]))
      for t in range(frames)
    ]
    above = reference_floor(magnitudes)
    for frame in np.flatnonzero(above):
      near = of_bin[:, np.arange(frame - 3, frame + 4) % frames]
      u, s, _ = np.linalg.svd(near @ near.conj().T / 7)
      is_close[frame, bin - 1] = abs(s[0] / (5 * s[1] + 1e-30) - 1) < 1e-4
      if not s[0] > 5 * s[1]:
        continue
      if format == 'foa':
        vector = np.real(u[1:, 0] / u[0, 0])
        directions[frame, bin - 1] = vector / np.linalg.norm(vector)
      else:
        phase = np.angle(u[1:, 0] * np.conj(u[0, 0]))
        frequency = bin * RATE / 512
        directions[frame, bin - 1] = phase / (2 * np.pi * frequency / 343)
  return directions, is_close


def sound(format, channels=4):
  """Bursts in a room, one source after another, with soft noise."""
  samples = 6000
  if format == 'foa':
    direct = plane_wave(bursts(1, samples), 50, 20)
    direct = direct + plane_wave(bursts(2, samples), -110, -35)
  else:
    delays = np.random.default_rng(5).integers(-9, 9, channels)
    direct = delayed(bursts(1, samples + 40), delays)
  rest = 0.3 * reverberate(bursts(1, samples), seed=4)
  rest = np.resize(rest, direct.shape)
  return direct + rest + noise(3, len(direct), samples, level=1e-4)


def reference(audio, format):
  spectrum = reference_spectrum(audio)
  powers = np.abs(spectrum) ** 2
  bands = [powers[..., bin] for bin in range(1, 193)]
  bands += [
    powers[..., start : min(start + 8, 256)].sum(axis=-1) / 8
    for start in range(193, 256, 8)
  ]
  decibels = [
    librosa.power_to_db(channel, top_db=None)
    for channel in np.stack(bands, axis=-1)
  ]
  stop = {'foa': 192, 'mic': 85}[format]
  directions, is_close = reference_directions(spectrum, format, stop)
  whole = np.zeros((*decibels[0].shape, len(audio) - 1))
  whole[:, : stop - 1] = directions
  closeness = np.zeros(decibels[0].shape, bool)
  closeness[:, : stop - 1] = is_close
  return np.stack(decibels, axis=-1), whole, closeness


@pytest.mark.parametrize(
  ('format', 'channels'), [('foa', 4), ('mic', 5), ('mic', 2)]
)
def test_salsa_equals_the_published_algorithm(format, channels):
  audio = sound(format, channels)
  decibels, directions, is_close = reference(audio, format)
  expected = np.concatenate([decibels, directions], axis=-1)
  actual = np.asarray(salsa_features(audio, format=format))
  assert actual.shape == expected.shape == (20, 200, 2 * channels - 1)
  np.testing.assert_allclose(
    actual[..., :channels], decibels, atol=1e-3 if channels else 0
  )
  ours, theirs = actual[..., channels:], directions
  is_kept = (theirs != 0).any(axis=-1)
  share = is_kept[:, :84].mean()
  assert 0.05 < share < 0.95  # both decisions occur
  same = (ours != 0).any(axis=-1) == is_kept
  # In float32 a few decisions are too close to call.
  assert np.mean(~same) < 1e-3
  np.testing.assert_allclose(ours[same], theirs[same], atol=1e-4)
  with jax.enable_x64(True):
    exact = np.asarray(salsa_features(audio.astype(np.float64), format=format))
  is_sure = ~is_close
  np.testing.assert_allclose(exact[is_sure], expected[is_sure], atol=1e-7)


def late_wave(azimuth, elevation, samples=9000):
  """FOA of a plane wave that begins after soft noise."""
  wave = noise(1, samples)
  wave[: samples // 3] *= 1e-3
  return plane_wave(wave, azimuth, elevation)


@settings(deadline=None, max_examples=10)
@given(azimuth=st.floats(-180, 180), elevation=st.floats(-89, 89))
def test_the_direction_of_a_plane_wave_is_that_of_its_source(
  azimuth, elevation
):
  found = np.asarray(salsa_features(late_wave(azimuth, elevation)))
  towards = found[14:-4, :191][..., [6, 4, 5]]
  is_kept = (towards != 0).any(axis=-1)
  assert is_kept.mean() > 0.8
  xyz = geometry.to_cartesian(azimuth, elevation)
  np.testing.assert_allclose(
    towards[is_kept], np.broadcast_to(xyz, towards[is_kept].shape), atol=1e-4
  )
  assert not found[:, 191:, 4:].any()  # 9 kHz and above


def test_phases_are_path_differences_of_a_plane_wave():
  sound = noise(1, 9040)
  sound[:3000] *= 1e-3
  delays = np.array([0, 2, -3, 1])
  audio = delayed(sound, delays)
  found = np.asarray(salsa_features(audio, format='mic'))[14:-4, :, 4:]
  metres = -delays[1:] / RATE * 343
  is_kept = (found != 0).any(axis=-1)
  assert is_kept[:, :84].mean() > 0.8
  assert not is_kept[:, 84:].any()  # 4 kHz and above
  np.testing.assert_allclose(
    np.median(found[is_kept], axis=0), metres, atol=1e-3
  )


def test_noise_without_direction_is_left_out():
  """Independent channels have no source, and steady noise is the floor."""
  independent = np.asarray(salsa_features(noise(2, 4, 12000)))[..., 4:]
  assert (independent != 0).any(axis=-1)[:, :191].mean() < 0.02
  steady = np.tile(noise(3, 300), 40)  # the same in every frame
  one = np.asarray(salsa_features(plane_wave(steady, 20, 10)))[..., 4:]
  two = np.asarray(salsa_features(late_wave(20, 10)))[..., 4:]
  settled = lambda cells: (cells != 0).any(axis=-1)[14:-4, :191].mean()
  assert settled(one) < settled(two)


def test_gain_shifts_log_powers_and_nothing_else():
  audio = sound('foa')
  before, after = (np.asarray(salsa_features(x)) for x in (audio, 4 * audio))
  np.testing.assert_allclose(
    after[..., :4], before[..., :4] + 20 * np.log10(4), atol=2e-3
  )
  np.testing.assert_allclose(after[..., 4:], before[..., 4:], atol=1e-5)


def test_features_of_a_batch_are_those_of_each_example():
  batch = np.stack([sound('foa'), late_wave(20, 0, 6000), 0 * sound('foa')])
  together = np.asarray(salsa_features(batch.astype(np.float32)))
  for one, audio in zip(together, batch, strict=True):
    alone = np.asarray(salsa_features(audio.astype(np.float32)))
    np.testing.assert_allclose(one[..., :4], alone[..., :4], atol=1e-3)
    np.testing.assert_allclose(one[..., 4:], alone[..., 4:], atol=1e-5)


def test_long_recordings_equal_those_that_are_computed_at_once(monkeypatch):
  """Blocks of frames bound the memory, and leave no traces."""
  audio = sound('foa')
  whole = np.asarray(salsa_features(audio))
  monkeypatch.setattr(salsa, '_BLOCK_ELEMENTS', 16 * 191 * 3)
  in_blocks = np.asarray(jit(lambda x: features.salsa_features(x))(audio))
  np.testing.assert_allclose(in_blocks, whole, atol=1e-4)


@pytest.mark.parametrize('samples', [1, 301])
def test_recordings_of_any_length_have_features(samples):
  audio = 0.1 * np.ones((4, samples), np.float32)
  found = salsa_features(audio, pad_mode='constant')
  assert found.shape == (-(-samples // 300), 200, 7)
  assert np.isfinite(found).all()


@pytest.mark.parametrize(
  ('options', 'shape'),
  [
    ({}, (200, 7)),
    ({'n_fft': 256, 'win_length': 256}, (100, 7)),
    ({'sample_rate': 16000}, (255, 7)),
    ({'num_channels': 8, 'format': 'mic'}, (200, 15)),
  ],
)
def test_bands_are_bins_and_groups_of_bins(options, shape):
  whole = {'n_fft': 512, 'win_length': 512, 'hop_length': 300, 'format': 'foa'}
  whole |= options
  assert features.shape(kind='salsa', **whole) == shape
  channels = features.num_audio_channels(
    whole['format'], num_channels=whole.get('num_channels', 0)
  )
  found = jax.eval_shape(
    functools.partial(features.compute, kind='salsa', **whole),
    jax.ShapeDtypeStruct((channels, 3000), jnp.float32),
  )
  assert found.shape == (10, *shape)


@pytest.mark.parametrize('level', [0.0, 1e-20, 1e-9, 1.0, 1e4])
@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_any_level_is_finite_and_so_are_gradients(level, format):
  for gains in ([1, 1, 1, 1], [0, 1, 1, 1], [1, 0, 0, 0]):
    audio = level * noise(8, 4, 2400) * np.array(gains, np.float32)[:, None]
    audio[:, 1200:] *= 30
    cells, gradient = _values_and_gradient(audio, format)
    assert np.isfinite(cells).all()
    assert np.isfinite(gradient).all()
    norm = np.linalg.norm(cells[..., 4:], axis=-1)
    if format == 'foa':
      assert (np.isclose(norm, 1, atol=1e-4) | (norm == 0)).all()
    if not level:
      assert not norm.any()


@functools.partial(jit, static_argnames='format')
def _values_and_gradient(audio, format):
  def total(x):
    cells = features.salsa_features(x, format=format)
    return jnp.sum(cells * jnp.cos(jnp.arange(7.0))), cells

  gradient, cells = jax.grad(total, has_aux=True)(audio)
  return cells, gradient


def test_gradients_equal_finite_differences():
  rng = np.random.default_rng(0)
  wave = rng.standard_normal(640) * np.repeat([1e-3, 1.0], 320)
  audio = np.stack([wave, 0.5 * wave, 0.1 * wave, -0.8 * wave])
  audio += 1e-2 * rng.standard_normal(audio.shape)
  options: dict[str, Any] = {'n_fft': 32, 'win_length': 32, 'hop_length': 20}
  with jax.enable_x64(True):
    test_util.check_grads(
      jax.jit(lambda x: features.salsa_features(x, **options)[..., 4:]),
      (jnp.asarray(audio, jnp.float64),),
      order=1,
      modes=['rev'],
      rtol=1e-3,
    )


def test_the_defaults_are_the_published_values_of_known_options():
  known = {field.name for field in dataclasses.fields(features.FeatureOptions)}
  for function in features.salsa_features, features.salsa_lite_features:
    defaults = {
      name: parameter.default
      for name, parameter in inspect.signature(function).parameters.items()
      if parameter.kind is parameter.KEYWORD_ONLY and name != 'format'
    }
    assert set(defaults) <= known
    assert defaults['n_fft'] == defaults['win_length'] == 512
    assert defaults['hop_length'] == 300
    assert defaults['pad_mode'] == 'reflect'


def test_other_formats_and_channels_are_refused():
  with pytest.raises(ValueError, match="'foa' or 'mic', got 'stereo'"):
    features.salsa_features(noise(0, 2, 960), format='stereo')
  with pytest.raises(ValueError, match='the 4 channels'):
    features.salsa_features(noise(0, 5, 960))
  with pytest.raises(ValueError, match='too short for SALSA'):
    features.shape(format='foa', kind='salsa', n_fft=2)
