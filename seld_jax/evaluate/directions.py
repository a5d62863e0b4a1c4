"""How far off directions are, and on what that depends. NumPy and SciPy."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from seld_jax import labels
from seld_jax.metrics import matching

# The part of the errors that lies within the band of a profile.
_QUARTILES = (25, 50, 75)


@dataclasses.dataclass(frozen=True, eq=False)
class Profile:
  """Errors of the rows of a reference, by the value of something.

  Attributes:
    value: Mean value of the rows in each bin, float64 with shape `[bins]`, NaN
      in a bin without any.
    rows: Rows of the reference in each bin, int64 with shape `[bins]`.
    found: Those of them whose class was detected, int64 with shape `[bins]`.
    quartiles: Lower quartile, median and upper quartile of the angles of the
      found ones in degrees, float64 with shape `[3, bins]`, NaN without any.
  """

  value: np.ndarray
  rows: np.ndarray
  found: np.ndarray
  quartiles: np.ndarray


def direction_errors(
  reference: labels.Events, prediction: labels.Events, *, num_classes: int
) -> np.ndarray:
  """The angle between each row of a reference and its detection.

  Only detections of the same class in the same frame count; of several, those
  that make the sum of the angles smallest, each for one row.

  Args:
    reference: Events of the reference.
    prediction: Events of the system.
    num_classes: Number of classes.

  Returns:
    Angles in degrees, with shape `[rows of the reference]`; NaN where the
    class was not detected.

  Raises:
    InputError: A frame or class is out of range.
  """
  keys = []
  for name, events in ('reference', reference), ('prediction', prediction):
    matching.check_events(name, events, None, num_classes)
    keys.append(matching.key_of(events, num_classes))
  rows, _, angles = matching.paired(
    keys[0], reference.xyz, keys[1], prediction.xyz
  )
  errors = np.full(len(reference.frame), np.nan)
  errors[rows] = angles
  return errors


def profile(
  values: np.ndarray, errors: np.ndarray, *, edges: Sequence[float]
) -> Profile:
  """Errors by the value of something, in bins.

  Args:
    values: What the errors may depend on, with shape `[n]`; NaN where it is
      not known.
    errors: As `direction_errors` gives them, with shape `[n]`.
    edges: Rising ends of the bins, one more than bins. A value on an edge
      belongs to the bin above it, on the last one to the bin below; values
      beyond the ends are left out.

  Returns:
    The profile, with shape `[bins]`.
  """
  bins = len(edges) - 1
  place = np.searchsorted(edges, values, side='right') - 1
  place[values == edges[-1]] = bins - 1
  # NaN is sorted behind all numbers, beyond the last bin.
  parts = [np.flatnonzero(place == index) for index in range(bins)]
  angles = [errors[part][np.isfinite(errors[part])] for part in parts]
  return Profile(
    value=np.array([values[p].mean() if p.size else np.nan for p in parts]),
    rows=np.array([part.size for part in parts]),
    found=np.array([one.size for one in angles]),
    quartiles=np.array(
      [
        np.percentile(one, _QUARTILES) if one.size else [np.nan] * 3
        for one in angles
      ]
    ).T,
  )
