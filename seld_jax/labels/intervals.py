"""Sound events with a start and an end, from rows of label frames."""

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np

from seld_jax.labels.events import FRAMES_PER_SECOND, Events

# Number of frames at each end of an event whose mean is its direction there.
_EDGE = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Interval:
  """One sound event from its start to its end.

  Attributes:
    start: Start in seconds.
    end: End in seconds.
    class_index: Class.
    xyz: Mean direction, a unit vector with shape `[3]`.
    first_xyz: Mean direction of the first half second, in the same form.
    last_xyz: Mean direction of the last half second, in the same form.
    distance: Mean distance; None if the labels have none.

  Example:
    >>> from seld_jax import labels
    >>> front = np.array([1.0, 0.0, 0.0])
    >>> event = labels.Interval(0.4, 2.1, 3, front, front, front)
    >>> event.end - event.start > 1.5
    True
  """

  start: float
  end: float
  class_index: int
  xyz: np.ndarray
  first_xyz: np.ndarray
  last_xyz: np.ndarray
  distance: float | None = None


def find_intervals(
  events: Events, *, max_gap: int = 3, max_angle: float = 45.0
) -> list[Interval]:
  """Joins rows of label frames to sound events with a start and an end.

  A row continues the event of its class whose last direction is nearest, if
  it is near enough in time and angle; otherwise it begins an event. The
  tracks of the rows mean nothing here: networks may exchange them at any time.

  Args:
    events: The rows, in any order.
    max_gap: Largest number of missing frames within an event.
    max_angle: Largest angle in degrees between a row and the direction of the
      event so far, which is the mean of its last half second.

  Returns:
    The events, sorted by start.

  Example:
    >>> from seld_jax import labels
    >>> frame = np.array([4, 5, 6, 30])
    >>> front = np.tile([1.0, 0.0, 0.0], (4, 1))
    >>> dog = np.zeros(4, int)
    >>> found = labels.find_intervals(labels.Events(frame, dog, dog, front))
    >>> [(one.start, one.end) for one in found]
    [(0.4, 0.7), (3.0, 3.1)]
  """
  finder = IntervalFinder(max_gap=max_gap, max_angle=max_angle)
  return [*finder.push(events), *finder.flush()]


class IntervalFinder:
  """Joins rows that arrive in parts, as `find_intervals` joins all.

  Args:
    max_gap: As for `find_intervals`.
    max_angle: As for `find_intervals`.

  Example:
    >>> from seld_jax import labels
    >>> finder = labels.IntervalFinder()
    >>> zero, front = np.array([0]), np.array([[1.0, 0.0, 0.0]])
    >>> for frame in range(20):
    ...   rows = labels.Events(np.array([frame]), zero, zero, front)
    ...   assert finder.push(rows) == []  # it may go on
    >>> [(one.start, one.end) for one in finder.flush()]
    [(0.0, 2.0)]
  """

  def __init__(self, *, max_gap: int = 3, max_angle: float = 45.0):
    self._max_gap = max_gap
    self._least_cosine = np.cos(np.radians(max_angle)) - 1e-9
    self._open: list[_Open] = []
    self._ended: list[_Open] = []

  def push(self, events: Events) -> list[Interval]:
    """Adds rows.

    Args:
      events: Rows whose frames come after those of all rows before.

    Returns:
      Events that have ended and begin before all that have not, sorted by
      start.
    """
    order = np.lexsort((events.track, events.class_index, events.frame))
    frames, starts = np.unique(events.frame[order], return_index=True)
    groups = np.split(order, starts[1:]) if len(frames) else []
    for frame, rows in zip(frames, groups, strict=True):
      self._end(int(frame))
      self._add(int(frame), rows, events)
    return list(self._take())

  def flush(self) -> list[Interval]:
    """Ends all events.

    Returns:
      The remaining events, sorted by start.
    """
    self._ended += self._open
    self._open = []
    return list(self._take())

  def _end(self, frame: int) -> None:
    """Ends the events that are too far behind a frame to be continued."""
    still = []
    for one in self._open:
      is_late = frame - one.last_frame > self._max_gap + 1
      (self._ended if is_late else still).append(one)
    self._open = still

  def _add(self, frame: int, rows: np.ndarray, events: Events) -> None:
    """Continues or begins events with the rows of a frame."""
    classes = events.class_index[rows]
    began = []
    for index in np.unique(classes):
      same = rows[classes == index]
      known = [one for one in self._open if one.class_index == index]
      chosen = _match(events.xyz[same], known, self._least_cosine)
      for row, place in zip(same, chosen, strict=True):
        if place is None:
          one = _Open(int(index), frame)
          began.append(one)
        else:
          one = known[place]
        distance = None
        if events.distance is not None:
          distance = float(events.distance[row])
        one.add(frame, events.xyz[row], distance)
    self._open += began

  def _take(self) -> Iterator[Interval]:
    """The ended events that begin before all open ones."""
    earliest = min((one.first_frame for one in self._open), default=np.inf)
    taken = [one for one in self._ended if one.first_frame < earliest]
    self._ended = [one for one in self._ended if one.first_frame >= earliest]
    for one in sorted(taken, key=lambda one: one.first_frame):
      yield one.closed()


def _match(
  xyz: np.ndarray, known: 'list[_Open]', least_cosine: float
) -> list[int | None]:
  """The place of the event that each row continues, or None."""
  chosen: list[int | None] = [None] * len(xyz)
  if known:
    # Slow to import, and scores never need it.
    from scipy import optimize

    cosines = xyz @ np.stack([one.direction() for one in known]).T
    pairs = optimize.linear_sum_assignment(
      np.where(cosines >= least_cosine, 1 - cosines, 10.0)
    )
    for row, place in zip(*pairs, strict=True):
      if cosines[row, place] >= least_cosine:
        chosen[row] = int(place)
  return chosen


class _Open:
  """An event whose end is not known yet."""

  def __init__(self, class_index: int, frame: int):
    self.class_index = class_index
    self.first_frame = self.last_frame = frame
    self._sum = np.zeros(3)
    self._first: list[np.ndarray] = []
    self._last: collections.deque[np.ndarray] = collections.deque(maxlen=_EDGE)
    self._count = 0
    self._distance: float | None = None

  def add(self, frame: int, xyz: np.ndarray, distance: float | None) -> None:
    self.last_frame = frame
    self._sum += xyz
    self._count += 1
    if len(self._first) < _EDGE:
      self._first.append(xyz)
    self._last.append(xyz)
    if distance is not None:
      self._distance = (self._distance or 0.0) + distance

  def direction(self) -> np.ndarray:
    return _unit(np.sum(self._last, axis=0), self._last[-1])

  def closed(self) -> Interval:
    distance = self._distance
    return Interval(
      start=self.first_frame / FRAMES_PER_SECOND,
      end=(self.last_frame + 1) / FRAMES_PER_SECOND,
      class_index=self.class_index,
      xyz=_unit(self._sum, self._last[-1]),
      first_xyz=_unit(np.sum(self._first, axis=0), self._first[0]),
      last_xyz=self.direction(),
      distance=None if distance is None else distance / self._count,
    )


def _unit(vector: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
  """A vector of length 1; that of one row if the sum of all is 0."""
  length = np.linalg.norm(vector)
  return vector / length if length > 1e-6 else otherwise
