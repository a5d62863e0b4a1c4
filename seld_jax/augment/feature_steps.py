"""Steps that change features only: shifts of bands, rectangles and masks."""

import jax
import jax.numpy as jnp

from seld_jax.augment import checks, masking, shifting
from seld_jax.augment.composing import Step
from seld_jax.augment.domains import Domain


def frequency_shift(domain: Domain, *, max_bands: int = 4) -> Step:
  """A step that shifts the bands of features up or down, in all channels.

  Free bands have the values of the edge. Correlations of microphones stay: they
  have lags, not bands, and delays do not depend on the pitch. Spatial channels
  of SALSA and SALSA-Lite stay 0 above their highest frequency. It is an
  approximation of a sound of another pitch: bands have different widths.

  Args:
    domain: Features, from `feature_domain`.
    max_bands: Largest shift in bands; all shifts from -max_bands to max_bands
      have the same probability.

  Returns:
    The step; targets stay.

  Raises:
    ValueError: The domain is audio, `max_bands` is not from 1 to the number of
      bands less 1, or the features have the published layout.

  References:
    Nguyen et al., `SALSA: Spatial Cue-Augmented Log-Spectrogram Features for
    Polyphonic Sound Event Localization and Detection
    <https://arxiv.org/abs/2110.00275>`_, 2022

  See Also:
    `shift_bands` for a given shift.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> step = augment.frequency_shift(domain, max_bands=2)
    >>> features = np.zeros((1, 64, 7), np.float32)
    >>> features[:, 30] = 1
    >>> shifted, _ = step(jax.random.key(0), features, {})
    >>> 28 <= int(shifted[0, :, 0].argmax()) <= 32
    True
  """
  bands = checks.num_bands(domain, 'frequency_shift')
  checks.check_layout(domain, 'frequency_shift')
  checks.check_size('max_bands', max_bands, bands - 1, least=1)

  def step(key, signal, targets):
    shift = jax.random.randint(key, (), -max_bands, max_bands + 1)
    shifted = shifting.shift_features(
      jnp.asarray(signal), shift, max_bands=max_bands, domain=domain
    )
    return shifted, targets

  return step


def cutout(
  domain: Domain, *, max_frames: int = 50, max_bands: int = 16
) -> Step:
  """A step that sets a random rectangle of time and bands to the mean.

  All channels have the same rectangle, except correlations of microphones,
  which have lags, not bands, and stay. The sizes are uniform in 1 to the
  maximum, and the position is uniform among those where the rectangle fits.

  Args:
    domain: Features, from `feature_domain`; the step needs standardised ones,
      whose mean is 0.
    max_frames: Largest number of frames, 1 or more.
    max_bands: Largest number of bands, 1 or more.

  Returns:
    The step; targets stay.

  Raises:
    ValueError: The domain is audio, a size is out of range, or the features
      have the published layout.

  References:
    DeVries and Taylor, `Improved Regularization of Convolutional Neural
    Networks with Cutout <https://arxiv.org/abs/1708.04552>`_, 2017

  See Also:
    `cut_out` for a given rectangle; `masks` for whole frames and bands.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> step = augment.cutout(domain, max_frames=10, max_bands=8)
    >>> cut, _ = step(jax.random.key(0), np.ones((50, 64, 7), np.float32), {})
    >>> 1 <= int((cut[..., 0] == 0).sum()) <= 80
    True
  """
  bands = checks.num_bands(domain, 'cutout')
  checks.check_layout(domain, 'cutout')
  checks.check_size('max_frames', max_frames, domain.num_frames, least=1)
  checks.check_size('max_bands', max_bands, bands, least=1)
  num_channels = domain.num_levels if domain.has_lags else None

  def step(key, signal, targets):
    signal = jnp.asarray(signal)
    whole = jnp.array(signal.shape[:2])
    most = jnp.minimum(jnp.array([max_frames, max_bands]), whole)
    size_key, start_key = jax.random.split(key)
    sizes = jax.random.randint(size_key, (2,), 1, most + 1)
    starts = jax.random.randint(start_key, (2,), 0, whole - sizes + 1)
    cut = masking.cut_out(signal, starts, sizes, num_channels=num_channels)
    return cut, targets

  return step


def masks(
  domain: Domain,
  *,
  num_time_masks: int = 2,
  max_time_width: int = 9,
  num_band_masks: int = 2,
  max_band_width: int = 9,
  share_channels: bool = False,
  labels: bool = False,
) -> Step:
  """A step that masks intervals of time and ranges of bands (SpecAugment).

  Args:
    domain: Features, from `feature_domain`; standardised or not, since masked
      values become the mean of their channel in the example.
    num_time_masks: Number of masks along time, 0 or more.
    max_time_width: Largest width of a time mask in frames.
    num_band_masks: Number of masks along frequency, 0 or more.
    max_band_width: Largest width of a frequency mask in bands.
    share_channels: Whether all channels have the same masks. By default each
      channel has its own masks.
    labels: Whether events are removed from the targets in label frames all of
      whose frames are covered by time masks; needs `share_channels`.

  Returns:
    The step. Targets stay unless `labels` is True; then it raises ValueError if
    the number of their frames does not divide that of the features.

  Raises:
    ValueError: The domain is audio, a number is out of range, or `labels` is
      True without `share_channels` or without time masks.

  See Also:
    `spec_augment`, which is the same without targets.

  Example:
    >>> from seld_jax import augment, outputs
    >>> domain = augment.feature_domain(
    ...   format='foa', output=outputs.make('accdoa', num_classes=1)
    ... )
    >>> step = augment.masks(
    ...   domain, max_time_width=40, share_channels=True, labels=True
    ... )
    >>> features = np.random.default_rng(0).standard_normal((50, 64, 7))
    >>> targets = {'accdoa': np.ones((10, 1, 1, 3), np.float32)}
    >>> _, silenced = step(jax.random.key(2), features, targets)
    >>> print(silenced['accdoa'][:, 0, 0, 0])
    [1. 1. 1. 0. 0. 0. 0. 0. 1. 1.]
  """
  bands = checks.num_bands(domain, 'masks')
  checks.check_size('num_time_masks', num_time_masks, domain.num_frames)
  checks.check_size('max_time_width', max_time_width, domain.num_frames)
  checks.check_size('num_band_masks', num_band_masks, bands)
  checks.check_size('max_band_width', max_band_width, bands)
  if labels and not share_channels:
    raise ValueError(
      'labels = True needs share_channels = True: masks that each channel has '
      'for itself hardly ever cover a frame in all channels.'
    )
  if labels and not num_time_masks * max_time_width:
    raise ValueError(
      'labels = True has no effect without time masks: num_time_masks and '
      f'max_time_width must be above 0, got {num_time_masks} and '
      f'{max_time_width}.'
    )

  def step(key, signal, targets):
    masked, is_gone = masking.augment_and_mark(
      key,
      jnp.asarray(signal),
      num_time_masks=num_time_masks,
      max_time_width=max_time_width,
      num_band_masks=num_band_masks,
      max_band_width=max_band_width,
      share_channels=share_channels,
    )
    if labels:
      num_labels = len(jax.tree.leaves(targets)[0]) if targets else 0
      if not num_labels or len(is_gone) % num_labels:
        raise ValueError(
          f'labels = True needs targets whose frames divide the {len(is_gone)} '
          f'frames of the features, got {num_labels}.'
        )
      is_silent = is_gone.reshape(num_labels, -1).all(axis=-1)
      targets = domain.output.silence(targets, is_silent)
    return masked, targets

  return step
