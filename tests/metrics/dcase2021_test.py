"""Scores of 2021, 2022 and 2023 equal those worked out by hand."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_events import TRACKS, events, score, spell

from seld_jax import metrics


@pytest.mark.parametrize('edition', TRACKS)
def test_two_seconds_by_hand(edition):
  reference = events(
    *spell(range(10), 0, 0),  # second 0: two tracks of class 0
    *spell(range(10), 0, 90),
    *spell(range(10, 20), 1, -90),  # second 1: one track of class 1
  )
  predictions = events(
    *spell(range(5), 0, 100),  # 10 degrees off the second track
    *spell(range(10, 20), 1, -60),  # 30 degrees off: too far
    *spell(range(10, 12), 2, 5),  # two tracks of a class that is not there
    *spell(range(10, 12), 2, 50),
  )
  counts = metrics.counts(
    reference, predictions, edition=edition, num_frames=20, num_classes=3
  )
  # Second 0: one track is matched and one is missed: D = 1. Second 1: one track
  # is too far away and two are not there: three false positives, I = 3.
  np.testing.assert_array_equal(counts.reference, [2, 1, 0])
  np.testing.assert_array_equal(counts.true_positives, [1, 0, 0])
  np.testing.assert_array_equal(counts.too_far, [0, 1, 0])
  np.testing.assert_array_equal(counts.false_positives, [0, 0, 2])
  np.testing.assert_array_equal(counts.false_negatives, [1, 0, 0])
  np.testing.assert_array_equal(counts.located, [1, 1, 0])
  np.testing.assert_allclose(counts.angles, [10, 30, 0])
  assert counts.errors == 4
  scores = metrics.scores(counts)
  assert pytest.approx(4 / 3) == scores.ER20
  if edition == '2021':
    # 1 / (1 + (1 + 2 + 1) / 2), (10 + 30) / 2, 2 / (2 + 1)
    assert pytest.approx(1 / 3) == scores.F20
    assert pytest.approx(20) == scores.LE_CD
    assert pytest.approx(2 / 3) == scores.LR_CD
    mean = (4 / 3 + 2 / 3 + 1 / 9 + 1 / 3) / 4
    assert scores.seld_score == pytest.approx(mean)
    return
  # 1 / (1 + 1 + (2 + 1) / 2)
  assert pytest.approx(1 / 3.5) == scores.F20_micro
  assert pytest.approx(20) == scores.LE_CD_micro
  assert pytest.approx(2 / 3) == scores.LR_CD_micro
  micro = (4 / 3 + 2.5 / 3.5 + 1 / 9 + 1 / 3) / 4
  assert scores.seld_score_micro == pytest.approx(micro)
  # F: 1 / (1 + 1/2), 0, 0. LE: 10, 30, 180. LR: 1/2, 1, 0.
  assert pytest.approx(2 / 9) == scores.F20
  assert pytest.approx(220 / 3) == scores.LE_CD
  assert pytest.approx(1 / 2) == scores.LR_CD
  macro = (4 / 3 + 7 / 9 + 220 / 540 + 1 / 2) / 4
  assert scores.seld_score == pytest.approx(macro)


@pytest.mark.parametrize('edition', TRACKS)
def test_a_class_never_in_the_same_frame_misses_all_predicted_tracks(edition):
  reference = events(*spell([0, 1], 0, 0))
  predictions = events(*spell([3], 0, 0), *spell([3], 0, 50))
  counts = metrics.counts(
    reference, predictions, edition=edition, num_frames=10, num_classes=1
  )
  # Two predicted tracks make two misses, although the reference has one track.
  np.testing.assert_array_equal(counts.false_negatives, [2])
  np.testing.assert_array_equal(counts.false_positives, [0])
  assert (counts.errors, counts.reference.sum()) == (2, 1)


def test_the_angle_of_a_track_is_the_mean_over_its_frames():
  reference = events(*spell([0, 1], 0, 0), *spell([1], 0, 90))
  predictions = events((0, 0, 35), (1, 0, 3), (1, 0, 95))
  scores = score(reference, predictions, '2021')
  # First track: (35 + 3) / 2 = 19, a hit; second: 5.
  assert pytest.approx(1) == scores.F20
  assert pytest.approx(12) == scores.LE_CD


@pytest.mark.parametrize('edition', TRACKS)
def test_silence_by_hand(edition):
  something, nothing = events((0, 0, 0)), events()

  def values(reference, predictions):
    options = {'num_frames': 10, 'num_classes': 1}
    scores = score(reference, predictions, edition, **options)
    return dataclasses.astuple(scores)[:5]

  assert values(something, nothing) == pytest.approx((1, 1, 0, 180, 0))
  assert values(nothing, nothing) == pytest.approx((0.75, 0, 0, 180, 0))
  assert values(something, something) == pytest.approx((0, 0, 1, 0, 1))
