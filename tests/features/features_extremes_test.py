"""Features of any finite audio, and their gradients, are finite and bounded."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.array_sounds import FORMATS, RATE, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax import jit

from seld_jax import features


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
  """Compiled features, and the gradient of a weighted sum of all of them."""

  def total(audio, offset):
    cells = features.compute(audio, format=array, offset=offset)
    return jnp.sum(cells * jnp.cos(jnp.arange(cells.size)).reshape(cells.shape))

  return FORMATS[array], jit(jax.grad(total))


def assert_finite_and_bounded(array, audio, offset):
  function, gradient = features_and_gradient(array)
  cells = np.asarray(function(audio, offset=offset))
  assert np.isfinite(cells).all()
  log_mels, spatial = cells[..., :4], cells[..., 4:]
  assert log_mels.min() > -100.001
  # The loudest possible frame has all its power in one band of weight 1.
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
