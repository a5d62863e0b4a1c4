"""Features of the sum of two sounds, from the features of each."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax import features as features_lib
from seld_jax.augment import decibels
from seld_jax.augment.domains import Domain

# SALSA keeps the direction of a source that is louder than the next by this
# factor.
_DOMINANCE = 5.0


def mix_features(
  first: jax.Array | np.ndarray,
  second: jax.Array | np.ndarray,
  *,
  domain: Domain,
) -> jax.Array:
  """Estimates the features of the sum of two sounds that are independent.

  Powers of independent sounds add up on average, so that this is how log-mel
  and log powers are mixed. The other channels are estimates:

  - Intensity vectors become their mean, weighted with the energy
    `|W|^2 + (|Y|^2 + |Z|^2 + |X|^2) / 3` of each sound in the band, as if all
    bins of a band had the same energy. For two equally loud plane waves of
    noise, the mean direction is right. The mean norm is within 15 % if they are
    up to 90 degrees apart, and with `intensity='energy'` always; with `'norm'`,
    it is half as large as it should be at 150 degrees. The correlation of X
    and Y is that of the sum of both cross-spectra.
  - GCC-PHAT gives every bin the same weight, and a bin has about the phase of
    the louder sound. Correlations become their mean; the weight of a sound is
    the mean over all bands of its share of the power, where a band counts as
    much as it is wide.
  - SALSA has the direction of a source that is 5 times as strong as the next
    one. So that of the sound with 5 times the power of the other is kept in a
    bin, and no direction if neither has that.
  - SALSA-Lite has the path differences of the louder sound in each bin.
  - Stereo: the level difference is computed anew; cosine and sine of the phase
    become a mean, weighted with the product of the magnitudes of left and
    right; the coherence becomes the largest that is possible, that of sounds
    with the same phase.

  Args:
    first: Features before standardisation, in the aligned layout, with shape
      `[frames, bands, channels]`.
    second: Features of the other sound, with the same shape.
    domain: The kind of features, from `feature_domain`.

  Returns:
    Features of the mixture, with the same shape.

  Raises:
    ValueError: The domain is audio.

  See Also:
    `mixup`, which mixes two examples of a batch and their targets.

  Example:
    Two sounds of the same level, from the left and from the right:

    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=2)
    ... )
    >>> left = np.zeros((5, 64, 7), np.float32)
    >>> left[..., 4] = 0.04
    >>> right = left * [1, 1, 1, 1, -1, 1, 1]
    >>> mixed = augment.mix_features(left, right, domain=domain)
    >>> print(mixed[0, 0].round(2))
    [3.01 3.01 3.01 3.01 0.   0.   0.  ]
  """
  options = domain.features
  if options is None:
    raise ValueError('mix_features mixes features; audio is mixed by its sum.')
  first, second = jnp.asarray(first), jnp.asarray(second)
  count = domain.num_levels
  levels = first[..., :count], second[..., :count]
  others = first[..., count:], second[..., count:]
  mixed = jnp.logaddexp(*(decibels.PER_DECIBEL * level for level in levels))
  mixed = (mixed / decibels.PER_DECIBEL).astype(first.dtype)
  spatial = _mixer(domain)(levels, others, mixed, domain)
  return jnp.concatenate([mixed, spatial.astype(first.dtype)], axis=-1)


Pair = tuple[jax.Array, jax.Array]
Mixer = Callable[[Pair, Pair, jax.Array, Domain], jax.Array]


def _mixer(domain: Domain) -> Mixer:
  """The function that mixes the channels that are not in dB."""
  assert domain.features is not None
  if domain.format == 'stereo':
    return _stereo
  kind = domain.features.kind
  if kind == 'salsa':
    return _dominant
  if kind == 'salsa_lite':
    return _louder
  return _intensities if domain.format == 'foa' else _correlations


def _energies(levels: Pair, domain: Domain) -> tuple[jax.Array, jax.Array]:
  """The energy of both sounds in each band, with shape `[frames, bands, 1]`."""
  count = domain.num_levels
  weights = [1, 1 / 3, 1 / 3, 1 / 3] if domain.format == 'foa' else [1] * count
  first, second = (
    jnp.sum(
      decibels.to_power(level) * jnp.asarray(weights, level.dtype),
      axis=-1,
      keepdims=True,
    )
    for level in levels
  )
  return first, second


def _mean(values: Pair, weights: Pair) -> jax.Array:
  """The mean of two arrays; half of each where there are no weights."""
  total = weights[0] + weights[1]
  has_weight = total > 0
  share = weights[0] / jnp.where(has_weight, total, 1)
  share = jnp.where(has_weight, share, 0.5)
  return share * values[0] + (1 - share) * values[1]


def _intensities(
  levels: Pair, others: Pair, mixed: jax.Array, domain: Domain
) -> jax.Array:
  vectors = _mean(
    (others[0][..., :3], others[1][..., :3]), _energies(levels, domain)
  )
  if not domain.has_xy_correlation:
    return vectors
  first, second, total = (
    decibels.geometric_mean(level[..., 3:4], level[..., 1:2])
    for level in (*levels, mixed)
  )
  cross = first * others[0][..., 3:] + second * others[1][..., 3:]
  return jnp.concatenate([vectors, cross / total], axis=-1)


def _correlations(
  levels: Pair, others: Pair, mixed: jax.Array, domain: Domain
) -> jax.Array:
  del mixed
  first, second = _energies(levels, domain)
  hertz = features_lib.band_frequencies(**domain.options)
  widths = np.gradient(hertz) if len(hertz) > 1 else np.ones(1)
  widths = jnp.asarray(widths / widths.sum(), first.dtype)[:, None]
  share = jnp.sum(widths * first / (first + second), axis=-2, keepdims=True)
  return share * others[0] + (1 - share) * others[1]


def _louder(
  levels: Pair, others: Pair, mixed: jax.Array, domain: Domain
) -> jax.Array:
  del mixed
  first, second = _energies(levels, domain)
  return jnp.where(first >= second, *others)


def _dominant(
  levels: Pair, others: Pair, mixed: jax.Array, domain: Domain
) -> jax.Array:
  del mixed
  first, second = _energies(levels, domain)
  rest = jnp.where(second > _DOMINANCE * first, others[1], 0)
  return jnp.where(first > _DOMINANCE * second, others[0], rest)


def _stereo(
  levels: Pair, others: Pair, mixed: jax.Array, domain: Domain
) -> jax.Array:
  assert domain.features is not None
  # Magnitudes of the cross-spectra of left and right, if both are coherent.
  first, second, total = (
    decibels.geometric_mean(level[..., :1], level[..., 1:2])
    for level in (*levels, mixed)
  )
  channel, parts = 0, []
  for name, count in features_lib.STEREO_CHANNELS.items():
    if name not in domain.features.stereo or name in ('mid', 'side'):
      continue
    own = others[0][..., channel : channel + count]
    other = others[1][..., channel : channel + count]
    channel += count
    if name == 'level':
      parts.append(mixed[..., :1] - mixed[..., 1:2])
    elif name == 'phase':
      parts.append(_mean((own, other), (first, second)))
    else:
      parts.append((own * first + other * second) / total)
  return jnp.concatenate(parts, axis=-1) if parts else others[0]
