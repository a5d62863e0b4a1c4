"""Scores worked out by hand, and against a second way of counting."""

import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import geometry, labels, metrics
from seld_jax.errors import InputError


def events(*rows):
  """Events from rows of frame, class, azimuth and elevation."""
  table = np.array(rows, np.float64).reshape(-1, 4)
  frame, class_index = table[:, :2].astype(np.int64).T
  xyz = geometry.to_cartesian(table[:, 2], table[:, 3])
  return labels.Events(frame, class_index, np.zeros_like(frame), xyz)


def spell(frames, class_index, azimuth, elevation=0):
  return [(frame, class_index, azimuth, elevation) for frame in frames]


def score(reference, predictions, **options):
  return metrics.scores(metrics.counts(reference, predictions, **options))


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


# ---- by hand ----


def test_two_seconds_by_hand():
  reference = events(*spell(range(10), 0, 30), *spell(range(5, 15), 1, -90))
  predictions = events(
    *spell(range(8), 0, 40),  # second 0: 10 degrees off in 8 common frames
    *spell(range(5, 8), 1, -90),  # second 0: 0 degrees off in 3
    *spell(range(12, 20), 1, -60),  # second 1: 30 degrees off in 3: too far
    *spell(range(10, 20), 2, 0),  # second 1: a class that is not there
  )
  counts = metrics.counts(reference, predictions, num_frames=20)
  # Seconds with a class, in the reference: class 0 in 0, class 1 in 0 and 1;
  # predicted: the same and class 2 in 1. Second 1 has one miss (class 1, too
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
  # Predicted, but nowhere to measure an angle: one miss, no false alarm, and
  # no class located, so LE_CD is 180.
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


def test_errors_of_one_second_are_paired_before_they_are_added():
  reference = events((0, 0, 0, 0), (0, 1, 0, 0), (10, 0, 0, 0))
  predictions = events(
    *spell([0], 2, 0), *spell([10], 0, 0), *spell([10], 3, 0)
  )
  counts = metrics.counts(reference, predictions, num_frames=20)
  # Second 0: 2 misses and 1 false alarm: S = 1, D = 1. Second 1: a hit and a
  # false alarm: I = 1. Over both seconds at once it would be S = 2, D = I = 0.
  found = (counts.substitutions, counts.deletions, counts.insertions)
  assert found == (1, 1, 1)
  assert pytest.approx(3 / 3) == metrics.scores(counts).ER20


def test_several_directions_of_a_class_are_paired_at_the_least_cost():
  reference = events(*spell([0], 6, 0), *spell([0], 6, 50))
  # Nearest first would pair 0 with 20 and 50 with -80; 0 with -80 and 50 with
  # 20 costs 80 + 30 = 110 and the other way 20 + 130 = 150.
  predictions = events(*spell([0], 6, 20), *spell([0], 6, -80))
  assert pytest.approx(110) == score(reference, predictions).LE_CD
  # One of two predicted: the nearer pair, |20 - 0| = 20, and nothing is added
  # for the direction that was missed.
  assert pytest.approx(20) == score(reference, events((0, 6, 20, 0))).LE_CD
  assert pytest.approx(20) == score(events((0, 6, 20, 0)), reference).LE_CD


def test_angles_of_a_frame_add_up_before_the_mean_over_frames():
  reference = events(
    *spell([0, 1], 6, 0), *spell([0], 6, 90), *spell([2], 6, 170)
  )
  predictions = events(*spell([0, 1], 6, 10), *spell([0], 6, 102))
  scores = score(reference, predictions)
  # Frame 0: 10 + 12 = 22, frame 1: 10; the mean 16 is within 20 degrees.
  assert pytest.approx(16) == scores.LE_CD
  assert pytest.approx(1) == scores.F20


@pytest.mark.parametrize('elevation', [-45, 0, 30, 60])
@pytest.mark.parametrize('cartesian', [False, True])
def test_20_degrees_are_within_20_degrees(elevation, cartesian):
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


def test_azimuth_wraps():
  scores = score(events((0, 0, 175, 0)), events((0, 0, -175, 0)))
  assert pytest.approx(10) == scores.LE_CD


def test_last_second_that_is_not_whole():
  reference = events(*spell(range(10), 0, 0), *spell(range(20, 24), 0, 0))
  # Frame 26 lies in the last second, which counts whole; 30 lies after it.
  predictions = events((26, 1, 0, 0), (30, 2, 0, 0), (900, 3, 0, 0))
  counts = metrics.counts(reference, predictions, num_frames=24)
  assert counts.reference.sum() == 2
  np.testing.assert_array_equal(np.flatnonzero(counts.predicted), [1])
  # Second 0: D = 1. Second 2: a miss and a false alarm, S = 1.
  assert (counts.substitutions, counts.deletions) == (1, 1)


