"""Microphone arrays: what a plane wave and a diffuse field give per channel.

The gain of a channel for a plane wave is a series of Legendre polynomials of
the angle between the wave and the channel's axis, with weights that may depend
on frequency. That covers Ambisonics of first order as well as capsules on a
sphere, makes rooms a matrix product, and gives the covariance of a diffuse
field, of several arrays at one place together, in closed form. Another array
is one more entry of `ARRAYS`.

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

# The sphere of the Eigenmike, which TAU-NIGENS was recorded with, in metres.
SPHERE_RADIUS = 0.042
# Azimuth and elevation of the capsules in degrees.
CAPSULES = ((45, 35), (-45, -35), (135, -35), (-135, 35))
# At 12 kHz, what the higher orders add is below 1e-5.
_SPHERE_ORDER = 20
# Power of noise that is the channels' own, relative to the diffuse field's: at
# low frequencies their covariance is singular to rounding.
_OWN_NOISE = 1e-9


@dataclasses.dataclass(frozen=True)
class MicArray:
  """An array or encoding: channels with an axis each.

  Attributes:
    name: The format's name, as in the folders of a data set.
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
    return len(self.axes)

  def polynomials(self, directions: np.ndarray, num_orders: int) -> np.ndarray:
    """Legendre polynomials of the angles to the axes.

    Args:
      directions: Unit vectors towards the sources, with shape `[n, 3]`.
      num_orders: How many, from order 0.

    Returns:
      Values with shape `[orders, channels, n]`.
    """
    return _legendre(num_orders, self.axes @ directions.T)


def diffuse_covariance(
  arrays: Sequence[MicArray], frequencies: np.ndarray
) -> np.ndarray:
  """Covariance of all channels in a spherically isotropic field.

  The mean over all directions of P_m(s . a) P_n(s . b) is P_n(a . b) / (2n+1)
  for m = n and 0 otherwise.

  Args:
    arrays: Arrays that stand at one place.
    frequencies: In Hz, with shape `[f]`.

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
  """What turns independent noises into the channels of one diffuse field.

  An array's channels are made from the noises of its own number and those of
  the arrays before it, so that they do not change with the arrays after it.

  Args:
    arrays: Arrays that stand at one place.
    frequencies: In Hz, with shape `[f]`.

  Returns:
    For every array matrices with shape `[f, channels, noises]`, complex64.
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
  """P_0 .. of `x`, with shape `[orders, ...]`, by their recurrence."""
  values = np.ones((num_orders, *x.shape))
  if num_orders > 1:
    values[1] = x
  for n in range(1, num_orders - 1):
    values[n + 1] = ((2 * n + 1) * x * values[n] - n * values[n - 1]) / (n + 1)
  return values


def _foa_weights(frequencies: np.ndarray) -> np.ndarray:
  """W has order 0 only, the others order 1."""
  del frequencies
  return np.array([[1.0, 0, 0, 0], [0, 1.0, 1.0, 1.0]])[:, :, None]


def _sphere_weights(frequencies: np.ndarray) -> np.ndarray:
  """Series of the pressure on a rigid sphere.

  For e^(j w t) and a source in the direction of the capsule the phase leads:
  j^n (2n+1) (-j) / (x^2 h_n'(x)), h_n the spherical Hankel function of the
  second kind and x the wave number times the radius.
  """
  x = 2 * np.pi * frequencies * SPHERE_RADIUS / rooms.SPEED_OF_SOUND
  # Below 1 Hz nothing changes, but the functions grow without bounds.
  x = np.maximum(x, 1e-3)
  order = np.arange(_SPHERE_ORDER + 1)[:, None]
  slope = special.spherical_jn(order, x, True) - 1j * special.spherical_yn(
    order, x, True
  )
  return (1j**order * (2 * order + 1) * -1j / (x**2 * slope))[:, None]


ARRAYS = {
  'foa': MicArray(
    'foa',
    # The axis of W is of no consequence.
    np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    _foa_weights,
  ),
  'mic': MicArray(
    'mic', geometry.to_cartesian(*np.array(CAPSULES).T), _sphere_weights
  ),
}
