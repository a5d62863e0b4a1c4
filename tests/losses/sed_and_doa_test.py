"""Loss terms against NumPy in float64, their gradients against differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.network_outputs import CLASSES, batch, masked_mse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax import jit, test_util

from seld_jax import losses

# Each term: its function, the names of its two arrays, and the same in NumPy.


def numpy_cross_entropy(logits, targets):
  positive = targets * np.logaddexp(0, -logits)
  negative = (1 - targets) * np.logaddexp(0, logits)
  return (positive + negative).sum(axis=-1)


TERMS = {
  'sed_mse': (
    losses.sed_mse,
    ('sed', 'activity'),
    lambda p, t: ((p - t) ** 2).mean(axis=-1),
  ),
  'sed_cross_entropy': (
    losses.sed_cross_entropy,
    ('logits', 'activity'),
    numpy_cross_entropy,
  ),
  'doa_mse': (
    losses.doa_mse,
    ('doa', 'xyz'),
    lambda p, t: ((p - t) ** 2).mean(axis=(-2, -1)),
  ),
}
parametrize_terms = pytest.mark.parametrize('term', TERMS)


@parametrize_terms
@pytest.mark.parametrize('shape', [(), (4,), (2, 3, 4)])
def test_terms_equal_numpy(term, shape):
  function, names, expected = TERMS[term]
  pair = [batch(shape)[name] for name in names]
  actual = function(*(jnp.asarray(x, jnp.float32) for x in pair))
  assert actual.shape == shape
  assert actual.dtype == jnp.float32
  np.testing.assert_allclose(actual, expected(*pair), rtol=1e-5)
  with jax.enable_x64(True):
    precise = function(*map(jnp.asarray, pair))
    assert precise.dtype == jnp.float64
    np.testing.assert_allclose(precise, expected(*pair), rtol=1e-12)


def test_known_values():
  half = jnp.full((4,), 0.5)
  one = jnp.array([1.0, 0.0, 0.0, 0.0])
  assert losses.sed_mse(half, one) == 0.25
  np.testing.assert_allclose(
    losses.sed_cross_entropy(jnp.zeros(4), one), 4 * np.log(2), rtol=1e-6
  )
  front, left = jnp.eye(3)[:2]
  doa, xyz = jnp.stack([left, 7 * left]), jnp.stack([front, 0 * front])
  assert losses.doa_mse(doa, xyz) == (2 + 49) / 6
  # The second class is not active: whatever it points to is free.
  assert losses.doa_masked_mse(doa, xyz, jnp.array([1, 0])) == (2, 3)
  assert losses.doa_masked_mse(doa, xyz, jnp.array([True, True])) == (51, 6)


@settings(deadline=None, max_examples=40)
@given(
  logits=hnp.arrays(
    np.float32, (CLASSES,), elements=st.floats(-1e4, 1e4, width=32)
  ),
  targets=hnp.arrays(np.float32, (CLASSES,), elements=st.sampled_from([0, 1])),
)
def test_cross_entropy_of_any_logits(logits, targets):
  actual, slope = jax.value_and_grad(losses.sed_cross_entropy)(logits, targets)
  wide = logits.astype(np.float64)
  np.testing.assert_allclose(
    actual, numpy_cross_entropy(wide, targets), rtol=1e-5, atol=1e-6
  )
  sigmoid = 0.5 * (1 + np.tanh(wide / 2))
  np.testing.assert_allclose(slope, sigmoid - targets, atol=1e-6)


# The mask `where`.


@parametrize_terms
def test_where_equals_removing_the_other_classes(term):
  function, names, expected = TERMS[term]
  pair = [batch()[name] for name in names]
  chosen = np.array([True, False, True, True, False])
  axis = -1 if pair[0].ndim == 3 else -2
  where = chosen if axis == -1 else chosen[:, None]
  actual = function(*(jnp.asarray(x, 'f') for x in pair), where=where)
  left = [np.compress(chosen, x, axis=axis) for x in pair]
  np.testing.assert_allclose(actual, expected(*left), rtol=1e-5)


@parametrize_terms
def test_where_true_changes_nothing_and_false_gives_zero(term):
  function, names, _ = TERMS[term]
  pair = [jnp.asarray(batch()[name], jnp.float32) for name in names]
  for where in True, jnp.ones_like(pair[0], bool):
    np.testing.assert_allclose(
      function(*pair, where=where), function(*pair), rtol=1e-6
    )
  nothing = lambda x: function(x, pair[1], where=jnp.zeros_like(x, bool)).sum()
  value, gradient = jax.value_and_grad(nothing)(pair[0])
  assert value == 0
  np.testing.assert_array_equal(gradient, 0)


@parametrize_terms
def test_where_may_differ_between_frames(term):
  function, names, _ = TERMS[term]
  pair = [jnp.asarray(batch()[name], jnp.float32) for name in names]
  where = np.random.default_rng(1).random(pair[0].shape) < 0.5
  where[0, 0] = False
  whole = function(*pair, where=where)
  assert whole[0, 0] == 0
  for index in np.ndindex(whole.shape):
    one = function(pair[0][index], pair[1][index], where=where[index])
    np.testing.assert_allclose(whole[index], one, rtol=1e-6)


def test_masked_elements_have_no_gradient():
  data = batch()
  where = data['activity'] == 1
  gradient = jax.grad(
    lambda p: losses.sed_mse(p, data['activity'], where=where).sum()
  )(jnp.asarray(data['sed'], jnp.float32))
  np.testing.assert_array_equal(np.asarray(gradient)[~where], 0)
  assert (np.asarray(gradient)[where] != 0).all()


@parametrize_terms
def test_masked_elements_may_be_nan(term):
  """For instance where there is no label: value and gradient stay the same."""
  function, names, _ = TERMS[term]
  pair = [jnp.asarray(batch()[name], jnp.float32) for name in names]
  where = np.random.default_rng(1).random(pair[0].shape) < 0.5
  total = lambda pair: function(*pair, where=where).sum()
  expected = jax.value_and_grad(total)(pair)
  spoilt = [jnp.where(where, x, jnp.nan) for x in pair]
  found = jax.value_and_grad(total)(spoilt)
  jax.tree.map(np.testing.assert_array_equal, found, expected)


# Gradients.


@parametrize_terms
@pytest.mark.parametrize('masked', [False, True])
def test_gradients_equal_finite_differences(term, masked):
  function, names, _ = TERMS[term]
  pair = [batch()[name] for name in names]
  where = np.random.default_rng(2).random(pair[0].shape) < 0.6
  with jax.enable_x64(True):
    jax_pair = [jnp.asarray(x) for x in pair]
    chosen = functools.partial(function, where=where if masked else None)
    test_util.check_grads(
      jax.jit(lambda p: chosen(p, jax_pair[1])), jax_pair[:1], order=1
    )


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_gradients_are_finite_when_nothing_is_active(dtype):
  data = {k: jnp.asarray(v, dtype) for k, v in batch(share=0).items()}
  for function, names, _ in TERMS.values():
    prediction, target = (data[name] for name in names)
    gradient = jit(jax.grad(lambda p, t, f=function: f(p, t).sum()))
    assert jnp.isfinite(gradient(prediction, target)).all()
  value, gradient = jit(jax.value_and_grad(masked_mse))(
    data['doa'], data['xyz'], data['activity']
  )
  assert value == 0
  np.testing.assert_array_equal(gradient.astype(jnp.float32), 0)


# Types and transformations.


@parametrize_terms
def test_losses_of_bfloat16_are_bfloat16_and_near_to_float32(term):
  function, names, expected = TERMS[term]
  pair = [batch()[name] for name in names]
  actual = function(*(jnp.asarray(x, jnp.bfloat16) for x in pair))
  assert actual.dtype == jnp.bfloat16
  np.testing.assert_allclose(
    actual.astype(jnp.float32), expected(*pair), rtol=0.03, atol=0.01
  )


@parametrize_terms
def test_jit_vmap_and_batch_agree(term):
  function, names, _ = TERMS[term]
  pair = [jnp.asarray(batch()[name], jnp.float32) for name in names]
  whole = function(*pair)
  np.testing.assert_allclose(jax.jit(function)(*pair), whole, rtol=1e-6)
  mapped = jax.vmap(jax.vmap(function))(*pair)
  np.testing.assert_allclose(mapped, whole, rtol=1e-6)
