"""Recordings placed one after another, so that all of them are counted at once.

Counting 600 recordings together takes a few times as long as counting one.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seld_jax import geometry
from seld_jax.metrics import matching, published

# The editions that count whole segments, even if the last one is cut short.
BY_SEGMENT = ('2020', '2021', '2022', '2023')

# Rows, and segments times classes, of a batch: about 200 MB.
_MOST_ROWS = 1_000_000
_MOST_CELLS = 4_000_000


@dataclasses.dataclass(frozen=True)
class Rules:
  """How recordings are counted.

  Attributes:
    edition: The edition whose rules are used.
    num_classes: Number of classes.
    doa_threshold: Largest angle of a true positive, in degrees.
    distance_threshold: Largest relative distance error of a true positive.
    segment_frames: Label frames per segment of one second.
    as_published: Whether to count as the published code does, where it differs.
    angles_of: The edition whose formula gives the angles as published; empty
      for `edition`.
  """

  edition: str
  num_classes: int
  doa_threshold: float
  distance_threshold: float
  segment_frames: int
  as_published: bool
  angles_of: str = ''

  @property
  def largest_angle(self) -> float:
    """Largest angle of a true positive, including the tolerance."""
    tolerance = 0.0 if self.as_published else matching.ANGLE_TOLERANCE
    return self.doa_threshold + tolerance


@dataclasses.dataclass(frozen=True)
class Rows:
  """The events of all recordings of a batch, in their order.

  Attributes:
    recording: The recording of each row, int64 with shape `[n]`.
    frame: Label frame, counted from the start of the first recording, int64
      with shape `[n]`.
    class_index: Class, int64 with shape `[n]`.
    places: Directions, as `matching.paired` takes them, with shape `[n, 2]` or
      `[n, 3]`.
    distance: Distances, float64 with shape `[n]`; NaN where there are none.
    onscreen: 1 if the source is on screen and 0 if not, float64 with shape
      `[n]`; NaN where nobody says so.
  """

  recording: np.ndarray
  frame: np.ndarray
  class_index: np.ndarray
  places: np.ndarray
  distance: np.ndarray
  onscreen: np.ndarray

  def chosen(self, rows: np.ndarray) -> 'Rows':
    """Some of the rows."""
    return Rows(*(values[rows] for values in vars(self).values()))


@dataclasses.dataclass(frozen=True)
class Batch:
  """Recordings that are counted together.

  Attributes:
    rules: How they are counted.
    num_frames: Label frames of each recording, int64 with shape `[recordings]`.
    first: First segment of each recording, and the end of the last one, int64
      with shape `[recordings + 1]`.
    reference: Rows of the references.
    predictions: Rows of the predictions.
  """

  rules: Rules
  num_frames: np.ndarray
  first: np.ndarray
  reference: Rows
  predictions: Rows

  def key(self, rows: Rows) -> np.ndarray:
    """A number that identifies recording, frame and class of each row."""
    return rows.frame * self.rules.num_classes + rows.class_index

  def segments(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Segment and class of each row: indices of `[segments, classes]`."""
    return rows.frame // self.rules.segment_frames, rows.class_index

  @property
  def shape(self) -> tuple[int, int]:
    """Number of segments and of classes."""
    return int(self.first[-1]), self.rules.num_classes

  def paired(
    self, keys: tuple[np.ndarray, np.ndarray]
  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs the directions with the same key; see `matching.paired`."""
    rules = self.rules
    if not rules.as_published:
      return matching.paired(
        keys[0], self.reference.places, keys[1], self.predictions.places
      )
    rows, columns, angle = matching.paired(
      keys[0],
      self.reference.places,
      keys[1],
      self.predictions.places,
      angle_between=published.angle_formula(rules.angles_of or rules.edition),
      rounded=False,
    )
    # Sums of the same angles in another order have other rounding errors.
    order = np.argsort(keys[0][rows], kind='stable')
    return rows[order], columns[order], angle[order]

  def sums(self, values: np.ndarray) -> np.ndarray:
    """Adds up values of segments `[segments, ...]` for each recording."""
    kind = np.int64 if values.dtype.kind in 'bi' else values.dtype
    return np.add.reduceat(values, self.first[:-1], axis=0, dtype=kind)

  def by_class(self, rows: Rows, *, values: np.ndarray | int = 1) -> np.ndarray:
    """Adds up values of rows, with shape `[recordings, classes]`."""
    shape = len(self.num_frames), self.rules.num_classes
    return matching.add_at(
      shape, (rows.recording, rows.class_index), values=values
    )

  def split(self, kind: type, fields: Mapping[str, np.ndarray]) -> list[Any]:
    """Makes the counts of each recording from arrays `[recordings, ...]`."""
    common = {
      'edition': self.rules.edition,
      'as_published': self.rules.as_published,
    }
    columns = [
      list(values) if values.ndim > 1 else values.tolist()
      for values in fields.values()
    ]
    return [
      kind(**common, **dict(zip(fields, one, strict=True)))
      for one in zip(*columns, strict=True)
    ]


def batches(
  pairs: Sequence[tuple[Any, Any]], num_frames: Sequence[int], rules: Rules
) -> Iterator[Batch]:
  """Yields all recordings, as many at once as fit in memory.

  Args:
    pairs: Reference and predictions of each recording.
    num_frames: Label frames of each recording.
    rules: How they are counted.

  Yields:
    Batches, in the order of the recordings.
  """
  part: list[int] = []
  rows = cells = 0
  for index, (pair, length) in enumerate(zip(pairs, num_frames, strict=True)):
    more_rows = sum(len(one.frame) for one in pair)
    more_cells = _num_segments(length, rules) * rules.num_classes
    if part and (
      rows + more_rows > _MOST_ROWS or cells + more_cells > _MOST_CELLS
    ):
      yield _batch(pairs, num_frames, rules, part)
      part, rows, cells = [], 0, 0
    part.append(index)
    rows, cells = rows + more_rows, cells + more_cells
  if part:
    yield _batch(pairs, num_frames, rules, part)


def _batch(
  pairs: Sequence[tuple[Any, Any]],
  num_frames: Sequence[int],
  rules: Rules,
  part: Sequence[int],
) -> Batch:
  """Places some of the recordings one after another."""
  lengths = np.array([num_frames[index] for index in part], np.int64)
  segments = [_num_segments(length, rules) for length in lengths.tolist()]
  first = np.cumsum([0, *segments])
  ends = lengths
  if rules.edition in BY_SEGMENT:
    ends = np.where(lengths, np.array(segments) * rules.segment_frames, 0)
  starts = first[:-1] * rules.segment_frames
  return Batch(
    rules,
    lengths,
    first,
    *(
      _join([pairs[index][side] for index in part], starts, ends, rules)
      for side in (0, 1)
    ),
  )


def _num_segments(num_frames: int, rules: Rules) -> int:
  """Segments of a recording; at least one, which may be empty."""
  return max(1, -(-num_frames // rules.segment_frames))


def _join(
  events: Sequence[Any],
  starts: np.ndarray,
  ends: np.ndarray,
  rules: Rules,
) -> Rows:
  """The rows of all recordings before their ends, one after another."""
  sizes = [len(one.frame) for one in events]
  recording = np.repeat(np.arange(len(events)), sizes)
  # In a type such as int16, the sums and products to come would overflow.
  frame, class_index = (
    np.concatenate([np.asarray(getattr(one, name), np.int64) for one in events])
    for name in ('frame', 'class_index')
  )
  edition = rules.angles_of or rules.edition
  given = rules.as_published and _are_given(events, edition)
  name = 'given' if given else 'xyz'
  directions = np.concatenate(
    [np.asarray(getattr(one, name), np.float64) for one in events]
  )
  distance, onscreen = (
    np.concatenate(
      [
        np.full(size, np.nan)
        if getattr(one, name, None) is None
        else np.asarray(getattr(one, name), np.float64)
        for one, size in zip(events, sizes, strict=True)
      ]
    )
    for name in ('distance', 'onscreen')
  )
  late = frame >= ends[recording]
  rows = Rows(
    *(recording, frame + starts[recording], class_index),
    *(directions, distance, onscreen),
  )
  if late.any():
    rows = rows.chosen(~late)
  if not rules.as_published:
    return _from_right_to_left(rows, rules) if rules.edition == '2025' else rows
  key = rows.frame * rules.num_classes + rows.class_index
  if rules.edition == '2025':
    tracks = [getattr(one, 'track', 0 * one.frame) for one in events]
    track = np.concatenate([np.asarray(one, np.int64) for one in tracks])
    kept = published.tracks_kept(key, track[~late])
    rows, key = rows.chosen(kept), key[kept]
  places, kept = published.places(edition, key, rows.places, given=given)
  rows = dataclasses.replace(rows, places=places)
  if not given:
    distance = rows.distance.round(published.DECIMALS)
    rows = dataclasses.replace(rows, distance=distance)
  return rows if kept is None else rows.chosen(kept)


def _are_given(events: Sequence[Any], edition: str) -> bool:
  """Whether all events have directions in the form of the published code."""
  width = published.num_coordinates(edition)
  return all(
    getattr(one, 'given', None) is not None and one.given.shape[1] == width
    for one in events
  )


def _from_right_to_left(rows: Rows, rules: Rules) -> Rows:
  """Rows of 2025, in an order that does not depend on that of the files.

  Azimuths are on a line, so that two ways to pair two sources often have the
  same sum of angles: 0 and 10 with 20 and 30 in either way. The order of rows
  decides. In the order of azimuths, the first source gets the first partner.
  """
  # The zero vector, which has no direction, would become the front.
  is_direction = rows.places.any(axis=1, keepdims=True)
  directions = geometry.stereo_directions(rows.places) * is_direction
  azimuth, _ = geometry.to_polar(directions)
  order = np.lexsort(
    (
      rows.onscreen,
      rows.distance,
      np.round(azimuth / matching.ANGLE_TOLERANCE),
      rows.frame * rules.num_classes + rows.class_index,
    )
  )
  return dataclasses.replace(rows, places=directions).chosen(order)
