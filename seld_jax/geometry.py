"""Directions: azimuth and elevation, unit vectors, angles, rotations.

Axes: x to the front, y to the left, z up. Azimuth is counter-clockwise from
the front and elevation is up from the horizon, both in degrees. Every function
works in the array namespace of its input: NumPy arrays give NumPy arrays and
JAX arrays give JAX arrays, so this module imports NumPy only.
"""

from typing import Any

import numpy as np

Array = Any


def to_cartesian(azimuth: Array, elevation: Array) -> Array:
  """Unit vectors of directions given in degrees.

  Args:
    azimuth: Azimuth in degrees, with shape `[...]`.
    elevation: Elevation in degrees, with a shape that broadcasts with it.

  Returns:
    Unit vectors (x, y, z), with shape `[..., 3]`.
  """
  xp = _namespace(azimuth, elevation)
  azimuth, elevation = xp.broadcast_arrays(
    xp.deg2rad(xp.asarray(azimuth)), xp.deg2rad(xp.asarray(elevation))
  )
  return xp.stack(
    [
      xp.cos(azimuth) * xp.cos(elevation),
      xp.sin(azimuth) * xp.cos(elevation),
      xp.sin(elevation),
    ],
    axis=-1,
  )


def to_polar(xyz: Array) -> tuple[Array, Array]:
  """Azimuth and elevation of vectors of any length but zero.

  Args:
    xyz: Vectors (x, y, z), with shape `[..., 3]`.

  Returns:
    Azimuth in [-180, 180] and elevation in [-90, 90] degrees, both with shape
    `[...]`. The zero vector gives (0, 0).
  """
  xp = _namespace(xyz)
  x, y, z = xyz[..., 0], xyz[..., 1], xyz[..., 2]
  azimuth = xp.rad2deg(xp.arctan2(y, x))
  elevation = xp.rad2deg(xp.arctan2(z, xp.hypot(x, y)))
  return azimuth, elevation


def angular_distance(a: Array, b: Array) -> Array:
  """Angle between vectors, exact for small and for opposite angles alike.

  Args:
    a: Vectors of any length whose square is a number of their type, but not
      zero (1e-18 to 1e18 in float32), with shape `[..., 3]`.
    b: The same, with a shape that broadcasts with `a`.

  Returns:
    The angle in [0, 180] degrees, with shape `[...]`: atan2(|a x b|, a . b).
    An angle to the zero vector is 0.
  """
  xp = _namespace(a, b)
  a, b = xp.asarray(a), xp.asarray(b)
  ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
  bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
  # Written out: `cross` takes several times as long on short arrays.
  crossed = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
  cross = xp.sqrt(sum(part * part for part in crossed))
  return xp.rad2deg(xp.arctan2(cross, ax * bx + ay * by + az * bz))


def wrap_degrees(azimuth: Array) -> Array:
  """The same azimuth in (-180, 180] degrees, with shape `[...]`."""
  xp = _namespace(azimuth)
  return 180.0 - xp.mod(180.0 - xp.asarray(azimuth), 360.0)


def _namespace(*arrays: Array) -> Any:
  """`jax.numpy` when an argument is a JAX array or tracer, else NumPy."""
  for array in arrays:
    namespace = getattr(array, '__array_namespace__', None)
    if namespace is not None and not isinstance(array, np.ndarray | np.generic):
      return namespace()
  return np
