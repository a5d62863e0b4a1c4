"""Frames of other lengths than 0.1 s, such as 20 ms, become label frames."""

import numpy as np

from seld_jax.errors import InputError
from seld_jax.labels.events import FRAMES_PER_SECOND, Events, group_rows

# The label frames that one file may fill: more than a day of one source. A
# short file must not take gigabytes of memory.
MAX_FRAMES = 10**6
# The hops that make sense, in seconds.
_SHORTEST, _LONGEST = 1e-3, 10.0
# Largest number of sources of a class in a frame without track numbers.
_MAX_SOURCES = 100
# A tolerance in frames, because 0.7 s is not exactly 7 frames in binary.
_TOLERANCE = 1e-5


def check_hop(label_hop: float) -> None:
  """Refuses a hop that is not a number of seconds.

  Raises:
    InputError: The hop is too short or too long.
  """
  if not _SHORTEST <= label_hop <= _LONGEST:
    raise InputError(
      'label_hop is the time from one frame to the next in seconds, from '
      f'{_SHORTEST} to {_LONGEST:g} (0.02 for frames of 20 ms), got '
      f'{label_hop!r}.'
    )


def overlapped(
  start: np.ndarray, end: np.ndarray, frames_per_second: int
) -> tuple[np.ndarray, np.ndarray]:
  """The label frames that intervals of time overlap.

  Args:
    start: Start of each interval in seconds, with shape `[n]`.
    end: Its end. An interval without duration overlaps one frame.
    frames_per_second: Label frames per second.

  Returns:
    The first frame of each interval, and their number, with shape `[n]`.
  """
  first = np.floor(start * frames_per_second + _TOLERANCE).astype(np.int64)
  last = np.ceil(end * frames_per_second - _TOLERANCE).astype(np.int64) - 1
  return first, np.maximum(last - first, 0) + 1


