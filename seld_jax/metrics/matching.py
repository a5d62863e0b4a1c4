"""Pairs predicted directions with reference directions, for all editions.

It also checks events, computes their keys (frame and class), and adds by key.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError

# In degrees. Labels are integer degrees, so that angles of exactly 20 degrees
# are common; without a tolerance, rounding errors would decide about them. For
# the same reason, sums of angles within this tolerance are equal.
ANGLE_TOLERANCE = 1e-6

# Added to denominators, as the published code does. It matters only where they
# are 0: an error rate without any reference becomes very large.
EPSILON = float(np.finfo(np.float64).eps)

# All ways to pair the directions of a key are compared if they are not more
# than this: 6 directions with 6, or 3 with 9.
_MOST_WAYS = 720
# Numbers in the largest temporary array.
_MOST_NUMBERS = 4_000_000
# Pairs of directions with the same key. A frame lasts 0.1 s, so that more
# directions than a few are nonsense; time and memory would be without bound.
MOST_PAIRS = 1_000_000


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
    InputError: An array has another shape than the events need, a frame or
      class is no integer or out of range, or a direction is not finite.
  """
  _check_arrays(what, events)
  for name, names, values, size in (
    ('frame', 'frames', events.frame, num_frames),
    ('class', 'classes', events.class_index, num_classes),
  ):
    high = np.inf if size is None else size
    # Creating no arrays is fast, and nearly all events are in range.
    if not len(values) or (values.min() >= 0 and values.max() < high):
      continue
    outside = values[(values < 0) | (values >= high)]
    if outside.size:
      rule = 'not be negative' if size is None else f'be 0 to {size - 1}'
      raise InputError(
        f'The {what} has an event with {name} {outside[0]}, but {names} must '
        f'{rule}.'
      )
  if not np.isfinite(events.xyz).all():
    raise InputError(f'The {what} has a direction that is NaN or infinite.')


def _check_arrays(what: str, events: Any) -> None:
  """Raises InputError for arrays of other shapes or types than events have."""
  count = len(events.frame)
  shapes = {'frame': (count,), 'class_index': (count,), 'xyz': (count, 3)}
  if getattr(events, 'distance', None) is not None:
    shapes['distance'] = (count,)
  for name, shape in shapes.items():
    found = np.shape(getattr(events, name))
    if found != shape:
      raise InputError(
        f'The {what} has {count} frames, so {name} must have the shape '
        f'{list(shape)}, got {list(found)}.'
      )
  for name in 'frame', 'class_index':
    kind = np.asarray(getattr(events, name)).dtype
    if kind.kind not in 'iu':
      raise InputError(
        f'{name} of the {what} must be integers, got {kind} values.'
      )


def check_crowd(
  reference_key: np.ndarray, predicted_key: np.ndarray, num_classes: int
) -> None:
  """Refuses keys with so many directions that pairing them would not end.

  Args:
    reference_key: Key of each row of the reference, with shape `[n]`; see
      `key_of`.
    predicted_key: Key of each row of the prediction, with shape `[m]`.
    num_classes: Number of classes of these keys; 1 if they are frames.

  Raises:
    InputError: A key has more than `MOST_PAIRS` pairs of directions.
  """
  if len(reference_key) * len(predicted_key) <= MOST_PAIRS:
    return
  key, size = np.unique(reference_key, return_counts=True)
  other, other_size = np.unique(predicted_key, return_counts=True)
  common, a, b = np.intersect1d(
    key, other, assume_unique=True, return_indices=True
  )
  pairs = size[a] * other_size[b]
  if pairs.max(initial=0) > MOST_PAIRS:
    worst = int(pairs.argmax())
    frame, class_index = divmod(int(common[worst]), num_classes)
    of_class = f' of class {class_index}' if num_classes > 1 else ''
    raise InputError(
      f'Frame {frame} has {size[a[worst]]} directions{of_class} in the '
      f'reference and {other_size[b[worst]]} in the prediction, but directions '
      f'can be paired only up to {MOST_PAIRS:,} pairs in a frame: the frame '
      'column of one of the files may be wrong.'
    )


