"""Weighted sums of losses, with fixed, learned and adapted weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import losses


@settings(deadline=None, max_examples=25)
@given(
  st.dictionaries(
    st.text(max_size=5),
    st.tuples(st.floats(-100, 100), st.floats(-1000, 1000)),
    min_size=1,
    max_size=4,
  )
)
def test_multitask_is_the_weighted_sum(pairs):
  terms = {name: jnp.float32(term) for name, (term, _) in pairs.items()}
  weights = {name: weight for name, (_, weight) in reversed(pairs.items())}
  expected = sum(np.float64(np.float32(t)) * w for t, w in pairs.values())
  actual = losses.multitask(terms, weights)
  assert actual.shape == ()
  assert actual.dtype == jnp.float32
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=0.1)
  gradient = jax.grad(losses.multitask)(terms, weights)
  np.testing.assert_allclose(
    [gradient[k] for k in weights], [*weights.values()], rtol=1e-6, atol=1e-30
  )


@pytest.mark.parametrize(
  ('terms', 'weights'),
  [
    ({'sed': 1.0}, {'sed': 1.0, 'doa': 1.0}),
    ({'sed': 1.0, 'doa': 1.0}, {'sed': 1.0}),
    ({'sed': 1.0}, {'doa': 1.0}),
    ({}, {}),
  ],
)
def test_multitask_needs_one_weight_for_each_term(terms, weights):
  with pytest.raises(ValueError) as error:
    losses.multitask(terms, weights)
  assert str(sorted(terms)) in str(error.value)
  assert str(sorted(weights)) in str(error.value)


# Learned weights.

TERMS = {'sed': jnp.float32(0.04), 'doa': jnp.float32(3.0)}


@settings(deadline=None, max_examples=25)
@given(
  st.dictionaries(
    st.text(max_size=5),
    st.tuples(st.floats(0, 100), st.floats(-5, 5)),
    min_size=1,
    max_size=4,
  )
)
def test_uncertainty_loss_is_the_negative_logarithm_of_a_likelihood(pairs):
  """Of a normal distribution, but for the constant log(2 pi) / 2."""
  terms = {name: jnp.float32(term) for name, (term, _) in pairs.items()}
  logs = {name: jnp.float32(s) for name, (_, s) in reversed(pairs.items())}
  expected = 0.0
  for term, s in pairs.values():
    deviation = np.sqrt(np.exp(np.float64(s)))
    expected += term / (2 * deviation**2) + np.log(deviation)
  actual = losses.uncertainty_loss(terms, logs)
  assert actual.shape == ()
  assert actual.dtype == jnp.float32
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_the_best_log_variance_is_the_logarithm_of_the_loss():
  best = {name: jnp.log(term) for name, term in TERMS.items()}
  value, slope = jax.value_and_grad(losses.uncertainty_loss, argnums=1)(
    TERMS, best
  )
  expected = sum(0.5 + 0.5 * np.log(float(term)) for term in TERMS.values())
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  np.testing.assert_allclose([*slope.values()], 0, atol=1e-6)
  for step in -0.3, 0.3:
    moved = {name: s + step for name, s in best.items()}
    assert losses.uncertainty_loss(TERMS, moved) > value


def test_the_gradient_of_a_term_has_the_weight_of_its_log_variance():
  logs = {'sed': jnp.float32(-1.0), 'doa': jnp.float32(2.0)}
  slope = jax.grad(losses.uncertainty_loss)(TERMS, logs)
  for name, s in logs.items():
    np.testing.assert_allclose(slope[name], np.exp(-s) / 2, rtol=1e-6)


@pytest.mark.parametrize(
  ('function', 'second'),
  [
    (losses.uncertainty_loss, {'sed': 0.0}),
    (losses.uncertainty_loss, {'sed': 0.0, 'distance': 0.0}),
    (losses.dynamic_weights, {'sed': 0.0}),
    (losses.dynamic_weights, {'sed': 1.0, 'doa': 1.0, 'distance': 1.0}),
  ],
)
def test_names_have_to_be_the_same(function, second):
  with pytest.raises(ValueError) as error:
    function(TERMS, second)
  assert function.__name__ in str(error.value)
  assert str(sorted(second)) in str(error.value)
  with pytest.raises(ValueError, match='got'):
    function({}, {})


# Adapted weights.


def numpy_weights(previous, before, temperature):
  powers = {
    name: np.exp(previous[name] / before[name] / temperature)
    for name in previous
  }
  scale = len(powers) / sum(powers.values())
  return {name: scale * power for name, power in powers.items()}


@settings(deadline=None, max_examples=25)
@given(
  st.dictionaries(
    st.text(max_size=5),
    st.tuples(st.floats(0, 100), st.floats(0.5, 100)),
    min_size=1,
    max_size=4,
  ),
  st.floats(1, 10),
)
def test_dynamic_weights_are_a_softmax_of_ratios(pairs, temperature):
  previous = {name: value for name, (value, _) in pairs.items()}
  before = {name: value for name, (_, value) in reversed(pairs.items())}
  found = losses.dynamic_weights(previous, before, temperature=temperature)
  expected = numpy_weights(previous, before, temperature)
  assert found.keys() == expected.keys()
  for name, weight in found.items():
    np.testing.assert_allclose(weight, expected[name], rtol=1e-3, atol=1e-6)
  np.testing.assert_allclose(sum(found.values()), len(pairs), rtol=1e-5)


def test_a_term_that_falls_slowly_gains_weight():
  found = losses.dynamic_weights(
    {'sed': 0.1, 'doa': 4.5}, {'sed': 0.4, 'doa': 5.0}
  )
  assert found['doa'] > 1 > found['sed']
  equal = losses.dynamic_weights({'sed': 1, 'doa': 5}, {'sed': 2, 'doa': 10})
  np.testing.assert_allclose([*equal.values()], 1, rtol=1e-6)
  calm = losses.dynamic_weights(
    {'sed': 0.1, 'doa': 4.5}, {'sed': 0.4, 'doa': 5.0}, temperature=1e6
  )
  np.testing.assert_allclose([*calm.values()], 1, rtol=1e-5)


def test_a_loss_of_zero_gives_finite_weights():
  nothing = {'sed': 0.0, 'doa': 0.0}
  found = losses.dynamic_weights(nothing, nothing)
  np.testing.assert_array_equal([*found.values()], 1)
  # A ratio to zero counts as 1, and a large one cannot overflow.
  found = losses.dynamic_weights(
    {'sed': 5.0, 'doa': 1e30}, {'sed': 0.0, 'doa': 1e-5}
  )
  np.testing.assert_allclose(found['doa'], 2)
  np.testing.assert_allclose(found['sed'], 0)


def test_dynamic_weights_have_no_gradient_and_can_be_compiled():
  before = {'sed': jnp.float32(2.0), 'doa': jnp.float32(2.0)}

  def weighted(previous):
    weights = losses.dynamic_weights(previous, before)
    return losses.multitask(previous, weights), weights

  slope, weights = jit(jax.grad(weighted, has_aux=True))(TERMS)
  for name, weight in losses.dynamic_weights(TERMS, before).items():
    np.testing.assert_allclose(weights[name], weight, rtol=1e-6)
    np.testing.assert_allclose(slope[name], weight, rtol=1e-6)


@pytest.mark.parametrize('temperature', [0, -1.0])
def test_the_temperature_has_to_be_positive(temperature):
  with pytest.raises(ValueError, match=f'positive temperature.*{temperature}'):
    losses.dynamic_weights(TERMS, TERMS, temperature=temperature)
