"""Events: which classes are active and where, as rows or as dense arrays."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError

FRAMES_PER_SECOND = 10

# Directions and distances that differ less, relative to 1 or to the distance,
# are the same: 180 and -180 degrees differ by rounding.
_SAME = 1e-6

# Labels this many frames after the end of a recording or less may be due to
# rounding, and are left out with a warning, as published baselines leave out
# all labels after the end. Labels that are later belong to another recording.
SURPLUS_FRAMES = 5


def count_frames(
  num_samples: int,
  sample_rate: int,
  *,
  frames_per_second: int = FRAMES_PER_SECOND,
) -> int:
  """The number of label frames of a recording; the last may be incomplete.

  Args:
    num_samples: Number of samples in each channel.
    sample_rate: Sample rate in Hz.
    frames_per_second: Label frames per second; the usual ones last 0.1 s.

  Returns:
    The number of frames.

  Example:
    >>> from seld_jax import labels
    >>> labels.count_frames(24001, sample_rate=24000)
    11
  """
  return -(-num_samples * frames_per_second // sample_rate)


@dataclasses.dataclass(frozen=True, eq=False)
class Events:
  """Classes and directions of sound events, one row per frame and source.

  Attributes:
    frame: Label frame of 0.1 s, from 0, int64 with shape `[n]`.
    class_index: Class, int64 with shape `[n]`.
    track: Number that distinguishes simultaneous sources, int64 with shape
      `[n]`.
    xyz: Directions as unit vectors, float64 with shape `[n, 3]`.
    distance: Distances, float64 with shape `[n]`; None if the labels have none.
    onscreen: Whether the source is in the picture of the video, bool with shape
      `[n]`; None if nobody says so. Only files of 2025 do.

  Example:
    >>> from seld_jax import labels
    >>> events = labels.Events(
    ...   frame=np.array([0, 1]),
    ...   class_index=np.array([5, 5]),
    ...   track=np.array([0, 0]),
    ...   xyz=np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
    ... )
    >>> len(events.frame), events.distance
    (2, None)
  """

  frame: np.ndarray
  class_index: np.ndarray
  track: np.ndarray
  xyz: np.ndarray
  distance: np.ndarray | None = None
  onscreen: np.ndarray | None = None


def no_events() -> Events:
  """The events of a silent recording: no rows.

  Example:
    >>> from seld_jax import labels
    >>> labels.no_events().xyz.shape
    (0, 3)
  """
  empty = np.zeros(0, np.int64)
  return Events(empty, empty.copy(), empty.copy(), np.zeros((0, 3)))


def join_events(parts: Iterable[Events]) -> Events:
  """Joins events that follow each other.

  Args:
    parts: Events, whose frames count from the same start.

  Returns:
    The rows of all parts, in their order. They have distances, and flags of
    what is on screen, if those of all parts that have rows do.

  Example:
    >>> from seld_jax import labels
    >>> frame, class_index, track = np.array([[2], [1], [0]])
    >>> dog = labels.Events(frame, class_index, track, np.eye(3)[:1])
    >>> joined = labels.join_events([labels.no_events(), dog, dog])
    >>> joined.frame.tolist(), joined.distance
    ([2, 2], None)
  """
  given = list(parts)
  parts = [one for one in given if len(one.frame)] or given[:1] or [no_events()]
  columns: dict[str, Any] = {}
  for field in dataclasses.fields(Events):
    found = [getattr(one, field.name) for one in parts]
    known = all(values is not None for values in found)
    columns[field.name] = np.concatenate(found) if known else None
  return Events(**columns)


def choose_rows(events: Events, rows: np.ndarray) -> Events:
  """Some rows of events, with all of their columns.

  Args:
    events: Events.
    rows: Indices of rows, or a mask with shape `[n]`.

  Returns:
    These rows, in the order of the indices.

  Example:
    >>> from seld_jax import labels
    >>> frame, class_index, track = np.array([[2, 5], [1, 1], [0, 0]])
    >>> events = labels.Events(frame, class_index, track, np.eye(3)[:2])
    >>> labels.choose_rows(events, events.frame < 3).frame.tolist()
    [2]
  """
  chosen: dict[str, Any] = {
    name: None if values is None else values[rows]
    for name, values in vars(events).items()
  }
  return Events(**chosen)


# Medians of the distances in a dataset, in metres, that are possible.
POSSIBLE_METRES = (0.1, 50.0)


def median_distance(parts: Iterable[Events]) -> float | None:
  """The median of all distances, which tells their unit.

  Args:
    parts: Events of recordings.

  Returns:
    The median in the unit of the distances; None if there are none.

  Example:
    >>> from seld_jax import labels
    >>> labels.median_distance([labels.no_events()])
  """
  found = [one.distance for one in parts if one.distance is not None]
  joined = np.concatenate([*found, np.zeros(0)])
  return float(np.median(joined)) if joined.size else None


# Rounded azimuths at the sides may have an x that is slightly negative.
_BEHIND = 1e-6


def find_behind(events: Events) -> str | None:
  """Says which directions of stereo labels are behind the listener.

  Args:
    events: The events of a recording.

  Returns:
    A clause with the number of these directions, the first one, and what to do;
    None if there are none.

  Example:
    >>> from seld_jax import labels
    >>> one, back = np.array([[7], [3], [0]]), np.array([[-1.0, 0.0, 0.0]])
    >>> labels.find_behind(labels.Events(*one, back))[:42]
    '1 of 1 direction is behind the listener, s'
  """
  behind = np.flatnonzero(events.xyz[:, 0] < -_BEHIND)
  if not behind.size:
    return None
  first = behind[0]
  azimuth = float(np.rad2deg(np.arctan2(*events.xyz[first, 1::-1])))
  count, total = len(behind), len(events.frame)
  return (
    f'{count} of {total} direction{"s" * (total > 1)} '
    f'{"are" if count > 1 else "is"} behind the listener, such as azimuth '
    f'{azimuth:.3g} in frame {events.frame[first]}, but left and right do not '
    'tell front from back: replace such azimuths by 180 minus them (-180 minus '
    'them on the right)'
  )


def group_rows(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Groups the rows that are equal in all columns.

  Args:
    *columns: Integers of each row, with shape `[n]`; the first has the most
      weight in the order of groups.

  Returns:
    The rows sorted by group and, within a group, in their order; and the group
    of each of these sorted rows, from 0. Both have shape `[n]`.

  Example:
    >>> from seld_jax import labels
    >>> order, group = labels.group_rows(np.array([7, 3, 7]))
    >>> order.tolist(), group.tolist()
    ([1, 0, 2], [0, 1, 1])
  """
  key, size = np.zeros(len(columns[0]), np.int64), 1
  for column in columns:
    low, high = (int(column.min()), int(column.max())) if len(key) else (0, 0)
    size *= high - low + 1
    if size >= 2**62:  # the keys would overflow
      order = np.lexsort(columns[::-1])
      break
    key = key * (high - low + 1) + (column - low)
  else:
    # One stable sort of keys is faster than one for each column.
    order = np.argsort(key, kind='stable')
    columns = (key,)
  change = np.zeros(len(order), bool)
  for column in columns:
    values = column[order]
    change[1:] |= values[1:] != values[:-1]
  return order, np.cumsum(change)


