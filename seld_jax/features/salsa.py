"""SALSA: log powers of bins, and the direction of their strongest source.

The published code works through one bin of one frame after the other with a
singular value decomposition of each. Here all bins are computed at once.
"""

import functools
import math
import operator
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from seld_jax.features import salsa_lite, stacking
from seld_jax.features.options import FeatureOptions
from seld_jax.features.spectrum import log_mel, power, stft

# Frames before and after a frame, over which its covariance is the mean.
_REACH = 3

# Frames over which the power is averaged that is compared with the noise floor.
_AVERAGED = 3

# A bin is kept where its magnitude exceeds this many times the noise floor.
_ABOVE_FLOOR = 1.5

# A bin is kept where the first singular value is this many times the second.
_DOMINANCE = 5.0

# The noise floor rises by these shares a frame where the magnitude is above it:
# by the first in the first frames, and then by the second. It falls elsewhere.
_RISE, _LATER_RISE, _FALL = 0.02, 0.002, -0.02
_QUICK_FRAMES = 3

# The floor starts at this share of the mean magnitude of the first frames.
_START = 0.5
_START_FRAMES = 5
_LOWEST_FLOOR = 1e-6

# Highest frequency in Hz of the directions, by format; and of the bins that the
# log powers keep: above, groups of bins have one value.
_HIGHEST = {'foa': 9000.0, 'mic': 4000.0}
_HIGHEST_BIN = 9000.0
_GROUP = 8

# Least sum of the powers in seven frames of a bin that is computed: far less
# than any that exceeds the noise floor, and enough for finite gradients.
_LEAST_POWER = 1e-16

# The covariance matrix is squared this often, so that its principal vector
# remains: with the ratio of 5, the second one is weaker by 5^-16.
_SQUARINGS = 4

# Matrix elements that a CPU computes at once.
_BLOCK_ELEMENTS = 2**18


def salsa_features(
  audio: jax.Array | np.ndarray,
  *,
  format: str = 'foa',
  sample_rate: int = 24000,
  n_fft: int = 512,
  hop_length: int = 300,
  win_length: int = 512,
  offset: float = 0.0,
  pad_mode: str = 'reflect',
  alias_frequency: float = 0.0,
) -> jax.Array:
  """SALSA: log powers, and the principal eigenvectors of the covariance.

  The defaults are those of the published code. Works under jit, vmap and grad.

  Args:
    audio: FOA in the order W, Y, Z, X, or two or more microphones, with shape
      `[..., channels, samples]` and values in [-1, 1], float32 or float64: a
      whole recording, since the noise floor of a frame depends on all frames
      before it.
    format: `'foa'` or `'mic'`.
    sample_rate: Sample rate of the audio in Hz.
    n_fft: Length of the Fourier transform in samples.
    hop_length: Distance between two frames in samples.
    win_length: Length of the Hann window in samples, at most `n_fft`.
    offset: Added to the audio before everything else.
    pad_mode: How both ends are padded: `'constant'` (zeros) or `'reflect'`.
    alias_frequency: Frequency in Hz from which on the eigenvectors are left out
      (0); 0 for the bins below `floor(f n_fft / sample_rate)`, as published,
      with f = 9000 Hz for FOA, and 4000 Hz for arrays of 7 to 8 cm.

  Returns:
    Features with shape `[..., frames, bands, 2 * channels - 1]` and the type of
    `audio`, where frames is `ceil(samples / hop_length)`. The bands are the
    bins from 1 to `floor(9000 n_fft / sample_rate)`, and above them the means
    of groups of 8 bins up to the last bin below half the sample rate (a last
    group with fewer bins is divided by 8, too, as published): 200 bands for 512
    points at 24 kHz.

    The first channels are the log powers in dB, at least -100, not clipped
    otherwise. Then comes, for each channel u_i of the principal eigenvector u
    of a bin but the first,

    - FOA: `Re(u_i / u_0)`, the vector divided by its norm: the direction Y, Z,
      X of the source, a unit vector;
    - microphones: the phase of `u_i conj(u_0)`, divided by 2 pi f / 343 m/s:
      how much shorter in metres the path of the sound is to this microphone
      than to the first.

    The eigenvector is that of the covariance matrix of seven frames: this one,
    three before and three after it. It is 0 where the first singular value is
    not more than 5 times the second, or where the sound is not above the noise.
    For that, the root of the mean power of the first channel in this and the
    two frames before must exceed 1.5 times a noise floor. The floor starts at
    half the mean of this magnitude in the first five frames. In each frame it
    rises by 2 % where the magnitude is above it, by 0.2 % from the fourth such
    frame in a row on, and falls by 2 % elsewhere, to 1e-6 at least; the rise
    and fall come before the comparison. As in the published code, the recording
    is taken as a loop: the frames before the first are the last ones.

  Raises:
    ValueError: The audio has another number of channels or is not of a float
      type, or an option has an unknown value.

  References:
    Nguyen et al., `SALSA: Spatial Cue-Augmented Log-Spectrogram Features for
    Polyphonic Sound Event Localization and Detection
    <https://arxiv.org/abs/2110.00275>`_, 2022, and its published code

  See Also:
    `salsa_lite_features`, which looks at single frames.

  Example:
    A plane wave from the left, which begins after some silence:

    >>> from seld_jax import features
    >>> sound = np.random.default_rng(0).standard_normal(24000)
    >>> sound[:6000] *= 1e-3
    >>> audio = jnp.stack([sound, sound, 0 * sound, 0 * sound])  # W, Y, Z, X
    >>> x = jax.jit(features.salsa_features)(audio)
    >>> x.shape
    (80, 200, 7)
    >>> print(x[40, 100, 4:])  # Y, Z, X
    [1. 0. 0.]
  """
  if format not in _HIGHEST:
    raise ValueError(f"format must be 'foa' or 'mic', got {format!r}.")
  count = 4 if format == 'foa' else None
  stacking.check_channels('salsa_features', audio, axis=-2, count=count)
  options = FeatureOptions(
    kind='salsa',
    sample_rate=sample_rate,
    n_fft=n_fft,
    hop_length=hop_length,
    win_length=win_length,
    offset=offset,
    pad_mode=pad_mode,
    alias_frequency=alias_frequency,
  )
  return features_of(audio, format, options)


