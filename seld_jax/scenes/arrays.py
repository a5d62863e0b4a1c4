"""Microphone arrays: what a plane wave and a diffuse field give per channel.

An array is two functions of frequency. Rooms and ambience are built from them
alone, so that another array is one more entry of `ARRAYS`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class MicArray:
  """A four-channel array or encoding.

  Attributes:
    name: The format's name, as in the folders of a data set.
    steer: Maps directions (unit vectors towards the source, with shape
      `[n, 3]`) and frequencies in Hz `[f]` to the gains of the channels for a
      plane wave from there, with shape `[f or 1, n, channels]`; 1 where they
      do not depend on frequency.
    diffuse: Maps frequencies in Hz `[f]` to matrices that mix independent
      noises of unit variance into the channels of a spherically isotropic
      field whose pressure has unit variance, with shape
      `[f or 1, channels, channels]`.
  """

  name: str
  steer: Callable[[np.ndarray, np.ndarray], np.ndarray]
  diffuse: Callable[[np.ndarray], np.ndarray]


def foa_gains(directions: np.ndarray) -> np.ndarray:
  """First-order Ambisonics of plane waves, ACN order and SN3D gains.

  Args:
    directions: Unit vectors (x, y, z), with shape `[..., 3]`.

  Returns:
    The gains of W, Y, Z, X: 1, y, z, x, with shape `[..., 4]`.
  """
  x, y, z = np.moveaxis(directions, -1, 0)
  return np.stack([np.ones_like(x), y, z, x], axis=-1)


def _steer_foa(directions: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
  del frequencies
  return foa_gains(directions)[None]


def _diffuse_foa(frequencies: np.ndarray) -> np.ndarray:
  """The mean square of each axis over the sphere is 1/3; all uncorrelated."""
  del frequencies
  return np.diag(np.sqrt([1.0, 1 / 3, 1 / 3, 1 / 3]))[None]


ARRAYS = {'foa': MicArray('foa', _steer_foa, _diffuse_foa)}
