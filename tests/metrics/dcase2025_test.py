"""Scores of 2025: by hand, as published, and what must not change them."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from helpers.scored_events import events, recordings, scene, score
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from seld_jax import geometry, labels, metrics
from seld_jax.errors import InputError

quick = settings(deadline=None, max_examples=25)
ONSCREEN = ('onscreen_accuracy', 'F20_onscreen')


def score_2025(reference, predictions, **options):
  return score(reference, predictions, '2025', **options)


def moved(one, azimuth, elevation: Any = 0.0):
  """The events in other directions, given in degrees."""
  return dataclasses.replace(one, xyz=geometry.to_cartesian(azimuth, elevation))


def azimuth_of(one):
  return geometry.to_polar(one.xyz)[0]


def test_four_frames_by_hand():
  reference = events(
    (0, 0, 0, 0, 2, 1),
    (0, 0, 80, 0, 1, 0),
    (1, 0, 0, 0, 2, 1),
    (2, 1, 40, 0, 3, 0),
  )
  predictions = events(
    (0, 0, 95, 0, 2, 0),  # as 85: 5 degrees, relative error 1: a hit
    (1, 0, 150, 20, 2, 0),  # as 30: too far, and not on screen
    (2, 1, 140, 0, 3, 1),  # as 40: a hit, but wrongly on screen
    (3, 2, 0, 0, 1, 1),  # a class that is not there
  )
  scores = score_2025(reference, predictions, num_frames=4)
  # Class 0: 1 hit, 1 too far, 1 miss: 1 / (1 + 1 + 1/2). Classes 1, 2: 1, 0.
  assert pytest.approx((0.4 + 1 + 0) / 3) == scores.F20
  assert scores.seld_score == pytest.approx(1 - 1.4 / 3)
  # Class 0: (5 + 30) / 2 and (1 + 0) / 2; class 1: 0 and 0.
  assert pytest.approx(17.5 / 2) == scores.DOAE
  assert pytest.approx(0.5 / 2) == scores.RDE
  # One of two pairs of class 0 is right about the screen, that of class 1 not.
  assert scores.onscreen_accuracy == pytest.approx((0.5 + 0) / 2)
  assert pytest.approx((0.4 + 0 + 0) / 3) == scores.F20_onscreen
  # Together: 2 hits, 1 too far, 1 miss, 1 false alarm.
  assert pytest.approx(2 / 4) == scores.F20_micro
  assert pytest.approx(35 / 3) == scores.DOAE_micro
  assert pytest.approx(1 / 3) == scores.RDE_micro
  assert scores.onscreen_accuracy_micro == pytest.approx(1 / 3)
  assert pytest.approx(1 / 4) == scores.F20_onscreen_micro


def test_the_azimuths_of_one_frame_are_paired_from_right_to_left():
  # Both ways to pair 0 and 10 with 20 and 30 have a sum of 40 degrees.
  reference = [(0, 0, 0), (0, 0, 10)]
  predictions = [(0, 0, 20), (0, 0, 30)]
  for a in (reference, reference[::-1]):
    for b in (predictions, predictions[::-1]):
      scores = score_2025(events(*a), events(*b), num_classes=1)
      assert pytest.approx(1) == scores.F20


@quick
@given(case=recordings(), seed=st.integers(0, 100))
def test_perfect_predictions_have_perfect_scores(case, seed):
  num_classes, drawn = case
  order = np.random.default_rng(seed).permutation
  for reference, _, num_frames in drawn:
    same = labels.choose_rows(reference, order(len(reference.frame)))
    options = {'num_frames': num_frames, 'num_classes': num_classes}
    scores = score_2025(reference, same, **options)
    found = len(np.unique(reference.class_index)) / num_classes
    assert pytest.approx(found) == scores.F20
    assert pytest.approx(found) == scores.F20_onscreen
    assert scores.seld_score == pytest.approx(1 - found)
    if found:
      assert pytest.approx(0, abs=1e-9) == scores.DOAE
      assert scores.RDE == 0
      assert scores.onscreen_accuracy == 1


@quick
@given(case=recordings(), seed=st.integers(0, 100))
def test_front_and_back_and_elevation_make_no_difference(case, seed):
  num_classes, drawn = case
  rng = np.random.default_rng(seed)

  def mirrored(one):
    azimuth = azimuth_of(one)
    behind = rng.random(len(azimuth)) < 0.5
    azimuth = np.where(behind, 180 - azimuth, azimuth)
    return moved(one, azimuth, rng.uniform(-89, 89, len(azimuth)))

  for reference, predictions, num_frames in drawn:
    options = {'num_frames': num_frames, 'num_classes': num_classes}
    a = score_2025(reference, predictions, **options)
    b = score_2025(mirrored(reference), mirrored(predictions), **options)
    assert dataclasses.astuple(a) == pytest.approx(
      dataclasses.astuple(b), nan_ok=True, abs=1e-9
    )


def test_a_prediction_at_120_degrees_counts_as_one_at_60():
  reference = events((0, 0, 50))
  for azimuth in (60, 120, 480, -240):
    scores = score_2025(reference, events((0, 0, azimuth)), num_classes=1)
    assert pytest.approx(10) == scores.DOAE
    assert pytest.approx(1) == scores.F20
  scores = score_2025(reference, events((0, 0, -120)), num_classes=1)
  assert pytest.approx(110) == scores.DOAE


@quick
@given(case=recordings())
def test_left_and_right_make_no_difference(case):
  num_classes, drawn = case
  for reference, predictions, num_frames in drawn:
    options = {'num_frames': num_frames, 'num_classes': num_classes}
    a = score_2025(reference, predictions, **options)
    b = score_2025(
      *(moved(one, -azimuth_of(one)) for one in (reference, predictions)),
      **options,
    )
    assert dataclasses.astuple(a) == pytest.approx(
      dataclasses.astuple(b), nan_ok=True, abs=1e-9
    )


@quick
@given(case=recordings())
def test_in_front_on_the_horizon_the_scores_are_those_of_2024(case):
  num_classes, drawn = case

  def in_front(one):
    one = moved(one, azimuth_of(one) / 2)
    # Where ways to pair are equally good, 2024 goes by the order of rows.
    return labels.choose_rows(one, np.argsort(azimuth_of(one), kind='stable'))

  for reference, predictions, num_frames in drawn:
    pair = in_front(reference), in_front(predictions)
    options = {'num_frames': num_frames, 'num_classes': num_classes}
    a = score(*pair, '2024', **options)
    b = score_2025(*pair, **options)
    for name in ('F20', 'DOAE', 'RDE', 'F20_micro', 'DOAE_micro', 'RDE_micro'):
      assert getattr(a, name) == pytest.approx(
        getattr(b, name), nan_ok=True, abs=1e-9
      ), name
    assert b.seld_score == pytest.approx(1 - a.F20)


@quick
@given(case=recordings())
def test_the_screen_can_only_lower_f20(case):
  num_classes, drawn = case
  for reference, predictions, num_frames in drawn:
    options = {'num_frames': num_frames, 'num_classes': num_classes}
    scores = score_2025(reference, predictions, **options)
    assert scores.F20_onscreen <= scores.F20 + 1e-12
    assert predictions.onscreen is not None
    flipped = dataclasses.replace(
      predictions, onscreen=~np.asarray(predictions.onscreen)
    )
    other = score_2025(reference, flipped, **options)
    assert other.onscreen_accuracy == pytest.approx(
      1 - scores.onscreen_accuracy, nan_ok=True
    )
    assert other.F20_onscreen == pytest.approx(scores.F20 - scores.F20_onscreen)


@pytest.mark.parametrize('lacking', ['reference', 'predictions'])
def test_without_flags_only_the_scores_of_the_screen_are_nan(lacking):
  reference, predictions = scene(np.random.default_rng(4), 20, 3, 20)
  whole = vars(score_2025(reference, predictions))
  pair = {'reference': reference, 'predictions': predictions}
  pair[lacking] = dataclasses.replace(pair[lacking], onscreen=None)
  scores = vars(score_2025(*pair.values()))
  for name, value in scores.items():
    if name.removesuffix('_micro') in ONSCREEN:
      assert np.isnan(value) and not np.isnan(whole[name])
    else:
      assert value == pytest.approx(whole[name])
  # One such recording leaves the scores of all open; a silent one does not.
  good = metrics.counts(reference, predictions, edition='2025', num_frames=20)
  bad = metrics.counts(*pair.values(), edition='2025', num_frames=20)
  silence = labels.no_events()
  silent = metrics.counts(silence, silence, edition='2025', num_frames=20)
  together = metrics.scores(metrics.merge([good, silent]))
  assert together == metrics.scores(good)
  assert np.isnan(metrics.scores(metrics.merge([good, bad])).F20_onscreen)
  intervals = metrics.jackknife([good, bad, good])
  assert np.isnan(intervals['F20_onscreen']).all()
  assert np.isfinite(intervals['F20']).all()


def test_recordings_last_five_seconds_by_default():
  late = events((49, 0, 0), (50, 0, 0))
  counts = metrics.counts(events((49, 0, 0)), late, edition='2025')
  assert (counts.true_positives.sum(), counts.false_positives.sum()) == (1, 0)
  with pytest.raises(InputError, match='frame 50'):
    metrics.counts(late, late, edition='2025')


def test_distances_are_needed():
  good = events((0, 0, 0))
  bare = dataclasses.replace(good, distance=None)
  with pytest.raises(InputError, match='no distances, but the scores of 2025'):
    metrics.counts(good, bare, edition='2025')


# The published rules, with dictionaries and loops.


def stored(table, last):
  """frame -> class -> rows by track, as the published code stores them."""
  frames = {frame: {} for frame in range(last)}
  for frame, c, track, *place in table:
    if frame >= last:
      continue
    tracks = frames[frame].setdefault(c, {})
    if track in tracks or track >= 10:
      free = [number for number in range(10) if number not in tracks]
      track = free[0] if free else 0
    tracks[track] = place
  return frames


def published(reference, predictions, num_classes):
  """Sums of a recording by the published rules of 2025."""
  names = ['reference', 'true_positives', 'too_far', 'false_positives']
  names += ['false_negatives', 'angles', 'distances', 'onscreen', 'both']
  n = {name: np.zeros(num_classes) for name in names}
  last = max(row[0] for row in reference)
  ref = stored(reference, last)
  sys_ = stored(predictions, max(last, *(row[0] for row in predictions)))
  for frame in range(last):
    for c in range(num_classes):
      a, b = (list(one[frame].get(c, {}).values()) for one in (ref, sys_))
      n['reference'][c] += len(a)
      n['false_negatives'][c] += max(0, len(a) - len(b))
      n['false_positives'][c] += max(0, len(b) - len(a))
      if not (a and b):
        continue
      costs = np.zeros((len(a), len(b)))
      for i, one in enumerate(a):
        for j, other in enumerate(b):
          costs[i, j] = abs(front(one[0]) - front(other[0]))
      for i, j in zip(*optimize.linear_sum_assignment(costs), strict=True):
        relative = abs(a[i][1] - b[j][1]) / (a[i][1] + 2**-52)
        far = costs[i, j] > 20 or relative > 1
        right = a[i][2] == b[j][2]
        n['angles'][c] += costs[i, j]
        n['distances'][c] += relative
        n['too_far' if far else 'true_positives'][c] += 1
        n['onscreen'][c] += right
        n['both'][c] += right and not far
  return n


def front(azimuth):
  azimuth = (azimuth + 180) % 360 - 180
  if -180 <= azimuth < -90:
    return -180 - azimuth
  return 180 - azimuth if azimuth > 90 else azimuth


def crowd(rng, count, num_classes):
  """Rows of frame, class, track, azimuth, distance, onscreen; crowded ones."""
  columns = [
    np.sort(rng.integers(0, 12, count)),
    rng.integers(0, num_classes, count),
    rng.integers(-1, 13, count),
    rng.integers(-180, 180, count),
    rng.integers(50, 500, count),
    rng.integers(0, 2, count),
  ]
  return np.stack(columns, axis=-1).tolist()


@pytest.mark.parametrize('seed', range(4))
def test_counts_as_published_equal_the_published_rules(seed):
  """Frames have up to twenty sources of a class, with any tracks."""
  rng = np.random.default_rng(seed)
  num_classes = 2
  reference, predictions = (crowd(rng, 220, num_classes) for _ in range(2))

  def made(table):
    frame, c, track, azimuth, distance, onscreen = np.array(table).T
    xyz = geometry.to_cartesian(azimuth, 0.0)
    return labels.Events(frame, c, track, xyz, distance / 1.0, onscreen == 1)

  found = metrics.counts(
    made(reference),
    made(predictions),
    edition='2025',
    num_classes=num_classes,
    as_published=True,
  )
  expected = published(reference, predictions, num_classes)
  expected['true_positives_onscreen'] = expected.pop('both')
  assert expected['reference'].sum() < sum(
    row[0] < max(one[0] for one in reference) for row in reference
  ), 'no row is replaced'
  for name, value in expected.items():
    np.testing.assert_allclose(
      getattr(found, name), value, rtol=1e-12, err_msg=name
    )


def test_angles_of_decimals_are_compared_as_published():
  plain = []
  for tenths in range(0, 650, 5):
    a, b = (tenths + 2) / 10, (tenths + 202) / 10
    plain.append(b - a > 20)
    for as_published in (False, True):
      counts = metrics.counts(
        events((0, 0, a), (9, 0, 0)),
        events((0, 0, b)),
        edition='2025',
        as_published=as_published,
      )
      # In the published steps, the rounding errors of both cancel.
      assert abs(front(b) - front(a)) <= 20
      assert counts.true_positives.sum() == 1
  assert any(plain)
