"""Directions as vectors: their norms, and whether they are angles instead."""

import numpy as np

from seld_jax.labels.rows import RANGES, Rows

# Largest difference of the norm of a direction from 1, because of rounding.
NORM_TOLERANCE = 1e-2
# Networks with linear outputs predict vectors with a norm of about 1. A
# component above this number is an angle.
LARGEST_COMPONENT = 10.0


def looks_like_angles(xyz: np.ndarray) -> bool:
  """Whether vectors of shape `[rows, 3]` look like angles and a distance."""
  return bool(
    len(xyz) and are_polar(xyz).all() and np.abs(xyz).max() > LARGEST_COMPONENT
  )


def normalise(
  rows: Rows,
  xyz: np.ndarray,
  places: np.ndarray | None = None,
  *,
  any_norm: bool,
) -> np.ndarray:
  """Scales directions to norm 1.

  Args:
    rows: The rows of the file, for error messages.
    xyz: Vectors, with shape `[n, 3]`.
    places: Their places among the rows, with shape `[n]`; None if all rows are
      there.
    any_norm: Whether any norm except 0 is allowed; else it must be about 1.

  Returns:
    Unit vectors, with shape `[n, 3]`.

  Raises:
    InputError: A vector is not allowed.
  """
  norm = norm_of(xyz)
  wrong = norm == 0 if any_norm else ~(np.abs(norm - 1) <= NORM_TOLERANCE)
  if wrong.any():
    index = int(np.argmax(wrong))
    rows.refuse(
      index if places is None else int(places[index]),
      f'x, y, z = {show_vector(xyz[index])} has the norm {norm[index]:.4g}, '
      'but expected '
      + (
        'a vector other than 0; delete the row if nothing is active'
        if any_norm
        else 'a unit vector; for vectors of any length, state the edition '
        '(--csv_edition, or data.csv_edition in a config)'
      ),
    )
  # Divided by the largest component first, so that squares neither underflow
  # nor overflow.
  scaled = xyz / np.abs(xyz).max(axis=-1, keepdims=True, initial=1e-300)
  return scaled / np.linalg.norm(scaled, axis=-1, keepdims=True)


def show_vector(xyz: np.ndarray) -> str:
  """A vector as messages show it."""
  return ','.join(format(value, 'g') for value in xyz)


def are_polar(values: np.ndarray) -> np.ndarray:
  """Which rows of shape `[rows, 3]` may be azimuth, elevation, distance."""
  low, high = np.array(
    [RANGES[name] for name in ('azimuth', 'elevation', 'distance')]
  ).T
  good = np.all((values >= low) & (values <= high), axis=-1)
  return good & (values[:, 2] > 0)


def norm_of(xyz: np.ndarray) -> np.ndarray:
  """Norms of vectors with shape `[rows, 3]`; infinite for huge numbers."""
  with np.errstate(over='ignore', under='ignore'):
    norm = np.linalg.norm(xyz, axis=-1)
  return np.where(norm == 0, np.abs(xyz).max(axis=-1, initial=0), norm)
