"""Pairs predicted directions with reference directions, for all editions.

It also checks events, computes their keys (frame and class), and adds by key.
"""

import dataclasses
from typing import Any

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError

# In degrees. Labels are integer degrees, so that angles of exactly 20 degrees
# are common; without a tolerance, rounding errors would decide about them.
ANGLE_TOLERANCE = 1e-6

# Added to denominators, as the published code does. It matters only where they
# are 0: an error rate without any reference becomes very large.
EPSILON = float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class Rules:
  """How a recording is counted.

  Attributes:
    edition: The edition whose rules are used.
    num_frames: Label frames of the recording.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error of a true positive.
    segment_frames: Label frames per segment of one second.
  """

  edition: str
  num_frames: int
  num_classes: int
  doa_threshold: float
  distance_threshold: float
  segment_frames: int

  @property
  def num_segments(self) -> int:
    """Segments of the recording; the last one may be cut short."""
    return -(-self.num_frames // self.segment_frames)

  def key(self, events: Any) -> np.ndarray:
    """The key of each event; see `key_of`."""
    return key_of(events, self.num_classes)


def key_of(events: Any, num_classes: int) -> np.ndarray:
  """The key of each event: a number that identifies its frame and class.

  Args:
    events: Events; frames and classes may have any integer type.
    num_classes: Number of classes.

  Returns:
    `frame * num_classes + class_index`, int64 with shape `[n]`.
  """
  # In a type such as int16, the product would overflow.
  frame = np.asarray(events.frame, np.int64)
  return frame * num_classes + np.asarray(events.class_index, np.int64)


def check_events(
  what: str, events: Any, num_frames: int | None, num_classes: int
) -> None:
  """Raises InputError for events that are out of range.

  Args:
    what: What the message calls the events, such as `'reference'`.
    events: Events.
    num_frames: Label frames of the recording; None if frames have no limit.
    num_classes: Number of classes.

  Raises:
    InputError: A frame or class is out of range, or a direction is not finite.
  """
  for name, names, values, size in (
    ('frame', 'frames', events.frame, num_frames),
    ('class', 'classes', events.class_index, num_classes),
  ):
    high = np.inf if size is None else size
    outside = values[(values < 0) | (values >= high)]
    if outside.size:
      rule = 'not be negative' if size is None else f'be 0 to {size - 1}'
      raise InputError(
        f'The {what} has an event with {name} {outside[0]}, but {names} must '
        f'{rule}.'
      )
  if not np.isfinite(events.xyz).all():
    raise InputError(f'The {what} has a direction that is NaN or infinite.')


def paired(
  reference_key: np.ndarray,
  reference_xyz: np.ndarray,
  predicted_key: np.ndarray,
  predicted_xyz: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Pairs directions with the same key so that the sum of angles is smallest.

  Args:
    reference_key: Key of each row of the reference, for example of its frame
      and class, int64 with shape `[n]`.
    reference_xyz: Directions of the reference, with shape `[n, 3]`.
    predicted_key: Key of each row of the prediction, int64 with shape `[m]`.
    predicted_xyz: Directions of the prediction, with shape `[m, 3]`.

  Returns:
    Row of the reference, row of the prediction, and angle in degrees of each
    pair, all with shape `[pairs]`. Rows without a partner are left out.
  """
  a_key, a_first, a_size, a_order = _groups(reference_key)
  b_key, b_first, b_size, b_order = _groups(predicted_key)
  # Keys are sorted and distinct, so that one search finds the common ones.
  place = np.searchsorted(a_key, b_key)
  place[place == len(a_key)] = 0
  b = np.flatnonzero(a_key[place] == b_key) if len(a_key) else place[:0]
  a = place[b]
  n, m = a_size[a], b_size[b]
  # Most keys have one direction in each, so that there is nothing to choose.
  is_single = n * m == 1
  row = [a_order[a_first[a[is_single]]]]
  column = [b_order[b_first[b[is_single]]]]
  angle = [
    geometry.angular_distance(reference_xyz[row[0]], predicted_xyz[column[0]])
  ]
  # All keys with n reference and m predicted directions are handled together.
  factor = int(m.max(initial=0)) + 1
  kind = np.where(is_single, 0, n * factor + m)
  for one in np.flatnonzero(np.bincount(kind)[1:]) + 1:
    n, m = divmod(int(one), factor)
    chosen = kind == one
    rows = a_order[a_first[a[chosen], None] + np.arange(n)]
    columns = b_order[b_first[b[chosen], None] + np.arange(m)]
    costs = geometry.angular_distance(
      reference_xyz[rows][:, :, None], predicted_xyz[columns][:, None]
    )
    if min(n, m) == 1:
      best = costs.reshape(len(rows), -1).argmin(axis=1)[:, None]
      i, j = np.divmod(best, m)
    else:
      # Importing SciPy takes half a second and is often not needed.
      from scipy import optimize

      assigned = [optimize.linear_sum_assignment(square) for square in costs]
      i, j = np.swapaxes(np.array(assigned), 0, 1)
    every = np.arange(len(rows))[:, None]
    row.append(rows[every, i].ravel())
    column.append(columns[every, j].ravel())
    angle.append(costs[every, i, j].ravel())
  return np.concatenate(row), np.concatenate(column), np.concatenate(angle)


def add_at(
  shape: tuple[int, ...],
  places: tuple[np.ndarray, ...],
  *,
  values: np.ndarray | int = 1,
) -> np.ndarray:
  """Adds values at places of an array of zeros.

  Args:
    shape: The shape of the result.
    places: Indices for each axis, with shape `[n]`; a place may occur several
      times.
    values: Values to add, with shape `[n]`, or one number for all.

  Returns:
    The sums, with shape `shape`.
  """
  flat = np.ravel_multi_index(places, shape)
  weights = values if isinstance(values, np.ndarray) else None
  total = np.bincount(flat, weights, minlength=int(np.prod(shape)))
  if weights is None:
    total = total * values
  return total.reshape(shape)


def f_score(hits: float, predicted: float, reference: float) -> float:
  """The F-score, from the numbers of hits, predictions and references."""
  precision = hits / (predicted + EPSILON)
  recall = hits / (reference + EPSILON)
  return 2 * precision * recall / (precision + recall + EPSILON)


def occurrence(key: np.ndarray) -> np.ndarray:
  """Counts, for each row, the earlier rows that have the same key.

  Args:
    key: Keys, int64 with shape `[n]`.

  Returns:
    The counts, int64 with shape `[n]`; 0 for the first row of each key.
  """
  _, first, size, order = _groups(key)
  position = np.empty(len(key), np.int64)
  position[order] = np.arange(len(key)) - np.repeat(first, size)
  return position


def _groups(
  key: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Groups rows by key.

  Returns:
    The distinct keys in rising order; where the rows of each begin in `order`;
    how many rows each has; and `order`, the row numbers sorted by key.
  """
  order = np.argsort(key, kind='stable')
  in_order = key[order]
  is_first = np.ones(len(key), bool)
  is_first[1:] = in_order[1:] != in_order[:-1]
  first = np.flatnonzero(is_first)
  return in_order[first], first, np.diff(first, append=len(key)), order
