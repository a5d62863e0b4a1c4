"""Real FFTs that keep the precision of their input, with exact types."""

from collections.abc import Callable

import numpy as np
from scipy import fft

# Number of frequencies at which slowly varying matrices are computed.
_MIXING_CELLS = 256


def rfft(x: np.ndarray, size: int | None = None) -> np.ndarray:
  """The spectrum of real `x` along its last axis, zero-padded to `size`."""
  return np.asarray(fft.rfft(x, size))


def irfft(spectrum: np.ndarray, size: int) -> np.ndarray:
  """The `size` real samples of a spectrum along its last axis."""
  return np.asarray(fft.irfft(spectrum, size))


def frequencies(size: int, sample_rate: float) -> np.ndarray:
  """Frequencies in Hz of the bins of `rfft`."""
  return np.fft.rfftfreq(size, 1 / sample_rate)


def fast_size(size: int) -> int:
  """The smallest size from `size` on for which the FFT is fast."""
  return int(np.asarray(fft.next_fast_len(size, real=True)))


def mix(
  mixing: Callable[[np.ndarray], list[np.ndarray]],
  spectrum: np.ndarray,
  frequencies: np.ndarray,
) -> np.ndarray:
  """Applies matrices that vary slowly over frequency to a spectrum.

  The matrices are computed at about 256 frequencies and interpolated linearly
  between them.

  Args:
    mixing: Maps frequencies in Hz with shape `[f]` to a list of matrices with
      shape `[f, rows, columns]`. Their outputs are stacked. A matrix with
      fewer columns than inputs is applied to the first inputs.
    spectrum: Spectra of the inputs, complex64 with shape `[inputs, bins]`.
    frequencies: Frequencies of the bins in Hz, equally spaced from 0.

  Returns:
    Spectra of the outputs with shape `[rows of all matrices, bins]`,
    complex64.
  """
  num_bins = frequencies.size
  width = -(-num_bins // _MIXING_CELLS)
  cells = -(-num_bins // width)
  padded = np.zeros((len(spectrum), cells * width), np.complex64)
  padded[:, :num_bins] = spectrum
  blocks = padded.reshape(-1, cells, width).transpose(1, 0, 2)
  rising = blocks * np.linspace(0, 1, width, endpoint=False, dtype=np.float32)
  mixed = []
  for matrix in mixing(frequencies[1] * width * np.arange(cells + 1)):
    step = np.diff(matrix, axis=0)
    inputs = matrix.shape[-1]
    out = matrix[:-1] @ blocks[:, :inputs] + step @ rising[:, :inputs]
    mixed.append(out.transpose(1, 0, 2).reshape(-1, cells * width))
  return np.concatenate(mixed)[:, :num_bins]
