"""Augmentation of feature crops: pure functions, PRNG key first.

A random function only draws numbers. A deterministic function, which can be
used by itself, applies them: `spec_augment` uses `mask_bands`, `rotate_foa`
uses `apply_symmetry`, and `swap_mic_channels` uses `apply_mic_symmetry`. All
work on one example; `jax.vmap` over keys and examples augments a batch.
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
  """SpecAugment: masks random intervals of time and random ranges of bands.

  The width of a mask is uniform in 0 to the maximum, both included, and its
  position is uniform among those where it fits. Masked values become the mean
  of their channel.

  Args:
    key: PRNG key.
    features: Standardised features, with shape `[frames, mels, channels]`.
    num_time_masks: Number of masks along time.
    max_time_width: Largest width of a time mask in frames.
    num_band_masks: Number of masks along frequency.
    max_band_width: Largest width of a frequency mask in bands.
    share_channels: Whether all channels have the same masks. By default each
      channel has its own masks, as in the code of the paper's authors.

  Returns:
    Masked features, with the same shape.

  References:
    Park et al., `SpecAugment <https://arxiv.org/abs/1904.08779>`_, 2019
    (without time warping)

  See Also:
    `mask_bands` for masks at given places.

  Example:
    >>> from seld_jax import augment
    >>> crops = np.random.default_rng(0).standard_normal((4, 50, 64, 7))
    >>> keys = jax.random.split(jax.random.key(0), 4)
    >>> masked = jax.jit(jax.vmap(augment.spec_augment))(keys, crops)
    >>> masked.shape, bool((masked != crops).any())
    ((4, 50, 64, 7), True)
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
  """Masks given intervals along one axis.

  Args:
    features: Features, with shape `[frames, mels, channels]`.
    starts: First index of each mask, with shape `[masks, channels]`, or
      `[masks, 1]` for masks that all channels share.
    widths: Number of indices of each mask, with the same shape.
    axis: 0 for masks along time, 1 along frequency.
    fill: Value of the masked elements, with shape `[channels]`.

  Returns:
    Masked features, with the same shape.

  See Also:
    `spec_augment`, which draws the masks.

  Example:
    >>> from seld_jax import augment
    >>> masked = augment.mask_bands(
    ...   jnp.ones((4, 2, 1)),
    ...   starts=jnp.array([[1]]),
    ...   widths=jnp.array([[2]]),
    ...   axis=0,
    ...   fill=jnp.zeros(1),
    ... )
    >>> print(masked[:, 0, 0])  # frames 1 and 2 are masked
    [1. 0. 0. 1.]
  """
  index = jnp.arange(features.shape[axis])[:, None, None]
  masked = jnp.any((index >= starts) & (index < starts + widths), axis=1)
  return jnp.where(jnp.expand_dims(masked, 1 - axis), fill, features)


def rotate_foa(
  key: jax.Array,
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
) -> tuple[jax.Array, jax.Array]:
  """Rotates or mirrors an Ambisonics scene at random: features and labels.

  Draws one of 16 symmetries: a rotation about the vertical axis by a multiple
  of 90 degrees, with or without a mirrored azimuth, with or without a mirrored
  elevation. They only permute feature channels and change signs. Therefore the
  result is exactly the features of the rotated sound.

  Args:
    key: PRNG key.
    features: FOA features before standardisation, in the aligned layout, with
      shape `[frames, mels, 7]`.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  References:
    Mazzon et al., `First order ambisonics domain spatial augmentation for
    DNN-based direction of arrival estimation
    <https://arxiv.org/abs/1910.04388>`_, 2019

  See Also:
    `apply_symmetry` for a given symmetry; `swap_mic_channels` for microphone
    arrays.

  Example:
    >>> from seld_jax import augment
    >>> features, doa = jnp.ones((50, 64, 7)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> key = jax.random.key(0)
    >>> turned, turned_doa = augment.rotate_foa(key, features, doa)
    >>> turned.shape, float(jnp.abs(turned_doa).sum())
    ((50, 64, 7), 1.0)
  """
  index = jax.random.randint(key, (), 0, NUM_SYMMETRIES)
  return apply_symmetry(features, doa, index)


