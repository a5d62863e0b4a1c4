"""Direction vectors with two or three components, and distances."""

from typing import Any

import numpy as np

from seld_jax import geometry, labels
from seld_jax.errors import InputError

Array = Any


def of_events(events: labels.Events, *, axes: int) -> np.ndarray:
  """Unit vectors of events, with shape `[rows, axes]`.

  On the horizon (`axes=2`) only the azimuth counts.
  """
  if axes == 3:
    return np.asarray(events.xyz, np.float64)
  flat = np.array(events.xyz, np.float64)
  flat[:, 2] = 0
  return geometry.unit_vectors(flat)[:, :2]


def distances_of(events: labels.Events) -> np.ndarray:
  """Distances of events in metres, with shape `[rows]`.

  Raises:
    InputError: The events have no distances.
  """
  if events.distance is None:
    if len(events.frame):
      raise InputError(
        'The labels have no distances, but the output format predicts them: '
        'set config.output.distance to False, or use labels with distances, '
        'such as those of 2023 and later.'
      )
    return np.zeros(0)
  return np.asarray(events.distance, np.float64)


def padded(vectors: Array, *, axes: int) -> Array:
  """Vectors of shape `[..., axes]` as (x, y, z); z is 0 on the horizon."""
  if axes == 3:
    return vectors
  xp = geometry.namespace(vectors)
  return xp.pad(vectors, [(0, 0)] * (vectors.ndim - 1) + [(0, 1)])


def events_of(
  frame: np.ndarray,
  class_index: np.ndarray,
  vectors: np.ndarray,
  distance: np.ndarray | None,
) -> labels.Events:
  """Makes events from rows in the order of frame, then class.

  Args:
    frame: Label frames, with shape `[rows]`.
    class_index: Classes, with shape `[rows]`.
    vectors: Direction vectors of any length, with shape `[rows, axes]`. A zero
      vector becomes (1, 0, 0), so that detection scores do not depend on
      directions.
    distance: Distances with shape `[rows]`, or None. Below 0 they count as 0.

  Returns:
    The events; those of the same class and frame have the tracks 0, 1, ...

  Raises:
    InputError: A direction or distance is not finite.
  """
  frame, class_index = frame.astype(np.int64), class_index.astype(np.int64)
  xyz = padded(vectors.astype(np.float64), axes=vectors.shape[-1])
  numbers = xyz
  if distance is not None:
    distance = np.asarray(distance, np.float64)
    numbers = np.concatenate([xyz, distance[:, None]], axis=-1)
  check_finite(frame, class_index, numbers)
  return labels.Events(
    frame,
    class_index,
    rank_of(frame, class_index),
    geometry.unit_vectors(xyz),
    None if distance is None else np.maximum(distance, 0),
  )


def check_finite(
  frame: np.ndarray, class_index: np.ndarray, numbers: np.ndarray
) -> None:
  """Checks directions and distances of events, with shape `[rows, ...]`.

  Raises:
    InputError: A number is not finite.
  """
  wrong = np.flatnonzero(~np.isfinite(numbers).all(axis=-1))
  if wrong.size:
    raise InputError(
      'Events need finite directions and distances, got '
      f'{numbers[wrong[0]].tolist()} for class {class_index[wrong[0]]} in '
      f'frame {frame[wrong[0]]}.'
    )


def rank_of(*columns: np.ndarray) -> np.ndarray:
  """Number of each row among the rows that are equal to it in all columns.

  Args:
    *columns: Integers with shape `[rows]`.

  Returns:
    0 for the first of these rows, 1 for the second, ..., with shape `[rows]`.
  """
  order, group = labels.group_rows(*columns)
  rank = np.empty(len(order), np.int64)
  rank[order] = np.arange(len(order)) - np.searchsorted(group, group)
  return rank
