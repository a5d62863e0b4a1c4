"""Losses of active directions equal NumPy and finite differences, and the sums
of the parts of a batch equal those of the whole."""

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


def test_masked_sum_and_count_equal_numpy():
  data = batch((2, 6))
  total, count, active = 0.0, 0, np.argwhere(data['activity'])
  for index in map(tuple, active):
    total += sum((data['doa'][index] - data['xyz'][index]) ** 2)
    count += 3
  assert 0 < len(active) < data['activity'].size
  actual = losses.doa_masked_mse(
    *(jnp.asarray(data[k], jnp.float32) for k in ('doa', 'xyz', 'activity'))
  )
  assert all(x.shape == () and x.dtype == jnp.float32 for x in actual)
  np.testing.assert_allclose(actual, (total, count), rtol=1e-6)
  with jax.enable_x64(True):
    precise = losses.doa_masked_mse(
      *(jnp.asarray(data[k]) for k in ('doa', 'xyz', 'activity'))
    )
    assert precise[0].dtype == jnp.float64
    np.testing.assert_allclose(precise, (total, count), rtol=1e-13)


def test_targets_of_inactive_classes_may_be_nan():
  data = {k: jnp.asarray(v, jnp.float32) for k, v in batch().items()}
  active = data['activity'][..., None] > 0
  value = lambda doa, xyz: losses.doa_masked_mse(doa, xyz, data['activity'])[0]
  whole, spoilt = (
    jax.value_and_grad(value)(data['doa'], xyz)
    for xyz in (data['xyz'], jnp.where(active, data['xyz'], jnp.nan))
  )
  jax.tree.map(np.testing.assert_array_equal, whole, spoilt)


def test_masked_gradient_equals_finite_differences():
  data = batch()
  with jax.enable_x64(True):
    doa, xyz, activity = (
      jnp.asarray(data[k]) for k in ('doa', 'xyz', 'activity')
    )
    loss = jax.jit(lambda p: masked_mse(p, xyz, activity))
    test_util.check_grads(loss, (doa,), order=2)
    inactive = jax.grad(loss)(doa)[activity == 0]
    np.testing.assert_array_equal(inactive, 0)


@jit
@functools.partial(jax.vmap, axis_name='devices')
def _sums_over_devices(*arrays):
  return jax.lax.psum(losses.doa_masked_mse(*arrays), 'devices')


@settings(deadline=None, max_examples=25)
@given(
  activity=hnp.arrays(np.bool_, (12, CLASSES)),
  parts=st.sampled_from([1, 2, 3, 4, 6, 12]),
)
def test_masked_sums_of_parts_equal_the_whole(activity, parts):
  data = batch((12,))
  doa, xyz = (data[k].astype(np.float32) for k in ('doa', 'xyz'))
  whole = losses.doa_masked_mse(doa, xyz, activity)
  assert whole[1] == 3 * activity.sum()

  split = lambda x: x.reshape(parts, 12 // parts, *x.shape[1:])
  reduced = _sums_over_devices(split(doa), split(xyz), split(activity))
  for one, many in zip(whole, reduced, strict=True):
    np.testing.assert_allclose(many, np.full(parts, one), rtol=1e-5)


def test_a_mean_of_means_would_give_events_unequal_weights():
  doa = jnp.array([[[1.0, 0, 0]], [[0, 2.0, 0]]]) * jnp.ones((2, CLASSES, 1))
  activity = jnp.zeros((2, CLASSES)).at[0].set(1).at[1, 0].set(1)
  total, count = losses.doa_masked_mse(doa, 0 * doa, activity)
  parts = [masked_mse(doa[i], 0 * doa[i], activity[i]) for i in range(2)]
  assert total / count == (5 * 1 + 1 * 4) / 18
  assert (parts[0] + parts[1]) / 2 == pytest.approx((1 / 3 + 4 / 3) / 2)


def test_masked_sums_of_bfloat16_do_not_lose_events():
  # A sum of ones in bfloat16, with 8 bits, stops at 256.
  shape = (1000, CLASSES)
  doa = jnp.ones((*shape, 3), jnp.bfloat16)
  total, count = losses.doa_masked_mse(
    doa, 0 * doa, jnp.ones(shape, jnp.bfloat16)
  )
  assert total == count == 3000 * CLASSES
  assert total.dtype == count.dtype == jnp.float32


def test_masked_norm_equals_numpy():
  """The root of the sum over the batch, divided by the number of events."""
  example = batch()
  doa, xyz, activity = (example[name] for name in ('doa', 'xyz', 'activity'))
  mask = activity[..., None]
  expected = np.sqrt((((doa - xyz) ** 2) * mask).sum()) / (3 * activity.sum())
  with jax.enable_x64(True):
    actual = losses.doa_masked_norm(*map(jnp.asarray, (doa, xyz, activity)))
    np.testing.assert_allclose(actual, expected, rtol=1e-12)
    test_util.check_grads(
      lambda p: _plain_norm(p, jnp.asarray(xyz), jnp.asarray(activity)),
      (jnp.asarray(doa),),
      order=1,
      modes=['rev'],
    )
    # Half of the value is constant, but the gradient is that of the formula.
    own = jax.grad(losses.doa_masked_norm)(
      *map(jnp.asarray, (doa, xyz, activity))
    )
    plain = jax.grad(_plain_norm)(*map(jnp.asarray, (doa, xyz, activity)))
    np.testing.assert_allclose(own, plain, rtol=1e-12)


def _plain_norm(doa, xyz, activity):
  errors = (doa - xyz) ** 2 * activity[..., None]
  return jnp.sqrt(jnp.sum(errors)) / (3 * jnp.sum(activity))


def test_masked_norm_of_nothing_active_is_zero_with_a_zero_gradient():
  example = batch()
  doa = jnp.asarray(example['doa'], jnp.float32)
  silent = jnp.zeros(doa.shape[:-1])
  value, gradient = jax.value_and_grad(losses.doa_masked_norm)(
    doa, 0 * doa, silent
  )
  assert value == 0
  assert not np.any(gradient)
  perfect = jax.grad(losses.doa_masked_norm)(doa, doa, silent + 1)
  assert np.isfinite(perfect).all()


def test_shares_of_the_masked_norm_add_up_to_that_of_the_batch():
  example = batch(shape=(4, 3))
  arrays = [
    jnp.asarray(example[name], jnp.float32)
    for name in ('doa', 'xyz', 'activity')
  ]
  share = functools.partial(losses.doa_masked_norm, axis_name='batch')
  values, gradients = jit(
    jax.vmap(jax.value_and_grad(share), axis_name='batch')
  )(*arrays)
  value, gradient = jax.value_and_grad(losses.doa_masked_norm)(*arrays)
  np.testing.assert_allclose(jnp.sum(values), value, rtol=1e-6)
  np.testing.assert_allclose(gradients, gradient, rtol=1e-5, atol=1e-9)
