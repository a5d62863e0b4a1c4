"""Stereo features equal librosa and NumPy, and follow physics."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from helpers.array_sounds import RATE, bursts, delayed, noise
from jax import jit

from seld_jax import augment, features

EVERY = tuple(features.STEREO_CHANNELS)
stereo_features = jit(
  features.stereo_features, static_argnames=('stereo', 'top_db')
)
compute = jit(features.compute, static_argnames=('format', 'stereo'))
# Channels of the features with all further ones.
LEFT, RIGHT, MID, SIDE, LEVEL, COSINE, SINE, COHERENCE = range(8)


def scene(samples=12000):
  """Bursts that reach left and right differently, in soft noise."""
  sound = bursts(1, samples + 40)
  both = delayed(sound, (0, 4)) * np.array([[1.0], [0.6]], np.float32)
  return both + noise(2, 2, samples, level=1e-3)


def reference(audio):
  left, right = np.swapaxes(
    librosa.stft(
      audio.astype(np.float64) + 1e-8,
      n_fft=1024,
      hop_length=480,
      win_length=960,
      pad_mode='constant',
      dtype=np.complex128,
    ),
    -1,
    -2,
  )[:, : -(-audio.shape[-1] // 480)]
  filters = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=64, dtype=float)
  power = lambda spectrum: np.abs(spectrum) ** 2 @ filters.T
  decibels = lambda spectrum: librosa.power_to_db(power(spectrum), top_db=None)
  # Published: all channels together.
  floor = max(decibels(left).max(), decibels(right).max()) - 80
  phase = np.angle(right) - np.angle(left)
  mean = lambda values: values @ filters.T / filters.sum(axis=-1)
  cross = np.conj(left) * right @ filters.T
  return np.stack(
    [
      *(
        np.maximum(decibels(part), floor)
        for part in (left, right, (left + right) / 2, (left - right) / 2)
      ),
      decibels(left) - decibels(right),
      mean(np.cos(phase)),
      mean(np.sin(phase)),
      np.abs(cross) / np.sqrt(power(left) * power(right)),
    ],
    axis=-1,
  )


def test_all_channels_equal_librosa_and_numpy():
  audio = scene()
  found = np.asarray(stereo_features(audio, stereo=EVERY))
  expected = reference(audio)
  assert found.shape == expected.shape == (25, 64, 8)
  np.testing.assert_allclose(found[..., :5], expected[..., :5], atol=2e-3)
  np.testing.assert_allclose(found[..., 5:], expected[..., 5:], atol=1e-4)


def test_log_mels_alone_are_the_default():
  audio = scene()
  found = np.asarray(stereo_features(audio))
  assert found.shape == (25, 64, 2)
  whole = stereo_features(audio, stereo=EVERY)
  np.testing.assert_allclose(found, whole[..., :2], atol=1e-4)


def test_a_soft_side_is_clipped_below_the_loud_one():
  """As in the published code, so that the difference in level remains."""
  audio = noise(9, 2, 4800) * np.array([[1.0], [1e-3]], np.float32)
  left, right = np.moveaxis(
    np.asarray(stereo_features(audio, top_db=70.0)), -1, 0
  )
  np.testing.assert_allclose(right.min(), left.max() - 70, atol=1e-4)
  free = np.asarray(stereo_features(audio, top_db=None))[..., 1]
  np.testing.assert_allclose(
    right, np.maximum(free, left.max() - 70), atol=1e-4
  )


@pytest.mark.parametrize(
  'names', [('side', 'level'), ('phase', 'coherence'), ('mid', 'phase')]
)
def test_named_channels_come_in_their_own_order(names):
  whole = features.shape(format='stereo', stereo=EVERY)[1]
  places, start = {}, 2
  for name, count in features.STEREO_CHANNELS.items():
    places[name] = list(range(start, start + count))
    start += count
  assert start == whole == 8
  audio = scene(2400)
  wanted = [0, 1, *places[names[0]], *places[names[1]]]
  expected = np.asarray(stereo_features(audio, stereo=EVERY))[..., wanted]
  for order in names, names[::-1], (*names, names[0]):
    found = compute(audio, format='stereo', stereo=order)
    assert found.shape[-2:] == features.shape(format='stereo', stereo=order)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_differences_are_those_of_the_sound():
  """One sound, softer by 6 dB and 3 samples later on the right."""
  sound = noise(3, 12040)
  audio = delayed(sound, (0, 3)) * np.array([[1.0], [0.5]], np.float32)
  found = np.asarray(stereo_features(audio, stereo=EVERY))[2:-2]
  np.testing.assert_allclose(
    found[..., LEVEL].mean(axis=0), 20 * np.log10(2), atol=0.5
  )
  filters = features.mel_filter_bank()
  shares = filters / filters.sum(axis=-1, keepdims=True)
  phase = -2 * np.pi * np.arange(513) * RATE / 1024 * 3 / RATE
  np.testing.assert_allclose(
    found[..., COSINE].mean(axis=0), shares @ np.cos(phase), atol=0.05
  )
  np.testing.assert_allclose(
    found[..., SINE].mean(axis=0), shares @ np.sin(phase), atol=0.05
  )


def test_coherence_tells_one_sound_from_two():
  one, other = noise(4, 24000), noise(5, 24000)
  for audio, least, most in (
    ([one, -0.3 * one], 1 - 1e-3, 1 + 1e-4),
    ([one, other], 0.0, 0.75),
    ([one, 0 * one], 0.0, 1e-6),
  ):
    cells = np.asarray(
      stereo_features(np.stack(audio).astype(np.float32), stereo=('coherence',))
    )[2:-2, :, 2]
    assert least <= cells.mean() <= most
    assert cells.max() <= 1 + 1e-4


def test_mid_and_side_are_the_omnidirectional_and_the_left_right_signal():
  """Left is W + Y and right W - Y in recordings of 2025."""
  w, y = noise(6, 4800), noise(7, 4800)
  audio = np.stack([w + y, w - y])
  found = np.asarray(stereo_features(audio, stereo=('side', 'mid')))
  alone = np.asarray(stereo_features(np.stack([w, y])))
  # Each of the channels has the offset, so that the side has none.
  np.testing.assert_allclose(found[:, 1:, MID], alone[:, 1:, 0], atol=2e-3)
  np.testing.assert_allclose(found[:, 1:, SIDE], alone[:, 1:, 1], atol=2e-3)


def test_exchanged_sides_have_exchanged_features():
  turns = augment.make_turns(format='stereo', stereo=EVERY)
  audio = scene()
  doa = np.array([[[0.6, 0.8, 0.0]]], np.float32)
  before = stereo_features(audio, stereo=EVERY)
  expected = np.asarray(stereo_features(audio[::-1], stereo=EVERY))
  found, turned = turns.apply(before, doa, 1)
  np.testing.assert_allclose(found, expected, atol=1e-3)
  np.testing.assert_allclose(found[..., 5:], expected[..., 5:], atol=1e-5)
  np.testing.assert_allclose(turned[0, 0], [0.6, -0.8, 0.0])
  same, straight = turns.apply(before, doa, 0)
  np.testing.assert_array_equal(same, before)
  np.testing.assert_array_equal(straight, doa)


@pytest.mark.parametrize('level', [0.0, 1e-20, 1e-12, 1.0, 1e4])
@pytest.mark.parametrize('offset', [0.0, 1e-8])
def test_any_level_is_finite_and_so_are_gradients(level, offset):
  audio = level * noise(8, 2, 2400)
  for gains in ([1, 1], [1, 0], [0, 1]):
    part = audio * np.array(gains, np.float32)[:, None]
    values, gradient = _values_and_gradient(part, offset)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
    assert (np.abs(values[..., COSINE:]) <= 1 + 1e-4).all()
    if not level and not offset:
      assert not values[..., LEVEL:].any()


@jit
def _values_and_gradient(audio, offset):
  def total(x):
    cells = features.stereo_features(x, stereo=EVERY, offset=offset)
    return jnp.sum(cells * jnp.cos(jnp.arange(8.0))), cells

  gradient, cells = jax.grad(total, has_aux=True)(audio)
  return cells, gradient


def test_other_names_and_channels_are_refused():
  with pytest.raises(ValueError, match="any of mid, side, .*, got 'middle'"):
    features.stereo_features(np.zeros((2, 480), 'f'), stereo=('middle',))
  with pytest.raises(ValueError, match="any of mid, side, .*, got 'middle'"):
    features.shape(format='stereo', stereo=('middle',))
  with pytest.raises(ValueError, match='the 2 channels'):
    features.stereo_features(np.zeros((4, 480), 'f'))
