"""Shifts of the bands of features: all sounds become higher or lower."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from seld_jax import features as features_lib
from seld_jax.augment.domains import Domain


def shift_bands(
  features: jax.Array | np.ndarray,
  shift: jax.typing.ArrayLike,
  *,
  max_bands: int,
) -> jax.Array:
  """Shifts all channels along frequency.

  Args:
    features: Features, with shape `[frames, bands, channels]`.
    shift: Number of bands by which the content moves up, an integer scalar from
      `-max_bands` to `max_bands`.
    max_bands: Largest size of a shift.

  Returns:
    Features with the same shape; the bands that become free have the values of
    the lowest or highest band.

  References:
    Nguyen et al., `SALSA: Spatial Cue-Augmented Log-Spectrogram Features for
    Polyphonic Sound Event Localization and Detection
    <https://arxiv.org/abs/2110.00275>`_, 2022 (frequency shifting)

  See Also:
    `frequency_shift`, which draws the shift.

  Example:
    >>> from seld_jax import augment
    >>> features = jnp.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)
    >>> print(augment.shift_bands(features, 1, max_bands=2).ravel())
    [1. 1. 2. 3.]
  """
  features = jnp.asarray(features)
  bands = features.shape[-2]
  widths = [(0, 0)] * features.ndim
  widths[-2] = max_bands, max_bands
  padded = jnp.pad(features, widths, mode='edge')
  return lax.dynamic_slice_in_dim(
    padded, max_bands - jnp.asarray(shift), bands, axis=-2
  )


def shift_features(
  features: jax.Array,
  shift: jax.typing.ArrayLike,
  *,
  max_bands: int,
  domain: Domain,
) -> jax.Array:
  """Shifts those channels of features that have bands.

  Args:
    features: Features, with shape `[frames, bands, channels]`.
    shift: As for `shift_bands`.
    max_bands: Largest size of a shift.
    domain: The kind of features.

  Returns:
    Features with the same shape. Correlations stay, since they have lags;
    spatial channels of bands that never have a direction stay 0.
  """
  count = domain.num_levels
  if domain.has_lags:
    levels = shift_bands(features[..., :count], shift, max_bands=max_bands)
    return jnp.concatenate([levels, features[..., count:]], axis=-1)
  shifted = shift_bands(features, shift, max_bands=max_bands)
  limit = features_lib.num_direction_bands(**domain.options)
  _, bands, channels = features.shape
  if limit == bands:
    return shifted
  is_empty = (jnp.arange(bands)[:, None] >= limit) & (
    jnp.arange(channels) >= count
  )
  return jnp.where(is_empty, 0, shifted)
