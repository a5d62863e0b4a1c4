"""Events by hand and at random, and their counts and scores in any edition."""

import numpy as np
from hypothesis import strategies as st

from seld_jax import geometry, labels, metrics

# The editions that count tracks in segments.
TRACKS = ('2021', '2022', '2023')
EDITIONS = ('2019', '2020', *TRACKS, '2024', '2025')


def events(*rows):
  """Events from rows of frame, class, azimuth, elevation, distance, onscreen.

  The elevation may be left out (0 degrees), and so may the distance (1) and
  whether the source is on screen (1).
  """
  rows = [(*row, *(0, 1, 1)[len(row) - 3 :]) for row in rows]
  table = np.array(rows, np.float64).reshape(-1, 6)
  frame, class_index = table[:, :2].astype(np.int64).T
  xyz = geometry.to_cartesian(table[:, 2], table[:, 3])
  onscreen = table[:, 5] == 1
  return labels.Events(
    frame, class_index, frame * 0, xyz, table[:, 4], onscreen
  )


def spell(frames, class_index, *place):
  """Rows of one class at one place in several frames."""
  return [(frame, class_index, *place) for frame in frames]


def score(reference, predictions, edition, **options):
  options = {'num_frames': 20, 'num_classes': 3, **options}
  return metrics.scores(
    metrics.counts(reference, predictions, edition=edition, **options)
  )


def scene(rng, num_frames, num_classes, num_rows):
  """A random reference, and predictions that follow a part of it."""

  def rows(count):
    return np.stack(
      [
        rng.integers(0, num_frames, count),
        rng.integers(0, num_classes, count),
        rng.uniform(-180, 180, count),
        rng.uniform(-90, 90, count),
        rng.uniform(0.5, 5, count),
        rng.integers(0, 2, count),
      ],
      axis=-1,
    )

  reference = rows(num_rows)
  followed = reference[rng.random(num_rows) < 0.7]
  followed[:, 2:4] += rng.normal(0, 12, (len(followed), 2))
  followed[:, 3] = followed[:, 3].clip(-90, 90)
  followed[:, 4] *= rng.uniform(0.2, 2.5, len(followed))
  followed[:, 5] = np.abs(followed[:, 5] - (rng.random(len(followed)) < 0.3))
  predictions = np.concatenate([followed, rows(rng.integers(0, num_rows + 1))])
  after_the_end = rng.random(len(predictions)) < 0.1
  predictions[after_the_end, 0] += num_frames
  rng.shuffle(predictions)
  return events(*reference), events(*predictions)


def most_at_once(one):
  """The largest number of events in a frame."""
  return np.unique(one.frame, return_counts=True)[1].max(initial=0)


@st.composite
def recordings(draw):
  """Number of classes, and reference, predictions and frames of recordings.

  There are up to three recordings of any length, some crowded, some empty.
  """
  rng = np.random.default_rng(draw(st.integers(0, 2**32)))
  num_classes = draw(st.sampled_from([1, 2, 14]))
  drawn = []
  for _ in range(draw(st.integers(1, 3))):
    num_frames = draw(st.integers(1, 45))
    num_rows = draw(st.sampled_from([0, 1, 10, 40]))
    reference, predictions = scene(rng, num_frames, num_classes, num_rows)
    if draw(st.integers(0, 4)) == 0:
      predictions = events()
    # The definitions try all permutations, whose number grows fast.
    if max(map(most_at_once, (reference, predictions))) <= 5:
      drawn.append((reference, predictions, num_frames))
  return num_classes, drawn or [(events(), events(), 10)]


def count_all(num_classes, drawn, edition):
  """The counts of each of the `recordings`."""
  return [
    metrics.counts(
      reference,
      predictions,
      edition=edition,
      num_frames=num_frames,
      num_classes=num_classes,
    )
    for reference, predictions, num_frames in drawn
  ]