def test_nothing_at_all():
  nothing, something = events(), events((0, 1, 0, 0))
  # Silence predicted for a reference: ER 1, F 0, 180 degrees, recall 0.
  silent = dataclasses.astuple(score(something, nothing))
  assert silent == pytest.approx((1, 1, 0, 180, 0, 0))
  # Neither has any: no error, yet nothing found: (0 + 1 + 1 + 1) / 4.
  neither = dataclasses.astuple(score(nothing, nothing))
  assert neither == pytest.approx((0.75, 0, 0, 180, 0, 0))
  # As in the published code, 1 / eps.
  assert 1 / np.finfo(np.float64).eps == score(nothing, something).ER20
  perfect = score(something, something)
  assert dataclasses.astuple(perfect) == pytest.approx((0, 0, 1, 0, 1, 1))


# ---- a second way of counting ----


def least_sum(a, b):
  """Least sum of angles over all ways to pair the shorter with the longer."""
  shorter, longer = sorted((a, b), key=len)
  return min(
    sum(
      np.rad2deg(np.arccos(np.clip(np.dot(u, v), -1, 1)))
      for u, v in zip(shorter, chosen, strict=True)
    )
    for chosen in itertools.permutations(longer, len(shorter))
  )


def brute_force(recordings, num_classes):
  """The definition with dictionaries, over (reference, prediction, frames)."""
  n = dict.fromkeys(['ref', 'sys', 'tp', 'class_tp', 'le', 's', 'd', 'i'], 0)
  for reference, predictions, num_frames in recordings:
    for start in range(0, num_frames, 10):
      here = []
      for source in (reference, predictions):
        found = {}
        for frame, c, xyz in zip(
          source.frame, source.class_index, source.xyz, strict=True
        ):
          if start <= frame < start + 10:
            found.setdefault(c, {}).setdefault(frame, []).append(xyz)
        here.append(found)
      misses = alarms = 0
      for c in range(num_classes):
        ref, sys_ = here[0].get(c), here[1].get(c)
        n['ref'] += ref is not None
        n['sys'] += sys_ is not None
        if ref and sys_:
          angles = [least_sum(ref[f], sys_[f]) for f in ref if f in sys_]
          if not angles:
            misses += 1
            continue
          angle = sum(angles) / len(angles)
          n['class_tp'] += 1
          n['le'] += angle
          if angle <= 20 + 1e-6:
            n['tp'] += 1
          else:
            misses += 1
        elif ref:
          misses += 1
        elif sys_:
          alarms += 1
      n['s'] += min(misses, alarms)
      n['d'] += max(0, misses - alarms)
      n['i'] += max(0, alarms - misses)
  eps = sys.float_info.epsilon

  def f_score(hits):
    p, r = hits / (n['sys'] + eps), hits / (n['ref'] + eps)
    return 2 * p * r / (p + r + eps)

  er = (n['s'] + n['d'] + n['i']) / (n['ref'] + eps)
  le = n['le'] / n['class_tp'] if n['class_tp'] else 180
  f20, lr = f_score(n['tp']), f_score(n['class_tp'])
  return n, metrics.Scores(
    seld_score=np.mean([er, 1 - f20, le / 180, 1 - lr]),
    ER20=er,
    F20=f20,
    LE_CD=le,
    LR_CD=lr,
    LR_CD_recall=n['class_tp'] / (n['ref'] + eps),
  )


def scene(rng, num_frames, num_classes, num_rows):
  """Random reference and a prediction that partly follows it."""

  def rows(count):
    return np.stack(
      [
        rng.integers(0, num_frames, count),
        rng.integers(0, num_classes, count),
        rng.uniform(-180, 180, count),
        rng.uniform(-90, 90, count),
      ],
      axis=-1,
    )

  reference = rows(num_rows)
  followed = reference[rng.random(num_rows) < 0.7]
  followed[:, 2:] += rng.normal(0, 12, (len(followed), 2))
  followed[:, 3] = followed[:, 3].clip(-90, 90)
  predictions = np.concatenate([followed, rows(rng.integers(0, num_rows + 1))])
  late = rng.random(len(predictions)) < 0.1
  predictions[late, 0] += num_frames
  rng.shuffle(predictions)
  return events(*reference), events(*predictions)


