"""Rows of label frames become events with start and end, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels


def rows(*sounds):
  """Rows of sounds (first frame, last frame, class, azimuths)."""
  parts = []
  for track, (first, last, index, *azimuths) in enumerate(sounds):
    frame = np.arange(first, last + 1)
    azimuth = np.interp(
      np.linspace(0, 1, len(frame)), np.linspace(0, 1, len(azimuths)), azimuths
    )
    parts.append(
      labels.Events(
        frame,
        np.full(len(frame), index),
        np.full(len(frame), track),
        geometry.to_cartesian(azimuth, np.zeros(len(frame))),
        distance=np.full(len(frame), 1.0 + track),
      )
    )
  return labels.join_events(parts)


def spans(found):
  return [
    (round(10 * one.start), round(10 * one.end), one.class_index)
    for one in found
  ]


# Sounds that are far apart in time, class or direction.
@st.composite
def apart(draw):
  sounds, free = [], {}
  for _ in range(draw(st.integers(0, 12))):
    place = draw(st.sampled_from([(c, a) for c in (0, 1, 5) for a in (0, 120)]))
    first = free.get(place, 0) + draw(st.integers(0, 30))
    last = first + draw(st.integers(0, 20))
    free[place] = last + 5
    sounds.append((first, last, *place))
  return sounds


@settings(deadline=None, max_examples=50)
@given(apart(), st.randoms(use_true_random=False))
def test_events_come_back_whatever_the_order_of_rows(sounds, random):
  if not sounds:
    assert labels.find_intervals(labels.no_events()) == []
    return
  events = rows(*sounds)
  order = np.arange(len(events.frame))
  random.shuffle(order)
  found = labels.find_intervals(labels.choose_rows(events, order))
  expected = sorted(
    (first, last + 1, index) for first, last, index, _ in sounds
  )
  assert sorted(spans(found)) == expected
  starts = [one.start for one in found]
  assert starts == sorted(starts)
  total = sum(one.end - one.start for one in found)
  assert total == pytest.approx(len(events.frame) / 10)


@settings(deadline=None, max_examples=50)
@given(apart(), st.lists(st.integers(1, 150), max_size=5))
def test_parts_give_the_same_as_the_whole(sounds, cuts):
  if not sounds:
    return
  events = rows(*sounds)
  finder = labels.IntervalFinder()
  found = []
  edges = [0, *sorted(cuts), 10**9]
  for low, high in zip(edges, edges[1:], strict=False):
    inside = (events.frame >= low) & (events.frame < high)
    found += finder.push(labels.choose_rows(events, inside))
  found += finder.flush()
  assert spans(found) == spans(labels.find_intervals(events))


def test_a_short_gap_is_closed_and_a_long_one_is_not():
  assert spans(labels.find_intervals(rows((0, 9, 3, 0), (13, 19, 3, 0)))) == [
    (0, 20, 3)
  ]
  assert spans(labels.find_intervals(rows((0, 9, 3, 0), (14, 19, 3, 0)))) == [
    (0, 10, 3),
    (14, 20, 3),
  ]


def test_sources_of_a_class_that_cross_keep_their_directions():
  """At 10 degrees a frame; the tracks of the rows are exchanged at random."""
  events = rows((0, 30, 7, -90, 90), (0, 30, 7, 170, 120))
  swap = np.random.default_rng(0).permutation(len(events.frame)) % 2
  events = labels.Events(
    events.frame, events.class_index, swap, events.xyz, events.distance
  )
  found = labels.find_intervals(events)
  assert spans(found) == [(0, 31, 7)] * 2
  ends = sorted(
    [
      float(geometry.to_polar(one.first_xyz)[0]),
      float(geometry.to_polar(one.last_xyz)[0]),
      one.distance or 0.0,
    ]
    for one in found
  )
  # The ends are means of half a second.
  np.testing.assert_allclose(ends[0], (-78, 78, 1), atol=0.1)
  np.testing.assert_allclose(ends[1], (166.7, 123.3, 2), atol=0.1)


def test_opposite_directions_have_a_direction():
  """Whose mean is the zero vector."""
  found = labels.find_intervals(
    rows((0, 0, 1, 0), (1, 1, 1, 180)), max_angle=180.0
  )
  assert spans(found) == [(0, 2, 1)]
  assert np.linalg.norm(found[0].xyz) == pytest.approx(1)
