"""The DCASE 2020 scores in plain Python, with dictionaries and loops.

Written from the definition, in the style of the published code, independently
of seld_jax and without optimisation.
"""

import csv
import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize

Places = dict[int, dict[int, dict[int, list[np.ndarray]]]]


def seld_scores(
  pairs: Sequence[tuple[Any, Any]],
  *,
  num_frames: int = 600,
  segment_frames: int = 10,
  threshold: float = 20.0,
) -> dict[str, float]:
  """Computes the scores of recordings.

  Args:
    pairs: Reference and predicted events of each recording, with the
      attributes `frame`, `class_index` and `xyz`.
    num_frames: Number of label frames in each recording.
    segment_frames: Number of label frames in a segment of one second.
    threshold: Largest angle of a true positive in degrees.

  Returns:
    `ER20`, `F20`, `LE_CD` in degrees, and `LR_CD`.
  """
  reference_count = predicted_count = 0
  hits = located = substitutions = deletions = insertions = 0
  angle_sum = 0.0
  for reference_events, predicted_events in pairs:
    reference = by_segment(reference_events, segment_frames)
    predicted = by_segment(predicted_events, segment_frames)
    for segment in range(math.ceil(num_frames / segment_frames)):
      wanted = reference.get(segment, {})
      given = predicted.get(segment, {})
      misses = alarms = 0
      reference_count += len(wanted)
      predicted_count += len(given)
      for class_index in set(wanted) | set(given):
        if class_index not in given:
          misses += 1
          continue
        if class_index not in wanted:
          alarms += 1
          continue
        angle = mean_angle(wanted[class_index], given[class_index])
        if angle is None:
          misses += 1
          continue
        located += 1
        angle_sum += angle
        if angle <= threshold + 1e-6:
          hits += 1
        else:
          misses += 1
      substitutions += min(misses, alarms)
      deletions += max(0, misses - alarms)
      insertions += max(0, alarms - misses)
  errors = substitutions + deletions + insertions
  return {
    'ER20': errors / max(1, reference_count),
    'F20': 2 * hits / max(1, reference_count + predicted_count),
    'LE_CD': angle_sum / located if located else 180.0,
    'LR_CD': 2 * located / max(1, reference_count + predicted_count),
  }


@dataclasses.dataclass(frozen=True)
class Rows:
  """The rows of a file as lists."""

  frame: list[int]
  class_index: list[int]
  xyz: list[tuple[float, float, float]]


def folder_scores(
  reference: pathlib.Path, predicted: pathlib.Path
) -> dict[str, float]:
  """Reads two folders, and computes their scores as `seld_scores`."""
  expected, found = (
    [read(path) for path in sorted(folder.iterdir())]
    for folder in (reference, predicted)
  )
  return seld_scores([*zip(expected, found, strict=True)])


def read(path: pathlib.Path) -> Rows:
  """Reads a file with the columns frame, class, track, azimuth, elevation."""
  rows = Rows([], [], [])
  with open(path, newline='') as file:
    for frame, class_index, _, *angles in csv.reader(file):
      rows.frame.append(int(frame))
      rows.class_index.append(int(class_index))
      azimuth, elevation = (math.radians(float(angle)) for angle in angles)
      x, y = math.cos(azimuth), math.sin(azimuth)
      flat = math.cos(elevation)
      rows.xyz.append((flat * x, flat * y, math.sin(elevation)))
  return rows


def by_segment(events: Any, segment_frames: int) -> Places:
  """Sorts events: segment -> class -> frame -> directions."""
  places: Places = {}
  for frame, class_index, xyz in zip(
    events.frame, events.class_index, events.xyz, strict=True
  ):
    segment = places.setdefault(int(frame) // segment_frames, {})
    frames = segment.setdefault(int(class_index), {})
    frames.setdefault(int(frame), []).append(xyz)
  return places


def mean_angle(
  reference: dict[int, list[np.ndarray]],
  predicted: dict[int, list[np.ndarray]],
) -> float | None:
  """Mean of `least_angle` over common frames; None without a common frame."""
  sums = [
    least_angle(reference[frame], predicted[frame])
    for frame in reference
    if frame in predicted
  ]
  return sum(sums) / len(sums) if sums else None


def least_angle(
  reference: list[np.ndarray], predicted: list[np.ndarray]
) -> float:
  """Sum of the angles of the best assignment in degrees."""
  costs = np.array([[angle(a, b) for b in predicted] for a in reference])
  rows, columns = optimize.linear_sum_assignment(costs)
  return float(costs[rows, columns].sum())


def angle(a: np.ndarray, b: np.ndarray) -> float:
  """Angle between two vectors in degrees: atan2(|a x b|, a . b)."""
  ax, ay, az = map(float, a)
  bx, by, bz = map(float, b)
  cross = math.hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
  return math.degrees(math.atan2(cross, ax * bx + ay * by + az * bz))
