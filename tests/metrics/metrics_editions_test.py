"""Scores of 2019 and of 2021 to 2024 equal those worked out by hand."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_editions import EDITIONS, LATE, events, score

from seld_jax import metrics
from seld_jax.errors import InputError


def spell(frames, class_index, *place):
  return [(frame, class_index, *place) for frame in frames]


def test_2019_by_hand():
  reference = events(*spell(range(10), 0, 30), *spell(range(5, 15), 1, -90))
  predictions = events(
    *spell(range(8), 0, 40),
    *spell(range(10, 14), 2, -80),  # another class, near that direction
  )
  scores = score(reference, predictions, '2019')
  # Seconds with a class: reference 0:{0, 1}, 1:{1}; predicted 0:{0}, 1:{2}.
  # Second 0: a deletion. Second 1: a substitution. ER = 2 / 3.
  assert pytest.approx(2 / 3) == scores.ER
  # One hit of 2 predicted and 3 in the reference: 2 * (1/2 * 1/3) / (5/6).
  assert pytest.approx(2 / 5) == scores.F
  # 8 frames 10 degrees off (in frames 5 to 7 the nearer of two), 4 frames 10
  # degrees off; 12 directions predicted.
  assert pytest.approx(10) == scores.DOA_error
  # As many directions: frames 0-4 (1 and 1), 10-13 (1 and 1), 15-19 (none).
  assert pytest.approx(14 / 20) == scores.frame_recall
  mean = (2 / 3 + 3 / 5 + 10 / 180 + 6 / 20) / 4
  assert scores.seld_score == pytest.approx(mean)


def test_2019_divides_by_all_that_was_predicted():
  reference = events((0, 0, 0), (0, 1, 90))
  predictions = events((0, 0, 80), (0, 1, 20), (0, 2, 180), (3, 0, 0))
  # Frame 0: 0 with 20 and 90 with 80: 30 degrees, for 4 directions predicted.
  assert (
    pytest.approx(30 / 4) == score(reference, predictions, '2019').DOA_error
  )


def test_2019_frames_of_20_ms():
  reference = events(*spell(range(50), 0, 0))
  predictions = events(*spell(range(49, 60), 0, 0))
  options = {'num_frames': 100, 'segment_frames': 50}
  scores = score(reference, predictions, '2019', **options)
  # The last frame of a second counts: a hit in second 0, an insertion in 1.
  assert pytest.approx(1) == scores.ER
  assert pytest.approx(2 / 3) == scores.F


@pytest.mark.parametrize('edition', LATE)
def test_tracks_by_hand(edition):
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
  # Second 0: one track matched, one missed: D = 1. Second 1: one too far and
  # two that are not there: three false positives, I = 3.
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


@pytest.mark.parametrize('edition', LATE)
def test_tracks_never_at_the_same_time(edition):
  reference = events(*spell([0, 1], 0, 0))
  predictions = events(*spell([3], 0, 0), *spell([3], 0, 50))
  counts = metrics.counts(
    reference, predictions, edition=edition, num_frames=10, num_classes=1
  )
  # Two tracks predicted, so two misses, although the reference has one.
  np.testing.assert_array_equal(counts.false_negatives, [2])
  np.testing.assert_array_equal(counts.false_positives, [0])
  assert (counts.errors, counts.reference.sum()) == (2, 1)


def test_angles_of_a_track_are_a_mean_over_its_frames():
  reference = events(*spell([0, 1], 0, 0), *spell([1], 0, 90))
  predictions = events((0, 0, 35), (1, 0, 3), (1, 0, 95))
  scores = score(reference, predictions, '2021')
  # First track: (35 + 3) / 2 = 19, a hit; second: 5.
  assert pytest.approx(1) == scores.F20
  assert pytest.approx(12) == scores.LE_CD


def test_2024_by_hand():
  reference = events(
    (0, 0, 0, 0, 2), (0, 0, 90, 0, 1), (1, 0, 0, 0, 2), (2, 1, 40, 0, 3)
  )
  predictions = events(
    (0, 0, 95, 0, 2),  # 5 degrees, relative error 1: a hit
    (1, 0, 30, 0, 2),  # 30 degrees: too far
    (2, 1, 40, 0, 6.6),  # relative error 1.2: too far
    (3, 2, 0, 0, 1),  # nothing there
  )
  options = {'num_frames': 4}
  scores = score(reference, predictions, '2024', **options)
  # Class 0: 1 hit, 1 too far, 1 miss: 1 / (1 + 1 + 1/2). Classes 1 and 2: 0.
  assert pytest.approx(0.4 / 3) == scores.F20
  # Class 0: (5 + 30) / 2 and (1 + 0) / 2; class 1: 0 and 1.2.
  assert pytest.approx(17.5 / 2) == scores.DOAE
  assert pytest.approx(1.7 / 2) == scores.RDE
  # Class 2 was never found: its score is 1 - F alone.
  each = [(0.6 + 17.5 / 180 + 0.5) / 3, (1 + 0 + 1.2) / 3, 1]
  assert scores.seld_score == pytest.approx(np.mean(each))
  # Together: 1 / (1 + 2 + (1 + 1) / 2), 35 / 3, 2.2 / 3.
  assert pytest.approx(1 / 4) == scores.F20_micro
  assert pytest.approx(35 / 3) == scores.DOAE_micro
  assert pytest.approx(2.2 / 3) == scores.RDE_micro
  mean = (3 / 4 + 35 / 540 + 2.2 / 3) / 3
  assert scores.seld_score_micro == pytest.approx(mean)
  near = score(
    reference, predictions, '2024', distance_threshold=1.2, **options
  )
  assert near.F20 > scores.F20


def test_2024_pairs_by_angle_alone():
  reference = events((0, 0, 0, 0, 1), (0, 0, 10, 0, 9))
  predictions = events((0, 0, 1, 0, 9), (0, 0, 9, 0, 1))
  # By angle 0 goes with 1: relative errors 8 and 8 / 9.
  scores = score(reference, predictions, '2024', num_frames=1, num_classes=1)
  assert pytest.approx((8 + 8 / 9) / 2) == scores.RDE
  assert pytest.approx(1) == scores.DOAE


def test_nothing_at_all():
  something, nothing = events((0, 0, 0, 0, 1)), events()
  options = {'num_frames': 10, 'num_classes': 1}

  def values(a, b, edition):
    return dataclasses.astuple(score(a, b, edition, **options))

  assert values(something, nothing, '2019') == pytest.approx(
    ((1 + 1 + 1 + 0.1) / 4, 1, 0, 180, 0.9)
  )
  assert values(nothing, nothing, '2019') == pytest.approx((0.5, 0, 0, 180, 1))
  assert values(something, something, '2019') == pytest.approx((0, 0, 1, 0, 1))
  for edition in LATE:
    assert values(something, nothing, edition)[:5] == pytest.approx(
      (1, 1, 0, 180, 0)
    )
    assert values(nothing, nothing, edition)[:5] == pytest.approx(
      (0.75, 0, 0, 180, 0)
    )
    assert values(something, something, edition)[:5] == pytest.approx(
      (0, 0, 1, 0, 1)
    )
  missed = values(something, nothing, '2024')
  assert missed[:2] == (1, 0)
  assert np.isnan(missed[2:4]).all()
  assert values(something, something, '2024')[:4] == pytest.approx((0, 1, 0, 0))


@pytest.mark.parametrize('edition', EDITIONS)
def test_predictions_after_the_end(edition):
  reference = events((0, 0, 0), (22, 1, 0))
  options = {'edition': edition, 'num_frames': 24, 'num_classes': 3}
  plain = metrics.counts(reference, reference, **options)
  last = events((0, 0, 0), (22, 1, 0), (26, 2, 0), (30, 2, 0), (900, 2, 0))
  counts = metrics.counts(reference, last, **options)
  # Frame 26 lies in the last second; frames have no second to lie in.
  if edition == '2019':
    assert counts.directions == 2
  wrong = counts.errors if edition != '2024' else counts.false_positives.sum()
  assert wrong == (1 if edition in LATE else 0)
  assert counts.true_positives.sum() == plain.true_positives.sum() == 2


def test_what_the_late_editions_ask_for():
  good = events((0, 0, 0))
  for edition in ('2022', '2023', '2024'):
    with pytest.raises(InputError, match=f'{edition} need the length'):
      metrics.counts(good, good, edition=edition)
  for edition in ('2019', '2020', '2021'):
    given_ = metrics.counts(good, good, edition=edition, num_frames=600)
    default = metrics.counts(good, good, edition=edition)
    assert metrics.scores(given_) == metrics.scores(default)
  bare = dataclasses.replace(good, distance=None)
  with pytest.raises(InputError, match='prediction has no distances'):
    metrics.counts(good, bare, edition='2024', num_frames=1)
  bad = dataclasses.replace(good, distance=good.distance * np.nan)
  with pytest.raises(InputError, match='reference has a distance .* NaN'):
    metrics.counts(bad, good, edition='2024', num_frames=1)
