"""Scores of 2019 and of 2021 to 2024 equal their definitions, counted with
dictionaries over frames."""

import dataclasses
import itertools
import sys

import numpy as np
import pytest
from helpers.scored_editions import count_all, recordings, scene
from hypothesis import given, settings

from seld_jax import metrics

EPS = sys.float_info.epsilon


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


def test_what_is_hard_is_drawn():
  reference, predictions = scene(np.random.default_rng(1), 20, 2, 30)
  for e in (reference, predictions):
    key = e.frame * 2 + e.class_index
    assert np.unique(key, return_counts=True)[1].max() > 1
  assert predictions.frame.max() >= 20
