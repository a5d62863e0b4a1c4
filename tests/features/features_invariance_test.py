"""Features do not depend on chunks, batches or compilation, and their gradient
equals finite differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.array_sounds import FORMATS, PAPER, SHORT, noise, scene
from jax import test_util

from seld_jax import features


@pytest.mark.parametrize('options', [PAPER, SHORT], ids=['paper', 'short'])
@pytest.mark.parametrize('array', FORMATS)
def test_features_of_a_chunk_are_those_of_the_whole(array, options):
  hop, window = options['hop_length'], options['win_length']
  audio = scene('events', array, 24000)
  function = functools.partial(FORMATS[array], top_db=None, **options)
  whole = np.asarray(function(audio))
  compared = 0
  for first, length in (0, 9601), (4, 9601), (7, 24000 - 7 * hop):
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
def test_features_of_a_batch_are_those_of_each_example(array):
  batch = np.stack([scene('events', array, 4800), noise(12, 4, 4800)])
  batch = np.stack([batch, 0.01 * batch[::-1], batch * 0])  # [3, 2, 4, 4800]
  together = np.asarray(FORMATS[array](batch))
  mapped = np.asarray(jax.vmap(jax.vmap(FORMATS[array]))(batch))
  for index in np.ndindex(3, 2):
    single = FORMATS[array](batch[index])
    np.testing.assert_allclose(together[index], single, atol=1e-4)
    np.testing.assert_allclose(mapped[index], single, atol=1e-4)


@pytest.mark.parametrize('name', ['foa', 'mic'])
def test_compiled_features_equal_eager_ones(name):
  audio = scene('speech', name, 4800)
  eager = features.compute(jnp.asarray(audio), format=name)
  assert eager.shape[-2:] == features.shape(format=name)
  np.testing.assert_allclose(FORMATS[name](audio), eager, atol=1e-3)


def test_gradient_equals_finite_differences():
  with jax.enable_x64(True):
    for array in features.foa_features, features.mic_features:
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
  stated = FORMATS[name](
    audio,
    sample_rate=24000,
    n_fft=1024,
    hop_length=480,
    win_length=960,
    n_mels=64,
    top_db=80.0,
    offset=1e-8,
  )
  np.testing.assert_array_equal(FORMATS[name](audio), stated)
  for option in {'offset': 1e-2}, {'top_db': 20.0}:
    other = FORMATS[name](audio, **option)
    assert np.abs(other - stated).max() > 0.1
