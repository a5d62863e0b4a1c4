"""Scores of 2024 equal those worked out by hand."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_events import events, score

from seld_jax import metrics
from seld_jax.errors import InputError


def test_four_frames_by_hand():
  reference = events(
    (0, 0, 0, 0, 2), (0, 0, 90, 0, 1), (1, 0, 0, 0, 2), (2, 1, 40, 0, 3)
  )
  predictions = events(
    (0, 0, 95, 0, 2),  # 5 degrees, relative error 1: a hit
    (1, 0, 30, 0, 2),  # 30 degrees: too far
    (2, 1, 40, 0, 6.6),  # relative error 1.2: too far
    (3, 2, 0, 0, 1),  # a class that is not there
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


def test_distances_do_not_influence_pairs():
  reference = events((0, 0, 0, 0, 1), (0, 0, 10, 0, 9))
  predictions = events((0, 0, 1, 0, 9), (0, 0, 9, 0, 1))
  # By angle, 0 is paired with 1 and 10 with 9: relative errors 8 and 8 / 9.
  scores = score(reference, predictions, '2024', num_frames=1, num_classes=1)
  assert pytest.approx((8 + 8 / 9) / 2) == scores.RDE
  assert pytest.approx(1) == scores.DOAE


def test_silence_by_hand():
  something, nothing = events((0, 0, 0)), events()

  def values(reference, predictions):
    options = {'num_frames': 10, 'num_classes': 1}
    scores = score(reference, predictions, '2024', **options)
    return dataclasses.astuple(scores)

  missed = values(something, nothing)
  assert missed[:2] == (1, 0)
  assert np.isnan(missed[2:4]).all()
  assert values(something, something)[:4] == pytest.approx((0, 1, 0, 0))


def test_distances_must_be_there_and_finite():
  good = events((0, 0, 0))
  bare = dataclasses.replace(good, distance=None)
  with pytest.raises(InputError, match='prediction has no distances'):
    metrics.counts(good, bare, edition='2024', num_frames=1)
  bad = dataclasses.replace(good, distance=np.full(1, np.nan))
  with pytest.raises(InputError, match='reference has a distance .* NaN'):
    metrics.counts(bad, good, edition='2024', num_frames=1)
