"""Scores of all editions equal their definitions.

The definitions are written down a second time, with dictionaries over frames
and by trying all permutations of directions.
"""

import dataclasses
import itertools
import sys

import numpy as np
import pytest
from helpers.scored_events import count_all, most_at_once, recordings, scene
from hypothesis import given, settings

from seld_jax import metrics

EPS = sys.float_info.epsilon


def pairs(a, b):
  """Index pairs with the smallest sum of angles, and the angle of each pair."""
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


def defined_2019(drawn, num_classes):
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


def defined_2020(drawn, num_classes):
  names = ['ref', 'sys', 'tp', 'class_tp', 'le', 's', 'd', 'i']
  n: dict[str, float] = dict.fromkeys(names, 0)
  for reference, predictions, num_frames in drawn:
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
          angles = [
            sum(d for *_, d in pairs(ref[f], sys_[f])) for f in ref if f in sys_
          ]
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
  er = (n['s'] + n['d'] + n['i']) / (n['ref'] + EPS)
  le = n['le'] / n['class_tp'] if n['class_tp'] else 180
  f20, lr = (
    f_measure(n[hits], n['sys'], n['ref']) for hits in ('tp', 'class_tp')
  )
  recall = n['class_tp'] / (n['ref'] + EPS)
  return n, (np.mean([er, 1 - f20, le / 180, 1 - lr]), er, f20, le, lr, recall)


def defined_tracks(drawn, num_classes):
  names = ['ref', 'tp', 'far', 'fp', 'fn', 'loc', 'le']
  n: list[dict[str, float]] = [
    dict.fromkeys(names, 0) for _ in range(num_classes)
  ]
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


def defined_2024(drawn, num_classes):
  names = ['tp', 'far', 'fp', 'fn', 'angle', 'rde']
  n: list[dict[str, float]] = [
    dict.fromkeys(names, 0) for _ in range(num_classes)
  ]
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


def front(azimuth):
  """An azimuth in degrees, mirrored to the front."""
  azimuth = (azimuth + 180) % 360 - 180
  if azimuth > 90:
    return 180 - azimuth
  return -180 - azimuth if azimuth < -90 else azimuth


def defined_2025(drawn, num_classes):
  names = ['tp', 'far', 'fp', 'fn', 'angle', 'rde', 'agree', 'tp_agree']
  n: list[dict[str, float]] = [
    dict.fromkeys(names, 0) for _ in range(num_classes)
  ]
  for reference, predictions, num_frames in drawn:
    both = []
    for source in (reference, predictions):
      found = {}
      for f, c, (x, y, _), d, flag in zip(
        source.frame,
        source.class_index,
        source.xyz,
        source.distance,
        source.onscreen,
        strict=True,
      ):
        if f < num_frames:
          azimuth = front(np.degrees(np.arctan2(y, x)))
          found.setdefault((f, c), []).append((azimuth, d, flag))
      both.append(found)
    ref, sys_ = both
    for key in {*ref, *sys_}:
      k = n[key[1]]
      a, b = ref.get(key, []), sys_.get(key, [])
      k['fn'] += max(0, len(a) - len(b))
      k['fp'] += max(0, len(b) - len(a))
      if not (a and b):
        continue
      # Sums are often equal, because azimuths are on a line: the source on the
      # right gets the partner on the right, or none as the last choice.
      a, b = sorted(a), sorted(b)
      nobody = [len(b)] * max(0, len(a) - len(b))
      best = min(
        set(itertools.permutations([*range(len(b)), *nobody], len(a))),
        key=lambda way: (
          round(
            sum(
              abs(a[i][0] - b[j][0]) for i, j in enumerate(way) if j < len(b)
            ),
            6,
          ),
          way,
        ),
      )
      for i, j in enumerate(best):
        if j == len(b):
          continue
        angle = abs(a[i][0] - b[j][0])
        relative = abs(a[i][1] - b[j][1]) / (a[i][1] + EPS)
        near = angle <= 20 + 1e-6 and relative <= 1 + 1e-9
        agree = a[i][2] == b[j][2]
        k['angle'] += angle
        k['rde'] += relative
        k['tp' if near else 'far'] += 1
        k['agree'] += agree
        k['tp_agree'] += near and agree

  def rates(k):
    found = k['tp'] + k['far']
    whole = EPS + found + 0.5 * (k['fp'] + k['fn'])
    f = k['tp'] / whole
    means = [
      k[name] / found if found else np.nan for name in ('angle', 'rde', 'agree')
    ]
    return 1 - f, f, *means, k['tp_agree'] / whole

  each = np.array([rates(k) for k in n])
  macro = each.mean(axis=0)
  if np.isfinite(each[:, 2]).any():
    macro = np.nanmean(each, axis=0)
  return (*macro, *rates({name: sum(k[name] for k in n) for name in names}))


def assert_scores(actual, expected):
  names = [field.name for field in dataclasses.fields(actual)]
  for name, right in zip(names, expected, strict=True):
    # arccos, which the definitions use, is exact to about 1e-6 degrees only.
    if name.split('_')[0] in ('LE', 'DOAE', 'DOA'):
      tolerance = 1e-4
    elif name.startswith('seld_score'):
      tolerance = 2e-6
    else:
      tolerance = 1e-12
    assert getattr(actual, name) == pytest.approx(
      right, rel=1e-12, abs=tolerance, nan_ok=True
    ), name


@settings(deadline=None, max_examples=60)
@given(recordings())
def test_scores_equal_their_definitions(case):
  num_classes, drawn = case
  tracks = defined_tracks(drawn, num_classes)
  expected = {
    '2019': defined_2019(drawn, num_classes),
    '2020': defined_2020(drawn, num_classes)[1],
    '2021': tracks['2021'],
    '2022': tracks['2022'],
    '2023': tracks['2022'],
    '2024': defined_2024(drawn, num_classes),
    '2025': defined_2025(drawn, num_classes),
  }
  for edition, values in expected.items():
    merged = metrics.merge(count_all(num_classes, drawn, edition))
    assert_scores(metrics.scores(merged), values)


@settings(deadline=None, max_examples=60)
@given(recordings())
def test_counts_of_2020_equal_their_definition(case):
  num_classes, drawn = case
  merged = metrics.merge(count_all(num_classes, drawn, '2020'))
  n, _ = defined_2020(drawn, num_classes)
  assert merged.reference.sum() == n['ref']
  assert merged.predicted.sum() == n['sys']
  assert merged.true_positives.sum() == n['tp']
  assert merged.located.sum() == n['class_tp']
  errors = (merged.substitutions, merged.deletions, merged.insertions)
  assert errors == (n['s'], n['d'], n['i'])
  assert merged.angles.sum() == pytest.approx(n['le'], abs=1e-4)


def test_drawn_scenes_are_difficult():
  """Some frames have a class several times, and some events lie too late."""
  reference, predictions = scene(np.random.default_rng(1), 20, 2, 30)
  for one in (reference, predictions):
    key = one.frame * 2 + one.class_index
    assert np.unique(key, return_counts=True)[1].max() > 1
    assert most_at_once(one) > 2
  assert predictions.frame.max() >= 20
