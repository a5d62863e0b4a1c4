"""Features by the audio format and the kind of features of a config."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from seld_jax.features import foa, mic, salsa, salsa_lite, stacking, stereo
from seld_jax.features.options import DEFAULTS, FeatureOptions

# The audio formats, and their number of channels.
FORMATS = {'foa': 4, 'mic': 4, 'stereo': 2}

# The kinds of features, and the formats that have them.
KINDS: Mapping[str, tuple[str, ...]] = {
  'log_mel': ('foa', 'mic', 'stereo'),
  'salsa': ('foa', 'mic'),
  'salsa_lite': ('mic',),
}

# Channels of features that are computed frame by frame.
_FRAMEWISE = {
  ('foa', 'log_mel'): foa.channels,
  ('mic', 'log_mel'): mic.channels,
  ('mic', 'salsa_lite'): salsa_lite.channels,
  ('stereo', 'log_mel'): stereo.channels,
}


def compute(
  audio: jax.Array | np.ndarray, *, format: str, **options: Any
) -> jax.Array:
  """Features of audio of any format and kind.

  Works under jit, vmap and grad.

  Args:
    audio: The channels of the format, with shape `[..., channels, samples]`
      and values in [-1, 1], float32 or float64. See `num_audio_channels`.
    format: Audio format, a name in `FORMATS`: `'foa'`, `'mic'` or `'stereo'`.
    **options: Fields of `FeatureOptions`; the others have their defaults.

  Returns:
    Features with shape `[..., frames, bands, channels]` and the type of
    `audio`, where frames is `ceil(samples / hop_length)`, and `shape` gives the
    last two numbers. `foa_features`, `mic_features`, `stereo_features`,
    `salsa_features` and `salsa_lite_features` describe them.

  Raises:
    ValueError: The format or kind is unknown, the format does not have this
      kind of features, or the audio has another number of channels.

  Example:
    >>> from seld_jax import features
    >>> audio = 0.1 * jax.random.normal(jax.random.key(0), (4, 24000))  # 1 s
    >>> features.compute(audio, format='foa', n_mels=32).shape
    (50, 32, 7)
    >>> features.shape(format='foa', n_mels=32)
    (32, 7)
  """
  chosen = FeatureOptions(**options)
  _check_kind(format, chosen)
  count = num_audio_channels(format, num_channels=chosen.num_channels)
  stacking.check_channels('compute', audio, axis=-2, count=count)
  if chosen.kind == 'salsa':
    return salsa.features_of(audio, format, chosen)
  channels = _FRAMEWISE[format, chosen.kind]
  return stacking.features_of(
    audio, channels, chosen, jointly=clips_jointly(format)
  )


def shape(*, format: str, **options: Any) -> tuple[int, int]:
  """Bands and channels of the features of a format and kind.

  Args:
    format: Audio format, a name in `FORMATS`.
    **options: Fields of `FeatureOptions`; the others have their defaults.

  Returns:
    Number of bands and number of channels, the last two axes of the features.

  Raises:
    ValueError: As in `compute`.

  Example:
    >>> from seld_jax import features
    >>> features.shape(format='mic')
    (64, 10)
    >>> features.shape(format='mic', num_channels=8)  # 8 and 28 pairs
    (64, 36)
  """
  chosen = FeatureOptions(**options)
  _check_kind(format, chosen)
  count = num_audio_channels(format, num_channels=chosen.num_channels)
  if chosen.kind == 'salsa':
    return salsa.num_bands(chosen), 2 * count - 1
  if chosen.kind == 'salsa_lite':
    first, stop = salsa_lite.bins(chosen)
    return stop - first, 2 * count - 1
  spatial = {
    'foa': 3 + chosen.xy_correlation,
    'mic': math.comb(count, 2),
    'stereo': sum(
      stereo.STEREO_CHANNELS[name] for name in stereo.further_channels(chosen)
    ),
  }
  return chosen.n_mels, count + spatial[format]


def num_audio_channels(
  format: str, *, num_channels: int = DEFAULTS.num_channels
) -> int:
  """Number of channels of the audio of a format.

  Args:
    format: Audio format, a name in `FORMATS`.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.

  Returns:
    4 for `'foa'`, 2 for `'stereo'`.

  Raises:
    ValueError: The format is unknown, or it is not `'mic'` and has another
      number of channels, or there are fewer than 2 microphones.

  Example:
    >>> from seld_jax import features
    >>> features.num_audio_channels('stereo')
    2
    >>> features.num_audio_channels('mic', num_channels=6)
    6
  """
  if format not in FORMATS:
    raise ValueError(
      f'format must be one of {", ".join(FORMATS)}, got {format!r}.'
    )
  usual = FORMATS[format]
  count = num_channels or usual
  if count < 2 or (format != 'mic' and count != usual):
    raise ValueError(
      f'The format {format} has {usual} channels, got num_channels = '
      f"{num_channels}; only 'mic' can have another number, 2 or more."
    )
  return count


def framewise_features(
  audio: jax.Array | np.ndarray,
  *,
  format: str,
  sample_rate: int = DEFAULTS.sample_rate,
  n_fft: int = DEFAULTS.n_fft,
  hop_length: int = DEFAULTS.hop_length,
  win_length: int = DEFAULTS.win_length,
  n_mels: int = DEFAULTS.n_mels,
  offset: float = DEFAULTS.offset,
  pad_mode: str = DEFAULTS.pad_mode,
  kind: str = DEFAULTS.kind,
  intensity: str = DEFAULTS.intensity,
  xy_correlation: bool = DEFAULTS.xy_correlation,
  num_channels: int = DEFAULTS.num_channels,
  stereo: tuple[str, ...] = DEFAULTS.stereo,
  alias_frequency: float = DEFAULTS.alias_frequency,
) -> tuple[jax.Array, jax.Array]:
  """The features before clipping: each frame depends on its own samples only.

  Clipping by `top_db` depends on the maximum over all frames, and is left out.

  Args:
    audio: The channels of the format, with shape `[..., channels, samples]`
      and values in [-1, 1].
    format: `'foa'`, `'mic'` or `'stereo'`.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    n_mels: Number of mel bands, and of lags of each cross-correlation.
    offset: Added to the audio before everything else.
    pad_mode: How both ends are padded: `'constant'`, `'reflect'` or `'given'`
      (see `stft`).
    kind: `'log_mel'` or `'salsa_lite'`; `'salsa'` needs the whole recording.
    intensity: What intensity vectors are divided by: `'norm'` or `'energy'`.
    xy_correlation: Whether FOA has the correlation of X and Y, too.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.
    stereo: Further channels of stereo features (see `stereo_features`).
    alias_frequency: Frequency in Hz from which on the spatial channels of
      `'salsa_lite'` are 0; 0 for the published one.

  Returns:
    Log-mel spectrograms (`'salsa_lite'`: log powers of bins) in dB, with shape
    `[..., channels, frames, bands]`, and intensity vectors (`'foa'`),
    cross-correlations (`'mic'`), phases (`'salsa_lite'`) or nothing but the
    channels that `stereo` names, with shape `[..., any, frames, bands]`.
    `stack` puts them into one array.

  Raises:
    ValueError: As in `compute`, or `kind` is `'salsa'`.

  Example:
    >>> from seld_jax import features
    >>> log_mels, correlations = features.framewise_features(
    ...   jnp.zeros((4, 24000)), format='mic'
    ... )
    >>> log_mels.shape, correlations.shape
    ((4, 50, 64), (6, 50, 64))
  """
  options = FeatureOptions(
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    n_mels=n_mels,
    offset=offset,
    pad_mode=pad_mode,
    kind=kind,
    intensity=intensity,
    xy_correlation=xy_correlation,
    num_channels=num_channels,
    stereo=stereo,
    alias_frequency=alias_frequency,
  )
  channels = framewise_channels_of(format, options)
  check_audio('framewise_features', audio, format, options)
  return stacking.framewise_channels(audio, channels, options)


def is_framewise(*, kind: str = DEFAULTS.kind) -> bool:
  """Whether each frame of these features depends on its own samples only.

  Args:
    kind: A name in `KINDS`.

  Returns:
    False for `'salsa'`, which needs the whole recording, so that it cannot be
    computed for windows or live audio.

  Example:
    >>> from seld_jax import features
    >>> features.is_framewise(kind='salsa')
    False
  """
  return kind != 'salsa'


def clips_jointly(format: str) -> bool:
  """Whether log-mel channels are clipped below the maximum of all of them."""
  return format == 'stereo'


def check_audio(
  caller: str,
  audio: jax.Array | np.ndarray,
  format: str,
  options: FeatureOptions,
) -> None:
  """Raises ValueError for audio with another number of channels."""
  count = num_audio_channels(format, num_channels=options.num_channels)
  stacking.check_channels(caller, audio, axis=-2, count=count)


def framewise_channels_of(
  format: str, options: FeatureOptions
) -> stacking.Channels:
  """The function that computes the channels of features frame by frame.

  Raises:
    ValueError: There are no such features, or they need the whole recording.
  """
  _check_kind(format, options)
  if (format, options.kind) not in _FRAMEWISE:
    raise ValueError(
      f'The features {options.kind} need the whole recording: their noise '
      'floor depends on all frames before.'
    )
  return _FRAMEWISE[format, options.kind]


def _check_kind(format: str, options: FeatureOptions) -> None:
  """Raises an error for features that do not exist."""
  num_audio_channels(format, num_channels=options.num_channels)
  if format not in KINDS.get(options.kind, ()):
    there = [name for name, formats in KINDS.items() if format in formats]
    raise ValueError(
      f'kind must be {" or ".join(there)} in the format {format}, got '
      f'{options.kind!r}.'
    )
