"""The dictionaries that the published code compares, as events."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from seld_jax import geometry
from seld_jax.errors import InputError

# Frames of 0.1 s in a segment of one second.
_SEGMENT = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Events:
  """Events as `counts` takes them; see there.

  Attributes:
    frame: Label frame, int64 with shape `[n]`.
    class_index: Class, int64 with shape `[n]`.
    track: Track, int64 with shape `[n]`.
    xyz: Vectors of any length, float64 with shape `[n, 3]`.
    distance: Distances, float64 with shape `[n]`, or None.
    onscreen: Whether the source is on screen, float64 with shape `[n]`, or
      None.
    given: The coordinates as they were given: azimuth and elevation in degrees
      with shape `[n, 2]`, vectors with shape `[n, 3]`, or azimuths with shape
      `[n, 1]`; None if there are no events.
  """

  frame: np.ndarray
  class_index: np.ndarray
  track: np.ndarray
  xyz: np.ndarray
  distance: np.ndarray | None = None
  onscreen: np.ndarray | None = None
  given: np.ndarray | None = None

  @property
  def polar(self) -> bool:
    """Whether the coordinates were angles, as they are without events."""
    return self.given is None or self.given.shape[1] != 3


def length_of(gt: Any, unit: str) -> int:
  """The length of a recording: as many segments or frames as it has keys.

  Args:
    gt: A reference, by segment or frame.
    unit: What its keys are, in the plural.

  Returns:
    The number of keys.

  Raises:
    InputError: A key from 0 on is missing; the published code needs it, too.
  """
  missing = next((key for key in range(len(gt)) if key not in gt), None)
  if missing is not None:
    raise InputError(
      f'The reference has {len(gt)} {unit}, but none with the number '
      f'{missing}: it needs all {unit} of the recording from 0 on; those '
      'without events are empty dictionaries.'
    )
  return len(gt)


def segment_frames(*blocks: Any) -> int:
  """Frames in a segment: 10, or more if a row has a later frame.

  Args:
    blocks: Dictionaries as for `of_segments`.

  Returns:
    The number of frames.
  """
  frames = (frame for one in blocks for _, _, frame, _ in _walk(one))
  return max(_SEGMENT, *(frame + 1 for frame in frames), 0)


def of_segments(
  blocks: Any, size: int, num_classes: int, *, margins: tuple[int, int]
) -> Events:
  """The events of a dictionary of segments of one second.

  Args:
    blocks: `blocks[segment][class]` is a list whose first entry has two lists:
      frames within the segment, and the rows of each frame.
    size: Frames in a segment.
    num_classes: Number of classes. The published code ignores others.
    margins: Numbers of a row before its coordinates and after them: the track.

  Returns:
    The events, in the order of the rows. The coordinates are azimuth and
    elevation in degrees, or x, y and z, or x, y, z and distance.

  Raises:
    InputError: A row has another number of columns than others or than these.
  """
  rows = [
    (block * size + frame, class_index, 0, row)
    for block, class_index, frame, row in _walk(blocks)
    if 0 <= class_index < num_classes
  ]
  before, after = margins
  columns, table = _columns(rows)
  if not len(table):
    return _silence()
  places = table[:, before : table.shape[1] - after]
  if not 2 <= places.shape[1] <= 4:
    where = 'after the track' if before else 'before the track'
    raise InputError(
      f'A row has {table.shape[1]} columns, but azimuth and elevation, or x, y '
      f'and z, are expected{" " + where if before or after else ""}.'
    )
  return _located(columns, places)


def of_frames(frames: Any, num_frames: int, num_classes: int) -> Events:
  """The events of a dictionary of frames, as in 2024.

  Args:
    frames: `frames[frame][class][track]` is x, y and z, and then a distance or
      not.
    num_frames: Label frames of the recording; later ones are left out.
    num_classes: Number of classes. The published code ignores others.

  Returns:
    The events, in the order of the rows.

  Raises:
    InputError: A row has another number of columns.
  """
  columns, places = _columns(_rows(frames, num_frames, num_classes))
  if not len(places):
    return _silence()
  if places.shape[1] not in (3, 4):
    raise InputError(
      f'A row has {places.shape[1]} columns, but x, y and z, and perhaps a '
      'distance, are expected.'
    )
  return _located(columns, places)


def of_stereo_frames(frames: Any, num_frames: int, num_classes: int) -> Events:
  """The events of a dictionary of frames, as in 2025.

  Args:
    frames: `frames[frame][class][track]` is azimuth, distance, and whether the
      source is on screen.
    num_frames: Label frames of the recording; later ones are left out.
    num_classes: Number of classes. The published code ignores others.

  Returns:
    The events, in the order of the rows.

  Raises:
    InputError: A row has another number of columns.
  """
  columns, table = _columns(_rows(frames, num_frames, num_classes))
  if not len(table):
    return _silence()
  if table.shape[1] != 3:
    raise InputError(
      f'A row has {table.shape[1]} columns, but azimuth, distance and whether '
      'the source is on screen are expected.'
    )
  azimuth, distance, onscreen = table.T
  xyz = geometry.to_cartesian(azimuth, np.zeros(len(azimuth)))
  return Events(*columns, xyz, distance, onscreen, given=table[:, :1])


def _walk(blocks: Any) -> Iterator[tuple[int, int, int, Any]]:
  """Segment, class, frame within the segment, and numbers of each row."""
  for block, classes in blocks.items():
    for class_index, content in classes.items():
      frames, rows = content[0][:2]
      for frame, some in zip(frames, rows, strict=True):
        for row in some:
          yield block, class_index, frame, row


def _rows(
  frames: Any, num_frames: int, num_classes: int
) -> list[tuple[int, int, int, Any]]:
  """Frame, class, track and numbers of each row."""
  return [
    (frame, class_index, track, row)
    for frame, classes in frames.items()
    if 0 <= frame < num_frames
    for class_index, tracks in classes.items()
    if 0 <= class_index < num_classes
    for track, row in tracks.items()
  ]


def _columns(
  rows: list[tuple[int, int, int, Any]],
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
  """Frames, classes and tracks of rows, and their numbers as a table."""
  widths = {len(one) for *_, one in rows}
  if len(widths) > 1:
    raise InputError(
      'All rows of a recording need the same number of columns, got '
      f'{" and ".join(map(str, sorted(widths)))}.'
    )
  keys = np.array([one[:3] for one in rows], np.int64).reshape(-1, 3)
  table = np.array([one for *_, one in rows], np.float64)
  frame, class_index, track = keys.T
  return (frame, class_index, track), table.reshape(len(rows), *widths)


def _silence() -> Events:
  """No events, with all columns."""
  keys = np.zeros((3, 0), np.int64)
  frame, class_index, track = keys
  return Events(
    frame, class_index, track, np.zeros((0, 3)), np.zeros(0), np.zeros(0)
  )


def _located(
  columns: tuple[np.ndarray, np.ndarray, np.ndarray], places: np.ndarray
) -> Events:
  """Events from azimuth and elevation, or x, y, z, and perhaps distances."""
  if places.shape[1] == 2:
    xyz = geometry.to_cartesian(places[:, 0], places[:, 1])
    return Events(*columns, xyz, given=places)
  distance = places[:, 3] if places.shape[1] == 4 else None
  xyz = places[:, :3]
  return Events(*columns, xyz, distance, given=xyz)
