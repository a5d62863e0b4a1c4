"""Standardises features: zero mean and unit variance of each value."""

import pathlib
from collections.abc import Mapping, Sequence

import jax
import numpy as np


def moments(paths: Sequence[pathlib.Path]) -> np.ndarray:
  """Moments of the features of each recording, for `statistics`.

  Args:
    paths: Feature files, one per recording.

  Returns:
    Number of frames, mean over the frames, and sum of squared deviations from
    the mean, float64 with shape `[recordings, 3, mels, channels]`.

  Example:
    >>> import pathlib
    >>> from seld_jax import dataset
    >>> np.save('b.npy', np.array([[[1.0]], [[3.0]]]))  # two frames, one value
    >>> dataset.moments([pathlib.Path('b.npy')]).ravel().tolist()
    [2.0, 2.0, 2.0]
  """
  parts = []
  for path in paths:
    array = np.load(path, mmap_mode='r').astype(np.float64)
    mean = array.mean(axis=0)
    squares = ((array - mean) ** 2).sum(axis=0)
    parts.append(np.stack([np.full_like(mean, len(array)), mean, squares]))
  return np.stack(parts)


def statistics(parts: np.ndarray) -> dict[str, np.ndarray]:
  """Mean and standard deviation of each mel band and channel.

  Args:
    parts: The `moments` of the training recordings, with shape
      `[recordings, 3, mels, channels]`.

  Returns:
    `mean` and `std` over all frames, float32 with shape `[mels, channels]`.
    `std` is the population standard deviation, and 1 for constant values.

  Example:
    >>> from seld_jax import dataset
    >>> parts = np.array([[2, 2, 2], [1, 5, 0]]).reshape(2, 3, 1, 1)  # 1, 3; 5
    >>> found = dataset.statistics(parts)
    >>> float(found['mean'].item()), round(found['std'].item(), 3)
    (3.0, 1.633)
  """
  count, mean, squares = parts[0]
  for size, own_mean, own_squares in parts[1:]:
    # Pairwise update of Chan et al. (1979): the sum of squares minus the
    # squared mean would lose digits by cancellation.
    delta = own_mean - mean
    squares = squares + own_squares + delta**2 * (count * size / (count + size))
    mean = mean + delta * (size / (count + size))
    count = count + size
  std = np.sqrt(squares / count)
  std = np.where(std > 1e-6, std, 1.0)
  return {
    'mean': np.asarray(mean, np.float32),
    'std': np.asarray(std, np.float32),
  }


def standardise(
  features: jax.Array | np.ndarray,
  statistics: Mapping[str, jax.Array | np.ndarray],
) -> jax.Array | np.ndarray:
  """Scales each mel band and channel to zero mean and unit variance.

  Args:
    features: Features, with shape `[..., mels, channels]`.
    statistics: `mean` and `std`, with shape `[mels, channels]`.

  Returns:
    Standardised features, with the same shape.

  Example:
    >>> from seld_jax import dataset
    >>> statistics = {'mean': np.array([[3.0]]), 'std': np.array([[2.0]])}
    >>> dataset.standardise(np.array([[[7.0]]]), statistics).item()
    2.0
  """
  return (features - statistics['mean']) / statistics['std']
