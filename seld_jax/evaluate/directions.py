"""Errors of predicted directions, and what they depend on. NumPy and SciPy."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from seld_jax import labels
from seld_jax.metrics import matching

# Percentiles of the errors in a profile.
_QUARTILES = (25, 50, 75)


@dataclasses.dataclass(frozen=True, eq=False)
class Profile:
  """Direction errors in bins of another quantity, such as the elevation.

  Attributes:
    value: Mean of this quantity in each bin, float64 with shape `[bins]`; NaN
      in an empty bin.
    rows: Number of reference rows in each bin, int64 with shape `[bins]`.
    found: Number of these rows whose class was detected, int64 with shape
      `[bins]`.
    quartiles: Lower quartile, median and upper quartile of the direction errors
      in degrees, float64 with shape `[3, bins]`; NaN where nothing was
      detected.

  Example:
    >>> from seld_jax import evaluate
    >>> found = evaluate.profile(np.zeros(3), np.ones(3), edges=[-1, 1])
    >>> isinstance(found, evaluate.Profile)
    True
  """

  value: np.ndarray
  rows: np.ndarray
  found: np.ndarray
  quartiles: np.ndarray


def direction_errors(
  reference: labels.Events, prediction: labels.Events, *, num_classes: int
) -> np.ndarray:
  """The angle between each reference row and the direction predicted for it.

  A row is paired with a prediction of the same class in the same frame. If
  there are several, they are paired so that the sum of the angles is smallest.

  Args:
    reference: Events of the reference.
    prediction: Events that a system predicted.
    num_classes: Number of classes.

  Returns:
    Angles in degrees, with shape `[rows of the reference]`; NaN for rows
    without a partner.

  Raises:
    InputError: A frame or class is out of range, or a frame has more directions
      than can be paired.

  Example:
    >>> from seld_jax import evaluate, labels
    >>> front, left = (
    ...   labels.from_dense(np.ones((2, 1)), np.tile(xyz, (2, 1, 1)))
    ...   for xyz in ([1.0, 0, 0], [0, 1.0, 0])
    ... )
    >>> evaluate.direction_errors(front, left, num_classes=1)
    array([90., 90.])
  """
  keys = []
  for name, events in ('reference', reference), ('prediction', prediction):
    matching.check_events(name, events, None, num_classes)
    keys.append(matching.key_of(events, num_classes))
  matching.check_crowd(keys[0], keys[1], num_classes)
  rows, _, angles = matching.paired(
    keys[0], reference.xyz, keys[1], prediction.xyz
  )
  errors = np.full(len(reference.frame), np.nan)
  errors[rows] = angles
  return errors


def profile(
  values: np.ndarray, errors: np.ndarray, *, edges: Sequence[float]
) -> Profile:
  """Sorts direction errors into bins of another quantity.

  Args:
    values: The quantity, such as the elevation of each row, with shape `[n]`;
      rows with NaN are left out.
    errors: The result of `direction_errors`, with shape `[n]`.
    edges: Edges of the bins in rising order, one more than there are bins. A
      value on an edge belongs to the bin above it, on the last edge to the last
      bin. Values outside of the edges are left out.

  Returns:
    The profile, with shape `[bins]`.

  Example:
    >>> from seld_jax import evaluate
    >>> elevation = np.array([-30, -20, 10, 20])
    >>> errors = np.array([4, 8, 1, np.nan])
    >>> found = evaluate.profile(elevation, errors, edges=[-90, 0, 90])
    >>> found.rows, found.found
    (array([2, 2]), array([2, 1]))
    >>> found.quartiles[1]  # medians
    array([6., 1.])
  """
  bins = len(edges) - 1
  place = np.searchsorted(edges, values, side='right') - 1
  place[values == edges[-1]] = bins - 1
  # searchsorted places NaN after all numbers, which is outside of all bins.
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