def features_of(
  audio: jax.Array | np.ndarray, format: str, options: FeatureOptions
) -> jax.Array:
  """The features of `salsa_features`."""
  audio = jnp.asarray(audio)
  spectrum = stft(
    audio + jnp.asarray(options.offset, audio.dtype),
    n_fft=options.n_fft,
    hop_length=options.hop_length,
    win_length=options.win_length,
    pad_mode=options.pad_mode,
  )
  log_powers = log_mel(spectrum, band_filters(options), top_db=None)
  below = spectrum[..., 1 : direction_stop(format, options)]
  magnitude = lax.stop_gradient(_smoothed_magnitude(below[..., 0, :, :]))
  real, imaginary, is_dominant = _eigenvectors(below)
  is_kept = is_dominant & _is_above_noise(magnitude)
  directions = _directions(real, imaginary, is_kept, format, options)
  directions = salsa_lite.pad_bins(directions, log_powers.shape[-1])
  return stacking.stack(log_powers, directions)


def num_bands(options: FeatureOptions) -> int:
  """Number of bands: bins, and groups of bins above 9000 Hz."""
  linear, last = _band_edges(options)
  return linear + math.ceil((last - linear) / _GROUP)


def band_filters(options: FeatureOptions) -> np.ndarray:
  """The weights of the bins in each band, with shape `[bands, bins]`."""
  linear, last = _band_edges(options)
  filters = np.zeros((num_bands(options), options.n_fft // 2 + 1))
  filters[np.arange(linear), np.arange(1, linear + 1)] = 1
  for band in range(linear, len(filters)):
    start = linear + 1 + _GROUP * (band - linear)
    filters[band, start : min(start + _GROUP, last + 1)] = 1 / _GROUP
  return filters


def direction_stop(format: str, options: FeatureOptions) -> int:
  """The bin from which on the eigenvectors are left out."""
  bins_per_hz = options.n_fft / options.sample_rate
  if options.alias_frequency:
    stop = math.ceil(options.alias_frequency * bins_per_hz)
  else:
    stop = int(_HIGHEST[format] * bins_per_hz)
  return max(1, min(stop, _band_edges(options)[0] + 1))


def _band_edges(options: FeatureOptions) -> tuple[int, int]:
  """The last bin that is a band of its own, and the last bin in any band."""
  last = (options.n_fft - 1) // 2
  linear = int(_HIGHEST_BIN * options.n_fft / options.sample_rate)
  if last < 1:
    raise ValueError(f'n_fft = {options.n_fft} is too short for SALSA.')
  return min(max(linear, 1), last), last


def _smoothed_magnitude(spectrum: jax.Array) -> jax.Array:
  """The root of the mean power of this frame and those before it."""
  square = power(spectrum)
  total = _sum(jnp.roll(square, count, axis=-2) for count in range(_AVERAGED))
  return jnp.sqrt(total / _AVERAGED)


def _is_above_noise(magnitude: jax.Array) -> jax.Array:
  """Where a magnitude with shape `[..., frames, bins]` exceeds the noise."""
  frames = jnp.moveaxis(magnitude, -2, 0)
  start = _START * jnp.mean(frames[:_START_FRAMES], axis=0)

  def track(state, now):
    floor, count = state
    is_above = now > floor
    count = jnp.where(is_above, count + 1, 0)
    rise = jnp.where(count > _QUICK_FRAMES, _LATER_RISE, _RISE)
    # The change is added: a factor such as 1.02 would have a rounding error
    # that grows from frame to frame.
    floor = floor + floor * jnp.where(is_above, rise, _FALL).astype(floor.dtype)
    floor = jnp.maximum(floor, jnp.asarray(_LOWEST_FLOOR, floor.dtype))
    return (floor, count), now > _ABOVE_FLOOR * floor

  state = start, jnp.zeros(start.shape, jnp.int32)
  _, is_above = lax.scan(track, state, frames, unroll=4)
  return jnp.moveaxis(is_above, 0, -2)


def _eigenvectors(
  spectrum: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Principal eigenvectors of the covariance of seven frames.

  Args:
    spectrum: Complex spectrum, with shape `[..., channels, frames, bins]`.

  Returns:
    Real and imaginary part of `u_i conj(u_0)` times any positive number, for
    each channel but the first, with shape `[..., channels - 1, frames, bins]`,
    and whether the first singular value exceeds 5 times the second,
    `[..., frames, bins]`.
  """
  num_channels, num_frames, num_bins = spectrum.shape[-3:]
  lead = spectrum.shape[:-3]
  # The frames around the recording are those of its other end, even if it has
  # fewer frames than are needed.
  around = np.arange(-_REACH, num_frames + _REACH) % num_frames
  wrapped = spectrum[..., around, :]

  def of_part(part):
    return _principal(*_covariance(jnp.moveaxis(part, -3, 0)))

  elements = math.prod(lead) * num_channels**2 * num_bins
  size = max(1, min(num_frames, _BLOCK_ELEMENTS // max(1, elements)))
  num_blocks = -(-num_frames // size)
  if num_blocks == 1 or jax.default_backend() != 'cpu':
    real, imaginary, is_dominant = of_part(wrapped)
  else:
    missing = num_blocks * size - num_frames
    widths = [(0, 0)] * (wrapped.ndim - 2) + [(0, missing), (0, 0)]
    wrapped = jnp.pad(wrapped, widths)

    def block(index: jax.Array) -> tuple[jax.Array, ...]:
      return of_part(
        lax.dynamic_slice_in_dim(
          wrapped, index * size, size + 2 * _REACH, axis=-2
        )
      )

    def join(parts: jax.Array) -> jax.Array:
      parts = jnp.moveaxis(parts, 0, -3)
      shape = *parts.shape[:-3], num_blocks * size, num_bins
      return parts.reshape(shape)[..., :num_frames, :]

    real, imaginary, is_dominant = map(
      join, lax.map(block, jnp.arange(num_blocks))
    )
  return jnp.moveaxis(real, 0, -3), jnp.moveaxis(imaginary, 0, -3), is_dominant


def _covariance(spectrum: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Sums of x conj(x)^T over seven frames.

  Args:
    spectrum: Complex spectrum, with shape `[channels, ..., frames + 6, bins]`.

  Returns:
    Real and imaginary part, with shape
    `[channels, channels, ..., frames, bins]`.
  """
  real, imaginary = spectrum.real, spectrum.imag
  num_frames = spectrum.shape[-2] - 2 * _REACH
  total = lambda products: _sum(
    products[..., shift : shift + num_frames, :]
    for shift in range(2 * _REACH + 1)
  )
  return (
    total(real[:, None] * real[None] + imaginary[:, None] * imaginary[None]),
    total(imaginary[:, None] * real[None] - real[:, None] * imaginary[None]),
  )


def _principal(
  real: jax.Array, imaginary: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """The principal eigenvectors of Hermitian matrices without a solver.

  A matrix that is squared several times becomes that of its principal
  eigenvector u alone, `u conj(u)^T`. The second singular value s_2 is not
  needed: s_1 > 5 s_2 is true if, and only if, `s_1 / 5 I - A + s_1 u conj(u)^T`
  is positive definite, which its triangular decomposition shows. This takes a
  tenth of the time of an eigenvalue solver on a CPU.

  Args:
    real: Real part of positive semi-definite matrices A, with shape
      `[channels, channels, ...]`.
    imaginary: Imaginary part, with the same shape.

  Returns:
    Real and imaginary part of the first column of `u conj(u)^T` without its
    first element, `[channels - 1, ...]`, and whether s_1 > 5 s_2, `[...]`.
  """
  count = len(real)
  matrix = _of_unit_trace(real, imaginary)
  # A loop instead of four statements, so that XLA keeps each result instead of
  # computing it again wherever it is used.
  projection = lax.fori_loop(
    0, _SQUARINGS, lambda _, part: _of_unit_trace(*_squared(*part)), matrix
  )
  largest = jnp.sum(
    matrix[0] * projection[0] + matrix[1] * projection[1], axis=(0, 1)
  )
  rest = [
    lax.stop_gradient(largest * onto - whole)
    for whole, onto in zip(matrix, projection, strict=True)
  ]
  threshold = lax.stop_gradient(largest / _DOMINANCE)
  lower = {
    (i, j): (rest[0][i, j] + (threshold if i == j else 0), rest[1][i, j])
    for i in range(count)
    for j in range(i + 1)
  }
  return projection[0][1:, 0], projection[1][1:, 0], _is_definite(lower, count)


def _of_unit_trace(
  real: jax.Array, imaginary: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Divides matrices by their trace; those of silence become 0."""
  trace = _sum(real[i, i] for i in range(len(real)))
  has_power = trace > _LEAST_POWER
  scale = jnp.where(has_power, 1 / jnp.where(has_power, trace, 1), 0)
  return real * scale, imaginary * scale


def _squared(
  real: jax.Array, imaginary: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Squares Hermitian matrices with shape `[channels, channels, ...]`."""
  terms = range(len(real))
  return (
    _sum(
      real[:, k, None] * real[k, None]
      - imaginary[:, k, None] * imaginary[k, None]
      for k in terms
    ),
    _sum(
      real[:, k, None] * imaginary[k, None]
      + imaginary[:, k, None] * real[k, None]
      for k in terms
    ),
  )


def _is_definite(
  lower: dict[tuple[int, int], tuple[jax.Array, jax.Array]], count: int
) -> jax.Array:
  """Whether Hermitian matrices are positive definite.

  Args:
    lower: Real and imaginary part of each element of the lower triangle, with
      shape `[...]`, by row and column.
    count: Number of rows.

  Returns:
    Whether all pivots of Gaussian elimination are positive, `[...]`.
  """
  lower = dict(lower)
  is_positive = lower[0, 0][0] > 0
  for k in range(count):
    pivot = lower[k, k][0]
    is_positive &= pivot > 0
    scale = 1 / jnp.where(pivot > 0, pivot, 1)
    for i in range(k + 1, count):
      real, imaginary = (part * scale for part in lower[i, k])
      for j in range(k + 1, i + 1):
        other_real, other_imaginary = lower[j, k]
        old_real, old_imaginary = lower[i, j]
        lower[i, j] = (
          old_real - (real * other_real + imaginary * other_imaginary),
          old_imaginary - (imaginary * other_real - real * other_imaginary),
        )
  return is_positive


def _sum(terms: Iterable[jax.Array]) -> jax.Array:
  """The sum of arrays of the same shape, in their order."""
  return functools.reduce(operator.add, terms)


def _directions(
  real: jax.Array,
  imaginary: jax.Array,
  is_kept: jax.Array,
  format: str,
  options: FeatureOptions,
) -> jax.Array:
  """Unit vectors (FOA) or path differences in metres; 0 where nothing is kept.

  Args:
    real: Real part of `u_i conj(u_0)` times any positive number, with shape
      `[..., channels - 1, frames, bins]`.
    imaginary: Its imaginary part, with the same shape.
    is_kept: Which bins are kept, with shape `[..., frames, bins]`.
    format: `'foa'` or `'mic'`.
    options: Options of the features.

  Returns:
    The directions, with the shape of `real`.
  """
  is_kept = is_kept[..., None, :, :]
  # The inner where keeps gradients finite where nothing is kept.
  real, imaginary = (jnp.where(is_kept, x, 0.0) for x in (real, imaginary))
  if format == 'mic':
    return salsa_lite.path_differences(
      real, imaginary, first=1, options=options
    )
  # Divided by the largest part, whose square cannot underflow.
  largest = jnp.max(jnp.abs(real), axis=-3, keepdims=True)
  largest = lax.stop_gradient(jnp.where(largest > 0, largest, 1.0))
  scaled = real / largest
  square = jnp.sum(scaled**2, axis=-3, keepdims=True)
  safe = jnp.where(square > 0, square, 1.0)
  return jnp.where(square > 0, scaled / jnp.sqrt(safe), 0.0)
