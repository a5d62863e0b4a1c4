"""Changes the sample rate of a signal that arrives in blocks."""

import math

import numpy as np

from seld_jax.errors import InputError

# Sample rates outside of this range in Hz suggest a damaged header.
LOWEST_RATE, HIGHEST_RATE = 4000, 400000

# Half the length of the low-pass filter, in periods of the lower sample rate.
_HALF_PERIODS = 16


class Resampler:
  """Resamples a signal that arrives in blocks of any size.

  The concatenated outputs of `push` and `flush` do not depend on how the signal
  is divided into blocks. They have `ceil(samples * target / source)` samples.

  Attributes:
    delay: Largest number of input samples for which there is no output yet.

  Example:
    >>> from seld_jax import audio
    >>> resampler = audio.Resampler(48000, 24000, num_channels=1)
    >>> block = np.ones((1, 4800), np.float32)
    >>> first, rest = resampler.push(block), resampler.flush()
    >>> first.shape[-1] + rest.shape[-1]
    2400
  """

  def __init__(self, source: int, target: int, *, num_channels: int):
    """Designs the filter.

    Args:
      source: Sample rate of the input in Hz.
      target: Sample rate of the output in Hz.
      num_channels: Number of channels.

    Raises:
      InputError: A rate is not a plausible sample rate of audio, or has a
        fraction.
    """
    for rate in source, target:
      if not LOWEST_RATE <= rate <= HIGHEST_RATE or rate != int(rate):
        raise InputError(
          f'A sample rate between {LOWEST_RATE} and {HIGHEST_RATE} Hz is '
          f'needed, without a fraction, got {rate} Hz.'
        )
    source, target = int(source), int(target)
    divisor = math.gcd(source, target)
    self._up, self._down = target // divisor, source // divisor
    larger = max(self._up, self._down)
    half = _HALF_PERIODS * larger
    taps = np.arange(-half, half + 1)
    low_pass = np.sinc(taps / larger) * np.kaiser(len(taps), 8.0)
    self._filter = (low_pass / low_pass.sum()).astype(np.float32)
    # Context on both sides: a multiple of `down`, so that output samples are at
    # the same times as if the whole signal were resampled at once.
    context = -(-(half // self._up + 1) // self._down)
    self._context = context * self._down
    self.delay: int = self._context + self._down
    # Silence before the beginning of the signal.
    self._buffer = np.zeros((num_channels, self._context), np.float32)
    self._num_in = self._num_out = 0

  def push(self, block: np.ndarray) -> np.ndarray:
    """Adds a block and returns the output samples that are now known.

    Args:
      block: Input samples, with shape `[channels, n]`.

    Returns:
      Output samples, float32 with shape `[channels, m]`; m may be 0.
    """
    self._num_in += block.shape[-1]
    self._buffer = np.concatenate([self._buffer, block], axis=-1)
    ready = self._buffer.shape[-1] - 2 * self._context
    return self._advance(max(0, ready) // self._down * self._down)

  def flush(self) -> np.ndarray:
    """Ends the signal and returns the remaining output samples.

    Returns:
      Output samples, float32 with shape `[channels, m]`, as if silence followed
      the end of the signal.
    """
    total = -(-self._num_in * self._up // self._down)
    missing = total - self._num_out
    tail = -(-missing // self._up) * self._down
    width = max(0, 2 * self._context + tail - self._buffer.shape[-1])
    self._buffer = np.pad(self._buffer, ((0, 0), (0, width)))
    return self._advance(tail)[:, :missing]

  def _advance(self, length: int) -> np.ndarray:
    """Resamples the next `length` input samples, a multiple of `down`."""
    if not length:
      return self._buffer[:, :0]
    # Here, since it takes long to load and most recordings need no other rate.
    from scipy import signal

    part = self._buffer[:, : length + 2 * self._context]
    resampled = signal.resample_poly(
      part, self._up, self._down, axis=-1, window=self._filter
    )
    first = self._context // self._down * self._up
    size = length // self._down * self._up
    self._num_out += size
    self._buffer = self._buffer[:, length:]
    return resampled[:, first : first + size].astype(np.float32, copy=False)
