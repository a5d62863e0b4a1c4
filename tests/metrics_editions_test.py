"""Scores of all editions: by hand, and against dictionaries over frames."""

import dataclasses
import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels, metrics
from seld_jax.errors import InputError

EPS = sys.float_info.epsilon
LATE = ('2021', '2022', '2023')
EDITIONS = ('2019', *LATE, '2024')


def events(*rows):
  """Events from rows of frame, class, azimuth, elevation and distance."""
  table = np.array([(*row, 0, 1)[:5] for row in rows], np.float64)
  table = table.reshape(-1, 5)
  frame, class_index = table[:, :2].astype(np.int64).T
  xyz = geometry.to_cartesian(table[:, 2], table[:, 3])
  return labels.Events(frame, class_index, frame * 0, xyz, table[:, 4])


def spell(frames, class_index, *place):
  return [(frame, class_index, *place) for frame in frames]


def score(reference, predictions, edition, **options):
  options = {'num_frames': 20, 'num_classes': 3, **options}
  return metrics.scores(
    metrics.counts(reference, predictions, edition=edition, **options)
  )


# ---- by hand ----


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


# ---- a second way of counting ----


def pairs(a, b):
  """Pairs of indices with the least sum of angles, and the angles."""
  swap = len(a) > len(b)
  short, long = (b, a) if swap else (a, b)
  angle = [
    [np.rad2deg(np.arccos(np.clip(np.dot(u, v), -1, 1))) for v in long]
    for u in short
  ]
  best = min(
    itertools.permutations(range(len(long)), len(short)),
    key=lambda p: sum(angle[i][j] for i, j in enumerate(p)),
  )
  found = [(i, j, angle[i][j]) for i, j in enumerate(best)]
  return [(j, i, d) for i, j, d in found] if swap else found


def by_frame(source, end):
  """{frame: {class: [(direction, distance), ...]}}"""
  found = {}
  for f, c, u, d in zip(
    source.frame, source.class_index, source.xyz, source.distance, strict=True
  ):
    if f < end:
      found.setdefault(int(f), {}).setdefault(int(c), []).append((u, d))
  return found


def f_measure(tp, n_sys, n_ref):
  p, r = tp / (n_sys + EPS), tp / (n_ref + EPS)
  return 2 * p * r / (p + r + EPS)


def brute_2019(drawn, num_classes):
  n = dict.fromkeys(
    ['ref', 'sys', 'tp', 'err', 'doa', 'angle', 'good', 'all'], 0
  )
  for reference, predictions, num_frames in drawn:
    ref, sys_ = (
      by_frame(reference, num_frames),
      by_frame(predictions, num_frames),
    )
    for start in range(0, num_frames, 10):
      a, b = (
        {c for f in range(start, start + 10) for c in source.get(f, ())}
        for source in (ref, sys_)
      )
      n['ref'] += len(a)
      n['sys'] += len(b)
      n['tp'] += len(a & b)
      fn, fp = len(a - b), len(b - a)
      n['err'] += min(fn, fp) + max(0, fn - fp) + max(0, fp - fn)
    for f in range(num_frames):
      a, b = (
        [u for rows in source.get(f, {}).values() for u, _ in rows]
        for source in (ref, sys_)
      )
      n['good'] += len(a) == len(b)
      n['all'] += 1
      n['doa'] += len(b)
      if a and b:
        n['angle'] += sum(d for *_, d in pairs(a, b))
  er, f = n['err'] / (n['ref'] + EPS), f_measure(n['tp'], n['sys'], n['ref'])
  doa = n['angle'] / n['doa'] if n['doa'] else 180
  fr = n['good'] / n['all']
  return (np.mean([er, 1 - f, doa / 180, 1 - fr]), er, f, doa, fr)


