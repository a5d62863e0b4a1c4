"""SpecAugment: intervals of time and ranges of bands are masked."""

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
