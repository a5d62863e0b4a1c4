"""Events with distances, by hand and drawn, counted as any edition does."""

import numpy as np
from hypothesis import strategies as st

from seld_jax import geometry, labels, metrics

LATE = ('2021', '2022', '2023')
EDITIONS = ('2019', *LATE, '2024')


def events(*rows):
  """Events from rows of frame, class, azimuth, elevation and distance."""
  table = np.array([(*row, 0, 1)[:5] for row in rows], np.float64)
  table = table.reshape(-1, 5)
  frame, class_index = table[:, :2].astype(np.int64).T
  xyz = geometry.to_cartesian(table[:, 2], table[:, 3])
  return labels.Events(frame, class_index, frame * 0, xyz, table[:, 4])


def score(reference, predictions, edition, **options):
  options = {'num_frames': 20, 'num_classes': 3, **options}
  return metrics.scores(
    metrics.counts(reference, predictions, edition=edition, **options)
  )


def draw_rows(rng, num_frames, num_classes, num_rows, *, has_distance):
  """Rows of a random reference and of what partly follows it."""

  def rows(count):
    columns = [
      rng.integers(0, num_frames, count),
      rng.integers(0, num_classes, count),
      rng.uniform(-180, 180, count),
      rng.uniform(-90, 90, count),
    ]
    if has_distance:
      columns.append(rng.uniform(0.5, 5, count))
    return np.stack(columns, axis=-1)

  reference = rows(num_rows)
  followed = reference[rng.random(num_rows) < 0.7]
  followed[:, 2:4] += rng.normal(0, 12, (len(followed), 2))
  followed[:, 3] = followed[:, 3].clip(-90, 90)
  if has_distance:
    followed[:, 4] *= rng.uniform(0.2, 2.5, len(followed))
  predictions = np.concatenate([followed, rows(rng.integers(0, num_rows + 1))])
  late = rng.random(len(predictions)) < 0.1
  predictions[late, 0] += num_frames
  rng.shuffle(predictions)
  return reference, predictions


def scene(*arguments):
  """Random reference and a prediction that partly follows it."""
  drawn = draw_rows(*arguments, has_distance=True)
  return tuple(events(*rows) for rows in drawn)


def crowd(e, key):
  return np.unique(key(e), axis=-1, return_counts=True)[1].max(initial=0)


@st.composite
def recordings(draw):
  """Up to three recordings of any length, some crowded, some empty."""
  rng = np.random.default_rng(draw(st.integers(0, 2**32)))
  num_classes = draw(st.sampled_from([1, 2, 5]))
  drawn = []
  for _ in range(draw(st.integers(1, 3))):
    num_frames = draw(st.integers(1, 35))
    num_rows = draw(st.sampled_from([0, 1, 8, 30]))
    pair = scene(rng, num_frames, num_classes, num_rows)
    if draw(st.integers(0, 4)) == 0:
      pair = (pair[0], events())
    if max(crowd(e, lambda e: e.frame) for e in pair) <= 5:
      drawn.append((*pair, num_frames))
  return num_classes, drawn or [(events(), events(), 10)]


def count_all(num_classes, drawn, edition):
  return [
    metrics.counts(
      r, p, edition=edition, num_frames=frames, num_classes=num_classes
    )
    for r, p, frames in drawn
  ]