def brute_segments(drawn, num_classes):
  names = ['ref', 'tp', 'far', 'fp', 'fn', 'loc', 'le']
  n = [dict.fromkeys(names, 0) for _ in range(num_classes)]
  errors = 0
  for reference, predictions, num_frames in drawn:
    end = -(-num_frames // 10) * 10
    ref, sys_ = by_frame(reference, end), by_frame(predictions, end)
    for start in range(0, end, 10):
      fn = fp = 0
      frames = range(start, start + 10)
      for c, k in enumerate(n):
        most = [
          max(len(source.get(f, {}).get(c, ())) for f in frames)
          for source in (ref, sys_)
        ]
        k['ref'] += most[0]
        angles = {}
        for f in frames:
          a, b = (source.get(f, {}).get(c, []) for source in (ref, sys_))
          if a and b:
            for i, _, d in pairs([u for u, _ in a], [u for u, _ in b]):
              angles.setdefault(i, []).append(d)
        if all(most) and not angles:
          k['fn'] += most[1]
          fn += most[1]
          continue
        for track in angles.values():
          mean = sum(track) / len(track)
          k['le'] += mean
          k['loc'] += 1
          near = mean <= 20 + 1e-6
          k['tp' if near else 'far'] += 1
          fp += not near
        k['fn'] += max(0, most[0] - most[1])
        k['fp'] += max(0, most[1] - most[0])
        fn += max(0, most[0] - most[1])
        fp += max(0, most[1] - most[0])
      errors += min(fn, fp) + max(0, fn - fp) + max(0, fp - fn)
  er = errors / (sum(k['ref'] for k in n) + EPS)

  def rates(k, weight):
    half = 0.5 * (k['fp'] + k['fn'])
    return (
      k['tp'] / (EPS + k['tp'] + weight * k['far'] + half),
      k['le'] / k['loc'] if k['loc'] else 180,
      k['loc'] / (EPS + k['loc'] + k['fn']),
    )

  def whole(f, le, lr):
    return np.mean([er, 1 - f, le / 180, 1 - lr])

  total = {name: sum(k[name] for k in n) for name in names}
  early, late = rates(total, 0.5), rates(total, 1)
  macro = np.mean([rates(k, 1) for k in n], axis=0)
  return {
    '2021': (whole(*early), er, *early),
    '2022': (whole(*macro), er, *macro, whole(*late), *late),
  }


def brute_2024(drawn, num_classes):
  names = ['tp', 'far', 'fp', 'fn', 'angle', 'rde']
  n = [dict.fromkeys(names, 0) for _ in range(num_classes)]
  for reference, predictions, num_frames in drawn:
    ref, sys_ = (
      by_frame(reference, num_frames),
      by_frame(predictions, num_frames),
    )
    for f in range(num_frames):
      for c, k in enumerate(n):
        a, b = (source.get(f, {}).get(c, []) for source in (ref, sys_))
        k['fn'] += max(0, len(a) - len(b))
        k['fp'] += max(0, len(b) - len(a))
        if a and b:
          for i, j, d in pairs([u for u, _ in a], [u for u, _ in b]):
            relative = abs(a[i][1] - b[j][1]) / (a[i][1] + EPS)
            k['angle'] += d
            k['rde'] += relative
            near = d <= 20 + 1e-6 and relative <= 1 + 1e-9
            k['tp' if near else 'far'] += 1

  def rates(k):
    found = k['tp'] + k['far']
    f = k['tp'] / (EPS + found + 0.5 * (k['fp'] + k['fn']))
    angle = k['angle'] / found if found else np.nan
    rde = k['rde'] / found if found else np.nan
    seld = np.mean([1 - f, angle / 180, rde]) if found else 1 - f
    return seld, f, angle, rde

  each = np.array([rates(k) for k in n])
  macro = [each[:, 0].mean(), each[:, 1].mean(), np.nan, np.nan]
  if np.isfinite(each[:, 2]).any():
    macro[2:] = np.nanmean(each[:, 2:], axis=0)
  return (*macro, *rates({name: sum(k[name] for k in n) for name in names}))


def scene(rng, num_frames, num_classes, num_rows):
  """Random reference and a prediction that partly follows it."""

  def rows(count):
    return np.stack(
      [
        rng.integers(0, num_frames, count),
        rng.integers(0, num_classes, count),
        rng.uniform(-180, 180, count),
        rng.uniform(-90, 90, count),
        rng.uniform(0.5, 5, count),
      ],
      axis=-1,
    )

  reference = rows(num_rows)
  followed = reference[rng.random(num_rows) < 0.7]
  followed[:, 2:4] += rng.normal(0, 12, (len(followed), 2))
  followed[:, 3] = followed[:, 3].clip(-90, 90)
  followed[:, 4] *= rng.uniform(0.2, 2.5, len(followed))
  predictions = np.concatenate([followed, rows(rng.integers(0, num_rows + 1))])
  late = rng.random(len(predictions)) < 0.1
  predictions[late, 0] += num_frames
  rng.shuffle(predictions)
  return events(*reference), events(*predictions)


def crowd(e, key):
  return np.unique(key(e), axis=-1, return_counts=True)[1].max(initial=0)


@st.composite
def recordings(draw):
  """Up to three recordings of any length, some crowded, some empty."""
  rng = np.random.default_rng(draw(st.integers(0, 2**32)))
  num_classes = draw(st.sampled_from([1, 2, 5]))
  drawn = []
  for _ in range(draw(st.integers(1, 3))):
    num_frames = draw(st.integers(1, 35))
    num_rows = draw(st.sampled_from([0, 1, 8, 30]))
    pair = scene(rng, num_frames, num_classes, num_rows)
    if draw(st.integers(0, 4)) == 0:
      pair = (pair[0], events())
    if max(crowd(e, lambda e: e.frame) for e in pair) <= 5:
      drawn.append((*pair, num_frames))
  return num_classes, drawn or [(events(), events(), 10)]


def count_all(num_classes, drawn, edition):
  return [
    metrics.counts(
      r, p, edition=edition, num_frames=frames, num_classes=num_classes
    )
    for r, p, frames in drawn
  ]


def assert_scores(actual, expected):
  names = [field.name for field in dataclasses.fields(actual)]
  for name, right in zip(names, expected, strict=True):
    # arccos in the second way is good to 1e-6 degrees or so.
    angle = name.split('_')[0] in ('LE', 'DOAE', 'DOA')
    value = getattr(actual, name)
    assert value == pytest.approx(
      right, rel=1e-12, abs=1e-4 if angle else 2e-6, nan_ok=True
    ), name


@settings(deadline=None, max_examples=100)
@given(recordings())
def test_equals_brute_force(case):
  num_classes, drawn = case
  segments = brute_segments(drawn, num_classes)
  expected = {
    '2019': brute_2019(drawn, num_classes),
    '2021': segments['2021'],
    '2022': segments['2022'],
    '2023': segments['2022'],
    '2024': brute_2024(drawn, num_classes),
  }
  for edition, values in expected.items():
    merged = metrics.merge(count_all(num_classes, drawn, edition))
    assert_scores(metrics.scores(merged), values)


@pytest.mark.parametrize('edition', EDITIONS)
@settings(deadline=None, max_examples=40)
@given(case=recordings())
def test_recordings_count_together_as_each_by_itself(edition, case):
  num_classes, drawn = case
  together = metrics.counts_each(
    [pair for *pair, _ in drawn],
    edition=edition,
    num_frames=[frames for *_, frames in drawn],
    num_classes=num_classes,
  )
  alone = count_all(num_classes, drawn, edition)
  for one, other in zip(together, alone, strict=True):
    assert type(one) is type(other)
    for name, value in vars(other).items():
      if isinstance(value, str):
        assert getattr(one, name) == value
      else:
        np.testing.assert_allclose(getattr(one, name), value, rtol=1e-12)


def test_the_recording_that_cannot_be_counted_is_named():
  good, bad = events((0, 0, 0, 0, 1)), events((30, 0, 0, 0, 1))
  with pytest.raises(InputError, match=r'^b: The reference .* frame 30'):
    metrics.counts_each([(good, good), (bad, good)], names='ab', num_frames=20)


def test_what_is_hard_is_drawn():
  reference, predictions = scene(np.random.default_rng(1), 20, 2, 30)
  for e in (reference, predictions):
    key = e.frame * 2 + e.class_index
    assert np.unique(key, return_counts=True)[1].max() > 1
  assert predictions.frame.max() >= 20


@pytest.mark.parametrize('edition', EDITIONS)
@settings(deadline=None, max_examples=25)
@given(case=recordings())
def test_of_class_equals_scoring_that_class_alone(edition, case):
  num_classes, drawn = case
  reference, predictions, num_frames = drawn[0]

  def only(e, chosen):
    keep = e.class_index == chosen
    return labels.Events(
      e.frame[keep],
      e.class_index[keep] * 0,
      e.track[keep],
      e.xyz[keep],
      e.distance[keep],
    )

  [counts] = count_all(num_classes, drawn[:1], edition)
  for chosen in range(num_classes):
    pair = only(reference, chosen), only(predictions, chosen)
    alone = score(*pair, edition, num_frames=num_frames, num_classes=1)
    of_class = metrics.scores(metrics.of_class(counts, chosen))
    assert dataclasses.astuple(of_class) == pytest.approx(
      dataclasses.astuple(alone), nan_ok=True
    )


@pytest.mark.parametrize('edition', EDITIONS)
def test_merging_recordings_equals_one_long_recording(edition):
  rng = np.random.default_rng(2)
  drawn = []
  for _ in range(3):
    reference, predictions = scene(rng, 40, 3, 30)
    kept = predictions.frame < 40  # what lies beyond would move into the next
    fields = dataclasses.fields(predictions)
    predictions = labels.Events(
      *(getattr(predictions, field.name)[kept] for field in fields)
    )
    drawn.append((reference, predictions, 40))
  merged = metrics.merge(count_all(3, drawn, edition))
  joined = []
  for which in 0, 1:
    parts = [
      dataclasses.replace(pair[which], frame=pair[which].frame + 40 * i)
      for i, pair in enumerate(drawn)
    ]
    joined.append(
      labels.Events(
        *(
          np.concatenate([getattr(part, field.name) for part in parts])
          for field in dataclasses.fields(labels.Events)
        )
      )
    )
  whole = metrics.counts(
    *joined, edition=edition, num_frames=120, num_classes=3
  )
  for field in dataclasses.fields(whole):
    a, b = getattr(whole, field.name), getattr(merged, field.name)
    if field.name == 'edition':
      assert a == b
    else:
      np.testing.assert_allclose(a, b, atol=1e-9)


@pytest.mark.parametrize('edition', EDITIONS)
def test_jackknife_equals_scoring_the_others_anew(edition):
  rng = np.random.default_rng(3)
  drawn = [(*scene(rng, 40, 3, 20), 40) for _ in range(7)]
  counts = count_all(3, drawn, edition)
  value = np.array(dataclasses.astuple(metrics.scores(metrics.merge(counts))))
  others = np.array(
    [
      dataclasses.astuple(
        metrics.scores(metrics.merge(counts[:i] + counts[i + 1 :]))
      )
      for i in range(7)
    ]
  )
  center = 7 * value - 6 * others.mean(axis=0)
  reach = 2.446912 * np.sqrt(6 / 7 * ((others - others.mean(0)) ** 2).sum(0))
  np.testing.assert_allclose(
    list(metrics.jackknife(counts).values()),
    np.stack([center - reach, center + reach], axis=-1),
    rtol=1e-5,
    atol=1e-12,
  )


@pytest.mark.parametrize('edition', ('2019', '2020', *LATE))
def test_dense_outputs_score_as_their_files(tmp_path, edition):
  rng = np.random.default_rng(5)
  shape = (47, 4)  # not whole seconds
  target = rng.random(shape) < 0.4
  doa = rng.normal(size=(*shape, 3))
  output = np.where(target, 0.9, 0.1) * rng.uniform(0, 1, shape)
  off = doa + 0.3 * rng.normal(size=doa.shape)
  dense = [labels.from_dense(target, doa), labels.from_dense(output, off)]
  for index, e in enumerate(dense):
    labels.write_csv(tmp_path / f'{index}.csv', e)
  read = [labels.read_csv(tmp_path / f'{index}.csv') for index in (0, 1)]
  options = {'edition': edition, 'num_frames': 47, 'num_classes': 4}
  values = [
    dataclasses.astuple(score(*pair, **options)) for pair in (dense, read)
  ]
  assert values[0] == pytest.approx(values[1], abs=1e-6)
  if edition != '2020':
    return
  # The definition on the arrays themselves.
  hits = found = predicted = reference = 0
  for start in range(0, 47, 10):
    part = slice(start, start + 10)
    for c in range(4):
      a, b = target[part, c], output[part, c] > 0.5
      reference += a.any()
      predicted += b.any()
      if (a & b).any():
        u, v = doa[part, c][a & b], off[part, c][a & b]
        cosine = np.sum(u * v, -1) / np.linalg.norm(u, axis=-1)
        cosine /= np.linalg.norm(v, axis=-1)
        found += 1
        hits += np.rad2deg(np.arccos(cosine)).mean() <= 20
  assert 0 < hits < found < reference
  scores = score(*dense, **options)
  assert pytest.approx(2 * hits / (predicted + reference)) == scores.F20
  assert pytest.approx(2 * found / (predicted + reference)) == scores.LR_CD


def test_counts_of_two_editions_do_not_mix():
  good = events((0, 0, 0))
  both = [
    metrics.counts(good, good, edition=edition, num_frames=10)
    for edition in ('2022', '2023')
  ]
  with pytest.raises(InputError, match='same edition, got 2022 and 2023'):
    metrics.merge(both)
