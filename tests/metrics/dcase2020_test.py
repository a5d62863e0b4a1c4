"""Scores of 2020 equal those worked out by hand."""

import dataclasses

import numpy as np
import pytest
from helpers import scored_events
from helpers.scored_events import events, spell

from seld_jax import metrics


def score(reference, predictions, **options):
  return scored_events.score(reference, predictions, '2020', **options)


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


def test_two_seconds_by_hand():
  reference = events(*spell(range(10), 0, 30), *spell(range(5, 15), 1, -90))
  predictions = events(
    *spell(range(8), 0, 40),  # second 0: 10 degrees off in 8 common frames
    *spell(range(5, 8), 1, -90),  # second 0: 0 degrees off in 3
    *spell(range(12, 20), 1, -60),  # second 1: 30 degrees off in 3: too far
    *spell(range(10, 20), 2, 0),  # second 1: a class that is not there
  )
  counts = metrics.counts(reference, predictions, num_frames=20)
  # The reference has class 0 in second 0, and class 1 in seconds 0 and 1. The
  # prediction also has class 2 in second 1. Second 1 has one miss (class 1, too
  # far) and one false alarm (class 2), which make one substitution.
  assert totals(counts) == {
    'reference': 3,
    'predicted': 4,
    'true_positives': 2,
    'located': 3,
    'substitutions': 1,
    'deletions': 0,
    'insertions': 0,
  }
  assert counts.false_negatives.sum() == counts.false_positives.sum() == 1
  scores = metrics.scores(counts)
  assert pytest.approx(1 / 3) == scores.ER20
  # Precision 2/4, recall 2/3: 2 * (1/2 * 2/3) / (1/2 + 2/3) = 4/7.
  assert pytest.approx(4 / 7) == scores.F20
  # (10 + 0 + 30) / 3
  assert pytest.approx(40 / 3) == scores.LE_CD
  # Precision 3/4, recall 3/3: 2 * 3/4 / (7/4) = 6/7.
  assert pytest.approx(6 / 7) == scores.LR_CD
  assert pytest.approx(1) == scores.LR_CD_recall
  # (1/3 + 3/7 + 40/540 + 1/7) / 4
  assert scores.seld_score == pytest.approx((1 / 3 + 4 / 7 + 2 / 27) / 4)


def test_same_second_but_no_common_frame_is_a_miss():
  reference = events(*spell([0, 1, 2], 4, 10))
  predictions = events(*spell([3, 4], 4, 10))
  counts = metrics.counts(reference, predictions, num_frames=10)
  # No frame has an angle to measure: one miss, no false alarm, and no class is
  # located, so that LE_CD is 180.
  assert totals(counts) == {
    'reference': 1,
    'predicted': 1,
    'true_positives': 0,
    'located': 0,
    'substitutions': 0,
    'deletions': 1,
    'insertions': 0,
  }
  assert counts.false_positives.sum() == 0
  scores = metrics.scores(counts)
  # (1 + 1 + 1 + 1) / 4
  assert (scores.LE_CD, scores.seld_score) == (180, 1)


def test_substitutions_are_counted_in_each_second():
  reference = events((0, 0, 0, 0), (0, 1, 0, 0), (10, 0, 0, 0))
  predictions = events(
    *spell([0], 2, 0), *spell([10], 0, 0), *spell([10], 3, 0)
  )
  counts = metrics.counts(reference, predictions, num_frames=20)
  # Second 0: 2 misses and 1 false alarm: S = 1, D = 1. Second 1: a hit and a
  # false alarm: I = 1. Over both seconds together, S would be 2 and D = I = 0.
  found = (counts.substitutions, counts.deletions, counts.insertions)
  assert found == (1, 1, 1)
  assert pytest.approx(3 / 3) == metrics.scores(counts).ER20


def test_directions_of_a_class_are_paired_with_the_smallest_sum():
  reference = events(*spell([0], 2, 0), *spell([0], 2, 50))
  # The nearest pair first, 0 with 20, leaves 50 with -80: 20 + 130 = 150. But 0
  # with -80 and 50 with 20 is 80 + 30 = 110.
  predictions = events(*spell([0], 2, 20), *spell([0], 2, -80))
  assert pytest.approx(110) == score(reference, predictions).LE_CD
  # If only 20 is predicted, it is paired with 0; the direction that was missed
  # adds no angle.
  assert pytest.approx(20) == score(reference, events((0, 2, 20, 0))).LE_CD
  assert pytest.approx(20) == score(events((0, 2, 20, 0)), reference).LE_CD


def test_angles_of_a_frame_add_up_before_the_mean_over_frames():
  reference = events(
    *spell([0, 1], 2, 0), *spell([0], 2, 90), *spell([2], 2, 170)
  )
  predictions = events(*spell([0, 1], 2, 10), *spell([0], 2, 102))
  scores = score(reference, predictions)
  # Frame 0: 10 + 12 = 22, frame 1: 10; the mean 16 is within 20 degrees.
  assert pytest.approx(16) == scores.LE_CD
  assert pytest.approx(1) == scores.F20


@pytest.mark.parametrize('elevation', [-45, 0, 30, 60])
@pytest.mark.parametrize('cartesian', [False, True])
def test_exactly_20_degrees_are_within_the_threshold(elevation, cartesian):
  # Along a meridian, so that the angle is exactly the difference.
  for azimuth in range(-180, 180, 7):
    reference = events((0, 0, azimuth, elevation))
    predictions = events((0, 0, azimuth, elevation + 20))
    if cartesian:
      xyz = np.round(predictions.xyz, 9)
      predictions = dataclasses.replace(predictions, xyz=xyz)
    assert pytest.approx(1) == score(reference, predictions).F20
  beyond = events((0, 0, 33, elevation + 20.0001))
  assert score(events((0, 0, 33, elevation)), beyond).F20 == 0
  near = score(events((0, 0, 33, elevation)), beyond, doa_threshold=21.0)
  assert pytest.approx(1) == near.F20


def test_azimuth_wraps_at_180_degrees():
  scores = score(events((0, 0, 175, 0)), events((0, 0, -175, 0)))
  assert pytest.approx(10) == scores.LE_CD


def test_a_last_second_that_is_cut_short_counts_as_a_full_one():
  reference = events(*spell(range(10), 0, 0), *spell(range(20, 24), 0, 0))
  # Frame 26 belongs to the last second, which ends before frame 30.
  predictions = events((26, 1, 0, 0), (30, 2, 0, 0), (900, 3, 0, 0))
  counts = metrics.counts(reference, predictions, num_frames=24)
  assert counts.reference.sum() == 2
  np.testing.assert_array_equal(np.flatnonzero(counts.predicted), [1])
  # Second 0: D = 1. Second 2: a miss and a false alarm, S = 1.
  assert (counts.substitutions, counts.deletions) == (1, 1)


def test_silence_by_hand():
  nothing, something = events(), events((0, 1, 0, 0))
  # Nothing is predicted: ER 1, F 0, 180 degrees, recall 0.
  silent = dataclasses.astuple(score(something, nothing))
  assert silent == pytest.approx((1, 1, 0, 180, 0, 0))
  # Both are empty: no error, but also nothing found: (0 + 1 + 1 + 1) / 4.
  neither = dataclasses.astuple(score(nothing, nothing))
  assert neither == pytest.approx((0.75, 0, 0, 180, 0, 0))
  # As in the published code, an error without any reference gives 1 / eps.
  assert 1 / np.finfo(np.float64).eps == score(nothing, something).ER20
  perfect = score(something, something)
  assert dataclasses.astuple(perfect) == pytest.approx((0, 0, 1, 0, 1, 1))
