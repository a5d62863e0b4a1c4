"""Microphone arrays: responses to plane waves and to a diffuse field.

The gain of a channel for a plane wave is a series of Legendre polynomials of
the angle between the direction of the wave and the axis of the channel. The
weights of the series can depend on frequency. This describes both first-order
Ambisonics and capsules on a sphere. It turns the sum over the reflections of a
room into a matrix product, and the covariance of a diffuse field has a closed
form, also for several arrays at the same place. To add an array, add an entry
to `ARRAYS`.

References:
  Rafaely, `Fundamentals of Spherical Array Processing
  <https://doi.org/10.1007/978-3-319-99561-8>`_, 2019, on the rigid sphere.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from seld_jax import geometry
from seld_jax.scenes import rooms

# Radius in metres of the Eigenmike, which recorded TAU-NIGENS.
SPHERE_RADIUS = 0.042
# Azimuth and elevation of the capsules in degrees.
CAPSULES = ((45, 35), (-45, -35), (135, -35), (-135, 35))
# At 12 kHz, the contribution of higher orders is below 1e-5.
_SPHERE_ORDER = 20
# Power of independent noise in each channel, relative to the diffuse field. At
# low frequencies, the covariance is numerically singular without it.
_OWN_NOISE = 1e-9


@dataclasses.dataclass(frozen=True)
class MicArray:
  """An array or encoding: a set of channels with an axis each.

  Attributes:
    name: Name of the format, as in the folders of a dataset.
    axes: Unit vectors, with shape `[channels, 3]`.
    weights: Maps frequencies in Hz `[f]` to the weights of the Legendre
      polynomials, with shape `[orders, channels or 1, f or 1]`; the phase is
      relative to the array's centre.
  """

  name: str
  axes: np.ndarray
  weights: Callable[[np.ndarray], np.ndarray]

  @property
  def num_channels(self) -> int:
    """Number of channels."""
    return len(self.axes)

  def polynomials(self, directions: np.ndarray, num_orders: int) -> np.ndarray:
    """Legendre polynomials of the angles between directions and axes.

    Args:
      directions: Unit vectors towards the sources, with shape `[n, 3]`.
      num_orders: Number of orders, from order 0.

    Returns:
      Values with shape `[orders, channels, n]`.
    """
    return _legendre(num_orders, self.axes @ directions.T)


def diffuse_covariance(
  arrays: Sequence[MicArray], frequencies: np.ndarray
) -> np.ndarray:
  """Covariance of all channels in a spherically isotropic sound field.

  The mean over all directions of P_m(s . a) P_n(s . b) is P_n(a . b) / (2n+1)
  for m = n and 0 otherwise.

  Args:
    arrays: Arrays at the same place.
    frequencies: Frequencies in Hz, with shape `[f]`.

  Returns:
    Covariances with shape `[f, channels, channels]`, complex, for a pressure
    of unit variance at the place of the arrays.
  """
  series = [array.weights(frequencies) for array in arrays]
  num_orders = max(map(len, series))
  axes = np.concatenate([array.axes for array in arrays])
  weights = np.zeros((num_orders, len(axes), frequencies.size), complex)
  first = 0
  for array, own in zip(arrays, series, strict=True):
    weights[: len(own), first : first + array.num_channels] = own
    first += array.num_channels
  overlap = _legendre(num_orders, axes @ axes.T)
  overlap /= (2 * np.arange(num_orders) + 1)[:, None, None]
  return np.einsum(
    'ocf,ocd,odf->fcd', weights, overlap, weights.conj(), optimize=True
  )


def diffuse_mixing(
  arrays: Sequence[MicArray], frequencies: np.ndarray
) -> list[np.ndarray]:
  """Matrices that turn independent noises into channels of a diffuse field.

  If an array and those before it have n channels, the channels of this array
  are mixtures of n noises. They do not depend on the arrays after it.

  Args:
    arrays: Arrays at the same place.
    frequencies: Frequencies in Hz, with shape `[f]`.

  Returns:
    For each array, matrices with shape `[f, channels, noises]`, complex64.
  """
  covariance = diffuse_covariance(arrays, frequencies)
  covariance += _OWN_NOISE * np.eye(covariance.shape[-1])
  factor = np.linalg.cholesky(covariance).astype(np.complex64)
  ends = np.cumsum([array.num_channels for array in arrays])
  return [
    factor[:, end - array.num_channels : end, :end]
    for array, end in zip(arrays, ends, strict=True)
  ]


def _legendre(num_orders: int, x: np.ndarray) -> np.ndarray:
  """The first Legendre polynomials of `x`, with shape `[orders, ...]`."""
  values = np.ones((num_orders, *x.shape))
  if num_orders > 1:
    values[1] = x
  for n in range(1, num_orders - 1):
    values[n + 1] = ((2 * n + 1) * x * values[n] - n * values[n - 1]) / (n + 1)
  return values


def _foa_weights(frequencies: np.ndarray) -> np.ndarray:
  """W has order 0 only, the other channels have order 1 only."""
  del frequencies
  return np.array([[1.0, 0, 0, 0], [0, 1.0, 1.0, 1.0]])[:, :, None]


def _sphere_weights(frequencies: np.ndarray) -> np.ndarray:
  """Series of the pressure on a rigid sphere.

  The weight of order n is j^n (2n+1) (-j) / (x^2 h_n'(x)), where h_n is the
  spherical Hankel function of the second kind and x is the wave number times
  the radius. The time dependence is e^(j w t), so that the phase is positive
  for a source in the direction of the capsule.
  """
  x = 2 * np.pi * frequencies * SPHERE_RADIUS / rooms.SPEED_OF_SOUND
  # Below 1 Hz the result is constant, but the functions would overflow.
  x = np.maximum(x, 1e-3)
  order = np.arange(_SPHERE_ORDER + 1)[:, None]
  slope = special.spherical_jn(order, x, True) - 1j * special.spherical_yn(
    order, x, True
  )
  return (1j**order * (2 * order + 1) * -1j / (x**2 * slope))[:, None]


ARRAYS = {
  'foa': MicArray(
    'foa',
    # The axis of W has no effect.
    np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    _foa_weights,
  ),
  'mic': MicArray(
    'mic', geometry.to_cartesian(*np.array(CAPSULES).T), _sphere_weights
  ),
}


def array_response(
  name: str, directions: np.ndarray, frequencies: np.ndarray
) -> np.ndarray:
  """Gains of the channels of an array for plane waves.

  Args:
    name: A key of `ARRAYS`: `'foa'`, or `'mic'` for the four capsules on a
      rigid sphere.
    directions: Unit vectors towards the sources, with shape `[n, 3]`.
    frequencies: Frequencies in Hz, with shape `[f]`.

  Returns:
    Gains with shape `[channels, n, f]`, complex; 1 is the pressure at the
    centre of the array without the array.

  Example:
    >>> from seld_jax import scenes
    >>> left = np.array([[0.0, 1, 0]])
    >>> gains = scenes.array_response('foa', left, np.array([100.0]))
    >>> gains[:, 0, 0].real.tolist()  # W, Y, Z, X
    [1.0, 1.0, 0.0, 0.0]
  """
  array = ARRAYS[name]
  weights = array.weights(frequencies)
  shapes = array.polynomials(directions, len(weights))
  gains = np.moveaxis(shapes, 0, -1) @ np.moveaxis(weights, 0, 1)
  shape = array.num_channels, len(directions), len(frequencies)
  return np.broadcast_to(gains, shape).astype(complex)
