"""Events from the annotations that soundata loads."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError
from seld_jax.labels.events import FRAMES_PER_SECOND, Events, no_events


def from_spatial_events(
  annotation: Any, *, class_names: Sequence[str] | None = None
) -> Events:
  """Converts a `SpatialEvents` of soundata, which its loaders return.

  These are `clip.spatial_events` of TAU-NIGENS 2020 and 2021 and of STARSS22.
  soundata itself is not needed.

  Args:
    annotation: An object with the attributes of `SpatialEvents`. The end of an
      interval is the time of its last frame, as these loaders write it.
    class_names: Class names by index, for labels that are names; None if they
      are class indices, as in these datasets.

  Returns:
    A row for each frame of 0.1 s and source, sorted by frame, without
    distances. The number of an event in the clip becomes the track; without
    numbers, events are numbered in their order.

  Raises:
    InputError: The units or the time step are others, a label is not one of the
      classes, or an event has not one direction, or one for each frame.

  Example:
    >>> import types
    >>> from seld_jax import labels
    >>> dog = types.SimpleNamespace(
    ...   intervals=[[np.array([0.3, 0.5])]], intervals_unit='seconds',
    ...   azimuths=[[np.array([90])]], azimuths_unit='degrees',
    ...   elevations=[[np.array([0])]], elevations_unit='degrees',
    ...   labels=['7'], clip_number_indices=['0'], time_step=0.1,
    ... )
    >>> events = labels.from_spatial_events(dog)
    >>> events.frame.tolist(), events.class_index.tolist()
    ([3, 4, 5], [7, 7, 7])
  """
  step = getattr(annotation, 'time_step', None)
  if step is None or round(step * FRAMES_PER_SECOND, 6) != 1:
    raise InputError(
      f'A time step of {1 / FRAMES_PER_SECOND} s between directions is '
      f'expected, got {step}: read the label file with labels.read_csv instead.'
    )
  for name, unit in (
    ('intervals_unit', 'seconds'),
    ('azimuths_unit', 'degrees'),
    ('elevations_unit', 'degrees'),
  ):
    if (found := getattr(annotation, name)) != unit:
      raise InputError(f'{name} must be {unit!r}, got {found!r}: convert it.')
  count = len(annotation.labels)
  # The docstring of soundata has another name than the attribute.
  numbers = (
    getattr(annotation, 'clip_number_index', None)
    or getattr(annotation, 'clip_number_indices', None)
    or range(count)
  )
  parts = []
  for index, label in enumerate(annotation.labels):
    class_index = _class_of(label, class_names)
    for interval, azimuth, elevation in zip(
      annotation.intervals[index],
      annotation.azimuths[index],
      annotation.elevations[index],
      strict=True,
    ):
      first, last = np.rint(
        np.asarray(interval, np.float64) * FRAMES_PER_SECOND
      ).astype(np.int64)
      frames = np.arange(first, last + 1)
      if len(azimuth) not in (1, len(frames)) or len(elevation) != len(azimuth):
        raise InputError(
          f'Event {index} lasts {len(frames)} frames, but has {len(azimuth)} '
          f'azimuths and {len(elevation)} elevations; one of both is expected, '
          'or one for each frame.'
        )
      xyz = geometry.to_cartesian(
        np.asarray(azimuth, np.float64), np.asarray(elevation, np.float64)
      )
      parts.append(
        (
          frames,
          np.full_like(frames, class_index),
          np.full_like(frames, int(numbers[index])),
          np.broadcast_to(xyz, (len(frames), 3)),
        )
      )
  if not parts:
    return no_events()
  columns = [np.concatenate(values) for values in zip(*parts, strict=True)]
  order = np.argsort(columns[0], kind='stable')
  frame, class_index, track, xyz = (values[order] for values in columns)
  return Events(frame, class_index, track, xyz)


def _class_of(label: str, class_names: Sequence[str] | None) -> int:
  """The class index of a label."""
  if class_names is not None:
    if label in class_names:
      return list(class_names).index(label)
    raise InputError(
      f'The label {label!r} is not one of the classes: '
      f'{", ".join(class_names)}.'
    )
  if str(label).isdecimal():
    return int(label)
  raise InputError(
    f'The label {label!r} is not a class index: state the names of the classes '
    'with class_names.'
  )
