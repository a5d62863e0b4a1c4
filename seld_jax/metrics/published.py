"""Where the published code of an edition differs from these scores.

The published code of 2019 to 2023 computes angles from azimuth and elevation,
that of 2024 from vectors, both by the arc cosine and without a tolerance; that
of 2025 subtracts azimuths, without a tolerance. That of 2019 has frames of
20 ms, and directions on a grid of 10 degrees. Since 2022 a recording ends
before the last annotated frame. Since 2020 recordings without a file of
predictions are left out; that of 2019 stops there, as we do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from seld_jax import geometry

# Label frames of a recording in the published code until 2021, when all
# recordings lasted one minute.
NUM_FRAMES = {'2019': 3000, '2020': 600, '2021': 600}
# Label frames per second, where they are not 10.
SEGMENT_FRAMES = {'2019': 50}

# What is mended in files of predictions if nothing follows the published code.
_ELEVATIONS = 'elevations beyond 90 degrees'
_AS_WRITTEN = {
  '2020': _ELEVATIONS,
  '2021': _ELEVATIONS,
  '2022': _ELEVATIONS,
  '2023': _ELEVATIONS,
  '2024': f'negative distances and {_ELEVATIONS}',
  '2025': 'negative distances',
}
# Sources of a class that a frame has at most in the published code of 2025.
_MOST_TRACKS = 10

# Directions are rounded to this many decimals of a degree, and distances to as
# many of their unit, so that numbers of files are those that the file contains.
DECIMALS = 9

# The grid of 2019, in degrees: the lowest and the highest azimuth and
# elevation, and the step.
_LOW = np.array([-180, -40])
_HIGH = np.array([170, 40])
_STEP = 10


def published_rules(
  edition: str,
  *,
  own_length: bool = False,
  files: bool = False,
  own_missing: bool = False,
) -> list[str]:
  """What `as_published` switches for an edition.

  Args:
    edition: A key of `EDITIONS`.
    own_length: Whether the caller states the lengths of recordings.
    files: Whether predictions come from files. If so, the rules about files are
      there, too.
    own_missing: Whether the caller states what happens to recordings without a
      file of predictions.

  Returns:
    Sentences without a full stop, to be shown beside scores.

  Example:
    >>> from seld_jax import metrics
    >>> for rule in metrics.published_rules('2020'):
    ...   print(rule)
    recordings of 600 frames of 0.1 s
    angles by the spherical law of cosines, at most 20 degrees, no tolerance
    ties between pairs as the algorithm finds them
  """
  length = 'recordings end before the last annotated frame'
  if edition in ('2022', '2023'):
    # Segments are ranges of frames; only the start of a segment is compared.
    length = (
      'the length is the index of the last annotated frame: if it is a '
      'multiple of 10, the last segment is not counted'
    )
  if edition in NUM_FRAMES:
    hop = 1 / SEGMENT_FRAMES.get(edition, 10)
    length = f'recordings of {NUM_FRAMES[edition]} frames of {hop:g} s'
  rules = [] if own_length else [length]
  if files and not own_missing and published_missing(edition) == 'leave_out':
    rules.append('recordings without a file of predictions are left out')
  if files and edition in _AS_WRITTEN:
    rules.append(f'{_AS_WRITTEN[edition]} of predictions stay as written')
  if files and edition == '2025':
    rules.append(
      'probabilities of being on screen are cut off to integers: only 1 is on '
      'screen'
    )
  if edition == '2019':
    rules += [
      'directions on a grid of 10 degrees, rounded down',
      'segments of 50 frames without their last frame',
      'angles by the spherical law of cosines',
    ]
  elif edition == '2024':
    rules += [
      'angles by the arc cosine of slightly shortened vectors, at most 20 '
      'degrees and a relative distance error of 1, no tolerance'
    ]
  elif edition == '2025':
    rules += [
      f'at most {_MOST_TRACKS} sources of a class in a frame: of those beyond, '
      'the last replaces the one with track 0',
      'angles are differences of folded azimuths, at most 20 degrees and a '
      'relative distance error of 1, no tolerance',
    ]
  else:
    rules += [
      'angles by the spherical law of cosines, at most 20 degrees, no tolerance'
    ]
  rules.append('ties between pairs as the algorithm finds them')
  if edition in ('2022', '2023'):
    rules.append('ER20 of each class is that of all classes')
  if edition >= '2022':
    rules.append(
      'the column jackknife has the bias-corrected estimates that the '
      'published code computes'
    )
  return rules


def published_missing(edition: str) -> str:
  """What the published code does to a reference without predictions.

  Args:
    edition: A key of `EDITIONS`.

  Returns:
    `'leave_out'` since 2020. In 2019 `'error'`, because that code stops if the
    numbers of files differ.

  Example:
    >>> from seld_jax import metrics
    >>> metrics.published_missing('2025')
    'leave_out'
  """
  return 'error' if edition == '2019' else 'leave_out'


def published_num_frames(edition: str, reference: Any) -> int:
  """Label frames of a recording in the published code.

  Args:
    edition: A key of `EDITIONS`.
    reference: Events of the reference.

  Returns:
    3000 frames of 20 ms in 2019, and 600 of 0.1 s in 2020 and 2021. Later the
    index of the last frame of the reference, so that this frame is left out.

  Example:
    >>> from seld_jax import labels, metrics
    >>> front = labels.from_dense(np.ones((10, 1)), np.full((10, 1, 3), 1.0))
    >>> metrics.published_num_frames('2022', front)
    9
  """
  if edition in NUM_FRAMES:
    return NUM_FRAMES[edition]
  return int(np.max(reference.frame, initial=0))


def num_coordinates(edition: str) -> int:
  """Numbers of a direction in the published code: angles, vector or azimuth."""
  return {'2024': 3, '2025': 1}.get(edition, 2)


def places(
  edition: str, key: np.ndarray, directions: np.ndarray, *, given: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
  """Directions as the published code stores them.

  Args:
    edition: The edition.
    key: A number that identifies recording, frame and class of each row.
    directions: Vectors of any length, with shape `[n, 3]`.
    given: Whether the directions are instead what the published code was given,
      with shape `[n, num_coordinates(edition)]`: azimuth and elevation in
      degrees, vectors, or azimuths. Nothing is rounded then.

  Returns:
    First, azimuth and elevation in radians, with shape `[n, 2]`; in 2024
    vectors with shape `[n, 3]`, and in 2025 azimuths in degrees, folded to the
    front, with shape `[n, 1]`. Second, the rows to keep, or None for all: in
    2019, a class is in each cell of the grid at most once.
  """
  if given and edition == '2024':
    return directions, None
  degrees = directions
  if not given:
    degrees = np.stack(geometry.to_polar(directions), -1).round(DECIMALS)
  kept = None
  if edition == '2019':
    degrees = np.clip(degrees, _LOW, _HIGH)
    degrees = np.floor(degrees / _STEP) * _STEP
    rows = np.column_stack([key, degrees.astype(np.int64)])
    _, kept = np.unique(rows, axis=0, return_index=True)
    kept = np.sort(kept)
  if edition == '2025':
    # In these steps, as the published code does: decimals round differently.
    azimuth = (degrees[:, :1] + 180) % 360 - 180
    folded = np.where(azimuth > 90, 180 - azimuth, azimuth)
    return np.where(azimuth < -90, -180 - azimuth, folded), kept
  # In this order, as the published code does: deg2rad rounds differently.
  radians = degrees * np.pi / 180
  if edition < '2024':
    return radians, kept
  azimuth, elevation = radians.T
  flat = np.cos(elevation)
  return np.stack(
    [np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)], axis=-1
  ), kept


def angle_formula(
  edition: str,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
  """The function that computes angles between directions of `places`."""
  if edition == '2025':
    return _between_azimuths
  return _between_polar if edition < '2024' else _between_vectors


def tracks_kept(key: np.ndarray, track: np.ndarray) -> np.ndarray:
  """The rows that the published code of 2025 keeps, in its order.

  It stores the sources of a class in a frame by their track. A track that is
  taken, or is no number below 10, becomes the lowest free one; if none is free,
  the row replaces that of track 0.

  Args:
    key: A number that identifies recording, frame and class of each row.
    track: Track of each row.

  Returns:
    Indices of the rows that remain. Their order matters where pairs tie.
  """
  _, where, size = np.unique(key, return_inverse=True, return_counts=True)
  kept = np.arange(len(key))
  lost = np.zeros(len(key), bool)
  # Nearly no file has such frames.
  for group in np.flatnonzero(size > _MOST_TRACKS):
    rows = np.flatnonzero(where == group)
    stored: dict[int, int] = {}
    for row in rows.tolist():
      name = int(track[row])
      if name in stored or name >= _MOST_TRACKS:
        free = set(range(_MOST_TRACKS)) - stored.keys()
        name = min(free, default=0)
      stored[name] = row
    kept[rows[: len(stored)]] = list(stored.values())
    lost[rows[len(stored) :]] = True
  return kept[~lost]


def _between_polar(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Angles in degrees, by the spherical law of cosines."""
  azimuth = np.abs(a[..., 0] - b[..., 0])
  cosine = np.sin(a[..., 1]) * np.sin(b[..., 1])
  cosine = cosine + np.cos(a[..., 1]) * np.cos(b[..., 1]) * np.cos(azimuth)
  return np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi


def _between_vectors(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Angles in degrees, from dot products of vectors that are a bit too short.

  The small number keeps the published code from dividing by 0. It turns an
  angle of 0 into 0.0008 degrees.
  """
  ax, ay, az = np.moveaxis(a, -1, 0)
  bx, by, bz = np.moveaxis(b, -1, 0)
  an = np.sqrt(ax**2 + ay**2 + az**2 + 1e-10)
  bn = np.sqrt(bx**2 + by**2 + bz**2 + 1e-10)
  cosine = ax / an * (bx / bn) + ay / an * (by / bn) + az / an * (bz / bn)
  return np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi


def _between_azimuths(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Angles in degrees between azimuths that are folded to the front."""
  return np.abs(a[..., 0] - b[..., 0])
