"""Spectra and mel bands of signals, which all features are made of.

Pure functions that work under jit, vmap and grad, on any leading axes.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from seld_jax.features.options import DEFAULTS

# Lowest power of a mel band, before the logarithm; as in librosa.
POWER_FLOOR = 1e-10

# Spectral magnitudes below this are rounding errors without a phase: one step
# of 16-bit audio is 3e-5. They contribute nothing to phase features.
_TINY = 1e-12

# Samples in the frames, overlaps included, that a CPU transforms at once.
_BLOCK_SAMPLES = 2**17


def stft(
  audio: jax.Array | np.ndarray,
  *,
  n_fft: int = DEFAULTS.n_fft,
  hop_length: int = DEFAULTS.hop_length,
  win_length: int = DEFAULTS.win_length,
  pad_mode: str = DEFAULTS.pad_mode,
) -> jax.Array:
  """Short-time Fourier transform with centred frames and a Hann window.

  Args:
    audio: Signals, with shape `[..., samples]`, float32 or float64.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the periodic Hann window in samples, at most `n_fft`.
      The window is in the middle of the `n_fft` samples.
    pad_mode: How both ends are padded by `n_fft // 2` samples: `'constant'`
      (zeros, as in librosa since 0.10), `'reflect'` (as in librosa before), or
      `'given'`, where the signal already contains these samples, because it is
      a part of a longer one.

  Returns:
    The complex spectrum, with shape `[..., frames, n_fft // 2 + 1]`, where
    frames is `ceil(samples / hop_length)`, without the samples of the padding.
    These are the frames of librosa; if `samples` is a multiple of `hop_length`,
    librosa has one more, which is centred at the end of the signal.

  Raises:
    ValueError: An option is out of range, or the samples are integers.

  Example:
    The spectrum of one second of a tone of 1500 Hz has its peak in bin
    1500 / 24000 * 1024 = 64:

    >>> from seld_jax import features
    >>> tone = jnp.sin(2 * jnp.pi * 1500 / 24000 * jnp.arange(24000))
    >>> spectrum = features.stft(tone)
    >>> spectrum.shape
    (50, 513)
    >>> int(jnp.abs(spectrum[25]).argmax())
    64
  """
  padded, num_frames = _pad(
    audio, n_fft, hop_length, win_length, pad_mode=pad_mode
  )
  return _transform(padded, num_frames, n_fft, hop_length, win_length)


def framewise(
  function: Callable[[jax.Array], Any],
  audio: jax.Array | np.ndarray,
  *,
  n_fft: int = DEFAULTS.n_fft,
  hop_length: int = DEFAULTS.hop_length,
  win_length: int = DEFAULTS.win_length,
  pad_mode: str = DEFAULTS.pad_mode,
) -> Any:
  """Applies a function of single frames to a spectrum, block by block.

  On a CPU a few frames at a time go from samples to results, so that the
  intermediate arrays stay in the cache: features of one minute take a fifth of
  the time.

  Args:
    function: Maps a spectrum with shape `[..., frames, bins]` to a tree of
      arrays with shape `[..., frames, n]`, each frame by itself.
    audio: Signals, with shape `[..., samples]`.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the window in samples.
    pad_mode: How both ends are padded, as in `stft`.

  Returns:
    `function(stft(audio, ...))`.

  Raises:
    ValueError: As in `stft`.
  """
  padded, num_frames = _pad(
    audio, n_fft, hop_length, win_length, pad_mode=pad_mode
  )
  options = (n_fft, hop_length, win_length)
  num_blocks = -(-num_frames * n_fft // _BLOCK_SAMPLES)
  if num_blocks == 1 or jax.default_backend() != 'cpu':
    return function(_transform(padded, num_frames, *options))
  size = -(-num_frames // num_blocks)
  reach = (size - 1) * hop_length + n_fft
  stop = (num_blocks - 1) * size * hop_length + reach
  padded = _pad_last(padded, (0, max(0, stop - padded.shape[-1])))

  def block(index: jax.Array) -> Any:
    start = index * size * hop_length
    part = lax.dynamic_slice_in_dim(padded, start, reach, axis=-1)
    return function(_transform(part, size, *options))

  results = lax.map(block, jnp.arange(num_blocks))

  def join(parts: jax.Array) -> jax.Array:
    parts = jnp.moveaxis(parts, 0, -3)
    shape = *parts.shape[:-3], num_blocks * size, parts.shape[-1]
    return parts.reshape(shape)[..., :num_frames, :]

  return jax.tree.map(join, results)


@functools.lru_cache(maxsize=8)
def mel_filter_bank(
  *,
  sample_rate: int = DEFAULTS.sample_rate,
  n_fft: int = DEFAULTS.n_fft,
  n_mels: int = DEFAULTS.n_mels,
  f_min: float = 0.0,
  f_max: float | None = None,
) -> np.ndarray:
  """Triangular filters on Slaney's mel scale, each of unit area.

  Args:
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    n_mels: Number of bands.
    f_min: Lower edge of the lowest band in Hz.
    f_max: Upper edge of the highest band in Hz; None for half the sample rate.

  Returns:
    Weights with shape `[n_mels, n_fft // 2 + 1]`, float64 and read-only. They
    equal those of `librosa.filters.mel`.

  Raises:
    ValueError: An option is out of range.

  References:
    Slaney, Auditory Toolbox, Interval Research technical report 1998-010

  Example:
    >>> from seld_jax import features
    >>> filters = features.mel_filter_bank(n_mels=32, f_max=8000)
    >>> filters.shape
    (32, 513)
    >>> int(filters[-1].nonzero()[0].max() * 24000 / 1024)  # Hz
    7992
  """
  if n_mels < 1 or sample_rate <= 0:
    raise ValueError(
      f'n_mels and sample_rate must be above 0, got {n_mels} and {sample_rate}.'
    )
  f_max = sample_rate / 2 if f_max is None else f_max
  if not 0 <= f_min < f_max:
    raise ValueError(
      f'f_min must be 0 or more and below f_max, got {f_min} and {f_max} Hz.'
    )
  edges = _mel_edges(n_mels, f_min, f_max)
  bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
  lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
  rising = (bins - lower) / (centre - lower)
  falling = (upper - bins) / (upper - centre)
  weights = np.maximum(0, np.minimum(rising, falling)) * 2 / (upper - lower)
  weights.flags.writeable = False  # all callers share the cached array
  return weights


def mel_centres(*, sample_rate: int, n_mels: int) -> np.ndarray:
  """Centres of mel bands up to half the sample rate, in Hz: `[n_mels]`."""
  return _mel_edges(n_mels, 0.0, sample_rate / 2)[1:-1]


def log_mel(
  spectrum: jax.Array,
  mel_filters: jax.typing.ArrayLike,
  *,
  top_db: float | None = DEFAULTS.top_db,
) -> jax.Array:
  """Power in mel bands, in decibels.

  Args:
    spectrum: Complex spectrum, with shape `[..., frames, bins]`.
    mel_filters: Filter bank, with shape `[mels, bins]`.
    top_db: Values are clipped at this many dB below the maximum over frames
      and mel bands; None for no clipping.

  Returns:
    `10 log10(max(power, 1e-10))`, with shape `[..., frames, mels]`: dB relative
    to a power of 1, at least -100.

  See Also:
    `librosa.power_to_db`, which gives the same for one channel.

  Example:
    >>> from seld_jax import features
    >>> audio = jax.random.normal(jax.random.key(0), (4, 24000))
    >>> filters = features.mel_filter_bank()
    >>> loud = features.log_mel(features.stft(audio), filters)
    >>> soft = features.log_mel(features.stft(audio / 10), filters)
    >>> loud.shape
    (4, 50, 64)
    >>> print(f'{(loud - soft).mean():.2f} dB')
    20.00 dB
  """
  mel_power = sum_bands(power(spectrum), mel_filters)
  return clip_decibels(_to_decibels(mel_power), top_db)


def log_power(spectrum: jax.Array) -> jax.Array:
  """Power of each bin in decibels.

  Args:
    spectrum: Complex spectrum, with shape `[...]`.

  Returns:
    `10 log10(max(power, 1e-10))`, with the same shape.
  """
  return _to_decibels(power(spectrum))


def clip_decibels(
  decibels: jax.Array, top_db: float | None, *, jointly: bool = False
) -> jax.Array:
  """Clips each channel at some dB below its maximum.

  Args:
    decibels: Log-mel spectrograms, with shape `[..., frames, mels]`.
    top_db: Largest distance in dB to the maximum over frames and mel bands;
      None for no clipping.
    jointly: Whether the maximum is that over the channels on axis -3, too.

  Returns:
    Clipped spectrograms, with the same shape.
  """
  if top_db is None:
    return decibels
  if not top_db >= 0:
    raise ValueError(f'top_db must be 0 or more, or None, got {top_db}.')
  axes = (-3, -2, -1) if jointly else (-2, -1)
  loudest = jnp.max(decibels, axis=axes, keepdims=True)
  return jnp.maximum(decibels, loudest - top_db)


def power(spectrum: jax.Array) -> jax.Array:
  """|spectrum|^2, without the square root that jnp.abs would compute.

  Args:
    spectrum: Complex spectrum, with shape `[...]`.

  Returns:
    Power, with the same shape.
  """
  return spectrum.real**2 + spectrum.imag**2


def sum_bands(values: jax.Array, weights: jax.typing.ArrayLike) -> jax.Array:
  """Sums over the bins of each band.

  Args:
    values: A number for each bin, with shape `[..., frames, bins]`.
    weights: The weight of each bin in each band, with shape `[bands, bins]`.

  Returns:
    Sums, with shape `[..., frames, bands]`.
  """
  return jnp.matmul(
    values,
    jnp.asarray(weights, values.dtype).T,
    precision=lax.Precision.HIGHEST,
  )


def cross_spectrum(
  first: jax.Array, second: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Real and imaginary part of `conj(first) second`, with the same shape."""
  return (
    first.real * second.real + first.imag * second.imag,
    first.real * second.imag - first.imag * second.real,
  )


