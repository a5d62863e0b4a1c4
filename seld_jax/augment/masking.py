"""Intervals of time, ranges of bands and rectangles of both are masked."""

import jax
import jax.numpy as jnp


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

  Raises:
    ValueError: The features have another number of axes, as in a batch.

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
  masked, _ = augment_and_mark(
    key,
    features,
    num_time_masks=num_time_masks,
    max_time_width=max_time_width,
    num_band_masks=num_band_masks,
    max_band_width=max_band_width,
    share_channels=share_channels,
  )
  return masked


def augment_and_mark(
  key: jax.Array,
  features: jax.Array,
  *,
  num_time_masks: int,
  max_time_width: int,
  num_band_masks: int,
  max_band_width: int,
  share_channels: bool,
) -> tuple[jax.Array, jax.Array]:
  """Masks as `spec_augment` does, and says which frames were masked.

  Args:
    key: PRNG key.
    features: As for `spec_augment`, and so are the options.
    num_time_masks: Number of masks along time.
    max_time_width: Largest width of a time mask in frames.
    num_band_masks: Number of masks along frequency.
    max_band_width: Largest width of a frequency mask in bands.
    share_channels: Whether all channels have the same masks.

  Returns:
    Masked features, with the same shape, and whether a time mask covers a frame
    in all channels, with shape `[frames]`.
  """
  if features.ndim != 3:
    raise ValueError(
      'Masks need features with shape [frames, mels, channels], got '
      f'{list(features.shape)}; use jax.vmap for a batch.'
    )
  frames, mels, channels = features.shape
  fill = jnp.mean(features, axis=(0, 1))
  is_gone = jnp.zeros(frames, bool)
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
    if axis == 0:
      is_gone = _covered(starts, widths, size).all(axis=-1)
  return features, is_gone


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
  masked = _covered(starts, widths, features.shape[axis])
  return jnp.where(jnp.expand_dims(masked, 1 - axis), fill, features)


def cut_out(
  features: jax.Array,
  starts: jax.Array,
  sizes: jax.Array,
  *,
  num_channels: int | None = None,
) -> jax.Array:
  """Sets a rectangle of time and bands to 0, the mean of standardised values.

  Args:
    features: Standardised features, with shape `[frames, bands, channels]`.
    starts: First frame and first band, integers with shape `[2]`.
    sizes: Number of frames and number of bands, integers with shape `[2]`.
    num_channels: How many of the first channels are changed; None for all.

  Returns:
    The features, with the same shape.

  References:
    DeVries and Taylor, `Improved Regularization of Convolutional Neural
    Networks with Cutout <https://arxiv.org/abs/1708.04552>`_, 2017

  See Also:
    `cutout`, which draws the rectangle.

  Example:
    >>> from seld_jax import augment
    >>> features = jnp.ones((3, 4, 7))
    >>> cut = augment.cut_out(features, jnp.array([1, 0]), jnp.array([1, 2]))
    >>> print(cut[..., 0])
    [[1. 1. 1. 1.]
     [0. 0. 1. 1.]
     [1. 1. 1. 1.]]
  """
  frames, bands, channels = features.shape
  within = [
    (jnp.arange(size) >= starts[axis])
    & (jnp.arange(size) < starts[axis] + sizes[axis])
    for axis, size in enumerate((frames, bands))
  ]
  count = channels if num_channels is None else num_channels
  is_cut = within[0][:, None, None] & within[1][:, None]
  return jnp.where(is_cut & (jnp.arange(channels) < count), 0, features)


def _covered(starts: jax.Array, widths: jax.Array, size: int) -> jax.Array:
  """Which of `size` indices are in any interval: `[size, channels or 1]`."""
  index = jnp.arange(size)[:, None, None]
  return jnp.any((index >= starts) & (index < starts + widths), axis=1)
