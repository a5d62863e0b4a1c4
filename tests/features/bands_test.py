"""The frequencies of bands, and which of them have directions."""

import functools

import numpy as np
import pytest
from helpers.array_sounds import noise
from jax import jit

from seld_jax import features

RATE = 24000
KINDS = {
  'foa': {'format': 'foa', 'n_mels': 32},
  'mic': {'format': 'mic'},
  'stereo': {'format': 'stereo', 'sample_rate': RATE},
  'foa, salsa': {'format': 'foa', 'kind': 'salsa'},
  'mic, salsa': {'format': 'mic', 'kind': 'salsa', 'alias_frequency': 3000.0},
  'mic, salsa_lite': {'format': 'mic', 'kind': 'salsa_lite'},
  'other rate': {
    'format': 'mic',
    'kind': 'salsa_lite',
    'n_fft': 512,
    'win_length': 512,
    'alias_frequency': 1234.0,
  },
}


@functools.cache
def extractor(name):
  """Computes features; both tests have recordings of the same length."""
  return jit(lambda audio: features.compute(audio, **KINDS[name]))


@pytest.mark.parametrize('name', KINDS)
def test_a_tone_is_loudest_in_the_band_of_its_frequency(name):
  options = KINDS[name]
  frequencies = features.band_frequencies(**options)
  bands, _ = features.shape(**options)
  assert frequencies.shape == (bands,)
  assert (np.diff(frequencies) > 0).all()
  count = features.num_audio_channels(options['format'])
  time = np.arange(9600) / RATE
  for band in range(5, bands, bands // 8):
    tone = 0.1 * np.sin(2 * np.pi * frequencies[band] * time)
    found = extractor(name)(np.stack([tone] * count).astype(np.float32))
    assert abs(int(found[5, :, 0].argmax()) - band) <= 1


@pytest.mark.parametrize('name', [one for one in KINDS if one != 'stereo'])
def test_bands_without_directions_are_those_that_are_always_0(name):
  options = KINDS[name]
  count = features.num_audio_channels(options['format'])
  limit = features.num_direction_bands(**options)
  sound = noise(0, 9600)
  sound[:4800] *= 1e-3  # SALSA needs a sound that begins
  gains = np.linspace(1, 0.5, count)[:, None]
  audio = gains * sound + noise(1, count, 9600, level=1e-4)
  spatial = np.asarray(extractor(name)(audio.astype(np.float32)))[..., count:]
  has_any = np.abs(spatial).max(axis=(0, 2)) > 0
  assert has_any[:limit].mean() > 0.95
  assert has_any[limit - 1] and not has_any[limit:].any()


def test_every_band_of_stereo_has_a_level_difference():
  options = KINDS['stereo']
  bands, _ = features.shape(**options)
  assert features.num_direction_bands(**options) == bands
