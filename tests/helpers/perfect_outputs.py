"""Random events and networks that predict exactly these."""

from typing import Any

import numpy as np

from seld_jax import labels, outputs

# Directions with at least 54 degrees between any two: an octahedron, turned,
# and its corners in the middle of the faces.
_FACES = np.array(
  [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
) / np.sqrt(3)
DIRECTIONS = np.concatenate([np.eye(3), -np.eye(3), _FACES])

# A format of each kind, with distances and without.
FORMATS = {
  f'{name}{", distance" * distance}': outputs.make(
    name, num_classes=3, distance=distance
  )
  for name in outputs.FORMATS
  for distance in (False, True)
}


def random_events(
  rng: np.random.Generator,
  format: outputs.OutputFormat,
  *,
  num_frames: int,
  full: bool = False,
) -> labels.Events:
  """Makes as many events in each frame as a format can hold, or fewer.

  Events of a frame have different directions, so that none are unified. With
  `full`, every track has an event.
  """
  rows = []
  per_frame = format.num_tracks if format.name == 'tracks' else 3 * 3
  per_class = 1 if format.name in ('class_wise', 'accdoa') else 3
  for frame in range(num_frames):
    slots = np.repeat(np.arange(3), per_class)
    most = min(per_frame, len(slots))
    count = most if full else int(rng.integers(most + 1))
    classes = np.sort(rng.permutation(slots)[:count])
    places = rng.permutation(len(DIRECTIONS))[:count]
    rank = np.arange(count) - np.searchsorted(classes, classes)
    rows += zip([frame] * count, classes, rank, places, strict=True)
  table = np.array(rows, np.int64).reshape(-1, 4)
  frame, class_index, track, place = table.T
  distance = rng.uniform(0.5, 5, len(table)) if format.distance else None
  return labels.Events(frame, class_index, track, DIRECTIONS[place], distance)


def perfect_outputs(
  format: outputs.OutputFormat, events: labels.Events, *, num_frames: int
) -> dict[str, np.ndarray]:
  """The outputs of `format.predicted` for which the loss is 0."""
  targets = format.targets(events, num_frames=num_frames)
  renamed = {'activity': 'sed', 'sources': 'accdoa'}
  found = {renamed.get(name, name): v for name, v in targets.items()}
  return {name: found[name] for name in format.predicted}


def shuffled(
  rng: np.random.Generator,
  format: outputs.OutputFormat,
  predictions: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
  """Exchanges the tracks of each frame (and class) at random."""
  if format.num_tracks == 1:
    return predictions
  first = next(iter(predictions.values()))
  if format.name == 'tracks':
    order = rng.permuted(
      np.tile(np.arange(format.num_tracks), (len(first), 1)), axis=1
    )
    return {
      name: np.take_along_axis(
        array, order.reshape(*order.shape, *[1] * (array.ndim - 2)), axis=1
      )
      for name, array in predictions.items()
    }
  shape = len(first), format.num_tracks, format.num_classes
  order = rng.permuted(
    np.broadcast_to(np.arange(format.num_tracks)[:, None], shape), axis=1
  )
  array = np.take_along_axis(first, order[..., None], axis=1)
  return {'accdoa': array}


def same_events(found: labels.Events, expected: labels.Events) -> None:
  """Checks that two sets of events are equal, but for the order of tracks."""
  np.testing.assert_array_equal(_counts(found), _counts(expected))
  np.testing.assert_allclose(_sorted(found), _sorted(expected), atol=1e-5)
  # The events of a class in a frame have the tracks 0, 1, ...
  order = np.lexsort((found.track, found.class_index, found.frame))
  key = found.frame[order] * 100 + found.class_index[order]
  rank = np.arange(len(key)) - np.searchsorted(key, key)
  np.testing.assert_array_equal(found.track[order], rank)


def _counts(events: labels.Events) -> np.ndarray:
  place = np.stack([events.frame, events.class_index], axis=-1)
  return place[np.lexsort(place.T[::-1])]


def _sorted(events: labels.Events) -> np.ndarray:
  """All numbers of events, in the order of frame, class and direction."""
  columns = [events.frame, events.class_index, *events.xyz.T]
  if events.distance is not None:
    columns.append(events.distance)
  rounded = [np.round(column, 3) for column in columns[:5]]
  return np.stack(columns, axis=-1)[np.lexsort(rounded[::-1])]


def spec_fields(**changes: Any) -> dict[str, Any]:
  """Fields of a `Spec` with short windows: 6 label frames of 10 samples."""
  return {
    'classes': ('a', 'b', 'c'),
    'format': 'foa',
    'sample_rate': 100,
    'hop_length': 5,
    'n_fft': 8,
    'pad_mode': 'constant',
    'offset': 0.0,
    'pool': 2,
    'window': 12,
    'threshold': 0.5,
    **changes,
  }
