"""Scores of directions without classes equal their definition."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from helpers.scored_events import events, recordings, score, spell
from hypothesis import given, settings

from seld_jax import labels, metrics
from seld_jax.errors import InputError

CLASSLESS = metrics.CLASSLESS


def best_angles(a, b):
  """The angles of pairs with the smallest sum, by trying all ways to pair."""
  short, long = sorted((a, b), key=len)
  cosine = np.clip([[u @ v for v in long] for u in short], -1, 1)
  angle = np.degrees(np.arccos(cosine)).reshape(len(short), len(long))
  return min(
    (
      [angle[i, j] for i, j in enumerate(way)]
      for way in itertools.permutations(range(len(long)), len(short))
    ),
    key=sum,
  )


def defined(drawn):
  """The scores of some recordings, frame by frame."""
  angles, wanted, given, good, total = [], 0, 0, 0, 0
  for reference, predictions, num_frames in drawn:
    for frame in range(num_frames):
      a, b = (one.xyz[one.frame == frame] for one in (reference, predictions))
      angles += best_angles(a, b)
      wanted, given = wanted + len(a), given + len(b)
      good, total = good + (len(a) == len(b)), total + 1
  hits = sum(angle <= 20 for angle in angles)

  def share(part, whole):
    return part / whole if whole else math.nan

  return (
    share(sum(angles), len(angles)),
    share(len(angles), wanted),
    share(len(angles), given),
    share(hits, wanted),
    share(hits, given),
    share(2 * hits, wanted + given),
    share(good, total),
  )


def counted(drawn):
  return [
    metrics.counts(
      reference, predictions, edition=CLASSLESS, num_frames=num_frames
    )
    for reference, predictions, num_frames in drawn
  ]


@settings(max_examples=60, deadline=None)
@given(recordings())
def test_scores_are_those_of_the_definition(case):
  _, drawn = case
  # In these frames, all classes come together.
  drawn = [
    one
    for one in drawn
    if all(np.bincount(part.frame, minlength=1).max() <= 5 for part in one[:2])
  ] or [(events(), events(), 7)]
  found = metrics.scores(metrics.merge(counted(drawn)))
  np.testing.assert_allclose(
    dataclasses.astuple(found), defined(drawn), atol=1e-4
  )


@settings(max_examples=20, deadline=None)
@given(recordings())
def test_recordings_counted_together_are_counted_alone(case):
  _, drawn = case
  together = metrics.counts_each(
    [one[:2] for one in drawn],
    edition=CLASSLESS,
    num_frames=[one[2] for one in drawn],
  )
  for one, other in zip(together, counted(drawn), strict=True):
    assert one.edition == other.edition == CLASSLESS
    for name, value in vars(one).items():
      if name not in ('edition', 'as_published'):
        np.testing.assert_allclose(value, getattr(other, name), atol=1e-9)


def test_four_frames_by_hand():
  reference = events((0, 0, 0), (0, 1, 90), (1, 0, 0), (2, 0, 0))
  predictions = events(
    (0, 5, 80), (0, 5, 40), (1, 2, 5), (1, 2, 180), (9, 0, 0)
  )
  found = score(reference, predictions, CLASSLESS, num_frames=4)
  # Frame 0: 40 and 10 degrees. Frame 1: 5 degrees, and one too many. Frame 2:
  # one is missing. Frame 3: silence in both. Frame 9 is after the end.
  assert pytest.approx(55 / 3) == found.LE
  assert pytest.approx(3 / 4) == found.recall
  assert pytest.approx(3 / 4) == found.precision
  assert pytest.approx(2 / 4) == found.recall20
  assert pytest.approx(2 / 4) == found.precision20
  assert pytest.approx(4 / 8) == found.F20
  assert pytest.approx(2 / 4) == found.frame_recall


@settings(max_examples=20, deadline=None)
@given(recordings())
def test_classes_do_not_matter(case):
  _, drawn = case
  other = [
    (
      dataclasses.replace(reference, class_index=reference.class_index * 0),
      dataclasses.replace(
        predictions, class_index=predictions.class_index + 10**6
      ),
      num_frames,
    )
    for reference, predictions, num_frames in drawn
  ]
  first, second = (
    dataclasses.astuple(metrics.scores(metrics.merge(counted(one))))
    for one in (drawn, other)
  )
  np.testing.assert_array_equal(first, second)


def test_frame_recall_and_angles_are_those_of_2019():
  reference = events(*spell(range(10), 0, 30), *spell(range(5, 15), 1, -90))
  predictions = events(*spell(range(8), 0, 40), *spell(range(10, 14), 2, -80))
  found = score(reference, predictions, CLASSLESS)
  of_2019 = score(reference, predictions, '2019')
  assert found.frame_recall == pytest.approx(of_2019.frame_recall)
  # Nothing is predicted that has no partner, so that this is the DOA error.
  assert pytest.approx(of_2019.DOA_error) == found.LE
  assert found.precision == 1


def test_what_is_not_there_has_no_scores():
  something, nothing = events((0, 0, 0)), labels.no_events()

  def values(reference, predictions):
    found = score(reference, predictions, CLASSLESS, num_frames=10)
    return dataclasses.astuple(found)

  nan = math.nan
  for pair, expected in (
    ((nothing, nothing), (nan, nan, nan, nan, nan, nan, 1)),
    ((something, nothing), (nan, 0, nan, 0, nan, 0, 0.9)),
    ((nothing, something), (nan, nan, 0, nan, 0, 0, 0.9)),
  ):
    np.testing.assert_allclose(values(*pair), expected)


def test_intervals_and_names_of_scores():
  drawn = [
    (events((0, 0, 0)), events((0, 0, angle)), 10) for angle in (0, 10, 40)
  ]
  names = metrics.main_scores(CLASSLESS)
  assert names[0] == 'LE' and 'seld_score' not in names
  intervals = metrics.jackknife(counted(drawn))
  assert tuple(intervals) == names
  low, high = intervals['LE']
  assert low < 50 / 3 < high
  assert CLASSLESS not in metrics.EDITIONS


def test_mistakes_are_refused_in_a_sentence():
  front = events((0, 0, 0))
  with pytest.raises(InputError, match='leave out as_published'):
    score(front, front, CLASSLESS, as_published=True)
  with pytest.raises(InputError, match='need the length of each recording'):
    score(front, front, CLASSLESS, num_frames=None)
  crowd = events(*spell([0] * 1001, 0, 0))
  with pytest.raises(InputError, match='Frame 0 has 1001 directions in the'):
    score(crowd, crowd, CLASSLESS)
