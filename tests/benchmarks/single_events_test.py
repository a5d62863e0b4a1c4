"""Events count as found when their class and their direction are."""

import numpy as np
import pytest

from benchmarks import single_events
from seld_jax import geometry, labels


def make_events(rows):
  """Events of (frame, class, azimuth) rows on the horizon."""
  frame, index, azimuth = np.array(rows, float).reshape(-1, 3).T
  return labels.Events(
    frame.astype(np.int64),
    index.astype(np.int64),
    np.zeros(len(frame), np.int64),
    geometry.to_cartesian(azimuth, np.zeros(len(frame))),
  )


REFERENCE = [(f, 0, 10.0) for f in range(5)]
REFERENCE += [(f, 1, 50.0) for f in range(5, 9)]  # follows at once
REFERENCE += [(f, 1, -90.0) for f in range(20, 24)]


def judge(rows):
  return single_events.judge(make_events(REFERENCE), make_events(rows))


def test_the_reference_itself_is_right():
  found = judge(REFERENCE)
  assert [one[:2] for one in found] == [(0, True), (1, True), (1, True)]
  assert all(one[2] < 1e-3 for one in found)


def test_silence_is_wrong():
  assert judge([]) == [
    (0, False, np.inf),
    (1, False, np.inf),
    (1, False, np.inf),
  ]


def test_most_frames_decide():
  rows = [(f, 0 if f < 3 else 1, 10.0 + 20 * (f == 4)) for f in range(5)]
  (_, right, error), _, (_, last, angle) = judge(
    [*rows, (20, 0, -90.0), (21, 0, -90.0), (22, 1, -90.0), (22, 0, 0.0)]
  )
  assert right and error == pytest.approx(0, abs=1e-3)
  assert not last and angle == pytest.approx(0, abs=1e-3)


def test_the_table_counts_all_and_each_class():
  text = single_events.table(judge(REFERENCE[:5]), ['alarm', 'crash', 'piano'])
  lines = text.splitlines()
  assert [line.split(' | ')[0] for line in lines[2:]] == [
    '| all',
    '| alarm',
    '| crash',
  ]
  assert '| all | 3 | 33 % (6 % to 79 %) | 33 %' in lines[2]
