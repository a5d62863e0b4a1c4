"""The classes `SELDMetrics` return what those of the published code return."""

import math
from typing import Any

import numpy as np
import pytest
from helpers import published_results as published

from seld_jax import metrics
from seld_jax.errors import InputError

CLASSES = 3
SEGMENTS = {
  '2020': metrics.SELDMetrics2020,
  '2021': metrics.SELDMetrics2021,
  '2022': metrics.SELDMetrics2022,
  '2023': metrics.SELDMetrics2023,
  '2024': metrics.SELDMetricsSegmentLevel,
}


def scenes(seed, count=2):
  rng = np.random.default_rng(seed)
  return [published.scene(rng, CLASSES) for _ in range(count)]


def assert_equal(found, expected):
  assert len(found) == len(expected)
  for one, other in zip(found, expected, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    assert np.shape(one) == np.shape(other)


def update(edition, found, pair, *, polar):
  """Counts a recording, as the published results class does."""
  reference, predictions = pair
  early = edition in ('2020', '2021')
  end = 600 if early else max(row[0] for row in reference)
  gt, pred = (
    published.segment_dictionary(
      edition, rows, math.ceil(end / 10), polar=polar
    )
    for rows in (reference, predictions)
  )
  if edition == '2020' and not polar:
    found.update_seld_scores_xyz(pred, gt)
  else:
    found.update_seld_scores(pred, gt)


# The rows of segments of 2024 are always vectors.
@pytest.mark.parametrize(
  'edition,polar',
  [
    *((edition, True) for edition in SEGMENTS if edition != '2024'),
    *((edition, False) for edition in SEGMENTS),
  ],
)
@pytest.mark.parametrize('average', ['macro', 'micro'])
def test_segments(edition, polar, average):
  options = {'nb_classes': CLASSES}
  if edition > '2021':
    options['average'] = average
  found = SEGMENTS[edition](**options)
  pairs = scenes(0)
  for pair in pairs:
    update(edition, found, pair, polar=polar)
  expected: Any = published.returned(
    edition, pairs, CLASSES, average, polar=polar, by_segment=True
  )
  if edition < '2022':
    rate, f_score, angle, recall, seld_score = map(float, expected)
    assert metrics.early_stopping_metric(
      [rate, f_score], [angle, recall]
    ) == pytest.approx(seld_score)
    expected = expected[:4]
  assert_equal(found.compute_seld_scores(), expected)


@pytest.mark.parametrize('average', ['macro', 'micro'])
@pytest.mark.parametrize('limit', [math.inf, 100])
@pytest.mark.parametrize('eval_dist', [True, False])
def test_frames_of_2024(average, limit, eval_dist):
  found = metrics.SELDMetrics2024(
    nb_classes=CLASSES,
    dist_threshold=limit,
    reldist_threshold=1,
    average=average,
    eval_dist=eval_dist,
  )
  pairs = scenes(1)
  for reference, predictions in pairs:
    end = max(row[0] for row in reference)
    gt, pred = (
      published.frame_dictionary('2024', rows, end, with_distance=eval_dist)
      for rows in (reference, predictions)
    )
    found.update_seld_scores(pred, gt, eval_dist=eval_dist)
  expected = published.returned(
    '2024', pairs, CLASSES, average, eval_dist=eval_dist, distance=limit
  )
  assert_equal(found.compute_seld_scores(), expected)


@pytest.mark.parametrize('average', ['macro', 'micro'])
@pytest.mark.parametrize('onscreen', [True, False])
def test_frames_of_2025(average, onscreen):
  found = metrics.SELDMetrics2025(
    nb_classes=CLASSES,
    dist_threshold=100,
    reldist_threshold=1,
    req_onscreen=onscreen,
    average=average,
  )
  pairs = scenes(2)
  for reference, predictions in pairs:
    end = max(row[0] for row in reference)
    gt, pred = (
      published.frame_dictionary('2025', rows, end)
      for rows in (reference, predictions)
    )
    found.update_seld_scores(pred, gt)
  expected = published.returned(
    '2025', pairs, CLASSES, average, onscreen=onscreen, distance=100
  )
  assert_equal(found.compute_seld_scores(), expected)


def test_azimuths_of_a_network_are_not_rounded():
  """Sums of azimuths often tie, and rounding errors decide about the pairs."""
  rng = np.random.default_rng(0)
  pair = tuple(
    [
      # Frame, class, track, azimuth, elevation, distance, on screen.
      (frame, 0, track, rng.uniform(-90, 90), 0, rng.integers(50, 500), 1)
      for frame in range(200)
      for track in range(3)
    ]
    for _ in range(2)
  )
  found = metrics.SELDMetrics2025(nb_classes=1, reldist_threshold=1)
  gt, pred = (published.frame_dictionary('2025', rows, 199) for rows in pair)
  found.update_seld_scores(pred, gt)
  expected = published.returned('2025', [pair], 1, onscreen=True)
  assert_equal(found.compute_seld_scores(), expected)


def test_the_zero_vector_is_no_right_direction():
  gt = {0: {0: {0: [1, 0, 0, 2.0]}}, 1: {}}
  for vector, is_right in ([1, 0, 0], True), ([0, 0, 0], False):
    found = metrics.SELDMetrics2024(nb_classes=1)
    found.update_seld_scores({0: {0: {0: [*vector, 2.0]}}}, gt)
    _, f_score, angle, *_ = found.compute_seld_scores()
    assert f_score == pytest.approx(float(is_right))
    assert angle == pytest.approx(90 * (not is_right), abs=1e-3)


def test_before_any_recording_nothing_was_found():
  er, f, le, lr = metrics.SELDMetrics2021().compute_seld_scores()
  assert (er, f, le, lr) == (0, 0, 180, 0)
  *scores, table = metrics.SELDMetrics2024(nb_classes=2).compute_seld_scores()
  assert table.shape == (7, 2)
  np.testing.assert_equal(scores, [0, 0, np.nan, np.nan, np.nan, 0, 1])


def test_other_classes_and_later_frames_do_not_count():
  gt = {0: {0: {0: [1, 0, 0, 1]}}}
  more = {0: {**gt[0], 7: gt[0][0]}, 5: gt[0]}
  found = metrics.SELDMetrics2024(nb_classes=1)
  found.update_seld_scores(more, gt, eval_dist=True)
  assert found.compute_seld_scores()[1] == pytest.approx(1)


@pytest.mark.parametrize(
  'found,pred,message',
  [
    (metrics.SELDMetrics2024(), {0: {0: {0: [1, 0, 0]}}}, 'no distances'),
    (metrics.SELDMetrics2024(), {0: {0: {0: [1, 0]}}}, '2 columns'),
    (metrics.SELDMetrics2025(), {0: {0: {0: [1, 0]}}}, '2 columns'),
    (
      metrics.SELDMetrics2025(),
      {0: {0: {0: [1, 0], 1: [1, 0, 0]}}},
      'same number of columns',
    ),
    (metrics.SELDMetrics2022(), {0: {0: [[[0], [[[0, 1]]]]]}}, '2 columns'),
  ],
)
def test_rows_of_another_edition_are_refused(found, pred, message):
  options = {}
  if isinstance(found, metrics.SELDMetrics2024):
    options['eval_dist'] = True
  with pytest.raises(InputError, match=message):
    found.update_seld_scores(pred, pred, **options)


def test_references_without_some_frames_are_refused():
  """Their number is the length; later ones would be left out silently."""
  row = {1: {0: {0: [1, 0, 0, 2.0]}}}
  for found, gt, message in (
    (metrics.SELDMetrics2024(), row, '1 frames, but none with the number 0'),
    (metrics.SELDMetrics2025(), {0: {}, 2: {}}, 'none with the number 1'),
    (metrics.SELDMetrics2022(), {5: {}}, '1 segments, but none'),
  ):
    with pytest.raises(InputError, match=message):
      found.update_seld_scores({}, gt)


def test_wrong_arguments_are_refused():
  with pytest.raises(InputError, match='average'):
    metrics.SELDMetrics2022(average='mean')
  with pytest.raises(InputError, match='number of classes'):
    metrics.SELDMetrics2020(nb_classes=0)
  with pytest.raises(InputError, match='no scores of distances'):
    metrics.SELDMetricsSegmentLevel().update_seld_scores({}, {}, True)
