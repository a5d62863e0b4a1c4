"""Directions: azimuth and elevation, unit vectors, angles.

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

  Example:
    >>> from seld_jax import geometry
    >>> xyz = geometry.to_cartesian(90, np.array([0, 90]))  # left, up
    >>> (np.round(xyz) + 0.0).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
  """
  xp = namespace(azimuth, elevation)
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
  """Azimuth and elevation of vectors of any length.

  Args:
    xyz: Vectors (x, y, z), with shape `[..., 3]`.

  Returns:
    Azimuth in [-180, 180] and elevation in [-90, 90] degrees, both with shape
    `[...]`. The zero vector gives (0, 0).

  Example:
    >>> from seld_jax import geometry
    >>> azimuth, elevation = geometry.to_polar(np.array([0.0, -2.0, 0.0]))
    >>> float(azimuth), float(elevation)  # right
    (-90.0, 0.0)
  """
  xp = namespace(xyz)
  x, y, z = xyz[..., 0], xyz[..., 1], xyz[..., 2]
  azimuth = xp.rad2deg(xp.arctan2(y, x))
  elevation = xp.rad2deg(xp.arctan2(z, xp.hypot(x, y)))
  return azimuth, elevation


def angular_distance(a: Array, b: Array) -> Array:
  """Angle between vectors, accurate near 0 and near 180 degrees, too.

  Args:
    a: Vectors, with shape `[..., 3]`. Their length is arbitrary as long as its
      square neither underflows nor overflows (1e-18 to 1e18 in float32).
    b: Vectors, with a shape that broadcasts with that of `a`.

  Returns:
    The angle atan2(|a x b|, a . b) in [0, 180] degrees, with shape `[...]`. The
    zero vector has no direction; its angle to all vectors is 90. The gradient
    is NaN for parallel vectors: for a loss, take `losses.doa_angular`.

  Example:
    >>> from seld_jax import geometry
    >>> front, left = np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0])
    >>> float(geometry.angular_distance(front, left))
    90.0
  """
  xp = namespace(a, b)
  a, b = xp.asarray(a), xp.asarray(b)
  ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
  bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
  # Written out, because `cross` takes several times as long on short arrays.
  crossed = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
  cross = xp.sqrt(sum(part * part for part in crossed))
  dot = ax * bx + ay * by + az * bz
  angle = xp.rad2deg(xp.arctan2(cross, dot))
  return xp.where((cross == 0) & (dot == 0), 90.0, angle).astype(angle.dtype)


def norm(vectors: Array) -> Array:
  """Norms of vectors; the gradient is finite at the zero vector, too.

  Args:
    vectors: Vectors with shape `[..., axes]`, whose squares neither underflow
      nor overflow.

  Returns:
    The norms, with shape `[...]`. The gradient at the zero vector is 0.

  Example:
    >>> from seld_jax import geometry
    >>> geometry.norm(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [5.0, 0.0]
    >>> jax.grad(geometry.norm)(jnp.zeros(3)).tolist()
    [0.0, 0.0, 0.0]
  """
  xp = namespace(vectors)
  squares = (vectors * vectors).sum(axis=-1)
  is_zero = squares == 0
  return xp.where(is_zero, 0, xp.sqrt(xp.where(is_zero, 1, squares)))


def unit_vectors(xyz: Array) -> Array:
  """Vectors of norm 1 in the directions of vectors of any length.

  Args:
    xyz: Vectors (x, y, z), with shape `[..., 3]`. Also 1e-300 and 1e300 are
      allowed: no square underflows or overflows.

  Returns:
    Unit vectors, with shape `[..., 3]`. The zero vector gives (1, 0, 0).

  Example:
    >>> from seld_jax import geometry
    >>> geometry.unit_vectors(np.array([[0.0, 1e-9, 0.0], [0, 0, 0]])).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
  """
  xp = namespace(xyz)
  xyz = xp.asarray(xyz)
  # Divided by the largest component first, so that squares neither underflow
  # nor overflow.
  largest = xp.abs(xyz).max(axis=-1, keepdims=True, initial=0)
  front = xp.asarray([1, 0, 0], dtype=xyz.dtype)
  xyz = xp.where(largest == 0, front, xyz / xp.where(largest == 0, 1, largest))
  return xyz / xp.linalg.norm(xyz, axis=-1, keepdims=True)


def wrap_degrees(azimuth: Array) -> Array:
  """Wraps azimuths into (-180, 180] degrees.

  Args:
    azimuth: Azimuth in degrees, with shape `[...]`.

  Returns:
    The same directions in (-180, 180] degrees, with shape `[...]`.

  Example:
    >>> from seld_jax import geometry
    >>> geometry.wrap_degrees(np.array([190.0, -180.0])).tolist()
    [-170.0, 180.0]
  """
  xp = namespace(azimuth)
  wrapped = 180.0 - xp.mod(180.0 - xp.asarray(azimuth), 360.0)
  # Of a number just above 180, the remainder is rounded to 360.
  return xp.where(wrapped <= -180, wrapped + 360, wrapped)


def fold_to_front(azimuth: Array) -> Array:
  """Mirrors azimuths behind the listener to the front.

  Stereo cannot tell front from back: a sound at 120 degrees has the same
  differences between left and right as one at 60 degrees.

  Args:
    azimuth: Azimuth in degrees, with shape `[...]`.

  Returns:
    Azimuths in [-90, 90] degrees with the same sine, with shape `[...]`;
    whole degrees stay whole.

  Example:
    >>> from seld_jax import geometry
    >>> geometry.fold_to_front(np.array([30.0, 120.0, -120.0, 180.0])).tolist()
    [30.0, 60.0, -60.0, 0.0]
  """
  xp = namespace(azimuth)
  wrapped = wrap_degrees(azimuth)
  folded = xp.where(wrapped > 90, 180.0 - wrapped, wrapped)
  return xp.where(wrapped < -90, -180.0 - wrapped, folded)


def stereo_directions(xyz: Array) -> Array:
  """The directions that stereo can tell apart: in front, on the horizon.

  Azimuths are folded to the front as by `fold_to_front`, and elevations become
  0: stereo can tell neither front from back nor up from down.

  Args:
    xyz: Vectors (x, y, z) of any length, with shape `[..., 3]`.

  Returns:
    Unit vectors, with shape `[..., 3]`. A vertical vector gives (1, 0, 0).

  Example:
    >>> from seld_jax import geometry
    >>> behind = geometry.to_cartesian(np.array(150.0), np.array(40.0))
    >>> azimuth, _ = geometry.to_polar(geometry.stereo_directions(behind))
    >>> round(float(azimuth), 6)
    30.0
  """
  xp = namespace(xyz)
  x, y, z = xyz[..., 0], xyz[..., 1], xyz[..., 2]
  return unit_vectors(xp.stack([xp.abs(x), y, 0 * z], axis=-1))


def namespace(*arrays: Array) -> Any:
  """The array functions for some arguments.

  Args:
    *arrays: Numbers or arrays of any shape, of NumPy or JAX.

  Returns:
    `jax.numpy` when an argument is a JAX array or tracer, else `numpy`.

  Example:
    >>> from seld_jax import geometry
    >>> geometry.namespace(1.0, np.zeros(3)) is np
    True
  """
  for array in arrays:
    own = getattr(array, '__array_namespace__', None)
    if own is not None and not isinstance(array, np.ndarray | np.generic):
      return own()
  return np
