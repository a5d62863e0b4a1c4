"""Augmentation of feature crops: pure functions, PRNG key first.

Each random function only draws; what it draws is applied by a deterministic
function that can be used, and tested, by itself. They work on one example;
`jax.vmap` gives every example of a batch draws of its own.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np


def spec_augment(
  key: jax.Array,
  features: jax.Array,
  *,
  num_time_masks: int = 2,
  max_time_width: int = 9,
  num_band_masks: int = 2,
  max_band_width: int = 9,
  share_channels: bool = False,
) -> jax.Array:
  """Masks random stretches of time and random ranges of bands.

  Widths are uniform in 0 to the maximum, both included, and positions uniform
  among those where the mask fits. Masked cells take their channel's mean.

  Args:
    key: PRNG key.
    features: Standardised features, with shape `[frames, mels, channels]`.
    num_time_masks: Number of masks along time.
    max_time_width: Largest width of those, in frames.
    num_band_masks: Number of masks along frequency.
    max_band_width: Largest width of those, in bands.
    share_channels: Whether all channels get the same masks. By default each
      channel has masks of its own, as the paper's authors do.

  Returns:
    Masked features, with the same shape.

  References:
    Park et al., `SpecAugment <https://arxiv.org/abs/1904.08779>`_, 2019
    (without time warping)
  """
  frames, mels, channels = features.shape
  fill = jnp.mean(features, axis=(0, 1))
  for axis, size, count, width, axis_key in zip(
    (0, 1),
    (frames, mels),
    (num_time_masks, num_band_masks),
    (max_time_width, max_band_width),
    jax.random.split(key),
    strict=True,
  ):
    width_key, start_key = jax.random.split(axis_key)
    shape = (count, 1 if share_channels else channels)
    widths = jax.random.randint(width_key, shape, 0, min(width, size) + 1)
    starts = jax.random.randint(start_key, shape, 0, size - widths + 1)
    features = mask_bands(features, starts, widths, axis=axis, fill=fill)
  return features


def mask_bands(
  features: jax.Array,
  starts: jax.Array,
  widths: jax.Array,
  *,
  axis: int,
  fill: jax.Array,
) -> jax.Array:
  """Replaces stretches along one axis.

  Args:
    features: Features, with shape `[frames, mels, channels]`.
    starts: First index of each mask, with shape `[masks, channels]`, or
      `[masks, 1]` for masks that all channels share.
    widths: Number of indices of each mask, with the same shape.
    axis: 0 masks time, 1 masks frequency.
    fill: Value of masked cells, with shape `[channels]`.

  Returns:
    Masked features, with the same shape.
  """
  index = jnp.arange(features.shape[axis])[:, None, None]
  masked = jnp.any((index >= starts) & (index < starts + widths), axis=1)
  return jnp.where(jnp.expand_dims(masked, 1 - axis), fill, features)


def rotate_foa(
  key: jax.Array, features: jax.Array, doa: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Turns or mirrors an ambisonic scene, features and labels alike.

  Draws one of 16 symmetries: rotation about the vertical by a multiple of 90
  degrees, with or without a mirrored azimuth, with or without a mirrored
  elevation. They only permute channels and flip signs, so that features of the
  turned sound are exactly the turned features.

  Args:
    key: PRNG key.
    features: FOA features before standardisation, in the aligned layout, with
      shape `[frames, mels, 7]`.
    doa: Directions, with shape `[label_frames, classes, 3]`.

  Returns:
    Turned features and directions, with the same shapes.

  References:
    Mazzon et al., `First order ambisonics domain spatial augmentation for
    DNN-based direction of arrival estimation
    <https://arxiv.org/abs/1910.04388>`_, 2019
  """
  index = jax.random.randint(key, (), 0, NUM_SYMMETRIES)
  return apply_symmetry(features, doa, index)


