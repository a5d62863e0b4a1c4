"""Events by hand and drawn, and what the edition of 2020 counts in them."""

import numpy as np
from hypothesis import strategies as st

from helpers.scored_editions import crowd, draw_rows
from seld_jax import geometry, labels, metrics


def events(*rows):
  """Events from rows of frame, class, azimuth and elevation."""
  table = np.array(rows, np.float64).reshape(-1, 4)
  frame, class_index = table[:, :2].astype(np.int64).T
  xyz = geometry.to_cartesian(table[:, 2], table[:, 3])
  return labels.Events(frame, class_index, np.zeros_like(frame), xyz)


def score(reference, predictions, **options):
  return metrics.scores(metrics.counts(reference, predictions, **options))


def totals(counts):
  """Detections and errors over all classes."""
  return {
    'reference': int(counts.reference.sum()),
    'predicted': int(counts.predicted.sum()),
    'true_positives': int(counts.true_positives.sum()),
    'located': int(counts.located.sum()),
    'substitutions': counts.substitutions,
    'deletions': counts.deletions,
    'insertions': counts.insertions,
  }


def scene(*arguments):
  """Random reference and a prediction that partly follows it."""
  drawn = draw_rows(*arguments, has_distance=False)
  return tuple(events(*rows) for rows in drawn)


@st.composite
def recordings(draw):
  """Up to four recordings of any length, some crowded, some empty."""
  rng = np.random.default_rng(draw(st.integers(0, 2**32)))
  num_classes = draw(st.sampled_from([1, 2, 14]))
  drawn = []
  for _ in range(draw(st.integers(1, 4))):
    num_frames = draw(st.integers(1, 45))
    num_rows = draw(st.sampled_from([0, 1, 10, 40]))
    reference, predictions = scene(rng, num_frames, num_classes, num_rows)
    if draw(st.integers(0, 4)) == 0:
      predictions = events()
    by_class = lambda e: np.stack([e.frame, e.class_index])
    largest = max(crowd(e, by_class) for e in (reference, predictions))
    if largest <= 5:  # permutations grow fast
      drawn.append((reference, predictions, num_frames))
  return num_classes, drawn or [(events(), events(), 10)]


def count_all(num_classes, drawn):
  return [
    metrics.counts(r, p, num_frames=frames, num_classes=num_classes)
    for r, p, frames in drawn
  ]
