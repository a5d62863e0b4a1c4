"""Features of which all cells differ."""

import numpy as np

SHAPE = (40, 24, 7)


def example(shape=SHAPE):
  """Features of which all cells differ, and the mean of all channels, too."""
  rng = np.random.default_rng(0)
  cells = rng.permutation(np.prod(shape)).reshape(shape).astype(np.float32)
  return cells / cells.size + 10 * np.arange(shape[-1], dtype=np.float32)
