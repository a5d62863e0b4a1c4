"""Log-mel and spatial channels: computed frame by frame, then stacked.

Both audio formats share this; foa.py and mic.py add their spatial channels.
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

# Maps spectra with shape [..., 4, frames, bins] to spatial channels with shape
# [..., channels, frames, n_mels].
Spatial = Callable[[jax.Array, FeatureOptions], jax.Array]


def features_of(
  audio: jax.Array | np.ndarray, spatial: Spatial, options: FeatureOptions
) -> jax.Array:
  """Features with shape `[..., frames, n_mels, channels]`."""
  log_mels, spatial_channels = framewise_channels(audio, spatial, options)
  return finish(log_mels, spatial_channels, options)


def framewise_channels(
  audio: jax.Array | np.ndarray, spatial: Spatial, options: FeatureOptions
) -> tuple[jax.Array, jax.Array]:
  """Log-mel channels before clipping, and spatial channels.

  Args:
    audio: Four channels, with shape `[..., 4, samples]`.
    spatial: Computes the spatial channels.
    options: Options of the features; `top_db` and `layout` are not used.

  Returns:
    Two arrays with shape `[..., channels, frames, n_mels]`.
  """
  filters = mel_filters(options)
  return framewise(
    lambda part: (log_mel(part, filters, top_db=None), spatial(part, options)),
    audio + jnp.asarray(options.offset, audio.dtype),
    n_fft=options.n_fft,
    hop_length=options.hop_length,
    win_length=options.win_length,
    pad_mode=options.pad_mode,
  )


def finish(
  log_mels: jax.Array, spatial: jax.Array, options: FeatureOptions
) -> jax.Array:
  """Clips log-mel channels and stacks them with the spatial ones."""
  clipped = clip_decibels(log_mels, options.top_db)
  return stack(clipped, spatial, layout=options.layout)


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
  caller: str, array: jax.Array | np.ndarray, *, axis: int
) -> None:
  """Raises an error for an array that does not have four channels.

  Args:
    caller: Name of the function that needs them, for the message.
    array: The audio or spectrum, with any shape.
    axis: The axis of the channels, counted from the end.

  Raises:
    ValueError: The axis has another size, or is missing.
  """
  if array.ndim < -axis or array.shape[axis] != 4:
    raise ValueError(
      f'{caller} needs the 4 channels of the audio on axis {axis}, '
      f'got shape {tuple(array.shape)}.'
    )
