"""The events of a recording as lines for people, and as values for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seld_jax import geometry, labels
from seld_jax.prediction.stream import Spec


def lines(intervals: Sequence[labels.Interval], spec: Spec) -> Iterator[str]:
  """Makes a line for each event, in plain words.

  Args:
    intervals: The events of a recording.
    spec: The classes and the output format of the network.

  Yields:
    Lines such as ` 12.3-14.1 s  barking dog  left 40 deg, up 5 deg`, in
    columns.
  """
  names = [spec.classes[one.class_index].replace('_', ' ') for one in intervals]
  times = [f'{one.start:.1f}-{one.end:.1f}' for one in intervals]
  name_width = max(map(len, names), default=0)
  time_width = max(map(len, times), default=0)
  for one, name, time in zip(intervals, names, times, strict=True):
    words = to_words(one, has_elevation=_has_elevation(spec))
    yield f'{time:>{time_width}} s  {name:{name_width}}  {words}'


def values(
  intervals: Sequence[labels.Interval], spec: Spec
) -> list[dict[str, Any]]:
  """Makes a dictionary of each event, for JSON.

  Args:
    intervals: The events of a recording.
    spec: The classes and the output format of the network.

  Returns:
    Dictionaries with start and end in seconds, class and its index, mean
    azimuth and elevation in degrees, those of the first and the last half
    second (`first_azimuth`, ...), and the mean distance in metres. Elevations
    and distances are only there if the network predicts them.
  """
  found = []
  for one in intervals:
    entry: dict[str, Any] = {
      'start': round(one.start, 1),
      'end': round(one.end, 1),
      'class': spec.classes[one.class_index],
      'class_index': one.class_index,
    }
    for prefix, xyz in (
      ('', one.xyz),
      ('first_', one.first_xyz),
      ('last_', one.last_xyz),
    ):
      azimuth, elevation = geometry.to_polar(xyz)
      entry[f'{prefix}azimuth'] = round(float(azimuth), 1)
      if _has_elevation(spec):
        entry[f'{prefix}elevation'] = round(float(elevation), 1)
    if one.distance is not None:
      entry['distance'] = round(one.distance, 2)
    found.append(entry)
  return found


def _has_elevation(spec: Spec) -> bool:
  return spec.output.axes == 3 and not spec.is_frontal


def to_words(
  event: labels.Interval,
  *,
  has_elevation: bool = True,
  least_turn: float = 20.0,
) -> str:
  """Describes where a sound event is, for people.

  Args:
    event: The event.
    has_elevation: Whether to state the elevation.
    least_turn: Angle in degrees between the first and the last direction from
      which on both are stated.

  Returns:
    Words such as `left 40 deg, up 5 deg`; directions are seen from the
    microphone, and left and right begin at the front. Distances are in the unit
    of the event, which is metres in predictions.

  Example:
    >>> from seld_jax import labels
    >>> from seld_jax.prediction import event_list
    >>> left = np.array([0.0, 1.0, 0.0])
    >>> event = labels.Interval(0.0, 1.0, 3, left, left, left, distance=2.0)
    >>> event_list.to_words(event)
    'left 90 deg, 2.0 m'
  """
  turn = geometry.angular_distance(event.first_xyz, event.last_xyz)
  if turn < least_turn:
    words = _direction(event.xyz, has_elevation)
  else:
    first = _direction(event.first_xyz, has_elevation)
    words = f'{first}, moves to {_direction(event.last_xyz, has_elevation)}'
  if event.distance is not None:
    words += f', {event.distance:.1f} m'
  return words


def _direction(xyz: np.ndarray, has_elevation: bool) -> str:
  azimuth, elevation = (round(float(one)) for one in geometry.to_polar(xyz))
  if abs(elevation) == 90 and has_elevation:
    return 'above' if elevation > 0 else 'below'
  if azimuth == 0:
    words = 'front'
  elif abs(azimuth) == 180:
    words = 'behind'
  else:
    words = f'{"left" if azimuth > 0 else "right"} {abs(azimuth)} deg'
  if elevation and has_elevation:
    words += f', {"up" if elevation > 0 else "down"} {abs(elevation)} deg'
  return words