def find_conflicts(events: Events) -> np.ndarray:
  """Finds sources that are in several places at once.

  A source is a track of a class. Rows that say the same twice are no conflict.

  Args:
    events: Events.

  Returns:
    Frame, class and track of each conflict, int64 with shape `[conflicts, 3]`,
    sorted.

  Example:
    >>> from seld_jax import labels
    >>> frame, class_index, track = np.array([[5, 5], [6, 6], [0, 0]])
    >>> left_and_up = np.eye(3)[1:]
    >>> events = labels.Events(frame, class_index, track, left_and_up)
    >>> labels.find_conflicts(events).tolist()
    [[5, 6, 0]]
  """
  order, group = group_rows(events.frame, events.class_index, events.track)
  if not len(group) or group[-1] == len(group) - 1:  # no group has two rows
    return np.zeros((0, 3), np.int64)
  first = np.searchsorted(group, group)  # place of the first row of the group
  place = events.xyz[order]
  other = np.abs(place - place[first]).max(axis=-1, initial=0) > _SAME
  if events.distance is not None:
    distance = events.distance[order]
    other |= np.abs(distance - distance[first]) > _SAME * distance[first]
  rows = order[first[other]]
  rows = rows[np.flatnonzero(np.diff(rows, prepend=-1))]
  return np.stack(
    [events.frame[rows], events.class_index[rows], events.track[rows]], axis=-1
  ).astype(np.int64)


