"""Augmentation of audio by deterministic functions of `[channels, samples]`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import features as features_lib
from seld_jax.augment import matrices as matrices_lib

# The dipoles of FOA are stored as Y, Z, X, after W.
_ORDER = (1, 2, 0)


def floating(samples: Any) -> jax.Array:
  """Samples as floating-point numbers; integers become float32.

  Gains and turns of integers would be rounded to integers.
  """
  samples = jnp.asarray(samples)
  if jnp.issubdtype(samples.dtype, jnp.floating):
    return samples
  return samples.astype(jnp.float32)


def turn_foa(
  audio: jax.Array | np.ndarray, matrix: jax.Array | np.ndarray
) -> jax.Array:
  """Rotates or mirrors first-order Ambisonics by any orthogonal matrix.

  The result is exactly the sound field of the turned scene.

  Args:
    audio: FOA in the order W, Y, Z, X, with shape `[..., 4, samples]`.
    matrix: Orthogonal matrix of shape `[3, 3]`, which maps old directions
      x, y, z to new ones, such as `vertical_rotation(30.0)`.

  Returns:
    The turned audio, with the same shape.

  Raises:
    ValueError: The audio does not have 4 channels, or the matrix is not 3 x 3.

  References:
    Mazzon et al., `First order ambisonics domain spatial augmentation for
    DNN-based direction of arrival estimation
    <https://arxiv.org/abs/1910.04388>`_, 2019

  See Also:
    `apply_symmetry`, for features.

  Example:
    A plane wave from the front, which is turned to the left:

    >>> from seld_jax import augment
    >>> front = np.array([[1.0], [0.0], [0.0], [1.0]])  # W, Y, Z, X
    >>> turned = augment.turn_foa(front, augment.vertical_rotation(90.0))
    >>> print(turned[:, 0].round(3) + 0.0)
    [1. 1. 0. 0.]
  """
  audio = floating(audio)
  if audio.ndim < 2 or audio.shape[-2] != 4:
    raise ValueError(
      'turn_foa needs the 4 channels W, Y, Z, X on axis -2, got shape '
      f'{tuple(audio.shape)}.'
    )
  if jnp.shape(matrix) != (3, 3):
    raise ValueError(
      'turn_foa needs a matrix of directions with shape [3, 3], got '
      f'{list(jnp.shape(matrix))}; mix_channels takes matrices of channels.'
    )
  order = np.array(_ORDER)
  of_dipoles = jnp.asarray(matrix, audio.dtype)[order][:, order]
  dipoles = _mixed(audio[..., 1:, :], of_dipoles)
  return jnp.concatenate([audio[..., :1, :], dipoles], axis=-2)


def audio_symmetries(
  *,
  format: str,
  num_channels: int = 0,
  microphones: np.ndarray | None = None,
  count: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
  """The rotations and reflections that only exchange channels of audio.

  Some also change signs of channels. They are the same turns, in the same
  order, as those of `make_turns`, which turn features.

  Args:
    format: Audio format, `'foa'`, `'mic'` or `'stereo'`.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.
    microphones: Positions x, y, z in metres of the microphones of the format
      `'mic'`, with shape `[microphones, 3]`; None for the tetrahedral array.
    count: Number of symmetries of FOA, 4, 8, 16 or 48 (see
      `symmetry_matrices`); None for 16. The other formats only have all of
      theirs: 8 for the tetrahedral array, 2 for stereo.

  Returns:
    What each does to directions x, y, z, int64 with shape `[symmetries, 3, 3]`;
    and the matrix that maps the channels of a recording to those of the turned
    scene, int64 with shape `[symmetries, channels, channels]`. The first
    changes nothing.

  Raises:
    ValueError: The format is unknown, there is no such `count`, the number of
      microphones and positions differs, or nothing maps the array to itself.

  References:
    Wang et al., `A four-stage data augmentation approach to ResNet-Conformer
    based acoustic modeling for sound event localization and detection
    <https://arxiv.org/abs/2101.02919>`_, 2021 (audio channel swapping)

  Example:
    >>> from seld_jax import augment
    >>> matrices, channels = augment.audio_symmetries(format='mic')
    >>> print(matrices[1] @ [1, 0, 0])  # a half turn
    [-1  0  0]
    >>> print(channels[1] @ [1, 2, 3, 4])  # the capsules that take their places
    [4 3 2 1]
  """
  size = features_lib.num_audio_channels(format, num_channels=num_channels)
  if format == 'foa':
    matrices = matrices_lib.symmetry_matrices(
      count=16 if count is None else count
    )
    channels = np.zeros((len(matrices), 4, 4), np.int64)
    channels[:, 0, 0] = 1
    channels[:, 1:, 1:] = matrices[:, _ORDER][:, :, _ORDER]
    return matrices, channels
  if format == 'stereo':
    matrices, sources = matrices_lib.of_stereo()
  else:
    matrices, sources = matrices_lib.of_microphones(size, microphones)
  matrices_lib.check_count(format, len(matrices), count)
  return matrices, np.eye(size, dtype=np.int64)[sources]


def mix_channels(
  audio: jax.Array | np.ndarray, matrix: jax.Array | np.ndarray
) -> jax.Array:
  """Makes channels that are sums of other channels.

  Args:
    audio: Audio, with shape `[..., channels, samples]`.
    matrix: Gains, with shape `[new_channels, channels]`, such as a matrix of
      `audio_symmetries`.

  Returns:
    The new channels, with shape `[..., new_channels, samples]` and the type of
    `audio`; float32 for integers.

  Example:
    >>> from seld_jax import augment
    >>> _, channels = augment.audio_symmetries(format='stereo')
    >>> stereo = np.array([[0.5, 0.5], [0.0, 0.1]])
    >>> print(augment.mix_channels(stereo, channels[1]))
    [[0.  0.1]
     [0.5 0.5]]
  """
  audio = floating(audio)
  return _mixed(audio, jnp.asarray(matrix, audio.dtype))


def _mixed(audio: jax.Array, matrix: jax.Array) -> jax.Array:
  return jnp.matmul(matrix, audio, precision=jax.lax.Precision.HIGHEST)