def apply_symmetry(
  features: jax.Array, doa: jax.Array, index: jax.typing.ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """Applies the symmetry of this index, 0 to 15, to features and directions.

  Args:
    features: FOA features before standardisation, with shape
      `[frames, mels, 7]`.
    doa: Directions, with shape `[label_frames, classes, 3]`.
    index: Row of `symmetry_matrices()`; 0 changes nothing.

  Returns:
    Turned features and directions, with the same shapes.
  """
  of_doa, of_features = _SYMMETRIES
  turned = jnp.matmul(
    features,
    jnp.asarray(of_features, features.dtype)[index].T,
    precision=jax.lax.Precision.HIGHEST,
  )
  doa = jnp.matmul(
    doa,
    jnp.asarray(of_doa, doa.dtype)[index].T,
    precision=jax.lax.Precision.HIGHEST,
  )
  return turned, doa


def swap_mic_channels(
  key: jax.Array, features: jax.Array, doa: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Turns or mirrors a scene of the tetrahedral array, features and labels.

  Draws one of the 8 symmetries that map the capsules to each other. They only
  exchange channels, so that features of the turned sound are exactly the turned
  features; but the first lag of a reversed GCC, which has no counterpart among
  the lags that are kept, stays. It holds noise only: it is many times the delay
  across the array.

  Args:
    key: PRNG key.
    features: MIC features before standardisation, in the aligned layout, with
      shape `[frames, mels, 10]`.
    doa: Directions, with shape `[label_frames, classes, 3]`.

  Returns:
    Turned features and directions, with the same shapes.

  References:
    Wang et al., `A four-stage data augmentation approach to ResNet-Conformer
    based acoustic modeling for sound event localization and detection
    <https://arxiv.org/abs/2101.02919>`_, 2021 (audio channel swapping)
  """
  index = jax.random.randint(key, (), 0, NUM_MIC_SYMMETRIES)
  return apply_mic_symmetry(features, doa, index)


def apply_mic_symmetry(
  features: jax.Array, doa: jax.Array, index: jax.typing.ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """Applies the symmetry of this index, 0 to 7, to features and directions.

  Args:
    features: MIC features before standardisation, with shape
      `[frames, mels, 10]`.
    doa: Directions, with shape `[label_frames, classes, 3]`.
    index: 0 changes nothing.

  Returns:
    Turned features and directions, with the same shapes.
  """
  of_doa, channels, pairs, is_reversed = map(jnp.asarray, _MIC_SYMMETRIES)
  log_mels, correlations = features[..., :4], features[..., 4:]
  correlations = correlations[..., pairs[index]]
  # The lag of index k is k - n / 2, so that its negative has the index n - k.
  backwards = jnp.roll(jnp.flip(correlations, axis=-2), 1, axis=-2)
  correlations = jnp.where(is_reversed[index], backwards, correlations)
  turned = jnp.concatenate(
    [log_mels[..., channels[index]], correlations], axis=-1
  )
  doa = jnp.matmul(
    doa,
    of_doa[index].T.astype(doa.dtype),
    precision=jax.lax.Precision.HIGHEST,
  )
  return turned, doa


# How a scene is turned, by the format of its features.
TURNS = {'foa': rotate_foa, 'mic': swap_mic_channels}


def symmetry_matrices() -> np.ndarray:
  """The 16 signed permutations of (x, y, z), with shape `[16, 3, 3]`.

  Row `8 * flip + 4 * mirror + quarter_turns`: first the elevation is flipped,
  then the azimuth mirrored (left and right exchanged), then the scene turned
  counter-clockwise.
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


def _symmetry_tables() -> tuple[np.ndarray, np.ndarray]:
  """What each symmetry does to directions and to the 7 feature channels."""
  of_doa = symmetry_matrices()
  # The intensity vector is stored as Y, Z, X, and so are the dipoles.
  order = [1, 2, 0]
  of_intensity = of_doa[:, order][:, :, order]
  of_features = np.zeros((len(of_doa), 7, 7), np.int64)
  of_features[:, 0, 0] = 1  # W hears the same from everywhere
  of_features[:, 1:4, 1:4] = np.abs(of_intensity)  # power has no sign
  of_features[:, 4:, 4:] = of_intensity
  return of_doa, of_features


_SYMMETRIES = _symmetry_tables()
NUM_SYMMETRIES = len(_SYMMETRIES[0])


def _mic_symmetry_tables() -> tuple[np.ndarray, ...]:
  """What each symmetry does to directions, channels and pairs of channels.

  Returns:
    Matrices `[8, 3, 3]`, the channel that each channel takes the place of
    `[8, 4]`, the same for pairs `[8, 6]`, and whether a pair is reversed
    `[8, 6]`.
  """
  # Signs of x, y and z of the capsules at (45, 35), (-45, -35), (135, -35) and
  # (-135, 35) degrees.
  capsules = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
  pairs = list(itertools.combinations(range(len(capsules)), 2))
  rows = []
  for matrix in symmetry_matrices():
    # A capsule hears of the turned scene what was heard where it came from.
    came_from = (capsules @ matrix)[:, None] == capsules
    found = came_from.all(axis=-1)
    if not found.any(axis=1).all():
      continue
    channels = found.argmax(axis=1)
    old = [(channels[i], channels[j]) for i, j in pairs]
    rows.append(
      (
        matrix,
        channels,
        np.array([pairs.index((min(pair), max(pair))) for pair in old]),
        np.array([first > second for first, second in old]),
      )
    )
  return tuple(map(np.stack, zip(*rows, strict=True)))


_MIC_SYMMETRIES = _mic_symmetry_tables()
NUM_MIC_SYMMETRIES = len(_MIC_SYMMETRIES[0])
