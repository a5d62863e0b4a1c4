"""Log-mel and spatial channels: computed frame by frame, then stacked.

All features that are computed frame by frame share this; foa.py, mic.py,
stereo.py and salsa_lite.py have their channels.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from seld_jax.features.options import DEFAULTS, FeatureOptions
from seld_jax.features.spectrum import (
  clip_decibels,
  framewise,
  log_mel,
  mel_filter_bank,
)

# Maps spectra with shape [..., channels, frames, bins] to channels in decibels
# before clipping, and spatial channels: [..., any, frames, bands] both.
Channels = Callable[[jax.Array, FeatureOptions], tuple[jax.Array, jax.Array]]


def features_of(
  audio: jax.Array | np.ndarray,
  channels: Channels,
  options: FeatureOptions,
  *,
  jointly: bool = False,
) -> jax.Array:
  """Features with shape `[..., frames, bands, channels]`, as `finish` does."""
  log_powers, spatial = framewise_channels(audio, channels, options)
  return finish(log_powers, spatial, options, jointly=jointly)


def framewise_channels(
  audio: jax.Array | np.ndarray, channels: Channels, options: FeatureOptions
) -> tuple[jax.Array, jax.Array]:
  """Channels in decibels before clipping, and spatial channels.

  Args:
    audio: The channels of the audio, with shape `[..., channels, samples]`.
    channels: Computes the channels of the features from those of the audio.
    options: Options of the features; `top_db` and `layout` are not used.

  Returns:
    Two arrays with shape `[..., channels, frames, bands]`.
  """
  audio = jnp.asarray(audio)
  return framewise(
    lambda part: channels(part, options),
    audio + jnp.asarray(options.offset, audio.dtype),
    n_fft=options.n_fft,
    hop_length=options.hop_length,
    win_length=options.win_length,
    pad_mode=options.pad_mode,
  )


def finish(
  log_powers: jax.Array,
  spatial: jax.Array,
  options: FeatureOptions,
  *,
  jointly: bool = False,
) -> jax.Array:
  """Clips log-mel channels and stacks them with the spatial ones.

  Args:
    log_powers: Channels in decibels, `[..., channels, frames, bands]`.
    spatial: Spatial channels, with the same shape except for their number.
    options: Options of the features.
    jointly: Whether channels are clipped below the maximum of all of them
      instead of below their own.

  Returns:
    Features with shape `[..., frames, bands, channels]`.
  """
  if options.kind != 'log_mel':  # these features are never clipped
    return stack(log_powers, spatial)
  clipped = clip_decibels(log_powers, options.top_db, jointly=jointly)
  return stack(clipped, spatial, layout=options.layout)


def log_mels(spectrum: jax.Array, options: FeatureOptions) -> jax.Array:
  """Log-mel channels before clipping, `[..., channels, frames, n_mels]`."""
  return log_mel(spectrum, mel_filters(options), top_db=None)


def mel_filters(options: FeatureOptions) -> np.ndarray:
  """The mel filter bank of these options, with shape `[n_mels, bins]`."""
  return mel_filter_bank(
    sample_rate=options.sample_rate,
    n_fft=options.n_fft,
    n_mels=options.n_mels,
  )


def stack(
  log_mels: jax.Array | np.ndarray,
  spatial: jax.Array | np.ndarray,
  *,
  layout: str = DEFAULTS.layout,
) -> jax.Array:
  """Stacks log-mel and spatial channels into one array for a convolution.

  Args:
    log_mels: Log-mel spectrograms, with shape `[..., a, frames, mels]`.
    spatial: Intensity vectors or cross-correlations, with shape
      `[..., b, frames, mels]`.
    layout: `'aligned'`: element `[frame, mel, channel]` of the result belongs
      to this frame, mel band and channel. `'published'`: the order of the
      published DCASE 2020 code, which the paper used, too. That code flattens
      both arrays to `[frames, mels * channels]`, concatenates them, and
      reshapes each row to `[mels, a + b]`, so that most elements end up at
      another band and channel. Use it only to reproduce the paper exactly.

  Returns:
    Features with shape `[..., frames, mels, a + b]`.

  Raises:
    ValueError: `layout` has another value.

  Example:
    >>> from seld_jax import features
    >>> log_mels, intensity = jnp.zeros((4, 50, 64)), jnp.ones((3, 50, 64))
    >>> x = features.stack(log_mels, intensity)
    >>> x.shape
    (50, 64, 7)
    >>> print(x[0, 0])
    [0. 0. 0. 0. 1. 1. 1.]
  """
  log_mels = jnp.moveaxis(log_mels, -3, -1)
  spatial = jnp.moveaxis(spatial, -3, -1)
  if layout == 'aligned':
    return jnp.concatenate([log_mels, spatial], axis=-1)
  if layout == 'published':
    frames, mels, channels = log_mels.shape[-3:]
    lead = log_mels.shape[:-2]
    rows = jnp.concatenate(
      [log_mels.reshape(*lead, -1), spatial.reshape(*lead, -1)], axis=-1
    )
    return rows.reshape(*lead, mels, channels + spatial.shape[-1])
  raise ValueError(f"layout must be 'aligned' or 'published', got {layout!r}.")


def check_channels(
  caller: str,
  array: jax.Array | np.ndarray,
  *,
  axis: int,
  count: int | None = 4,
) -> None:
  """Raises an error for an array with another number of channels.

  Args:
    caller: Name of the function that needs them, for the message.
    array: The audio or spectrum, with any shape.
    axis: The axis of the channels, counted from the end.
    count: Number of channels; None for two or more.

  Raises:
    ValueError: The axis has another size, or is missing.
  """
  size = array.shape[axis] if array.ndim >= -axis else 0
  if size < 2 if count is None else size != count:
    number = '2 or more' if count is None else f'the {count}'
    raise ValueError(
      f'{caller} needs {number} channels of the audio on axis {axis}, '
      f'got shape {tuple(array.shape)}.'
    )
