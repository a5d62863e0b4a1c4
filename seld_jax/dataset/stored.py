"""Features that stay on disk: crops of recordings are read when needed."""

import dataclasses
import math
import pathlib
from collections.abc import Sequence

import numpy as np

from seld_jax import npy_files
from seld_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class StoredArray:
  """An array in a .npy file that is read in parts.

  Attributes:
    path: The file.
    shape: Shape of the array.
    dtype: Type of its elements.
    offset: Position of the first element in the file, in bytes.
  """

  path: pathlib.Path
  shape: tuple[int, ...]
  dtype: np.dtype
  offset: int

  def read(self, start: int, length: int) -> np.ndarray:
    """Reads the rows `start` to `start + length`, or to the end of the array.

    The file is read, not memory-mapped: mapped pages would count as memory of
    the process.
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

  Raises:
    InputError: The file does not hold the features of at least one frame.
  """
  try:
    with path.open('rb') as file:
      shape, is_fortran, dtype = npy_files.read_header(file)
      offset = file.tell()
    size = dtype.itemsize * math.prod(shape)
    if (
      dtype.kind != 'f'
      or is_fortran
      or len(shape) != 3
      or 0 in shape
      or path.stat().st_size < offset + size
    ):
      raise ValueError(f'it has the shape {shape} and the type {dtype}')
  except (OSError, ValueError) as error:
    raise InputError(
      f'{path} must hold features, floats with the shape [frames, mels, '
      f'channels] and at least one frame: {error}; delete it, and it is '
      'computed again.'
    ) from error
  return StoredArray(path, shape, dtype, offset)


@dataclasses.dataclass(frozen=True)
class Joined:
  """Recordings on disk, joined along time as in `dataset.Fold`.

  Attributes:
    arrays: Features of each recording, with shape `[frames, mels, channels]`.
    offsets: First joined frame of each recording, and the end of the last,
      int64 with shape `[recordings + 1]`. A recording that is shorter than its
      share is padded with copies of its last frame.
  """

  arrays: Sequence[StoredArray]
  offsets: np.ndarray

  @property
  def shape(self) -> tuple[int, ...]:
    """Shape of the joined features: `(frames, mels, channels)`."""
    return (int(self.offsets[-1]), *self.arrays[0].shape[1:])

  def crop(self, start: int, length: int) -> np.ndarray:
    """Reads a crop that lies within one recording and its padding.

    Args:
      start: First joined frame.
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
    """Joins the recordings of these indices, in this order."""
    sizes = np.diff(self.offsets)[list(indices)]
    return Joined(
      arrays=[self.arrays[index] for index in indices],
      offsets=np.concatenate([[0], np.cumsum(sizes)]),
    )


def crops(
  features: np.ndarray | Joined, starts: np.ndarray, length: int
) -> np.ndarray:
  """Copies crops of equal length from memory or from disk.

  Args:
    features: Joined recordings, with shape `[frames, ...]`.
    starts: First frame of each crop, with shape `[batch]`.
    length: Number of frames of a crop.

  Returns:
    The crops, with shape `[batch, length, ...]`.
  """
  if isinstance(features, Joined):
    return np.stack([features.crop(int(start), length) for start in starts])
  return np.stack([features[start : start + length] for start in starts])
