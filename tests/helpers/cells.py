"""Cells of features, no two of them the same."""

import numpy as np

SHAPE = (40, 24, 7)


def example(shape=SHAPE):
  """Cells that all differ, with a mean of its own in every channel."""
  rng = np.random.default_rng(0)
  cells = rng.permutation(np.prod(shape)).reshape(shape).astype(np.float32)
  return cells / cells.size + 10 * np.arange(shape[-1], dtype=np.float32)
