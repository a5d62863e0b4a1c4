"""Label frames are joined to events by class, time and direction."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import real_recordings
from seld_jax import geometry, labels


def events(rows):
  """Events of rows (frame, class, azimuth), all on the horizon."""
  frame, name, azimuth = map(np.array, zip(*rows, strict=True))
  return labels.Events(
    frame=frame,
    class_index=name,
    track=np.zeros(len(frame), np.int64),
    xyz=geometry.to_cartesian(azimuth.astype(float), np.zeros(len(frame))),
  )


@given(st.randoms(use_true_random=False))
def test_sources_are_told_apart_in_any_order_of_the_rows(random):
  """Two of one class at once, a pause, and another class."""
  rows = [(frame, 0, 10 + frame % 3) for frame in range(20)]
  rows += [(frame, 0, 100.0) for frame in range(5, 15)]
  rows += [(frame, 0, 10.0) for frame in range(40, 45)]
  rows += [(frame, 1, 10.0) for frame in range(8, 12)]
  random.shuffle(rows)
  found = real_recordings.join(events(rows), ['dog', 'bell'])
  shown = [(one.start, one.end, one.name, round(one.azimuth)) for one in found]
  assert sorted(shown) == [
    (0.0, 2.0, 'dog', 11),
    (0.5, 1.5, 'dog', 100),
    (0.8, 1.2, 'bell', 10),
    (4.0, 4.5, 'dog', 10),
  ]
  assert all(one.spread <= 1.01 and round(one.elevation) == 0 for one in found)


def test_a_source_may_move_and_single_frames_are_left_out():
  rows = [(frame, 0, 5.0 * frame) for frame in range(36)] + [(50, 0, 0.0)]
  (one,) = real_recordings.join(events(rows), ['car'])
  assert (one.start, one.end) == (0.0, 3.6)
  assert 30 < one.spread < 60
