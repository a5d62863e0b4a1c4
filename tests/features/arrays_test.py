"""Features of arrays of any number of microphones, and of all formats."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.array_sounds import delayed, noise
from jax import jit

from seld_jax import features

mic_features = jit(features.mic_features)


@pytest.mark.parametrize('channels', [2, 5, 8])
def test_correlations_peak_at_the_delay_of_each_pair(channels):
  delays = np.random.default_rng(channels).integers(-9, 9, channels)
  found = np.asarray(mic_features(delayed(noise(1, 4840), delays)))
  pairs = list(itertools.combinations(range(channels), 2))
  assert found.shape == (10, 64, channels + len(pairs))
  assert features.shape(format='mic', num_channels=channels) == found.shape[1:]
  lags = found[2:-2, :, channels:].argmax(axis=1) - 32
  expected = [delays[second] - delays[first] for first, second in pairs]
  np.testing.assert_array_equal(lags, np.stack([expected] * len(lags)))


def test_a_pair_of_microphones_has_the_features_of_the_pair_alone():
  audio = noise(2, 5, 4800)
  whole = np.asarray(mic_features(audio))
  pairs = list(itertools.combinations(range(5), 2))
  for first, second in (0, 1), (1, 4), (2, 3):
    alone = np.asarray(mic_features(audio[[first, second]]))
    wanted = [first, second, 5 + pairs.index((first, second))]
    np.testing.assert_allclose(alone, whole[..., wanted], atol=1e-3)


@pytest.mark.parametrize(
  ('format', 'kind'),
  [
    (format, kind) for kind in features.KINDS for format in features.KINDS[kind]
  ],
)
def test_features_have_the_type_of_the_sound(format, kind):
  sound = np.random.default_rng(0).uniform(
    -1, 1, (features.FORMATS[format], 960)
  )
  compute = functools.partial(features.compute, format=format, kind=kind)
  if format == 'foa':
    assert compute(sound).dtype == jnp.float32  # the widest type that JAX has
  with jax.enable_x64(True):
    narrow = jax.eval_shape(compute, sound.astype(np.float32))
    assert narrow.dtype == jnp.float32
    assert jax.eval_shape(compute, sound).dtype == jnp.float64


@pytest.mark.parametrize('kind', features.KINDS)
@pytest.mark.parametrize('format', features.FORMATS)
@pytest.mark.parametrize('num_channels', [0, 2, 7])
def test_the_shape_is_that_of_the_features(format, kind, num_channels):
  options = {'format': format, 'kind': kind, 'num_channels': num_channels}
  usual = features.FORMATS[format]
  if format not in features.KINDS[kind] or (
    format != 'mic' and num_channels not in (0, usual)
  ):
    with pytest.raises(ValueError):
      features.shape(**options)
    with pytest.raises(ValueError):
      features.compute(np.zeros((4, 960), np.float32), **options)
    return
  count = features.num_audio_channels(format, num_channels=num_channels)
  assert count == (num_channels or usual)
  found = jax.eval_shape(
    lambda x: features.compute(x, **options),
    jax.ShapeDtypeStruct((3, count, 4800), jnp.float32),
  )
  assert found.shape == (3, 10, *features.shape(**options))
  if kind == 'log_mel' and format == 'mic':
    assert found.shape[-1] == count + math.comb(count, 2)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'format': 'binaural'}, 'one of foa, mic, stereo, got .binaural'),
    ({'format': 'mic', 'num_channels': 1}, '2 or more'),
    ({'format': 'foa', 'num_channels': 6}, 'The format foa has 4 channels'),
    ({'format': 'stereo', 'kind': 'salsa'}, 'kind must be log_mel in the'),
    ({'format': 'foa', 'kind': 'gcc'}, "log_mel or salsa .* got 'gcc'"),
  ],
)
def test_features_that_do_not_exist_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    features.shape(**options)