def correlation(
  first: jax.Array, second: jax.Array, weights: jax.typing.ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """The cross-spectrum of each band, divided by the roots of both powers.

  Args:
    first: Complex spectrum, with shape `[..., frames, bins]`.
    second: That of another channel, with the same shape.
    weights: As for `sum_bands`.

  Returns:
    Real and imaginary part, with shape `[..., frames, bands]`; 0 where one of
    the powers is not above the floor of log-mel.
  """
  scale = [
    unit_scale(sum_bands(power(one), weights), least=POWER_FLOOR)
    for one in (first, second)
  ]
  real, imaginary = (
    # One factor after the other: their product could overflow.
    sum_bands(part, weights) * scale[0] * scale[1]
    for part in cross_spectrum(first, second)
  )
  return real, imaginary


def unit_scale(square: jax.Array, *, least: float = _TINY**2) -> jax.Array:
  """Factors that give numbers of these squared magnitudes the magnitude 1.

  Args:
    square: Squared magnitudes, with shape `[...]`.
    least: Squared magnitudes up to this one are rounding errors.

  Returns:
    `1 / sqrt(square)`, with the same shape; 0 for rounding errors.
  """
  has_phase = square > least
  return jnp.where(has_phase, lax.rsqrt(jnp.where(has_phase, square, 1.0)), 0.0)


def _to_decibels(values: jax.Array) -> jax.Array:
  # A factor of NumPy would turn float32 into float64 with jax_enable_x64.
  return float(10 / np.log(10)) * jnp.log(jnp.maximum(values, POWER_FLOOR))


def _pad(
  audio: jax.Array | np.ndarray,
  n_fft: int,
  hop_length: int,
  win_length: int,
  *,
  pad_mode: str,
) -> tuple[jax.Array | np.ndarray, int]:
  """Pads a signal; returns it with its number of frames."""
  if not 0 < win_length <= n_fft:
    raise ValueError(
      f'win_length must be between 1 and n_fft = {n_fft}, got {win_length}.'
    )
  if hop_length < 1:
    raise ValueError(f'hop_length must be 1 or more, got {hop_length}.')
  if pad_mode not in ('constant', 'reflect', 'given'):
    raise ValueError(
      f"pad_mode must be 'constant' or 'reflect', got {pad_mode!r}."
    )
  is_padded = pad_mode == 'given'
  samples = audio.shape[-1] - (2 * (n_fft // 2) if is_padded else 0)
  if audio.dtype not in (jnp.float32, jnp.float64):
    raise ValueError(
      f'stft needs float32 or float64 samples, got {audio.dtype}.'
    )
  if samples <= 0:
    least = 2 * (n_fft // 2) if is_padded else 0
    raise ValueError(
      f'stft needs more than {least} samples, got shape {list(audio.shape)}.'
    )
  if not is_padded:
    audio = _pad_last(audio, (n_fft // 2, n_fft // 2), mode=pad_mode)
  return audio, -(-samples // hop_length)


def _transform(
  padded: jax.Array | np.ndarray,
  num_frames: int,
  n_fft: int,
  hop_length: int,
  win_length: int,
) -> jax.Array:
  """The spectra of the first `num_frames` frames of a padded signal."""
  # Only win_length of the n_fft samples of a frame are under the window. Only
  # these are cut out; the zeros around them are added again before the FFT.
  left = (n_fft - win_length) // 2
  needed = left + (num_frames - 1) * hop_length + win_length
  frames = _frame(padded[..., left:needed], num_frames, win_length, hop_length)
  window = _hann(win_length).astype(frames.dtype)
  frames = _pad_last(frames * window, (left, n_fft - win_length - left))
  return jnp.fft.rfft(frames, axis=-1)


def _frame(
  signal: jax.Array | np.ndarray, num_frames: int, length: int, hop: int
) -> jax.Array:
  """Cuts `[..., samples]` into `[..., num_frames, length]`.

  Joins shifted blocks of one hop, which is several times faster in XLA than
  gathering single samples.
  """
  blocks_per_frame = -(-length // hop)
  num_blocks = num_frames + blocks_per_frame - 1
  signal = _pad_last(signal, (0, max(0, num_blocks * hop - signal.shape[-1])))
  blocks = signal[..., : num_blocks * hop].reshape(
    *signal.shape[:-1], num_blocks, hop
  )
  frames = jnp.concatenate(
    [
      blocks[..., shift : shift + num_frames, :]
      for shift in range(blocks_per_frame)
    ],
    axis=-1,
  )
  return frames[..., :length]


def _pad_last(
  array: jax.Array | np.ndarray,
  widths: tuple[int, int],
  *,
  mode: str = 'constant',
) -> jax.Array:
  """Pads the last axis only."""
  return jnp.pad(array, [(0, 0)] * (array.ndim - 1) + [widths], mode=mode)


@functools.lru_cache(maxsize=8)
def _hann(length: int) -> np.ndarray:
  """Periodic Hann window."""
  return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


# Slaney's scale: linear up to 1 kHz (15 mels), then 27 mels per factor 6.4.
_MEL_HZ = 200 / 3
_MEL_KNEE_HZ = 1000.0
_MEL_KNEE = _MEL_KNEE_HZ / _MEL_HZ
_MEL_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
  logarithmic = (
    _MEL_KNEE + np.log(np.maximum(hz, 1e-9) / _MEL_KNEE_HZ) / _MEL_LOG_STEP
  )
  return np.where(hz < _MEL_KNEE_HZ, hz / _MEL_HZ, logarithmic)


def _mel_edges(n_mels: int, f_min: float, f_max: float) -> np.ndarray:
  """The edges of mel bands in Hz; each is the centre of the band around it."""
  lowest, highest = _hz_to_mel(np.array([f_min, f_max]))
  return _mel_to_hz(np.linspace(lowest, highest, n_mels + 2))


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
  logarithmic = _MEL_KNEE_HZ * np.exp(_MEL_LOG_STEP * (mel - _MEL_KNEE))
  return np.where(mel < _MEL_KNEE, mel * _MEL_HZ, logarithmic)