def spread(
  first: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Repeats intervals for each of their frames.

  Args:
    first: First frame of each interval, with shape `[n]`.
    count: Its number of frames.

  Returns:
    The interval of each row, and its frame, both with shape `[count.sum()]`.
  """
  interval = np.repeat(np.arange(len(count)), count)
  before = np.cumsum(count) - count
  return interval, first[interval] + np.arange(len(interval)) - before[interval]


def find_surplus(count: np.ndarray) -> int | None:
  """The first interval with which the frames exceed `MAX_FRAMES`, or None."""
  total = np.cumsum(count)
  return (
    int(np.searchsorted(total, MAX_FRAMES, 'right'))
    if (len(total) and total[-1] > MAX_FRAMES)
    else None
  )


def number_sources(frame: np.ndarray, class_index: np.ndarray) -> np.ndarray:
  """Numbers the sources of each class in each frame, in the order of rows.

  Args:
    frame: Frame of each row, with shape `[n]`.
    class_index: Its class.

  Returns:
    0 for the first row of a class in a frame, 1 for the second, and so on.
  """
  order, group = group_rows(frame, class_index)
  numbers = np.empty(len(frame), np.int64)
  numbers[order] = np.arange(len(frame)) - np.searchsorted(group, group)
  return numbers


def to_label_frames(
  events: Events,
  label_hop: float,
  *,
  tracked: bool,
  frames_per_second: int = FRAMES_PER_SECOND,
) -> Events:
  """Converts events whose frames have another length to label frames.

  A source is active in each label frame that one of its rows overlaps, with one
  row for each: the mean direction and the mean distance of the source there,
  weighted by time. It is on screen there if it is for at least half of its
  time.

  Args:
    events: The events, with frames of `label_hop` seconds. A track has at most
      one row in a frame.
    label_hop: Seconds from one frame to the next.
    tracked: Whether the tracks tell the sources apart. If not, successive rows
      of a class within a label frame belong to the same source so that the sum
      of the angles is smallest.
    frames_per_second: Label frames per second.

  Returns:
    The events with label frames, sorted by frame, class and track.

  Raises:
    InputError: There are too many frames, or too many sources in one.
  """
  start = events.frame * label_hop
  end = (events.frame + 1) * label_hop
  first, count = overlapped(start, end, frames_per_second)
  if find_surplus(count) is not None:
    raise InputError(
      f'The rows fill more than {MAX_FRAMES:,} label frames; longer recordings '
      'must be divided.'
    )
  row, frame = spread(first, count)
  weight = np.minimum(end[row], (frame + 1) / frames_per_second)
  weight -= np.maximum(start[row], frame / frames_per_second)
  class_index = events.class_index[row]
  track = events.track[row]
  if not tracked:
    track = _linked(frame, class_index, events.frame[row], events.xyz[row])
  order, group = group_rows(frame, class_index, track)
  row, weight = row[order], weight[order]
  total = np.bincount(group, weight)
  xyz = np.stack(
    [np.bincount(group, weight * part) for part in events.xyz[row].T], axis=-1
  )
  first = np.flatnonzero(np.diff(group, prepend=-1))
  # Opposite directions have no mean: that of the first row stays.
  norm = np.linalg.norm(xyz, axis=-1)
  lost = np.flatnonzero(norm < 1e-6 * total)
  if lost.size:
    xyz[lost] = events.xyz[row[first[lost]]]
    norm[lost] = 1
  distance = None
  if events.distance is not None:
    distance = np.bincount(group, weight * events.distance[row]) / total
  onscreen = None
  if events.onscreen is not None:
    share = np.bincount(group, weight * events.onscreen[row]) / total
    onscreen = share >= 0.5 - _TOLERANCE
  return Events(
    frame[order][first],
    class_index[order][first],
    track[order][first],
    xyz / norm[:, None],
    distance,
    onscreen,
  )


def _linked(
  frame: np.ndarray,
  class_index: np.ndarray,
  short_frame: np.ndarray,
  xyz: np.ndarray,
) -> np.ndarray:
  """Numbers the sources of a class within each label frame.

  Args:
    frame: Label frame of each row, with shape `[n]`.
    class_index: Its class.
    short_frame: Its frame in the file.
    xyz: Its direction, with shape `[n, 3]`.

  Returns:
    The number of the source of each row, with shape `[n]`.

  Raises:
    InputError: There are too many sources in a frame.
  """
  # Within a short frame, rows are numbered in their order.
  order, group = group_rows(frame, class_index)
  numbers = np.empty(len(frame), np.int64)
  numbers[order] = number_sources(group, short_frame[order])
  if numbers.max(initial=0) >= _MAX_SOURCES:
    raise InputError(
      f'A class has more than {_MAX_SOURCES} rows without different tracks in '
      'one frame; number its sources in the column track.'
    )
  for rows in np.split(order, np.flatnonzero(np.diff(group)) + 1):
    if numbers[rows].max(initial=0):
      numbers[rows] = _assigned(short_frame[rows], xyz[rows])
  return numbers


def _assigned(short_frame: np.ndarray, xyz: np.ndarray) -> np.ndarray:
  """Numbers the sources of one class within one label frame."""
  # SciPy takes 0.1 s to load, and only such files need it.
  from scipy import optimize

  numbers = np.zeros(len(xyz), np.int64)
  sums: list[np.ndarray] = []
  for short in np.unique(short_frame):
    rows = np.flatnonzero(short_frame == short)
    free = list(range(len(rows)))
    if sums:
      means = np.stack(sums)
      means /= np.maximum(np.linalg.norm(means, axis=-1, keepdims=True), 1e-9)
      angle = np.arccos(np.clip(xyz[rows] @ means.T, -1, 1))
      for one, source in np.stack(optimize.linear_sum_assignment(angle)).T:
        numbers[rows[one]] = source
        sums[source] = sums[source] + xyz[rows[one]]
        free.remove(one)
    for one in free:
      numbers[rows[one]] = len(sums)
      sums.append(xyz[rows[one]])
  return numbers
