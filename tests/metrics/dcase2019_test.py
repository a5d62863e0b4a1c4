"""Scores of 2019 equal those worked out by hand."""

import dataclasses

import pytest
from helpers.scored_events import events, score, spell


def test_two_seconds_by_hand():
  reference = events(*spell(range(10), 0, 30), *spell(range(5, 15), 1, -90))
  predictions = events(
    *spell(range(8), 0, 40),
    *spell(range(10, 14), 2, -80),  # another class, near that direction
  )
  scores = score(reference, predictions, '2019')
  # Classes in seconds 0 and 1: {0, 1} and {1} in the reference, {0} and {2}
  # predicted.
  # Second 0: a deletion. Second 1: a substitution. ER = 2 / 3.
  assert pytest.approx(2 / 3) == scores.ER
  # One hit, 2 predicted, 3 in the reference: 2 * (1/2 * 1/3) / (5/6).
  assert pytest.approx(2 / 5) == scores.F
  # All 12 predicted directions are 10 degrees off: 8 of class 0 (paired with
  # the nearer of two in frames 5 to 7) and 4 of class 2.
  assert pytest.approx(10) == scores.DOA_error
  # The number of directions is right in frames 0 to 4 and 10 to 13 (one) and in
  # 15 to 19 (none).
  assert pytest.approx(14 / 20) == scores.frame_recall
  mean = (2 / 3 + 3 / 5 + 10 / 180 + 6 / 20) / 4
  assert scores.seld_score == pytest.approx(mean)


def test_doa_error_is_divided_by_all_predicted_directions():
  reference = events((0, 0, 0), (0, 1, 90))
  predictions = events((0, 0, 80), (0, 1, 20), (0, 2, 180), (3, 0, 0))
  # In frame 0, 0 is paired with 20 and 90 with 80: 20 + 10 degrees. Four
  # directions are predicted.
  assert (
    pytest.approx(30 / 4) == score(reference, predictions, '2019').DOA_error
  )


def test_frames_of_20_ms():
  reference = events(*spell(range(50), 0, 0))
  predictions = events(*spell(range(49, 60), 0, 0))
  options = {'num_frames': 100, 'segment_frames': 50}
  scores = score(reference, predictions, '2019', **options)
  # The last frame of a second counts: a hit in second 0, an insertion in 1.
  assert pytest.approx(1) == scores.ER
  assert pytest.approx(2 / 3) == scores.F


def test_silence_by_hand():
  something, nothing = events((0, 0, 0)), events()

  def values(reference, predictions):
    options = {'num_frames': 10, 'num_classes': 1}
    scores = score(reference, predictions, '2019', **options)
    return dataclasses.astuple(scores)

  # Nothing predicted: ER 1, F 0, 180 degrees, 9 of 10 frames without error.
  assert values(something, nothing) == pytest.approx(
    ((1 + 1 + 1 + 0.1) / 4, 1, 0, 180, 0.9)
  )
  assert values(nothing, nothing) == pytest.approx((0.5, 0, 0, 180, 1))
  assert values(something, something) == pytest.approx((0, 0, 1, 0, 1))
