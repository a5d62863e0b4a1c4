"""Cross-stitch units against their formula and its derivatives."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import numbers
from jax import jit

from seld_jax.model import cross_stitch


@pytest.mark.parametrize('shape', [(2, 5, 8, 3), (4, 6, 3)])
def test_values_and_gradients_are_those_of_the_matrix_product(shape):
  one, two = numbers(*shape), numbers(*shape, seed=1)
  weights = numbers(2, 2, shape[-1], seed=2)
  to_results = numbers(2, *shape, seed=3)
  values, pull = jax.vjp(cross_stitch.mix, one, two, weights)
  wide = [np.float64(array) for array in (one, two, weights, to_results)]
  inputs = np.stack(wide[:2])
  expected = np.einsum('ijc,j...c->i...c', wide[2], inputs)
  np.testing.assert_allclose(values, expected, atol=1e-5)
  to_one, to_two, to_weights = pull(tuple(jnp.asarray(to_results)))
  np.testing.assert_allclose(
    [to_one, to_two],
    np.einsum('ijc,i...c->j...c', wide[2], wide[3]),
    atol=1e-5,
  )
  flat = lambda arrays: arrays.reshape(2, -1, shape[-1])
  np.testing.assert_allclose(
    to_weights,
    np.einsum('ixc,jxc->ijc', flat(wide[3]), flat(inputs)),
    rtol=1e-4,
    atol=1e-4,
  )


def test_every_trunk_mostly_keeps_its_own_features_at_first():
  one, two = np.ones((1, 4)), np.full((1, 4), 11)
  unit: Any = cross_stitch.CrossStitch()
  (first, second), variables = unit.init_with_output(
    jax.random.key(0), one, two
  )
  assert variables['params']['weights'].shape == (2, 2, 4)
  np.testing.assert_allclose(first, 0.9 * one + 0.1 * two, rtol=1e-6)
  np.testing.assert_allclose(second, 0.1 * one + 0.9 * two, rtol=1e-6)
  # Equal features pass unchanged: their scale is kept.
  same, also = unit.apply(variables, one, one)
  np.testing.assert_allclose([same, also], [one, one], rtol=1e-6)


def test_gradients_of_the_weights_of_bfloat16_maps_are_summed_in_float32():
  """A sum of 4096 ones in bfloat16 would end at 256."""
  maps = jnp.ones((16, 16, 16, 2), jnp.bfloat16)
  weights = jnp.ones((2, 2, 2), jnp.float32)

  def total(weights):
    one, two = cross_stitch.mix(maps, maps, weights)
    assert one.dtype == jnp.bfloat16
    return jnp.sum(one[..., 0].astype(jnp.float32)) + 0 * jnp.sum(two)

  gradient = jit(jax.grad(total))(weights)
  assert gradient.dtype == jnp.float32
  np.testing.assert_array_equal(gradient[0, :, 0], [4096, 4096])
  np.testing.assert_array_equal(gradient[1], np.zeros((2, 2)))


def test_it_can_be_mapped():
  one, two = numbers(5, 2, 3, 4, 6), numbers(5, 2, 3, 4, 6, seed=1)
  weights = numbers(2, 2, 6, seed=2)
  loss = lambda *arrays: sum(
    jnp.sum(values**3) for values in cross_stitch.mix(*arrays)
  )
  gradient = jax.grad(loss, argnums=2)
  mapped = jit(jax.vmap(gradient, (0, 0, None)))(one, two, weights)
  each = [gradient(a, b, weights) for a, b in zip(one, two, strict=True)]
  close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-4)
  close(mapped, np.stack(each))
