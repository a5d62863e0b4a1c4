"""Scores of 2020 equal their definition, counted with dictionaries."""

import itertools
import sys

import numpy as np
import pytest
from helpers.scored_2020 import count_all, recordings, scene, totals
from hypothesis import given, settings

from seld_jax import metrics


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
