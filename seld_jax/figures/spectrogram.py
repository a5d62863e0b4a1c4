"""The spectrogram of a recording, in a figure or as a PNG file."""

import dataclasses
import io
from collections.abc import Iterable

import numpy as np
from matplotlib import axes, image

_LOWEST_FREQUENCY = 50.0
_DYNAMIC_RANGE = 70.0
_TICKS = {
  100: '100 Hz',
  300: '300 Hz',
  1000: '1 kHz',
  3000: '3 kHz',
  10000: '10 kHz',
}


@dataclasses.dataclass(frozen=True)
class Spectrogram:
  """The spectrogram of a recording, as large as a figure shows it.

  Attributes:
    level: Levels in dB over time and the logarithm of frequency, with shape
      `[columns, rows]`.
    seconds: Length of the recording.
    sample_rate: Its sample rate in Hz.

  Example:
    >>> from seld_jax import figures
    >>> shown = figures.Spectrogram(np.zeros((9, 4)), 1.0, sample_rate=24000)
    >>> shown.level.shape
    (9, 4)
  """

  level: np.ndarray
  seconds: float
  sample_rate: int


def measure_spectrogram(
  blocks: Iterable[np.ndarray], *, num_samples: int, sample_rate: int
) -> Spectrogram:
  """Measures the spectrogram of a recording of any length, for `plot_tracks`.

  Args:
    blocks: The samples of one channel in blocks, each with shape `[samples]`.
    num_samples: Number of samples to show; later ones are ignored.
    sample_rate: Sample rate in Hz.

  Returns:
    The spectrogram.

  Example:
    >>> from seld_jax import figures
    >>> noise = np.random.default_rng(0).standard_normal((10, 2400))
    >>> shown = figures.measure_spectrogram(
    ...   noise, num_samples=24000, sample_rate=24000
    ... )
    >>> shown.seconds
    1.0
  """
  level = _levels(blocks, num_samples, sample_rate, columns=1200, rows=128)
  return Spectrogram(level, num_samples / sample_rate, sample_rate)


def draw_spectrogram(panel: axes.Axes, shown: Spectrogram) -> None:
  """Draws the level in dB over time and the logarithm of frequency.

  Args:
    panel: The axes to draw into.
    shown: The spectrogram.
  """
  level, sample_rate = shown.level, shown.sample_rate
  highest = sample_rate / 2
  panel.imshow(
    level.T,
    origin='lower',
    aspect='auto',
    cmap='magma',
    vmin=level.max() - _DYNAMIC_RANGE,
    extent=(
      0,
      shown.seconds,
      np.log2(_LOWEST_FREQUENCY),
      np.log2(highest),
    ),
  )
  ticks = frequency_ticks(sample_rate)
  panel.set_yticks(np.log2(list(ticks)), list(ticks.values()))
  panel.set_ylabel('frequency')
  panel.grid(visible=False)


def spectrogram_png(channel: np.ndarray, sample_rate: int) -> bytes:
  r"""Converts a recording to a spectrogram without axes, as a PNG file.

  The vertical axis is the logarithm of frequency, from 50 Hz to Nyquist.

  Args:
    channel: Samples, with shape `[samples]`.
    sample_rate: Sample rate in Hz.

  Returns:
    The contents of the file.

  Example:
    >>> from seld_jax import figures
    >>> noise = np.random.default_rng(0).standard_normal(24000)
    >>> figures.spectrogram_png(noise, 24000)[:4]
    b'\x89PNG'

  See Also:
    `frequency_places` gives the positions of labels at its vertical axis.
  """
  level = _levels([channel], len(channel), sample_rate, columns=900, rows=80)
  # With 40 shades instead of 256, the file is three times smaller.
  shade = (level - level.max()) / _DYNAMIC_RANGE + 1
  shade = np.round(np.maximum(shade, 0) * 40) / 40
  buffer = io.BytesIO()
  image.imsave(
    buffer,
    shade.T,
    origin='lower',
    cmap='magma',
    vmin=0,
    vmax=1,
    format='png',
  )
  return buffer.getvalue()


def frequency_ticks(sample_rate: int) -> dict[int, str]:
  """Returns the frequencies in Hz to label, and their labels."""
  return {tick: name for tick, name in _TICKS.items() if tick < sample_rate / 2}


def frequency_places(sample_rate: int) -> dict[str, float]:
  """Returns where to label the vertical axis of `spectrogram_png`.

  Args:
    sample_rate: Sample rate in Hz.

  Returns:
    Position by label, from 0 at the bottom to 1 at the top.

  Example:
    >>> from seld_jax import figures
    >>> places = figures.frequency_places(24000)
    >>> round(places['1 kHz'], 2)
    0.55
  """
  low, high = np.log2(_LOWEST_FREQUENCY), np.log2(sample_rate / 2)
  return {
    name: float((np.log2(tick) - low) / (high - low))
    for tick, name in frequency_ticks(sample_rate).items()
  }


def _levels(
  blocks: Iterable[np.ndarray],
  num_samples: int,
  sample_rate: int,
  *,
  columns: int,
  rows: int,
) -> np.ndarray:
  """Levels in dB, with shape `[columns or fewer, rows]`."""
  size = 1024
  hop = -(-num_samples // columns)
  # Window k is around sample k * hop; only these samples are kept.
  windows = np.zeros((num_samples // hop + 1, size), np.float32)
  start = 0
  for block in blocks:
    block = block[: num_samples - start]
    stop = start + len(block)
    first = max(0, -(-(start - size // 2 + 1) // hop))
    for k in range(first, len(windows)):
      at = k * hop - size // 2
      if at >= stop:
        break
      low, high = max(at, start), min(at + size, stop)
      if low < high:
        windows[k, low - at : high - at] = block[low - start : high - start]
    start = stop
    if start >= num_samples:
      break
  power = np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2
  # The mean power of a band is a difference of the integral over the bins.
  integral = np.pad(np.cumsum(power, axis=-1), ((0, 0), (1, 0)))
  edges = np.geomspace(_LOWEST_FREQUENCY, sample_rate / 2, rows + 1)
  place = edges / sample_rate * size
  low = np.floor(place).astype(int)
  share = place - low
  integral = integral[:, low] * (1 - share) + integral[:, low + 1] * share
  bands = np.diff(integral) / np.diff(place)
  return 10 * np.log10(np.maximum(bands, 1e-12))
