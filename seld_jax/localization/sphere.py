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


@functools.lru_cache(maxsize=8)
def _cells(count: int) -> np.ndarray:
  """The nearest point for cells of a degree, with shape `[181, 361]`."""
  from scipy import spatial  # slow to import

  elevation, azimuth = np.meshgrid(
    np.radians(np.arange(-90, 91)),
    np.radians(np.arange(-180, 181)),
    indexing='ij',
  )
  flat = np.cos(elevation)
  xyz = np.stack(
    [flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1
  )
  return np.asarray(spatial.KDTree(points(count)).query(xyz)[1])


def histograms(
  vectors: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
  """Sums of the vectors that point to each point, and of their lengths.

  Args:
    vectors: Vectors, with shape `[3, frames, ...]`.
    count: Number of points.

  Returns:
    Sums of vectors, float32 with shape `[frames, count, 3]`, and sums of
    lengths, float32 with shape `[frames, count]`.
  """
  x, y, z = vectors
  frames = len(x)
  azimuth = np.rint(np.degrees(np.arctan2(y, x))).astype(np.int64)
  elevation = np.rint(np.degrees(np.arctan2(z, np.hypot(x, y))))
  cell = _cells(count)[elevation.astype(np.int64) + 90, azimuth + 180]
  first = count * np.arange(frames).reshape(-1, *[1] * (x.ndim - 1))
  place = (cell + first).ravel()
  length = np.sqrt((vectors**2).sum(axis=0))
  sums = [
    np.bincount(place, one.ravel(), frames * count).astype(np.float32)
    for one in (x, y, z, length)
  ]
  shape = frames, count
  return np.stack(sums[:3], -1).reshape(*shape, 3), sums[3].reshape(shape)


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
