"""Directions of FOA recordings: histograms of the active intensity."""

import functools

import numpy as np

from seld_jax.localization import spectra, sphere
from seld_jax.localization.directions import Directions, join, nothing

# Points of the histogram, about 6 degrees apart.
_POINTS = 1000
# Energies below count less; full scale is 1.
_LEAST_ENERGY = 1e-30
# Angle in degrees around a peak whose vectors give its direction.
_CONE = 15.0


def intensity_directions(
  audio: np.ndarray,
  *,
  sample_rate: int,
  num_sources: int = 2,
  low: float = 200.0,
  high: float = 5000.0,
  energy_power: float = 0.25,
  width: float = 25.0,
  min_angle: float = 30.0,
  context: int = 1,
) -> Directions:
  """Finds the directions of sounds in first-order Ambisonics.

  The active intensity Re(W* (X, Y, Z)) of each time and frequency points to the
  source that dominates there. Intensities of a label frame and its neighbours
  form a histogram over the sphere, which is smoothed with a von Mises-Fisher
  kernel. Its highest peak is the first source. The second one is the highest
  peak of what the first source does not explain. The mean of the intensity
  vectors around a peak is the direction.

  Args:
    audio: FOA in ACN order (W, Y, Z, X) with SN3D normalisation, with shape
      `[4, samples]`, at any level.
    sample_rate: Sample rate in Hz.
    num_sources: Largest number of sources in a label frame, 1 or 2.
    low: Lowest frequency in Hz.
    high: Highest frequency in Hz. Microphone arrays of a few centimetres have
      no first-order Ambisonics at much higher frequencies.
    energy_power: Each time and frequency counts with its energy to this power,
      0 to 1. 1: by their energy; the loudest bands then decide nearly alone.
      0: all alike.
    width: Standard deviation of the kernel in degrees, 1 to 180.
    min_angle: Least angle between two sources in degrees, 0 to 180.
    context: Label frames before and after a label frame that add to its
      histogram.

  Returns:
    The directions in each label frame of 0.1 s; the last may be cut short.

  Raises:
    InputError: The audio does not have four channels, it is not finite, or an
      option is out of range.

  References:
    Pavlidi et al., `3D localization of multiple sound sources with intensity
    vector estimates in single source zones
    <https://ieeexplore.ieee.org/document/7362645>`_, 2015

  Example:
    >>> from seld_jax import geometry, localization
    >>> noise = np.random.default_rng(0).normal(size=24000)
    >>> x, y, z = geometry.to_cartesian(40.0, 20.0)
    >>> wave = noise * np.array([[1], [y], [z], [x]])  # W, Y, Z, X
    >>> found = localization.intensity_directions(wave, sample_rate=24000)
    >>> azimuth, elevation = geometry.to_polar(found.xyz[5, 0])
    >>> print(round(float(azimuth)), round(float(elevation)))
    40 20
  """
  audio, peak = spectra.checked(audio, num_channels=4, sample_rate=sample_rate)
  sample_rate = int(sample_rate)
  spectra.check_options(
    num_sources=num_sources,
    low=low,
    high=high,
    sample_rate=sample_rate,
    min_angle=min_angle,
    context=context,
  )
  spectra.check_range('energy_power', energy_power, (0, 1))
  spectra.check_range('width', width, (1, 180))
  kernel = _kernel(width)
  found = [nothing(num_sources)]
  for spectrum, kept in spectra.pieces(
    audio, sample_rate=sample_rate, low=low, high=high, context=context
  ):
    pressure = spectrum[0]
    intensity = np.real(pressure.conj() * spectrum[[3, 1, 2]])
    square = np.real(spectrum) ** 2 + np.imag(spectrum) ** 2
    energy = square.sum(axis=0) / 2
    level = spectra.levels(
      square[0].sum(axis=-1).mean(axis=-1), sample_rate=sample_rate, peak=peak
    )
    # Smaller energies would overflow.
    weight = np.maximum(energy, _LEAST_ENERGY) ** (energy_power - 1)
    vectors, shares = sphere.histograms(intensity * weight, _POINTS)
    total = (energy * weight).sum(axis=(-2, -1))
    vectors, shares, total = (
      spectra.with_context(one, context)[kept]
      for one in (vectors, shares, total)
    )
    power = shares @ kernel / np.where(total > 0, total, 1)[:, None]
    xyz, strength = _sources(power, vectors, kernel, num_sources, min_angle)
    found.append(Directions(xyz, strength, level[kept]))
  return join(found)


@functools.lru_cache(maxsize=4)
def _kernel(width: float) -> np.ndarray:
  """Heights of a smoothed vector of length 1, with shape `[points, points]`."""
  directions = sphere.points(_POINTS)
  concentration = 1 / np.radians(width) ** 2
  return np.exp(concentration * (directions @ directions.T - 1))


def _sources(
  power: np.ndarray,
  vectors: np.ndarray,
  kernel: np.ndarray,
  num_sources: int,
  min_angle: float,
) -> tuple[np.ndarray, np.ndarray]:
  """Directions and strengths of the peaks of histograms."""
  directions = sphere.points(_POINTS)
  near = sphere.cap(directions, _CONE)
  xyz, strength = [], []
  for index, height, _ in sphere.peaks(
    power, kernel, directions, num_sources=num_sources, min_angle=min_angle
  ):
    sums = np.einsum('fp,fpc->fc', near[index], vectors)
    xyz.append(sphere.unit(sums, directions[index]))
    strength.append(np.clip(height, 0, 1).astype(np.float32))
  return np.stack(xyz, axis=1), np.stack(strength, axis=1)
