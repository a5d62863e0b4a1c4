"""The spectrogram of a recording, as a background for what sounds in it."""

import numpy as np
from matplotlib import axes

_LOWEST_FREQUENCY = 50.0
_DYNAMIC_RANGE = 70.0
_TICKS = {
  100: '100 Hz',
  300: '300 Hz',
  1000: '1 kHz',
  3000: '3 kHz',
  10000: '10 kHz',
}


def draw_spectrogram(
  panel: axes.Axes, channel: np.ndarray, sample_rate: int
) -> None:
  """Draws the level in dB over time and the logarithm of frequency.

  Args:
    panel: The axes to draw into.
    channel: Samples, with shape `[samples]`.
    sample_rate: Samples a second.
  """
  size, columns, rows = 1024, 1200, 128
  hop = -(-len(channel) // columns)
  padded = np.pad(channel, size // 2)
  windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
  power = np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2
  # The mean power between two frequencies, from the integral over the bins.
  integral = np.pad(np.cumsum(power, axis=-1), ((0, 0), (1, 0)))
  highest = sample_rate / 2
  edges = np.geomspace(_LOWEST_FREQUENCY, highest, rows + 1)
  place = edges / sample_rate * size
  low = np.floor(place).astype(int)
  share = place - low
  integral = integral[:, low] * (1 - share) + integral[:, low + 1] * share
  bands = np.diff(integral) / np.diff(place)
  level = 10 * np.log10(np.maximum(bands, 1e-12))
  panel.imshow(
    level.T,
    origin='lower',
    aspect='auto',
    cmap='magma',
    vmin=level.max() - _DYNAMIC_RANGE,
    extent=(
      0,
      len(channel) / sample_rate,
      np.log2(_LOWEST_FREQUENCY),
      np.log2(highest),
    ),
  )
  ticks = [tick for tick in (100, 300, 1000, 3000, 10000) if tick < highest]
  names = [
    f'{tick} Hz' if tick < 1000 else f'{tick // 1000} kHz' for tick in ticks
  ]
  panel.set_yticks(np.log2(ticks), names)
  panel.set_ylabel('frequency')
  panel.grid(visible=False)
