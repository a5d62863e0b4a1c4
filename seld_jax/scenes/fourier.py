"""Real FFTs in the precision of their input, with types that can be checked."""

import numpy as np
from scipy import fft


def rfft(x: np.ndarray, size: int | None = None) -> np.ndarray:
  """Spectrum of real `x` along its last axis, zero-padded to `size`."""
  return np.asarray(fft.rfft(x, size))


def irfft(spectrum: np.ndarray, size: int) -> np.ndarray:
  """The `size` real samples of a spectrum along its last axis."""
  return np.asarray(fft.irfft(spectrum, size))


def frequencies(size: int, sample_rate: float) -> np.ndarray:
  """Frequencies in Hz of the bins of `rfft`."""
  return np.fft.rfftfreq(size, 1 / sample_rate)


def fast_size(size: int) -> int:
  """The next larger size that transforms fast."""
  return int(np.asarray(fft.next_fast_len(size, real=True)))


def mix(mixing: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
  """Applies `mixing` `[f or 1, c, c]` to a spectrum `[c, f]`."""
  if mixing.shape[0] == 1:
    return mixing[0].astype(np.float32) @ spectrum
  return np.einsum('fcd,df->cf', mixing.astype(np.complex64), spectrum)