@st.composite
def recordings(draw):
  """Up to four recordings of any length, some crowded, some empty."""
  rng = np.random.default_rng(draw(st.integers(0, 2**32)))
  num_classes = draw(st.sampled_from([1, 2, 14]))
  drawn = []
  for _ in range(draw(st.integers(1, 4))):
    num_frames = draw(st.integers(1, 45))
    num_rows = draw(st.sampled_from([0, 1, 10, 40]))
    reference, predictions = scene(rng, num_frames, num_classes, num_rows)
    if draw(st.integers(0, 4)) == 0:
      predictions = events()
    crowd = max(
      np.unique(np.stack([e.frame, e.class_index]), axis=1, return_counts=True)[
        1
      ].max(initial=0)
      for e in (reference, predictions)
    )
    if crowd <= 5:  # permutations grow fast
      drawn.append((reference, predictions, num_frames))
  return num_classes, drawn or [(events(), events(), 10)]


def count_all(num_classes, drawn):
  return [
    metrics.counts(r, p, num_frames=frames, num_classes=num_classes)
    for r, p, frames in drawn
  ]


@settings(deadline=None, max_examples=150)
@given(recordings())
def test_equals_brute_force(case):
  num_classes, drawn = case
  merged = metrics.merge(count_all(num_classes, drawn))
  n, expected = brute_force(drawn, num_classes)
  assert totals(merged) == {
    'reference': n['ref'],
    'predicted': n['sys'],
    'true_positives': n['tp'],
    'located': n['class_tp'],
    'substitutions': n['s'],
    'deletions': n['d'],
    'insertions': n['i'],
  }
  assert merged.angles.sum() == pytest.approx(n['le'], abs=1e-4)
  scores = metrics.scores(merged)
  for name in ('ER20', 'F20', 'LR_CD', 'LR_CD_recall'):
    value, right = getattr(scores, name), getattr(expected, name)
    assert value == pytest.approx(right, rel=1e-12, abs=1e-12)
  assert pytest.approx(expected.LE_CD, abs=1e-4) == scores.LE_CD
  assert scores.seld_score == pytest.approx(expected.seld_score, abs=1e-6)


def test_crowded_frames_are_drawn():
  # The comparison above means little unless its scenes hold what is hard.
  reference, predictions = scene(np.random.default_rng(1), 20, 2, 40)
  for e in (reference, predictions):
    key = e.frame * 2 + e.class_index
    assert np.unique(key, return_counts=True)[1].max() > 1
  assert predictions.frame.max() >= 20


# ---- what must not matter ----


def join(drawn, which, starts):
  """Recordings one after the other, each from a whole second."""
  return labels.Events(
    *(
      np.concatenate(
        [
          getattr(d[which], name) + (name == 'frame') * s
          for d, s in zip(drawn, starts, strict=True)
        ]
      )
      for name in ('frame', 'class_index', 'track', 'xyz')
    )
  )


