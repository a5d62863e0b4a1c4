"""Rotations and reflections of a scene, and the arrays that they map."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

# Signs of x, y and z of the capsules at (45, 35), (-45, -35), (135, -35) and
# (-135, 35) degrees: the array of TAU-NIGENS and STARSS.
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])

# Largest distance in metres between a microphone that is turned and the one in
# whose place it comes: positions are hardly known better.
_TOLERANCE = 2e-3


# Numbers of symmetries of FOA that form a group, each within the next one.
GROUPS = (4, 8, 16, 48)


def symmetry_matrices(*, count: int = 16) -> np.ndarray:
  """The matrices of symmetries of FOA: signed permutations of x, y, z.

  All 48 are 6 orders of the axes with 8 signs each. Those of a smaller `count`
  are the first of a larger one:

  - 4: quarter turns about the vertical axis;
  - 8: these, with left and right exchanged or not;
  - 16: these, with up and down exchanged or not;
  - 48: these, with x, y and z in three cyclic orders. The last 32 exchange the
    vertical axis with a horizontal one, so that floors become walls.

  Args:
    count: Number of symmetries, 4, 8, 16 or 48.

  Returns:
    int64 with shape `[count, 3, 3]`. Matrix
    `16 * cycles + 8 * flip + 4 * mirror + turns` first negates the elevation if
    `flip` is 1, then negates the azimuth (exchanges left and right) if `mirror`
    is 1, then rotates the scene by `turns` quarter turns counter-clockwise, and
    then turns x to y, y to z and z to x, `cycles` times.

  Raises:
    ValueError: `count` is not 4, 8, 16 or 48.

  Example:
    >>> from seld_jax import augment
    >>> front = np.array([1, 0, 0])
    >>> print(augment.symmetry_matrices()[1] @ front)  # a quarter turn: left
    [0 1 0]
    >>> print(augment.symmetry_matrices(count=48)[17] @ front)  # then left: up
    [0 0 1]
  """
  if count not in GROUPS:
    raise ValueError(
      f'The number of symmetries of FOA must be 4, 8, 16 or 48, got {count!r}.'
    )
  quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
  mirror = np.diag([1, -1, 1])
  flip = np.diag([1, 1, -1])
  cycle = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
  power = np.linalg.matrix_power
  return np.stack(
    [
      power(cycle, cycles)
      @ power(quarter, turns)
      @ power(mirror, mirrored)
      @ power(flip, flipped)
      for cycles, flipped, mirrored, turns in itertools.product(
        range(3), range(2), range(2), range(4)
      )
    ][:count]
  )


def vertical_rotation(azimuth: jax.typing.ArrayLike) -> jax.Array:
  """The matrix of a rotation about the vertical axis.

  Args:
    azimuth: Angle in degrees by which the scene turns counter-clockwise, a
      scalar of any size.

  Returns:
    Matrix that maps old directions x, y, z to new ones, float32 with shape
    `[3, 3]`.

  See Also:
    `turn_foa`, which applies it to audio; `OutputFormat.turn`, to targets.

  Example:
    >>> from seld_jax import augment
    >>> front = np.array([1, 0, 0])
    >>> x, y, z = augment.vertical_rotation(60.0) @ front
    >>> print(f'{x:.3f} {y:.3f} {z:.3f}')
    0.500 0.866 0.000
  """
  angle = jnp.deg2rad(jnp.asarray(azimuth, jnp.float32))
  cosine, sine = jnp.cos(angle), jnp.sin(angle)
  zero, one = jnp.zeros_like(angle), jnp.ones_like(angle)
  return jnp.stack(
    [
      jnp.stack([cosine, -sine, zero]),
      jnp.stack([sine, cosine, zero]),
      jnp.stack([zero, zero, one]),
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

  Raises:
    ValueError: Positions are not finite, or two microphones are in one place.

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
  if not found:  # also the matrix that changes nothing does not fit
    raise ValueError(
      'The positions of microphones must be finite and different from each '
      f'other, got {microphones.tolist()}.'
    )
  return np.stack(list(found.values())), np.array(list(found))


def of_microphones(
  count: int, microphones: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
  """The symmetries of the microphones of an audio format.

  Args:
    count: Number of microphones.
    microphones: Their positions, with shape `[count, 3]`; None for the
      tetrahedral array.

  Returns:
    As `array_symmetries`; at least one changes something.

  Raises:
    ValueError: The number of microphones and positions differs, or nothing maps
      the array to itself.
  """
  if microphones is None and count != len(TETRAHEDRON):
    raise ValueError(
      f'The positions of the {count} microphones are needed to turn a scene.'
    )
  if microphones is None:
    microphones = TETRAHEDRON
  if np.shape(microphones) != (count, 3):
    raise ValueError(
      f'{count} microphones need positions with shape ({count}, 3), got shape '
      f'{np.shape(microphones)}.'
    )
  matrices, sources = array_symmetries(microphones)
  if len(matrices) == 1:
    raise ValueError(
      f'None of the rotations and reflections maps the {count} microphones to '
      'each other.'
    )
  return matrices, sources


def of_stereo() -> tuple[np.ndarray, np.ndarray]:
  """The matrices and source channels of stereo: left and right exchanged."""
  matrices = np.stack([np.eye(3, dtype=np.int64), np.diag([1, -1, 1])])
  return matrices, np.array([[0, 1], [1, 0]])


def check_count(format: str, found: int, count: int | None) -> None:
  """Checks a number of symmetries that a format has only as a whole.

  Args:
    format: The format, `'mic'` or `'stereo'`.
    found: The number that it has.
    count: The number that is wanted; None for that.

  Raises:
    ValueError: The numbers differ.
  """
  if count is not None and count != found:
    raise ValueError(
      f'The format {format} has {found} symmetries here, got count = {count}: '
      'leave count out.'
    )
