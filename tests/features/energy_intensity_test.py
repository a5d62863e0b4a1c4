"""Intensity vectors divided by the energy, as in the baselines from 2021 on."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile
from helpers.array_sounds import RATE, noise, plane_wave, scene
from helpers.shared_files import shared
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import features, geometry

foa_features = jit(
  features.foa_features, static_argnames=('intensity', 'n_fft', 'win_length')
)
REACH = features.mel_filter_bank().sum(axis=-1)[:, None]


def reference(audio):
  """The published formula in float64, with the spectra of librosa."""
  w, y, z, x = librosa.stft(
    audio.astype(np.float64) + 1e-8,
    n_fft=1024,
    hop_length=480,
    win_length=960,
    pad_mode='constant',
    dtype=np.complex128,
  )[..., : -(-audio.shape[-1] // 480)]
  filters = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=64, dtype=float)
  energy = 1e-8 + abs(w) ** 2 + (abs(y) ** 2 + abs(z) ** 2 + abs(x) ** 2) / 3
  vectors = [np.real(np.conj(w) * dipole) / energy for dipole in (y, z, x)]
  return np.stack([(filters @ vector).T for vector in vectors], axis=-1)


@pytest.mark.parametrize('kind', ['noise', 'speech', 'room'])
def test_vectors_equal_the_published_formula(kind):
  audio = scene(kind, 'foa', 12000)
  found = np.asarray(foa_features(audio, intensity='energy'))
  np.testing.assert_allclose(found[..., 4:], reference(audio), atol=1e-4)
  before = np.asarray(foa_features(audio))
  np.testing.assert_allclose(found[..., :4], before[..., :4], atol=1e-4)
  assert np.abs(found - before)[..., 4:].max() > 1e-3


def test_features_of_a_real_recording_are_the_published_ones():
  """Those of DCASE 2024, which PyTorch code has written beside its outputs."""
  audio, rate = soundfile.read(
    shared('spatial/starss23_foa_5s.wav'), dtype='float32'
  )
  with np.load(shared('published/dcase2024/golden.npz')) as golden:
    published = golden['clip_features']  # channel by channel, of 64 bands
  assert rate == RATE
  assert published.shape == (250, 448)
  expected = published.reshape(250, 7, 64).transpose(0, 2, 1)
  found = np.asarray(foa_features(audio.T, intensity='energy'))
  np.testing.assert_allclose(found[..., :4], expected[..., :4], atol=1e-3)
  np.testing.assert_allclose(found[..., 4:], expected[..., 4:], atol=1e-4)


@settings(deadline=None, max_examples=20)
@given(azimuth=st.floats(-180, 180), elevation=st.floats(-90, 90))
def test_a_plane_wave_has_three_quarters_of_a_unit_vector(azimuth, elevation):
  audio = plane_wave(noise(0, 4800), azimuth, elevation)
  found = np.asarray(foa_features(audio, intensity='energy'))[..., [6, 4, 5]]
  xyz = geometry.to_cartesian(azimuth, elevation)
  np.testing.assert_allclose(found / REACH, 0.75 * xyz + 0 * found, atol=1e-3)


def test_waves_from_opposite_sides_are_shorter_than_one_wave():
  """A standing wave has energy but no direction; the norm hides that."""
  sound = noise(0, 4800)
  both = plane_wave(sound, 30, 0) + 0.9 * plane_wave(sound, -150, 0)
  energy, norm = (
    np.linalg.norm(foa_features(both, intensity=name)[..., 4:], axis=-1)
    for name in ('energy', 'norm')
  )
  reach = REACH[:, 0]
  np.testing.assert_allclose(norm / reach, 1, atol=1e-3)
  # (1 + 0.9) (1 - 0.9) over (1 + 0.9)^2 + (1 - 0.9)^2 / 3
  np.testing.assert_allclose(
    energy / reach, 0.19 / (3.61 + 0.01 / 3), atol=1e-3
  )


def test_vectors_are_bounded_and_finite_in_silence():
  for gain, level in (2, 0.1), (1, 0.1), (1, 0.0):  # of dipoles, of all
    audio = level * noise(1, 4, 4800, level=1.0)
    audio[1:] *= gain
    cells = foa_features(audio, intensity='energy', offset=0.0)
    vectors = np.asarray(cells)[..., 4:]
    bound = np.sqrt(3) / 2 * REACH[:, 0]
    assert (np.linalg.norm(vectors, axis=-1) <= bound * 1.001).all()
    gradient = jit(
      jax.grad(
        lambda x: jnp.sum(
          features.foa_features(x, intensity='energy', offset=0.0)[..., 4:] ** 2
        )
      )
    )(audio)
    assert np.isfinite(gradient).all()
  assert not vectors.any()


def test_another_normalisation_is_refused():
  with pytest.raises(ValueError, match="'norm' or 'energy', got 'power'"):
    features.foa_features(noise(0, 4, 960), intensity='power')