@settings(deadline=None, max_examples=30)
@given(recordings())
def test_merging_recordings_equals_one_long_recording(case):
  num_classes, drawn = case
  drawn = [  # Nothing after the end, where the next recording would begin.
    (r, dataclasses.replace(p, frame=p.frame % frames), frames)
    for r, p, frames in drawn
  ]
  seconds = [-(-frames // 10) for *_, frames in drawn]
  starts = 10 * np.cumsum([0, *seconds[:-1]])
  whole = metrics.counts(
    join(drawn, 0, starts),
    join(drawn, 1, starts),
    num_frames=10 * sum(seconds),
    num_classes=num_classes,
  )
  merged = metrics.merge(count_all(num_classes, drawn))
  for field in dataclasses.fields(metrics.Counts):
    a, b = getattr(whole, field.name), getattr(merged, field.name)
    if field.name == 'angles':
      np.testing.assert_allclose(a, b, atol=1e-9)
    else:
      np.testing.assert_array_equal(a, b)


@settings(deadline=None, max_examples=30)
@given(recordings(), st.integers(0, 100))
def test_order_of_rows_and_length_of_vectors_do_not_matter(case, seed):
  num_classes, drawn = case
  rng = np.random.default_rng(seed)

  def shuffled(e):
    order = rng.permutation(len(e.frame))
    length = rng.uniform(0.1, 10, (len(order), 1))
    return labels.Events(
      e.frame[order], e.class_index[order], e.track, e.xyz[order] * length
    )

  for reference, predictions, num_frames in drawn:
    options = {'num_frames': num_frames, 'num_classes': num_classes}
    a = score(reference, predictions, **options)
    b = score(shuffled(reference), shuffled(predictions), **options)
    assert dataclasses.astuple(a) == pytest.approx(dataclasses.astuple(b))


@settings(deadline=None, max_examples=30)
@given(recordings())
def test_of_class_equals_scoring_that_class_alone(case):
  num_classes, drawn = case
  reference, predictions, num_frames = drawn[0]

  def only(e, chosen):
    keep = e.class_index == chosen
    return labels.Events(
      e.frame[keep], e.class_index[keep] * 0, e.track[keep], e.xyz[keep]
    )

  counts = metrics.counts(
    reference, predictions, num_frames=num_frames, num_classes=num_classes
  )
  for chosen in range(num_classes):
    alone = score(
      only(reference, chosen),
      only(predictions, chosen),
      num_frames=num_frames,
      num_classes=1,
    )
    of_class = metrics.scores(metrics.of_class(counts, chosen))
    assert dataclasses.astuple(of_class) == pytest.approx(
      dataclasses.astuple(alone)
    )


# ---- intervals ----


def test_jackknife_by_hand():
  # Error rates of three recordings of one second: 0, 0 and 1 of 1.
  hit = metrics.counts(events((0, 0, 0, 0)), events((0, 0, 0, 0)))
  miss = metrics.counts(events((0, 0, 0, 0)), events())
  low, high = metrics.jackknife([hit, hit, miss])['ER20']
  # ER of all: 1/3. Leaving one out: 1/2, 1/2, 0, with mean 1/3: no bias.
  # Variance 2/3 * (1/36 + 1/36 + 1/9) = 1/9, error 1/3; Student's t at 97.5%
  # with 2 degrees of freedom is 4.30265.
  assert low == pytest.approx(1 / 3 - 4.30265 / 3, abs=1e-5)
  assert high == pytest.approx(1 / 3 + 4.30265 / 3, abs=1e-5)


def test_jackknife_equals_scoring_the_others_anew():
  rng = np.random.default_rng(3)
  pairs = [(*scene(rng, 40, 3, 20), 40) for _ in range(7)]
  counts = count_all(3, pairs)
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
  intervals = metrics.jackknife(counts)
  assert list(intervals) == [f.name for f in dataclasses.fields(metrics.Scores)]
  np.testing.assert_allclose(
    list(intervals.values()),
    np.stack([center - reach, center + reach], axis=-1),
    rtol=1e-5,
  )


def test_interval_of_one_recording_is_unknown():
  one = metrics.counts(events((0, 0, 0, 0)), events())
  assert np.isnan(list(metrics.jackknife([one]).values())).all()


def test_interval_narrows_with_more_recordings():
  rng = np.random.default_rng(4)
  counts = count_all(3, [(*scene(rng, 40, 3, 20), 40) for _ in range(160)])
  few = np.diff(metrics.jackknife(counts[:10])['seld_score'])
  many = np.diff(metrics.jackknife(counts)['seld_score'])
  assert 0 < many < few / 2


# ---- mistakes ----


def test_mistakes_are_told():
  good = events((0, 0, 0, 0))
  late, early = events((24, 0, 0, 0)), events((-1, 0, 0, 0))
  foreign = events((0, 14, 0, 0))
  with pytest.raises(InputError, match='reference .* frame 24, .* 0 to 23'):
    metrics.counts(late, good, num_frames=24)
  for bad, message in [(early, 'frame -1'), (foreign, 'class 14, .* 0 to 13')]:
    with pytest.raises(InputError, match=f'prediction .* {message}'):
      metrics.counts(good, bad)
    with pytest.raises(InputError, match=f'reference .* {message}'):
      metrics.counts(bad, good)
  nan = dataclasses.replace(good, xyz=good.xyz * np.nan)
  with pytest.raises(InputError, match='prediction .* NaN'):
    metrics.counts(good, nan)
  with pytest.raises(InputError, match="'1999'.* 2020"):
    metrics.counts(good, good, edition='1999')
  with pytest.raises(InputError, match='at least one frame'):
    metrics.counts(good, good, num_frames=0)
  with pytest.raises(InputError, match='no recording'):
    metrics.merge([])
  with pytest.raises(InputError, match='number of classes, got 3 and 14'):
    metrics.merge(
      [
        metrics.counts(good, good),
        metrics.counts(good, good, num_classes=3),
      ]
    )


def test_imports_neither_jax_nor_flax():
  program = (
    'import sys\n'
    'from seld_jax import geometry, labels, metrics\n'
    'assert not {"jax", "jaxlib", "flax"} & set(sys.modules), sys.modules\n'
  )
  subprocess.run([sys.executable, '-c', program], check=True)
