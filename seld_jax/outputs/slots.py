"""Events in the slots of tracks, and tracks that are the same event."""

import functools
import itertools
import logging
from collections.abc import Sequence

import numpy as np

from seld_jax import geometry, labels
from seld_jax.outputs import vectors

_log = logging.getLogger(__name__)


def first_rows(
  events: labels.Events,
  columns: Sequence[np.ndarray],
  *,
  limit: int,
  what: str,
) -> tuple[np.ndarray, np.ndarray]:
  """Gives events to slots, in the order of their rows.

  Rows that say the same as an earlier row are left out.

  Args:
    events: Events.
    columns: Integers with shape `[rows]`; rows that are equal in all of them
      share the slots.
    limit: Number of slots. If there are more events, a warning says so once,
      and the first ones are used.
    what: What there are too many of, for the warning.

  Returns:
    Indices of the rows that have a slot, and their slots from 0, both int64
    with shape `[n]`.
  """
  rows = np.sort(_distinct(events))
  rank = vectors.rank_of(*(column[rows] for column in columns))
  is_kept = rank < limit
  if not is_kept.all():
    _warn_once(limit, what)
  return rows[is_kept], rank[is_kept]


def events_of_tracks(
  directions: np.ndarray, is_active: np.ndarray, *, unify: float
) -> np.ndarray:
  """Decides which of three tracks are the same event.

  Args:
    directions: Vectors of any length, with shape `[rows, 3, 3]`: three tracks.
    is_active: Whether a track is active, with shape `[rows, 3]`.
    unify: Active tracks closer than this angle in degrees are one event.

  Returns:
    Number of the event of each track, with shape `[rows, 3]`; tracks of one
    event have that of the first of them. Tracks that are not active have a
    number, too.
  """
  number = np.tile(np.arange(3), (len(directions), 1))
  pairs = list(itertools.combinations(range(3), 2))
  is_close = np.stack(
    [
      is_active[:, i]
      & is_active[:, j]
      & (geometry.angular_distance(directions[:, i], directions[:, j]) < unify)
      for i, j in pairs
    ],
    axis=-1,
  )
  for place, (i, j) in enumerate(pairs):
    number[is_close[:, place], j] = i
  number[is_close.sum(axis=-1) > 1] = 0
  return number


def joined(
  first: vectors.Array,
  second: vectors.Array,
  count: vectors.Array,
  *,
  axis: int,
) -> vectors.Array:
  """Puts the tracks of one array behind some tracks of another.

  It only needs slices: gathers take much longer on a CPU.

  Args:
    first: Values of tracks, with shape `[..., tracks, ...]`.
    second: Values of other tracks, with the same shape.
    count: Number of tracks of `first` that are kept, with as many axes, and
      size 1 on that of the tracks.
    axis: The axis of the tracks, counted from 0.

  Returns:
    The kept tracks of `first`, then those of `second`, as many as there are
    places for, with the same shape.
  """
  xp = geometry.namespace(first, second, count)
  first, later, count = (
    xp.moveaxis(xp.asarray(one), axis, 0) for one in (first, second, count)
  )
  number = len(first)
  placed = later
  for shift in range(1, number + 1):
    later = xp.concatenate([xp.zeros_like(later[:1]), later[:-1]])
    placed = xp.where(count >= shift, later, placed)
  place = xp.arange(number).reshape(-1, *[1] * (first.ndim - 1))
  return xp.moveaxis(xp.where(place < count, first, placed), 0, axis)


def best_order(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Orders of tracks with the least cost.

  Args:
    cost: Cost of a track at the place of another one, with shape
      `[frames, tracks, places, ...]`.

  Returns:
    The track for each place, int64 with shape `[frames, tracks, ...]`, and the
    cost of this order, with shape `[frames, ...]`.
  """
  orders = np.array(list(itertools.permutations(range(cost.shape[1]))))
  places = np.arange(cost.shape[2])
  # [orders, frames, ...]
  totals = np.stack([cost[:, order, places].sum(axis=1) for order in orders])
  order = np.moveaxis(orders[totals.argmin(axis=0)], -1, 1)
  return order, totals.min(axis=0)


def _distinct(events: labels.Events) -> np.ndarray:
  """The rows that do not repeat an earlier row."""
  columns = events.frame, events.class_index, events.track
  order, group = labels.group_rows(*columns)
  if not len(group) or group[-1] == len(group) - 1:  # no group has two rows
    return order
  places = [*events.xyz.T]
  if events.distance is not None:
    places.append(events.distance)
  rounded = (np.round(1e6 * values).astype(np.int64) for values in places)
  order, group = labels.group_rows(*columns, *rounded)
  return order[np.diff(group, prepend=-1) > 0]


@functools.cache
def _warn_once(limit: int, what: str) -> None:
  _log.warning(
    'The labels have more than %d %s. The output format has room for only %d, '
    'so only the first rows are used.',
    limit,
    what,
    limit,
  )
