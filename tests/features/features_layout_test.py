"""The order of the features, and errors for audio with a wrong shape or unknown
options."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.array_sounds import FORMATS, noise

from seld_jax import features


def published_order(log_mels, spatial):
  """The order of the published scripts, computed number by number."""
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
def test_both_layouts_have_each_number_at_its_place(spatial_channels):
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
  # The same numbers, nearly all of them at another place.
  np.testing.assert_array_equal(
    np.sort(published, None), np.sort(aligned, None)
  )
  assert np.mean(published == aligned) < 0.02


@pytest.mark.parametrize('array', FORMATS)
def test_features_have_the_published_layout_on_demand(array):
  audio = np.stack([noise(14, 4, 4800), noise(15, 4, 4800)])
  aligned = np.asarray(FORMATS[array](audio))
  published = np.asarray(FORMATS[array](audio, layout='published'))
  for one, other in zip(aligned, published, strict=True):
    channels = np.moveaxis(one, -1, 0)
    np.testing.assert_allclose(
      other, published_order(channels[:4], channels[4:]), atol=1e-4
    )


# Errors.


@pytest.mark.parametrize('name', ['foa', 'mic'])
@pytest.mark.parametrize('shape', [(3, 4800), (4800, 4), (2, 5, 480), (480,)])
def test_wrong_channels_are_refused_with_shape_and_axis(name, shape):
  with pytest.raises(ValueError) as error:
    features.compute(jnp.zeros(shape), format=name)
  assert str(error.value) == (
    f'compute needs the 4 channels of the audio on axis -2, got shape {shape}.'
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
  for array in features.foa_features, features.mic_features:
    with pytest.raises(ValueError, match=message):
      jax.eval_shape(functools.partial(array, **options), jnp.zeros((4, 480)))
