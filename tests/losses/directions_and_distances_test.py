"""Cosine and angular errors, and errors of distances, of active classes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.network_outputs import batch
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import geometry, losses

DIRECTION_LOSSES = [losses.doa_cosine, losses.doa_angular]
parametrize_directions = pytest.mark.parametrize('function', DIRECTION_LOSSES)
FRONT = jnp.array([1.0, 0.0, 0.0])


@functools.partial(jit, static_argnums=0)
def one(function, prediction):
  """Loss and gradient of one active class whose target is the front."""
  return jax.value_and_grad(
    lambda prediction: function(prediction, FRONT, jnp.ones(()))[0]
  )(prediction)


def at(degrees, length=1.0):
  """A vector so many degrees to the left of the front, in float64."""
  radians = np.deg2rad(np.float64(degrees))
  return length * np.array([np.cos(radians), np.sin(radians), 0.0])


@pytest.mark.parametrize('axes', [2, 3])
def test_errors_of_directions_equal_numpy(axes):
  data = batch((2, 6))
  doa, xyz = data['doa'][..., :axes], data['xyz'][..., :axes]
  norms = np.linalg.norm(xyz, axis=-1, keepdims=True)
  xyz = xyz / np.where(norms, norms, 1)
  cosines, angles = [], []
  for index in map(tuple, np.argwhere(data['activity'])):
    cosine = doa[index] @ xyz[index] / np.linalg.norm(doa[index])
    cosines.append(1 - cosine)
    angles.append(np.arccos(cosine))
  assert 0 < len(angles) < data['activity'].size
  with jax.enable_x64(True):
    given = [jnp.asarray(x) for x in (doa, xyz, data['activity'])]
    for function, errors in zip(
      DIRECTION_LOSSES, (cosines, angles), strict=True
    ):
      total, count = jit(function)(*given)
      assert count == len(angles)
      np.testing.assert_allclose(total, np.sum(errors), rtol=1e-10)


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 180), st.floats(0.02, 30))
def test_angles_are_accurate_from_0_to_180_degrees(degrees, length):
  prediction = jnp.asarray(at(degrees, length), jnp.float32)
  actual, _ = one(losses.doa_angular, prediction)
  np.testing.assert_allclose(actual, np.deg2rad(degrees), atol=1e-6)
  wide = np.asarray(prediction, np.float64)
  expected = np.deg2rad(geometry.angular_distance(wide, np.eye(3)[0]))
  np.testing.assert_allclose(actual, expected, atol=1e-6)


@parametrize_directions
@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
  'prediction',
  [
    *(at(0), at(180), at(0, 0.3), at(180, 0.3), at(0, 0), at(90, 1e-30)),
    *(at(180, 1e-8), at(1e-3), at(180 - 1e-3), at(30, 1e15)),
  ],
)
def test_gradients_of_directions_are_finite(function, dtype, prediction):
  prediction = jnp.asarray(prediction, dtype)
  value, slope = one(function, prediction)
  assert jnp.isfinite(value)
  assert jnp.isfinite(slope).all()
  # Short vectors are not scaled to unit length, so no gradient is large.
  length = max(np.linalg.norm(np.asarray(prediction, np.float64)), 0.01)
  bound = np.linalg.norm(np.asarray(slope, np.float64)) * length
  assert bound <= 2.02


@parametrize_directions
def test_a_perfect_direction_of_any_length_has_no_loss_and_no_gradient(
  function,
):
  for length in 0.25, 1.0, 4.0:
    value, slope = one(function, length * FRONT)
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


@parametrize_directions
def test_the_zero_vector_is_drawn_to_the_target(function):
  value, slope = one(function, 0 * FRONT)
  right_angle = {losses.doa_cosine: 1.0, losses.doa_angular: np.pi / 2}
  np.testing.assert_allclose(value, right_angle[function], rtol=1e-6)
  assert slope[0] < 0
  np.testing.assert_allclose(slope[1:], 0, atol=1e-4)


@parametrize_directions
@settings(deadline=None, max_examples=25)
@given(degrees=st.floats(1, 179), length=st.floats(0.02, 5))
def test_only_the_angle_is_trained(function, degrees, length):
  prediction = jnp.asarray(at(degrees, length), jnp.float32)
  _, slope = one(function, prediction)
  np.testing.assert_allclose(slope @ prediction, 0, atol=1e-5)
  # The vector is moved towards the target, all the more the shorter it is.
  expected = (
    1.0 if function is losses.doa_angular else np.sin(np.deg2rad(degrees))
  )
  towards = np.array([np.sin(np.deg2rad(degrees)), 0, 0]) - np.array(
    [0, np.cos(np.deg2rad(degrees)), 0]
  )
  np.testing.assert_allclose(
    -slope * length, expected * towards, rtol=1e-3, atol=1e-3
  )


@parametrize_directions
def test_errors_of_directions_do_not_change_when_everything_is_turned(
  function,
):
  data = {k: jnp.asarray(v, jnp.float32) for k, v in batch().items()}
  matrix, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))
  turned = [data[k] @ jnp.asarray(matrix, jnp.float32) for k in ('doa', 'xyz')]
  np.testing.assert_allclose(
    function(*turned, data['activity']),
    function(data['doa'], data['xyz'], data['activity']),
    rtol=1e-5,
  )


def test_counts_of_masked_losses_follow_the_number_of_axes():
  ones = jnp.ones((4, 2))
  for axes in 2, 3:
    vectors = jnp.ones((4, 2, axes))
    total, count = losses.doa_masked_mse(vectors, 0 * vectors, ones)
    assert total == count == 8 * axes
    norm = losses.doa_masked_norm(vectors, 0 * vectors, ones)
    np.testing.assert_allclose(norm, np.sqrt(8 * axes) / (8 * axes), rtol=1e-6)


# Distances.


DISTANCE_LOSSES = {
  losses.distance_mse: lambda d, r: (d - r) ** 2,
  losses.distance_mspe: lambda d, r: ((d - r) / r) ** 2,
  losses.distance_mape: lambda d, r: abs(d - r) / r,
}
parametrize_distances = pytest.mark.parametrize('function', DISTANCE_LOSSES)


def distances():
  rng = np.random.default_rng(0)
  predicted, reference = rng.uniform(0.1, 10, (2, 6, 5))
  activity = (rng.random((6, 5)) < 0.4).astype(np.float64)
  return predicted, reference * activity, activity


@parametrize_distances
def test_errors_of_distances_equal_numpy(function):
  predicted, reference, activity = distances()
  formula, errors = DISTANCE_LOSSES[function], []
  for index in map(tuple, np.argwhere(activity)):
    errors.append(formula(predicted[index], reference[index]))
  assert 0 < len(errors) < activity.size
  with jax.enable_x64(True):
    total, count = function(*map(jnp.asarray, distances()))
    np.testing.assert_allclose(total, np.sum(errors), rtol=1e-12)
    assert count == len(errors)


@parametrize_distances
def test_units_matter_for_the_squared_error_only(function):
  predicted, reference, activity = (
    jnp.asarray(x, jnp.float32) for x in distances()
  )
  metres = function(predicted, reference, activity)[0]
  centimetres = function(100 * predicted, 100 * reference, activity)[0]
  factor = 1e4 if function is losses.distance_mse else 1
  np.testing.assert_allclose(centimetres, factor * metres, rtol=1e-4)


@pytest.mark.parametrize(
  'function', [losses.distance_mspe, losses.distance_mape]
)
def test_a_distance_of_zero_has_no_relative_error(function):
  predicted = jnp.array([3.0, 3.0, 3.0])
  reference = jnp.array([2.0, 0.0, 0.0])
  activity = jnp.array([1.0, 1.0, 0.0])

  def loss(predicted):
    total, count = function(predicted, reference, activity)
    return total, count

  (total, count), slope = jit(jax.value_and_grad(loss, has_aux=True))(predicted)
  assert (total, count) == (
    0.25 if function is losses.distance_mspe else 0.5,
    1,
  )
  assert slope[0] > 0
  np.testing.assert_array_equal(slope[1:], 0)


def test_an_unknown_distance_of_an_active_class_is_no_silent_zero():
  for function in DISTANCE_LOSSES:
    found = function(jnp.ones(2), jnp.array([jnp.nan, 1.0]), jnp.ones(2))
    assert jnp.isnan(found[0])
