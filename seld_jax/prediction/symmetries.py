"""Rotations and reflections of a recording, of its samples and directions.

They only exchange channels and change signs. So a turned recording is exactly
what the microphones would have recorded of the turned scene, for every kind of
features and every network.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from seld_jax import augment
from seld_jax.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Symmetry:
  """A rotation or reflection of a scene.

  Attributes:
    matrix: What it does to directions x, y, z, int64 with shape `[3, 3]`.
    sources: The channel that each channel of the turned recording is made of,
      with shape `[channels]`.
    signs: The sign that each of them gets, float32 with shape `[channels]`.

  Example:
    >>> from seld_jax.prediction import symmetries
    >>> _, half_turn = symmetries.choose(2, format='foa', num_channels=4)
    >>> print(half_turn.of_audio(np.array([[1], [0.5], [0.2], [0.7]])).ravel())
    [ 1.  -0.5  0.2 -0.7]
  """

  matrix: np.ndarray
  sources: np.ndarray
  signs: np.ndarray

  def of_audio(self, audio: np.ndarray) -> np.ndarray:
    """Turns a recording.

    Args:
      audio: Floats with shape `[channels, samples]`.

    Returns:
      The recording of the turned scene, with the same shape.
    """
    return audio[self.sources] * self.signs.astype(audio.dtype)[:, None]


def choose(
  count: int,
  *,
  format: str,
  num_channels: int,
  microphones: Callable[[], np.ndarray | None] = lambda: None,
) -> list[Symmetry]:
  """Chooses symmetries of a format of audio that form a group.

  Only a group, in which two symmetries in a row are another one, treats all
  directions alike: what is averaged over it turns with the scene. Smaller
  groups are parts of larger ones. For FOA there are 2 (a half turn), 4 (all
  quarter turns), 8 (left and right exchanged, too) and 16 (also up and down).

  Args:
    count: Number of symmetries, with the one that changes nothing; 0 and 1
      for this one alone.
    format: Audio format, `'foa'`, `'mic'` or `'stereo'`.
    num_channels: Number of channels of the audio.
    microphones: Reads the positions x, y, z in metres of the microphones of the
      format `'mic'`, with shape `[microphones, 3]`; None for the tetrahedral
      array. It is called if they are needed.

  Returns:
    The symmetries; the first changes nothing.

  Raises:
    InputError: There is no group of this size; or the positions of microphones
      are not known.

  Example:
    >>> from seld_jax.prediction import symmetries
    >>> len(symmetries.choose(8, format='mic', num_channels=4))
    8
    >>> symmetries.choose(3, format='foa', num_channels=4)
    Traceback (most recent call last):
      ...
    seld_jax.errors.InputError: --average_symmetries must be 0 (off), 2, 4, 8 or
    16 for audio of format foa, got 3.
  """
  if count in (0, 1):
    return [_exchange(np.eye(3, dtype=np.int64), range(num_channels))]
  positions = microphones() if format == 'mic' else None
  every = _of_format(format, num_channels, positions)
  groups = _groups([one.matrix for one in every])
  if count not in groups:
    *others, last = ['0 (off)', *map(str, sorted(groups)[1:])]
    allowed = f'{", ".join(others)} or {last}' if others else last
    array = ' with this array' if format == 'mic' else ''
    raise InputError(
      f'--average_symmetries must be {allowed} for audio of format {format}'
      f'{array}, got {count}.'
    )
  return [every[index] for index in groups[count]]


def _of_format(
  format: str, num_channels: int, microphones: np.ndarray | None
) -> list[Symmetry]:
  """All symmetries of a format of audio."""
  if format == 'foa':
    return [*map(_of_foa, augment.symmetry_matrices())]
  if format == 'stereo':
    matrices = np.eye(3, dtype=np.int64), np.diag([1, -1, 1])
    return [*map(_exchange, matrices, ([0, 1], [1, 0]))]
  if microphones is None and num_channels != len(augment.TETRAHEDRON):
    raise InputError(
      f'--average_symmetries needs the positions of the {num_channels} '
      'microphones: train with --config.features.microphones, or set '
      'features.microphones in the config.json of the run; in a shared folder, '
      'they are the file microphones.csv. Then export again what was exported.'
    )
  if microphones is None:
    microphones = augment.TETRAHEDRON
  if len(microphones) != num_channels:
    raise InputError(
      f'--average_symmetries needs the positions of {num_channels} '
      'microphones, but the file of config.features.microphones has '
      f'{len(microphones)}.'
    )
  matrices, sources = augment.array_symmetries(microphones)
  return [*map(_exchange, matrices, sources)]


def _of_foa(matrix: np.ndarray) -> Symmetry:
  """W stays, and Y, Z, X are turned like the components of a vector."""
  order = [1, 2, 0]
  of_vector = matrix[order][:, order]
  sources = 1 + np.abs(of_vector).argmax(axis=1)
  signs = of_vector.sum(axis=1)  # one component of each row is not 0
  return Symmetry(matrix, np.r_[0, sources], np.r_[1, signs].astype(np.float32))


def _exchange(matrix: np.ndarray, sources: Sequence[int]) -> Symmetry:
  """A symmetry that exchanges channels."""
  return Symmetry(
    matrix, np.asarray(sources), np.ones(len(sources), np.float32)
  )


def _groups(matrices: Sequence[np.ndarray]) -> dict[int, list[int]]:
  """Groups among matrices, each within the next one, by their size.

  Starts with the first matrix, which changes nothing. Each larger group has one
  more matrix, and those that follow from it; of these, the smallest is taken.
  """
  index = {matrix.tobytes(): i for i, matrix in enumerate(matrices)}
  # What two matrices in a row are; -1 if it is none of them.
  table = np.array(
    [
      [index.get((one @ other).tobytes(), -1) for other in matrices]
      for one in matrices
    ]
  )

  def closed(members: set[int]) -> set[int]:
    while True:
      more = {int(table[i, j]) for i in members for j in members}
      if more == members:
        return members
      if -1 in more:
        return set()
      members = more

  groups = {1: [0]}
  group = {0}
  while True:
    enlarged = [closed({*group, i}) for i in range(len(matrices))]
    larger = [one for one in enlarged if len(one) > len(group)]
    if not larger:
      return groups
    group = min(larger, key=len)
    groups[len(group)] = sorted(group)
