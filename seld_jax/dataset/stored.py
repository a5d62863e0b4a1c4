"""Features that stay on disk: stretches of recordings are read when needed."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class StoredArray:
  """An array in a .npy file, of which nothing is in memory."""

  path: pathlib.Path
  shape: tuple[int, ...]
  dtype: np.dtype
  offset: int

  def read(self, start: int, length: int) -> np.ndarray:
    """Rows `start` to `start + length`, or to the end of the array.

    By reading, not by mapping: mapped pages would count as used memory.
    """
    length = max(0, min(length, self.shape[0] - start))
    row = int(np.prod(self.shape[1:]))
    values = np.fromfile(
      self.path,
      self.dtype,
      count=length * row,
      offset=self.offset + start * row * self.dtype.itemsize,
    )
    return values.reshape(length, *self.shape[1:])


def open_array(path: pathlib.Path) -> StoredArray:
  """Reads the header of a .npy file.

  Args:
    path: The file, in C order.

  Returns:
    The array.
  """
  mapped = np.load(path, mmap_mode='r')
  return StoredArray(path, mapped.shape, mapped.dtype, mapped.offset)


@dataclasses.dataclass(frozen=True)
class Joined:
  """Recordings on disk, joined along time as `dataset.Fold` has them.

  Attributes:
    arrays: The features of each, with shape `[frames, mels, channels]`.
    offsets: First frame of each in the whole, and the end of the last, int64
      with shape `[recordings + 1]`. What lies between the end of a recording
      and the next are copies of its last frame.
  """

  arrays: Sequence[StoredArray]
  offsets: np.ndarray

  @property
  def shape(self) -> tuple[int, ...]:
    """Shape of the whole: `(frames, mels, channels)`."""
    return (int(self.offsets[-1]), *self.arrays[0].shape[1:])

  def crop(self, start: int, length: int) -> np.ndarray:
    """A stretch that lies within one recording and what fills it up.

    Args:
      start: First frame in the whole.
      length: Number of frames.

    Returns:
      Features with shape `[length, mels, channels]`.
    """
    index = int(np.searchsorted(self.offsets, start, side='right')) - 1
    array = self.arrays[index]
    start -= int(self.offsets[index])
    found = array.read(start, length)
    if len(found) == length:
      return found
    last = array.read(array.shape[0] - 1, 1)
    return np.concatenate([found, np.repeat(last, length - len(found), axis=0)])

  def select(self, indices: Sequence[int]) -> 'Joined':
    """The recordings of these indices, joined."""
    sizes = np.diff(self.offsets)[list(indices)]
    return Joined(
      arrays=[self.arrays[index] for index in indices],
      offsets=np.concatenate([[0], np.cumsum(sizes)]),
    )


def crops(
  features: np.ndarray | Joined, starts: np.ndarray, length: int
) -> np.ndarray:
  """Copies stretches of equal length, from memory or from disk.

  Args:
    features: Joined recordings, with shape `[frames, ...]`.
    starts: First frames, with shape `[batch]`.
    length: Number of frames of each.

  Returns:
    The crops, with shape `[batch, length, ...]`.
  """
  if isinstance(features, Joined):
    return np.stack([features.crop(int(start), length) for start in starts])
  return np.stack([features[start : start + length] for start in starts])


def fits(sizes: Sequence[int | None], budget: float) -> list[bool]:
  """Which of several things are kept in a memory, the first ones first.

  Args:
    sizes: Bytes of each; None for what cannot be kept.
    budget: The memory in GB; 0 for one without limit.

  Returns:
    For each whether it is kept.
  """
  left = budget * 1e9 if budget else float('inf')
  kept = []
  for size in sizes:
    kept.append(size is not None and size <= left)
    if size is not None and kept[-1]:
      left -= size
  return kept
