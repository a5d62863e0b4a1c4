"""Another sample rate, block by block, as if the whole were resampled."""

import math

import numpy as np
from scipy import signal

from seld_jax.errors import InputError

# Below and above, a sample rate is rather a damaged header.
LOWEST_RATE, HIGHEST_RATE = 4000, 400000

# Half the length of the low-pass filter, in periods of the lower rate.
_HALF_PERIODS = 16


class Resampler:
  """Resamples a signal that comes in blocks of any size.

  What `push` and `flush` give, joined, does not depend on the blocks, and has
  `ceil(samples * target / source)` samples.

  Attributes:
    delay: Samples of the source that are held back, at most.
  """

  def __init__(self, source: int, target: int, *, num_channels: int):
    """Designs the filter.

    Args:
      source: Samples a second of what comes.
      target: Samples a second of what is given.
      num_channels: Number of channels.

    Raises:
      InputError: The source is no sample rate of audio.
    """
    if not LOWEST_RATE <= source <= HIGHEST_RATE:
      raise InputError(
        f'A sample rate between {LOWEST_RATE} and {HIGHEST_RATE} Hz is needed, '
        f'got {source} Hz.'
      )
    divisor = math.gcd(source, target)
    self._up, self._down = target // divisor, source // divisor
    larger = max(self._up, self._down)
    half = _HALF_PERIODS * larger
    taps = np.arange(-half, half + 1)
    low_pass = np.sinc(taps / larger) * np.kaiser(len(taps), 8.0)
    self._filter = (low_pass / low_pass.sum()).astype(np.float32)
    # Context on both sides, a multiple of `down`, so that outputs fall on the
    # same instants as those of the whole signal.
    context = -(-(half // self._up + 1) // self._down)
    self._context = context * self._down
    self.delay = self._context + self._down
    # Silence stands for what was before the signal.
    self._buffer = np.zeros((num_channels, self._context), np.float32)
    self._num_in = self._num_out = 0

  def push(self, block: np.ndarray) -> np.ndarray:
    """Takes samples `[channels, n]`, gives those now known `[channels, m]`."""
    self._num_in += block.shape[-1]
    self._buffer = np.concatenate([self._buffer, block], axis=-1)
    ready = self._buffer.shape[-1] - 2 * self._context
    return self._advance(max(0, ready) // self._down * self._down)

  def flush(self) -> np.ndarray:
    """Gives the rest, with shape `[channels, m]`; silence follows the end."""
    total = -(-self._num_in * self._up // self._down)
    missing = total - self._num_out
    tail = -(-missing // self._up) * self._down
    width = max(0, 2 * self._context + tail - self._buffer.shape[-1])
    self._buffer = np.pad(self._buffer, ((0, 0), (0, width)))
    return self._advance(tail)[:, :missing]

  def _advance(self, length: int) -> np.ndarray:
    """Resamples so many samples, a multiple of `down`, behind the context."""
    if not length:
      return self._buffer[:, :0]
    part = self._buffer[:, : length + 2 * self._context]
    resampled = signal.resample_poly(
      part, self._up, self._down, axis=-1, window=self._filter
    )
    first = self._context // self._down * self._up
    size = length // self._down * self._up
    self._num_out += size
    self._buffer = self._buffer[:, length:]
    return resampled[:, first : first + size].astype(np.float32, copy=False)