def apply_symmetry(
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
  index: jax.typing.ArrayLike,
) -> tuple[jax.Array, jax.Array]:
  """Applies one of the 16 symmetries of FOA to features and directions.

  Args:
    features: FOA features before standardisation, in the aligned layout, with
      shape `[frames, mels, 7]`.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.
    index: Index in `symmetry_matrices()`, 0 to 15, a scalar; 0 changes
      nothing.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  See Also:
    `rotate_foa`, which draws the index.

  Example:
    Symmetry 1 is a quarter turn to the left, from the front (x) to y:

    >>> from seld_jax import augment
    >>> features, front = jnp.zeros((5, 64, 7)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> _, doa = augment.apply_symmetry(features, front, 1)
    >>> print(doa[0, 0])
    [0. 1. 0.]
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
  key: jax.Array,
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
) -> tuple[jax.Array, jax.Array]:
  """Rotates or mirrors a scene of the tetrahedral array at random.

  Draws one of the 8 symmetries that map the four microphones to each other.
  They only exchange channels. Therefore the result is exactly the features of
  the rotated sound, with one exception: a reversed cross-correlation has lag
  `+n_mels // 2`, which the features do not contain, at the place of
  `-n_mels // 2`. That lag keeps its value. It contains only noise, because it
  is many times longer than the delay across the array.

  Args:
    key: PRNG key.
    features: MIC features before standardisation, in the aligned layout, with
      shape `[frames, mels, 10]`.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  References:
    Wang et al., `A four-stage data augmentation approach to ResNet-Conformer
    based acoustic modeling for sound event localization and detection
    <https://arxiv.org/abs/2101.02919>`_, 2021 (audio channel swapping)

  See Also:
    `apply_mic_symmetry` for a given symmetry; `rotate_foa` for Ambisonics.

  Example:
    >>> from seld_jax import augment
    >>> features, doa = jnp.ones((50, 64, 10)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> key = jax.random.key(0)
    >>> turned, turned_doa = augment.swap_mic_channels(key, features, doa)
    >>> turned.shape, float(jnp.abs(turned_doa).sum())
    ((50, 64, 10), 1.0)
  """
  index = jax.random.randint(key, (), 0, NUM_MIC_SYMMETRIES)
  return apply_mic_symmetry(features, doa, index)


def apply_mic_symmetry(
  features: jax.Array | np.ndarray,
  doa: jax.Array | np.ndarray,
  index: jax.typing.ArrayLike,
) -> tuple[jax.Array, jax.Array]:
  """Applies one of the 8 symmetries of the array to features and directions.

  Args:
    features: MIC features before standardisation, in the aligned layout, with
      shape `[frames, mels, 10]`.
    doa: Direction vectors (x, y, z), with shape `[label_frames, classes, 3]`.
    index: Index of the symmetry, 0 to 7, a scalar; 0 changes nothing. They are
      those of `symmetry_matrices()` that map the microphones to each other, in
      the same order.

  Returns:
    Features and directions of the rotated scene, with the same shapes.

  See Also:
    `swap_mic_channels`, which draws the index.

  Example:
    Symmetry 1 is a half turn about the vertical axis, from front to back:

    >>> from seld_jax import augment
    >>> features, front = jnp.zeros((5, 64, 10)), jnp.array([[[1.0, 0.0, 0.0]]])
    >>> _, doa = augment.apply_mic_symmetry(features, front, 1)
    >>> print(doa[0, 0])
    [-1.  0.  0.]
  """
  of_doa, channels, pairs, is_reversed = map(jnp.asarray, _MIC_SYMMETRIES)
  log_mels, correlations = features[..., :4], features[..., 4:]
  correlations = correlations[..., pairs[index]]
  # Index k has the lag k - n / 2, so that the negative lag has the index n - k.
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


# The random rotation of a scene, by the format of its features.
TURNS = {'foa': rotate_foa, 'mic': swap_mic_channels}


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


def _symmetry_tables() -> tuple[np.ndarray, np.ndarray]:
  """Matrices of each symmetry for directions and for the 7 feature channels."""
  of_doa = symmetry_matrices()
  # The intensity vector is stored as Y, Z, X, and so are the dipoles.
  order = [1, 2, 0]
  of_intensity = of_doa[:, order][:, :, order]
  of_features = np.zeros((len(of_doa), 7, 7), np.int64)
  of_features[:, 0, 0] = 1  # W is omnidirectional
  of_features[:, 1:4, 1:4] = np.abs(of_intensity)  # power has no sign
  of_features[:, 4:, 4:] = of_intensity
  return of_doa, of_features


_SYMMETRIES = _symmetry_tables()
NUM_SYMMETRIES = len(_SYMMETRIES[0])


def _mic_symmetry_tables() -> tuple[np.ndarray, ...]:
  """Effect of each symmetry on directions, channels and pairs of channels.

  Returns:
    Matrices of directions `[8, 3, 3]`, the source channel of each channel
    `[8, 4]`, the source pair of each pair `[8, 6]`, and whether that pair is
    reversed `[8, 6]`.
  """
  # Signs of x, y and z of the capsules at (45, 35), (-45, -35), (135, -35) and
  # (-135, 35) degrees.
  capsules = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
  pairs = list(itertools.combinations(range(len(capsules)), 2))
  rows = []
  for matrix in symmetry_matrices():
    # A microphone receives from the rotated scene the signal of the microphone
    # at the place that was rotated onto it.
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
