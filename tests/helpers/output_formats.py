"""Output formats, scenes for them, and outputs that equal the targets."""

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from seld_jax import geometry, labels, outputs

CLASSES = 3
KINDS: tuple[dict[str, Any], ...] = (
  {'name': 'class_wise'},
  {'name': 'accdoa'},
  {'name': 'multi_accdoa'},
  {'name': 'tracks', 'num_tracks': 2},
  {'name': 'tracks', 'num_tracks': 3},
)
# Every kind with 3 and 2 axes, with and without distances.
FORMATS = [
  outputs.make(**kind, num_classes=CLASSES, axes=axes, distance=distance)
  for kind, axes, distance in itertools.product(KINDS, (3, 2), (False, True))
]
# Each kind once, with distances.
EACH = [format for format in FORMATS if format.axes == 3 and format.distance]


def name_of(format):
  """A short name for the ids of tests."""
  distance = '-distance' if format.distance else ''
  return f'{format.name}{format.num_tracks}-{format.axes}d{distance}'


def make_events(rows, *, num_classes=CLASSES):
  """Events of (frame, class, track, azimuth, elevation, distance) rows."""
  columns = np.array(rows, np.float64).reshape(-1, 6).T
  frame, class_index, track = columns[:3].astype(np.int64)
  assert (class_index < num_classes).all()
  xyz = geometry.to_cartesian(columns[3], columns[4])
  return labels.Events(frame, class_index, track, xyz, columns[5].copy())


def take(events, rows):
  """Some rows of events, in the order given."""
  distance = None if events.distance is None else events.distance[rows]
  return labels.Events(
    events.frame[rows],
    events.class_index[rows],
    events.track[rows],
    events.xyz[rows],
    distance,
  )


def distances_of(events):
  """Distances of events that have some."""
  assert events.distance is not None
  return events.distance


@st.composite
def scenes(draw, *, num_frames=4, apart=0.0):
  """Sources that move, cross and overlap: up to three of each class.

  Args:
    draw: From hypothesis.
    num_frames: Number of label frames.
    apart: Least angle of sources of a class in a frame in degrees; sources that
      come closer end there.
  """
  number = lambda low, high: draw(st.integers(low, high))
  rows = []
  for class_index in range(CLASSES):
    for track in range(number(0, 3)):
      start, end = sorted((number(0, num_frames), number(0, num_frames)))
      azimuth, elevation = number(-180, 180), number(-75, 75)
      speed, distance = number(-40, 40), number(1, 200) / 10
      for frame in range(start, end):
        row = frame, class_index, track, azimuth, elevation, distance
        xyz = geometry.to_cartesian(float(azimuth), float(elevation))
        others = [
          geometry.to_cartesian(float(other[3]), float(other[4]))
          for other in rows
          if other[:2] == row[:2]
        ]
        if any(geometry.angular_distance(xyz, o) < apart for o in others):
          break
        rows.append(row)
        azimuth += speed
  return make_events(draw(st.permutations(rows)))


def random_scene(seed, *, num_frames):
  """Events of random classes and directions, 0 to 2 of each class."""
  rng = np.random.default_rng(seed)
  rows = [
    (frame, class_index, track, *rng.uniform((-180, -75, 0.5), (180, 75, 9)))
    for frame in range(num_frames)
    for class_index in range(CLASSES)
    for track in range(rng.choice(3, p=(0.6, 0.3, 0.1)))
  ]
  return make_events(rows)


def perfect(format, targets):
  """The outputs of a network that is always right."""
  if format.name == 'accdoa':
    return {'accdoa': targets['accdoa']}
  if format.name == 'multi_accdoa':
    return {'accdoa': targets['sources']}
  others = {
    name: targets[name] for name in ('doa', 'distance') if name in targets
  }
  activity = targets['activity']
  return {'sed': activity, 'sed_logits': 80 * activity - 40, **others}


def random_outputs(format, *shape, seed=0, scale=1.0):
  """Activated random numbers, as NumPy arrays in float32."""
  rng = np.random.default_rng(seed)
  draw = lambda *more: scale * rng.standard_normal((*shape, *more))
  tracks, axes = format.num_tracks, format.axes
  if 'accdoa' in format.name:
    accdoa = draw(tracks, CLASSES, format.vector_size)
    accdoa[..., :axes] = np.tanh(accdoa[..., :axes])
    accdoa[..., axes:] = np.maximum(accdoa[..., axes:], 0)
    return {'accdoa': accdoa.astype(np.float32)}
  places = (tracks,) if format.name == 'tracks' else (CLASSES,)
  logits = draw(*places, *([CLASSES] if format.name == 'tracks' else []))
  outputs = {
    'sed_logits': logits,
    'sed': 1 / (1 + np.exp(-logits)),
    'doa': np.tanh(draw(*places, axes)),
  }
  if format.distance:
    outputs['distance'] = np.maximum(draw(*places), 0)
  return {name: values.astype(np.float32) for name, values in outputs.items()}


def assert_same_events(found, expected, *, axes=3, has_distance=True):
  """Checks all columns of events; tracks count from 0 in a class and frame."""
  np.testing.assert_array_equal(found.frame, expected.frame)
  np.testing.assert_array_equal(found.class_index, expected.class_index)
  xyz = expected.xyz
  if axes == 2:
    xyz = geometry.unit_vectors(xyz * [1, 1, 0])
  np.testing.assert_allclose(found.xyz, xyz, atol=1e-6)
  if has_distance:
    np.testing.assert_allclose(found.distance, expected.distance, rtol=1e-6)
  else:
    assert found.distance is None
  seen = {}
  for key, track in zip(
    zip(found.frame, found.class_index, strict=True), found.track, strict=True
  ):
    assert track == seen.get(key, 0)
    seen[key] = track + 1
