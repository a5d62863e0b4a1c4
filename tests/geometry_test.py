"""Directions agree with trigonometry written out and with each other."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seld_jax import geometry

azimuths = st.floats(-180, 180)
elevations = st.floats(-90, 90)


def direction(azimuth, elevation):
  return geometry.to_cartesian(np.float64(azimuth), np.float64(elevation))


@pytest.mark.parametrize(
  ('azimuth', 'elevation', 'xyz'),
  [
    (0, 0, (1, 0, 0)),  # front
    (90, 0, (0, 1, 0)),  # left: counter-clockwise
    (-90, 0, (0, -1, 0)),  # right
    (180, 0, (-1, 0, 0)),  # back
    (0, 90, (0, 0, 1)),  # up
    (45, -30, (np.sqrt(0.375), np.sqrt(0.375), -0.5)),
  ],
)
def test_axes_point_to_front_left_and_up(azimuth, elevation, xyz):
  np.testing.assert_allclose(direction(azimuth, elevation), xyz, atol=1e-15)


@settings(deadline=None)
@given(azimuths, st.floats(-89.9, 89.9), st.floats(1e-6, 1e6))
def test_polar_inverts_cartesian_at_any_length(azimuth, elevation, length):
  xyz = length * direction(azimuth, elevation)
  back = geometry.to_polar(xyz)
  assert abs(back[1] - elevation) < 1e-9
  assert abs(geometry.wrap_degrees(back[0] - azimuth)) < 1e-7


@settings(deadline=None)
@given(azimuths, elevations, azimuths, elevations)
def test_angle_follows_the_law_of_cosines_on_the_sphere(a, b, c, d):
  angle = geometry.angular_distance(direction(a, b), direction(c, d))
  e, f = np.deg2rad([b, d])
  cosine = np.sin(e) * np.sin(f)
  cosine += np.cos(e) * np.cos(f) * np.cos(np.deg2rad(a - c))
  # Cosines are compared: near 0 and 180 degrees, the arc cosine is inaccurate.
  assert abs(np.cos(np.deg2rad(angle)) - cosine) < 1e-12
  swapped = geometry.angular_distance(direction(c, d), direction(a, b))
  assert angle == pytest.approx(swapped, abs=1e-12)
  opposite = geometry.angular_distance(direction(a, b), -direction(c, d))
  assert angle + opposite == pytest.approx(180, abs=1e-9)


@settings(deadline=None)
@given(azimuths, elevations, st.floats(1e-9, 180), st.floats(1e-3, 1e3))
def test_small_angles_are_accurate_and_length_does_not_matter(
  azimuth, elevation, turn, length
):
  a = direction(azimuth, elevation)
  # Turn `a` by `turn` in the plane of `a` and a direction orthogonal to it.
  b = direction(azimuth, elevation + 90)
  turned = np.cos(np.deg2rad(turn)) * a + np.sin(np.deg2rad(turn)) * b
  angle = geometry.angular_distance(a, length * turned)
  assert angle == pytest.approx(turn, abs=1e-13, rel=1e-6)


def test_the_zero_vector_has_no_direction():
  assert geometry.to_polar(np.zeros(3)) == (0, 0)
  for other in direction(10, 20), np.zeros(3):
    assert geometry.angular_distance(np.zeros(3), other) == 90


@settings(deadline=None)
@example(180 + 2e-14)
@example(-180 - 2e-14)
@given(st.floats(-1e4, 1e4))
def test_wrapped_azimuth_is_the_same_direction_in_range(azimuth):
  wrapped = geometry.wrap_degrees(azimuth)
  assert -180 < wrapped <= 180
  np.testing.assert_allclose(
    direction(wrapped, 0), direction(azimuth, 0), atol=1e-10
  )


def test_jax_arrays_give_jax_arrays_of_the_same_values():
  rng = np.random.default_rng(0)
  azimuth = rng.uniform(-180, 180, (5, 1)).astype(np.float32)
  elevation = rng.uniform(-80, 80, (1, 7)).astype(np.float32)
  xyz = geometry.to_cartesian(azimuth, elevation)
  of_jax = geometry.to_cartesian(jnp.asarray(azimuth), jnp.asarray(elevation))
  assert xyz.shape == (5, 7, 3)
  assert isinstance(xyz, np.ndarray)
  assert isinstance(of_jax, jnp.ndarray)
  np.testing.assert_allclose(of_jax, xyz, atol=1e-6)
  np.testing.assert_allclose(
    geometry.to_polar(of_jax), geometry.to_polar(xyz), atol=1e-3
  )
  np.testing.assert_allclose(
    geometry.angular_distance(of_jax, of_jax[::-1]),
    geometry.angular_distance(xyz, xyz[::-1]),
    atol=1e-3,
  )