def from_dense(
  activity: np.ndarray, doa: np.ndarray, *, threshold: float = 0.5
) -> Events:
  """Converts the outputs or the targets of a network to events.

  Args:
    activity: Probability that a class is active, with shape
      `[frames, classes]`.
    doa: Direction of each class, vectors of any length with shape
      `[frames, classes, 3]`. An active class with a zero vector becomes an
      event in front, (1, 0, 0), so that detection scores do not depend on
      directions.
    threshold: A class is active where its probability is above this.

  Returns:
    Events in the order of frame, then class, with track 0 and unit vectors.

  Raises:
    InputError: The shapes do not match, or the direction of an active class is
      not finite.

  See Also: `to_dense`, the opposite.

  Example:
    >>> from seld_jax import labels
    >>> activity = np.array([[0.9, 0.2]])  # one frame, two classes
    >>> doa = np.array([[[0.0, 0.5, 0.0], [0.0, 0.0, 0.0]]])
    >>> events = labels.from_dense(activity, doa)
    >>> events.class_index.tolist(), events.xyz.tolist()
    ([0], [[0.0, 1.0, 0.0]])
  """
  activity, doa = np.asarray(activity), np.asarray(doa)
  if activity.ndim != 2 or doa.shape != (*activity.shape, 3):
    raise InputError(
      'from_dense needs activity of shape [frames, classes] and doa of shape '
      f'[frames, classes, 3], got {activity.shape} and {doa.shape}.'
    )
  frame, class_index = np.nonzero(activity > threshold)
  xyz = doa[frame, class_index].astype(np.float64)
  wrong = np.flatnonzero(~np.isfinite(xyz).all(axis=-1))
  if wrong.size:
    raise InputError(
      'from_dense needs finite directions, got '
      f'{xyz[wrong[0]].tolist()} for class {class_index[wrong[0]]} in frame '
      f'{frame[wrong[0]]}.'
    )
  return Events(
    frame.astype(np.int64),
    class_index.astype(np.int64),
    np.zeros(len(frame), np.int64),
    geometry.unit_vectors(xyz),
  )


def to_dense(
  events: Events, *, num_frames: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
  """Converts events to training targets, one direction per class and frame.

  Args:
    events: Events. If a class occurs twice in a frame, the later row is used:
      a target has one direction for each class. `find_conflicts` tells whether
      this hides a contradiction of the labels.
    num_frames: Number of label frames of the recording.
    num_classes: Number of classes.

  Returns:
    A pair. Activity: 0 or 1, float32 with shape `[frames, classes]`.
    Directions: unit vectors where a class is active and zeros elsewhere,
    float32 with shape `[frames, classes, 3]`.

  Raises:
    InputError: A frame or class is out of range.

  See Also: `from_dense`, the opposite.

  Example:
    >>> from seld_jax import labels
    >>> frame, class_index, track = np.array([[2], [1], [0]])
    >>> events = labels.Events(frame, class_index, track, np.eye(3)[:1])
    >>> activity, doa = labels.to_dense(events, num_frames=3, num_classes=2)
    >>> activity.tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
  """
  last = last_rows(events, num_frames=num_frames, num_classes=num_classes)
  frame, class_index = events.frame[last], events.class_index[last]
  activity = np.zeros((num_frames, num_classes), np.float32)
  doa = np.zeros((num_frames, num_classes, 3), np.float32)
  activity[frame, class_index] = 1
  doa[frame, class_index] = events.xyz[last]
  return activity, doa


def last_rows(
  events: Events, *, num_frames: int, num_classes: int
) -> np.ndarray:
  """Finds the last row of each class in each frame.

  Args:
    events: Events.
    num_frames: Number of label frames of the recording.
    num_classes: Number of classes.

  Returns:
    Indices of these rows, int64 with shape `[rows]`, in the order of frame,
    then class.

  Raises:
    InputError: A frame or class is out of range.

  Example:
    >>> from seld_jax import labels
    >>> frame, class_index, track = np.array([[2, 2], [1, 1], [0, 1]])
    >>> events = labels.Events(frame, class_index, track, np.eye(3)[:2])
    >>> labels.last_rows(events, num_frames=3, num_classes=2).tolist()
    [1]
  """
  check_range(events, num_frames=num_frames, num_classes=num_classes)
  # int64, because the product would overflow in a smaller type.
  frame, class_index = (
    column.astype(np.int64) for column in (events.frame, events.class_index)
  )
  key = frame * num_classes + class_index
  # Only the last row of each key is assigned: NumPy does not define which of
  # two assignments to the same index wins.
  _, from_the_end = np.unique(key[::-1], return_index=True)
  return len(key) - 1 - from_the_end


def check_range(events: Events, *, num_frames: int, num_classes: int) -> None:
  """Checks that frames and classes are those of a recording.

  Args:
    events: Events.
    num_frames: Number of label frames of the recording.
    num_classes: Number of classes.

  Raises:
    InputError: A frame or class is out of range.

  Example:
    >>> from seld_jax import labels
    >>> labels.check_range(labels.no_events(), num_frames=0, num_classes=14)
  """
  frame, class_index = events.frame, events.class_index
  for name, plural, values, size in (
    ('frame', 'frames', frame, num_frames),
    ('class', 'classes', class_index, num_classes),
  ):
    outside = values[(values < 0) | (values >= size)]
    if outside.size:
      raise InputError(
        f'The labels contain {name} {outside[0]}, but num_{plural} is {size} '
        f'({name} 0 to {size - 1}): increase num_{plural}, or delete these '
        'rows.'
      )
