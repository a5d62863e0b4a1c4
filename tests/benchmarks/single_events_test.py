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
  assert all(one.error < 1e-3 for one in found)
  assert [one.frame for one in found] == [0, 5, 20]


def test_silence_is_wrong():
  assert judge([]) == [
    (0, False, np.inf, 0),
    (1, False, np.inf, 5),
    (1, False, np.inf, 20),
  ]


def test_most_frames_decide():
  rows = [(f, 0 if f < 3 else 1, 10.0 + 20 * (f == 4)) for f in range(5)]
  first, _, last = judge(
    [*rows, (20, 0, -90.0), (21, 0, -90.0), (22, 1, -90.0), (22, 0, 0.0)]
  )
  assert first.right and first.error == pytest.approx(0, abs=1e-3)
  assert not last.right and last.error == pytest.approx(0, abs=1e-3)


def test_the_table_counts_all_and_each_class():
  groups = single_events.by_class(
    judge(REFERENCE[:5]), ['alarm', 'crash', 'piano']
  )
  text = single_events.table(groups, head='class')
  lines = text.splitlines()
  assert [line.split(' | ')[0] for line in lines[2:]] == [
    '| all',
    '| alarm',
    '| crash',
  ]
  assert '| all | 3 | 33 % (6 % to 79 %) | 33 %' in lines[2]


def test_events_have_the_distance_of_their_source():
  """A source may begin at any time within the first label frame."""
  rows = [
    {'onset': '0.04', 'distance': '1.5'},
    {'onset': '0.58', 'distance': '4.0'},
    {'onset': '2.0', 'distance': '2.0'},
  ]
  judged = judge(REFERENCE)
  distances = single_events.distances_of(judged, rows)
  assert distances == [1.5, 4.0, 2.0]
  groups = single_events.by_distance(judged, distances)
  assert {
    name: [one.frame for one in some] for name, some in groups.items()
  } == {
    '0 to 1.5 m': [0],
    '1.5 to 2.5 m': [20],
    '2.5 to 3.5 m': [],
    'above 3.5 m': [5],
  }
