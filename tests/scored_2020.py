"""Events by hand and drawn, and what the edition of 2020 counts in them."""

import numpy as np
from hypothesis import strategies as st

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


def scene(rng, num_frames, num_classes, num_rows):
  """Random reference and a prediction that partly follows it."""

  def rows(count):
    return np.stack(
      [
        rng.integers(0, num_frames, count),
        rng.integers(0, num_classes, count),
        rng.uniform(-180, 180, count),
        rng.uniform(-90, 90, count),
      ],
      axis=-1,
    )

  reference = rows(num_rows)
  followed = reference[rng.random(num_rows) < 0.7]
  followed[:, 2:] += rng.normal(0, 12, (len(followed), 2))
  followed[:, 3] = followed[:, 3].clip(-90, 90)
  predictions = np.concatenate([followed, rows(rng.integers(0, num_rows + 1))])
  late = rng.random(len(predictions)) < 0.1
  predictions[late, 0] += num_frames
  rng.shuffle(predictions)
  return events(*reference), events(*predictions)


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
    crowd = max(
      np.unique(np.stack([e.frame, e.class_index]), axis=1, return_counts=True)[
        1
      ].max(initial=0)
      for e in (reference, predictions)
    )
    if crowd <= 5:  # permutations grow fast
      drawn.append((reference, predictions, num_frames))
  return num_classes, drawn or [(events(), events(), 10)]


def count_all(num_classes, drawn):
  return [
    metrics.counts(r, p, num_frames=frames, num_classes=num_classes)
    for r, p, frames in drawn
  ]