def paired(
  reference_key: np.ndarray,
  reference_places: np.ndarray,
  predicted_key: np.ndarray,
  predicted_places: np.ndarray,
  *,
  angle_between: Callable[
    [np.ndarray, np.ndarray], np.ndarray
  ] = geometry.angular_distance,
  rounded: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Pairs directions with the same key so that the sum of angles is smallest.

  Sums that differ by less than `ANGLE_TOLERANCE` are equal. Then the order of
  rows decides: the first row of the reference gets the earliest possible row of
  the prediction, then the second row, and so on; a row without a partner comes
  last. With more directions than about six in both, the order in which the
  algorithm of Jonker and Volgenant finds a solution decides; it is the same for
  equal rounded angles.

  Args:
    reference_key: Key of each row of the reference, for example of its frame
      and class, int64 with shape `[n]`.
    reference_places: Directions of the reference: vectors with shape `[n, 3]`,
      or what else `angle_between` takes.
    predicted_key: Key of each row of the prediction, int64 with shape `[m]`.
    predicted_places: Directions of the prediction, with shape `[m, 3]`.
    angle_between: Maps two arrays of directions to angles in degrees.
    rounded: Whether ties are decided as above. False leaves them to rounding
      errors and to the algorithm, as the published code does.

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
  angle = [angle_between(reference_places[row[0]], predicted_places[column[0]])]
  assign = _assign if rounded else _assign_exactly
  # All keys with n reference and m predicted directions are handled together,
  # in blocks that fit in memory.
  factor = int(m.max(initial=0)) + 1
  kind = np.where(is_single, 0, n * factor + m)
  for one in np.unique(kind[kind > 0]):
    n, m = divmod(int(one), factor)
    every = np.flatnonzero(kind == one)
    step = max(1, _MOST_NUMBERS // (n * m * min(n, m, 6)))
    for start in range(0, len(every), step):
      chosen = every[start : start + step]
      rows = a_order[a_first[a[chosen], None] + np.arange(n)]
      columns = b_order[b_first[b[chosen], None] + np.arange(m)]
      costs = angle_between(
        reference_places[rows][:, :, None], predicted_places[columns][:, None]
      )
      i, j = assign(costs)
      group = np.arange(len(rows))[:, None]
      row.append(rows[group, i].ravel())
      column.append(columns[group, j].ravel())
      angle.append(costs[group, i, j].ravel())
  return np.concatenate(row), np.concatenate(column), np.concatenate(angle)


def _assign(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The rows and columns of the smallest sums, ties by the order of rows.

  Args:
    costs: Angles, with shape `[groups, n, m]`.

  Returns:
    Rows and columns, both with shape `[groups, min(n, m)]`.
  """
  n, m = costs.shape[1:]
  if min(n, m) == 1:
    flat = costs.reshape(len(costs), -1)
    least = flat.min(axis=1, keepdims=True)
    # argmax finds the first of the directions that are equally near.
    nearest = (flat <= least + ANGLE_TOLERANCE).argmax(axis=1)[:, None]
    i, j = np.divmod(nearest, m)
    return i, j
  if math.perm(max(n, m), min(n, m)) > _MOST_WAYS:
    return _assign_exactly(np.round(costs / ANGLE_TOLERANCE))
  i, j = _ways(n, m)
  chosen = np.empty(len(costs), np.int64)
  step = max(1, _MOST_NUMBERS // i.size)
  for start in range(0, len(costs), step):
    part = costs[start : start + step]
    sums = part[:, i, j].sum(axis=-1)
    least = sums.min(axis=1, keepdims=True)
    chosen[start : start + step] = (sums <= least + ANGLE_TOLERANCE).argmax(1)
  return i[chosen], j[chosen]


def _assign_exactly(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Like `_assign`, but ties are left to the algorithm of SciPy."""
  # Importing SciPy takes half a second and is often not needed.
  from scipy import optimize

  assigned = [optimize.linear_sum_assignment(square) for square in costs]
  i, j = np.swapaxes(np.array(assigned), 0, 1)
  return i, j


@functools.lru_cache(maxsize=256)
def _ways(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
  """All ways to pair n rows with m columns, in the order of the partners.

  Returns:
    Rows and columns, both with shape `[ways, min(n, m)]`.
  """
  if n <= m:
    j = np.array(list(itertools.permutations(range(m), n)))
    return np.broadcast_to(np.arange(n), j.shape), j
  # A row without a partner has the number m, which sorts last.
  ways = []
  for rows in itertools.permutations(range(n), m):
    partner = [m] * n
    for column, row in enumerate(rows):
      partner[row] = column
    ways.append(partner)
  partners = np.array(sorted(ways))
  _, i = np.nonzero(partners < m)
  i = i.reshape(len(partners), m)
  return i, np.take_along_axis(partners, i, axis=1)


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
