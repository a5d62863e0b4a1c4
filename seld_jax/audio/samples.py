"""Samples of any type as floating-point numbers."""

import numpy as np


def as_float(samples: np.ndarray) -> np.ndarray:
  """Takes whole numbers as PCM of their type.

  Args:
    samples: Samples of any shape. Signed ones reach from minus full scale to
      it, unsigned ones have silence in their middle, as 8-bit WAV files do.

  Returns:
    The samples, with the same shape, whole numbers in [-1, 1] as float32;
    floating-point numbers are given back as they are.
  """
  if samples.dtype.kind not in 'iu':
    return samples
  full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
  silence = full_scale if samples.dtype.kind == 'u' else 0.0
  wide = samples.astype(np.float64)
  return ((wide - silence) / full_scale).astype(np.float32)
