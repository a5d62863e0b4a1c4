"""Focal losses and the soft F1 score against NumPy and counts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.network_outputs import CLASSES, batch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax import jit

from seld_jax import losses


def numpy_focal(logits, targets, gamma, zeta):
  """With probabilities, which limits it to logits that are not large."""
  wide = np.asarray(logits, np.longdouble)
  p = 1 / (1 + np.exp(-wide))
  active = -((1 - p) ** gamma) * np.log(p)
  inactive = -(p**zeta) * np.log(1 - p)
  return np.where(targets > 0, active, inactive)


@jit
def focal_losses(logits, targets, gamma, zeta):
  return (
    losses.sed_asymmetric_focal(logits, targets, gamma=gamma, zeta=zeta),
    losses.sed_focal(logits, targets, gamma=gamma, alpha=0.25),
  )


soft_f1 = jit(jax.value_and_grad(losses.sed_soft_f1))
exponents = st.sampled_from([0.0, 0.25, 1.0, 2.0, 5.0])


@settings(deadline=None, max_examples=30)
@given(
  logits=hnp.arrays(
    np.float32, (CLASSES,), elements=st.floats(-15, 15, width=32)
  ),
  targets=hnp.arrays(np.float32, (CLASSES,), elements=st.sampled_from([0, 1])),
  gamma=exponents,
  zeta=exponents,
)
def test_focal_losses_equal_numpy(logits, targets, gamma, zeta):
  asymmetric, weighted = focal_losses(logits, targets, gamma, zeta)
  expected = numpy_focal(logits, targets, gamma, zeta).sum()
  np.testing.assert_allclose(asymmetric, float(expected), rtol=1e-4, atol=1e-7)
  parts = numpy_focal(logits, targets, gamma, gamma)
  expected = (parts * np.where(targets > 0, 0.25, 0.75)).sum()
  np.testing.assert_allclose(weighted, float(expected), rtol=1e-4, atol=1e-7)


def test_exponents_of_zero_give_the_cross_entropy():
  data = batch()
  logits, activity = (
    jnp.asarray(data[k], jnp.float32) for k in ('logits', 'activity')
  )
  expected = losses.sed_cross_entropy(logits, activity)
  for found in (
    losses.sed_focal(logits, activity, gamma=0.0),
    2 * losses.sed_focal(logits, activity, gamma=0.0, alpha=0.5),
    losses.sed_asymmetric_focal(logits, activity, gamma=0.0, zeta=0.0),
  ):
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_easy_examples_lose_more_weight_than_hard_ones():
  logits = jnp.array([[-4.0], [4.0]])
  silent = jnp.zeros_like(logits)
  easy, hard = losses.sed_focal(logits, silent) / losses.sed_cross_entropy(
    logits, silent
  )
  assert easy < 0.001 and hard > 0.9
  # The exponent of inactive classes does not change active ones.
  active = jnp.ones_like(logits)
  np.testing.assert_allclose(
    losses.sed_asymmetric_focal(logits, active, gamma=0.0, zeta=3.0),
    losses.sed_cross_entropy(logits, active),
    rtol=1e-6,
  )


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_focal_losses_and_gradients_are_finite_for_any_logits(dtype):
  logits = np.array([-1e30, -1e4, -90, -0.0, 0.0, 90, 1e4, 1e30])
  loss = jit(
    jax.value_and_grad(
      lambda logits, target, gamma: losses.sed_focal(
        logits, jnp.full_like(logits, target), gamma=gamma
      )
    )
  )
  for target in 0, 1:
    for exponent in 0.0, 0.25, 1.0, 2.0:
      value, slope = loss(jnp.asarray(logits, dtype), target, exponent)
      assert jnp.isfinite(value)
      assert jnp.isfinite(slope).all()


@pytest.mark.parametrize(
  'function',
  [
    losses.sed_focal,
    functools.partial(losses.sed_asymmetric_focal, gamma=0.5, zeta=1.0),
  ],
)
def test_masked_classes_of_focal_losses_are_left_out_even_as_nan(function):
  data = batch()
  logits, activity = (
    jnp.asarray(data[k], jnp.float32) for k in ('logits', 'activity')
  )
  where = np.random.default_rng(1).random(logits.shape) < 0.5
  spoilt = [jnp.where(where, x, jnp.nan) for x in (logits, activity)]
  total = lambda *pair: function(*pair, where=where).sum()
  value, slope = jit(jax.value_and_grad(total))(*spoilt)
  one_by_one = jit(function)(logits[..., None], activity[..., None])
  np.testing.assert_allclose(value, one_by_one[where].sum(), rtol=1e-5)
  np.testing.assert_array_equal(np.asarray(slope)[~where], 0)
  assert (np.asarray(slope)[where] != 0).all()


# The soft F1 score.


@settings(deadline=None, max_examples=30)
@given(
  hnp.arrays(np.bool_, (6, CLASSES)),
  hnp.arrays(np.bool_, (6, CLASSES)),
)
def test_soft_f1_of_decisions_is_the_f1_score_of_counts(predicted, reference):
  hits = int((predicted & reference).sum())
  wrong = int((predicted ^ reference).sum())
  expected = 2 * hits / (2 * hits + wrong) if hits + wrong else 1.0
  loss, _ = soft_f1(*(np.float32(one) for one in (predicted, reference)))
  np.testing.assert_allclose(1 - loss, expected, atol=1e-6)


def numpy_soft_f1(p, t):
  hits, false_alarms, misses = (p * t).sum(), (p * (1 - t)).sum(), 0.0
  misses = ((1 - p) * t).sum()
  return 1 - 2 * hits / (2 * hits + false_alarms + misses)


def test_soft_f1_equals_numpy_and_its_gradient_that_of_the_formula():
  data = batch()
  expected = numpy_soft_f1(data['sed'], data['activity'])
  with jax.enable_x64(True):
    p, t = jnp.asarray(data['sed']), jnp.asarray(data['activity'])
    value, slope = soft_f1(p, t)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    plain = jit(jax.grad(numpy_soft_f1))(p, t)
    np.testing.assert_allclose(slope, plain, rtol=1e-10)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_soft_f1_without_events(dtype):
  silent = jnp.zeros((4, CLASSES), dtype)
  for level, expected in (0.0, 0.0), (1e-30, 1.0), (0.5, 1.0):
    value, slope = soft_f1(jnp.full_like(silent, level), silent)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(slope, np.float32), 0)


def test_soft_f1_of_bfloat16_does_not_lose_events():
  ones = jnp.ones((1000, CLASSES), jnp.bfloat16)
  assert soft_f1(ones, ones)[0] == 0
  half, _ = soft_f1(ones.at[500:].set(0), ones)
  np.testing.assert_allclose(half, 1 / 3, rtol=1e-6)


def test_shares_of_the_soft_f1_add_up_to_that_of_the_batch():
  data = batch(shape=(4, 3))
  pair = [jnp.asarray(data[k], jnp.float32) for k in ('sed', 'activity')]
  share = functools.partial(losses.sed_soft_f1, axis_name='batch')
  values, gradients = jit(
    jax.vmap(jax.value_and_grad(share), axis_name='batch')
  )(*pair)
  value, gradient = soft_f1(*pair)
  np.testing.assert_allclose(jnp.sum(values), value, rtol=1e-6)
  np.testing.assert_allclose(gradients, gradient, rtol=1e-5, atol=1e-9)
