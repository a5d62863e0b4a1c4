"""Rotations and reflections of a scene, and the arrays that they map."""

import itertools

import numpy as np

# Signs of x, y and z of the capsules at (45, 35), (-45, -35), (135, -35) and
# (-135, 35) degrees: the array of TAU-NIGENS and STARSS.
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])

# Largest distance in metres between a microphone that is turned and the one in
# whose place it comes: positions are hardly known better.
_TOLERANCE = 2e-3


def symmetry_matrices() -> np.ndarray:
  """The matrices of the 16 symmetries of FOA: signed permutations of x, y, z.

  Returns:
    int64 with shape `[16, 3, 3]`. Matrix `8 * flip + 4 * mirror + turns` first
    negates the elevation if `flip` is 1, then negates the azimuth (exchanges
    left and right) if `mirror` is 1, and then rotates the scene by `turns`
    quarter turns counter-clockwise.

  Example:
    >>> from seld_jax import augment
    >>> front = np.array([1, 0, 0])
    >>> print(augment.symmetry_matrices()[1] @ front)  # a quarter turn: left
    [0 1 0]
  """
  quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
  mirror = np.diag([1, -1, 1])
  flip = np.diag([1, 1, -1])
  power = np.linalg.matrix_power
  return np.stack(
    [
      power(quarter, turns) @ power(mirror, mirrored) @ power(flip, flipped)
      for flipped, mirrored, turns in itertools.product(
        range(2), range(2), range(4)
      )
    ]
  )


def array_symmetries(
  microphones: np.ndarray, *, tolerance: float = _TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
  """The symmetries of FOA that map the microphones of an array to each other.

  Some arrays cannot distinguish all directions: one in a plane hears the same
  from above and from below. If several symmetries exchange the microphones in
  the same way, only the one that changes directions least is kept, since the
  others would give other directions to the same sound.

  Args:
    microphones: Positions x, y, z in metres, with shape `[microphones, 3]`,
      from the point that directions are seen from, usually the centre of the
      array.
    tolerance: Largest distance in metres between a microphone that is turned
      and the one in whose place it comes.

  Returns:
    The matrices of those among `symmetry_matrices()`, with shape
    `[symmetries, 3, 3]`; and for each the index of the microphone whose
    signal each microphone receives from the turned scene, with shape
    `[symmetries, microphones]`. The first changes nothing.

  Example:
    Four microphones in a square, in front, to the left, behind and to the
    right; a quarter turn to the left brings the sound of the first to the
    second. Up and down are not exchanged.

    >>> from seld_jax import augment
    >>> square = 0.1 * np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    >>> matrices, sources = augment.array_symmetries(square)
    >>> len(matrices)
    8
    >>> print(sources[1])
    [3 0 1 2]
  """
  found: dict[tuple[int, ...], np.ndarray] = {}
  for matrix in symmetry_matrices():
    # A microphone receives from the turned scene the signal of the microphone
    # at the place that is turned onto it.
    came_from = microphones @ matrix
    distance = np.linalg.norm(came_from[:, None] - microphones, axis=-1)
    nearest = distance.argmin(axis=1)
    is_exact = (distance.min(axis=1) <= tolerance).all()
    if not is_exact or len(set(nearest)) < len(microphones):
      continue
    # The trace of a matrix is the largest for the one that changes nothing.
    exchange = tuple(int(source) for source in nearest)
    if exchange not in found or np.trace(matrix) > np.trace(found[exchange]):
      found[exchange] = matrix
  return np.stack(list(found.values())), np.array(list(found))
