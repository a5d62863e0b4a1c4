"""Points on a sphere, and the peaks of maps over them."""

import functools
from collections.abc import Iterator

import numpy as np


@functools.lru_cache(maxsize=8)
def points(count: int) -> np.ndarray:
  """Directions that cover the sphere evenly: a Fibonacci lattice.

  Args:
    count: Number of points. A thousand are about 6 degrees apart.

  Returns:
    Unit vectors, float32 with shape `[count, 3]`; not to be changed.

  References:
    Swinbank and Purser, `Fibonacci grids: A novel approach to global modelling
    <https://doi.org/10.1256/qj.05.227>`_, 2006
  """
  index = np.arange(count) + 0.5
  z = 1 - 2 * index / count
  azimuth = np.pi * (3 - np.sqrt(5)) * index
  flat = np.sqrt(1 - z**2)
  xyz = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), z], axis=-1)
  return xyz.astype(np.float32)


def cap(directions: np.ndarray, angle: float) -> np.ndarray:
  """Which points are near which.

  Args:
    directions: Unit vectors, with shape `[points, 3]`.
    angle: Largest angle in degrees.

  Returns:
    Whether two points are near each other, bool with shape `[points, points]`.
  """
  return directions @ directions.T >= np.cos(np.radians(angle))


def peaks(
  power: np.ndarray,
  response: np.ndarray,
  directions: np.ndarray,
  *,
  num_sources: int,
  min_angle: float,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
  """Finds the strongest source, then that of what it does not explain, ...

  After each source, the map that this source would have alone is subtracted, as
  in the CLEAN algorithm.

  Args:
    power: Maps, with shape `[frames, points]`.
    response: Maps of a source of strength 1 at each point, with shape
      `[points, points]`.
    directions: Unit vectors of the points, with shape `[points, 3]`.
    num_sources: Number of sources.
    min_angle: Least angle between two sources in degrees.

  Yields:
    For each source: the point of its peak, int64 with shape `[frames]`; the
    height of the peak, with shape `[frames]`, which is 0 if no point is far
    enough from the other sources; and the map in which it was
    found, with shape `[frames, points]`.

  References:
    Högbom, `Aperture Synthesis with a Non-Regular Distribution of
    Interferometer Baselines
    <https://ui.adsabs.harvard.edu/abs/1974A%26AS...15..417H>`_, 1974
  """
  near = cap(directions, min_angle)
  is_free = np.ones(power.shape, bool)
  for _ in range(num_sources):
    index = np.where(is_free, power, -np.inf).argmax(axis=-1)
    height = np.take_along_axis(power, index[:, None], axis=-1)
    height = np.where(is_free.any(axis=-1, keepdims=True), height, 0)
    yield index, height[:, 0], power
    is_free &= ~near[index]
    power = power - height * response[index]


def unit(vectors: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
  """Vectors of norm 1.

  Args:
    vectors: Vectors of any length, with shape `[n, 3]`.
    otherwise: Unit vectors in the places of zero vectors, with shape `[n, 3]`.

  Returns:
    Unit vectors, float32 with shape `[n, 3]`.
  """
  norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
  scaled = vectors / np.where(norm > 0, norm, 1)
  return np.where(norm > 0, scaled, otherwise).astype(np.float32)
