"""Convolution by Winograd's algorithm against XLA, SciPy and float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from helpers.random_arrays import numbers
from helpers.reference_convolution import xla_convolution as xla
from jax import jit

from seld_jax.model import winograd


def maps_and_kernel(batch, frames, bands, channels, filters):
  x = numbers(batch, frames, bands, channels)
  return x, numbers(3, 3, channels, filters, seed=1)


@pytest.mark.parametrize(
  ('batch', 'frames', 'bands', 'tiles'),
  [
    (2, 24, 8, 1),
    (2, 24, 8, 1000),
    (1, 1, 1, 5),
    (1, 28, 3, 5),
    (3, 13, 9, 1),
    (3, 13, 9, 5),
    (2, 5, 4, 1000),
    (1, 42, 6, 5),
  ],
)
def test_any_shape_and_block_size_equals_xla(
  monkeypatch, batch, frames, bands, tiles
):
  """Outputs and the gradient of the kernel, in float64."""
  monkeypatch.setattr(winograd, '_BLOCK', tiles * 36 * (2 + 3))

  @jit
  def ours_and_theirs(x, kernel):
    theirs, backwards = jax.vjp(functools.partial(xla, x), kernel)
    weights = jnp.sin(jnp.arange(theirs.size)).reshape(theirs.shape)
    ours = winograd.winograd(x, kernel)
    gradient = winograd.winograd_kernel_gradient(x, weights)
    return (ours, gradient), (theirs, backwards(weights)[0])

  with jax.enable_x64(True):
    x, kernel = (
      part.astype(np.float64)
      for part in maps_and_kernel(batch, frames, bands, 2, 3)
    )
    for ours, theirs in zip(*ours_and_theirs(x, kernel), strict=True):
      assert ours.dtype == np.float64
      np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_it_is_a_correlation_with_zeros_around():
  x, kernel = maps_and_kernel(1, 9, 8, 1, 1)
  expected = scipy.signal.correlate2d(
    x[0, ..., 0].astype(np.float64), kernel[..., 0, 0], mode='same'
  )
  actual = jit(winograd.winograd)(x, kernel)[0, ..., 0]
  np.testing.assert_allclose(actual, expected, atol=1e-5)


# Channels and filters for which Winograd's algorithm computes everything, the
# gradient of the kernel only, and nothing.
@pytest.mark.parametrize('sizes', [(48, 48), (7, 64), (2, 3)])
@pytest.mark.parametrize('backend', ['cpu', 'gpu'])
def test_outputs_and_gradients_are_those_of_xla(monkeypatch, sizes, backend):
  monkeypatch.setattr(jax, 'default_backend', lambda: backend)
  x, kernel = maps_and_kernel(2, 20, 32, *sizes)
  weights = numbers(2, 20, 32, sizes[1], seed=2)

  def value_and_gradients(convolve):
    y, backwards = jax.vjp(convolve, x, kernel)
    return y, *backwards(weights)

  ours = jit(lambda: value_and_gradients(winograd.conv3x3))()
  theirs = jit(lambda: value_and_gradients(xla))()
  for actual, reference in zip(ours, theirs, strict=True):
    scale = np.sqrt(np.mean(np.square(reference)))
    np.testing.assert_allclose(actual / scale, reference / scale, atol=2e-5)


@pytest.mark.parametrize(
  ('frames', 'sizes', 'ways'),
  [
    (32, (48, 48), (0, 0)),
    (28, (48, 48), (2, 1)),
    (32, (7, 64), (2, 1)),
    (32, (2, 3), (3, 2)),
  ],
)
def test_tiles_and_channels_select_the_algorithm(frames, sizes, ways):
  """The number of XLA convolutions, of at most three and two."""
  x, kernel = maps_and_kernel(1, frames, 32, *sizes)

  def both(x, kernel):
    y, backwards = jax.vjp(winograd.conv3x3, x, kernel)
    return y, backwards(y)

  to_kernel = lambda x, kernel: both(x, kernel)[1][1]
  for function, expected in zip((both, to_kernel), ways, strict=True):
    text = jax.jit(function).lower(x, kernel).as_text()
    assert text.count('stablehlo.convolution') == expected


def test_rounding_errors_are_as_documented():
  """Relative to float64, for 64 channels: 8e-7 of the standard deviation."""
  x, kernel = maps_and_kernel(2, 40, 64, 64, 64)
  with jax.enable_x64(True):
    exact = jit(xla)(x.astype(np.float64), kernel.astype(np.float64))
    exact = np.asarray(exact)
  errors = np.asarray(jit(winograd.conv3x3)(x, kernel)) - exact
  assert 1e-7 < errors.std() / exact.std() < 1.2e-6


def test_bfloat16_uses_xla():
  x, kernel = maps_and_kernel(1, 40, 32, 48, 48)
  x, kernel = jnp.asarray(x, jnp.bfloat16), jnp.asarray(kernel, jnp.bfloat16)
  outputs = winograd.conv3x3(x, kernel)
  assert outputs.dtype == jnp.bfloat16
  np.testing.assert_array_equal(outputs, xla(x, kernel))


def test_examples_are_independent():
  x, kernel = maps_and_kernel(3, 36, 32, 48, 48)
  convolve = jit(winograd.conv3x3)
  together = convolve(x, kernel)
  for example in range(3):
    alone = convolve(x[example : example + 1], kernel)
    np.testing.assert_allclose(together[example], alone[0], atol=1e-4)
  x[1] = np.nan
  others = convolve(x, kernel)
  np.testing.assert_array_equal(others[0], together[0])
  np.testing.assert_array_equal(others[2], together[2])
