"""The thresholds found are the best of those that are tried."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import evaluate, labels, outputs
from seld_jax.evaluate.thresholds import CANDIDATES

NAMES = ('alarm', 'crash', 'piano')
FRAMES = 100


def make(seed, *, noise=0.25):
  """A format, outputs that follow a reference with noise, and the reference."""
  rng = np.random.default_rng(seed)
  active = np.repeat(rng.random((FRAMES // 10, len(NAMES))) < 0.4, 10, axis=0)
  doa = np.tile([1.0, 0.0, 0.0], (FRAMES, len(NAMES), 1))
  level = rng.uniform(0.3, 0.8, len(NAMES))
  sed = np.clip(
    active * level + noise * np.abs(rng.standard_normal(active.shape)), 0, 1
  )
  format = outputs.ClassWise(num_classes=len(NAMES))
  return format, {'sed': sed, 'doa': doa}, labels.from_dense(active, doa)


def find_best(seed, **options):
  format, out, reference = make(seed)
  return evaluate.best_thresholds(
    lambda threshold: [format.events(out, threshold)],
    [reference],
    names=['mix1'],
    num_frames=[FRAMES],
    class_names=NAMES,
    **options,
  )


def score_of(seed, thresholds, edition):
  format, out, reference = make(seed)
  result = evaluate.evaluate_predictions(
    [('mix1', reference, format.events(out, thresholds))],
    edition=edition,
    num_frames=FRAMES,
    num_classes=len(NAMES),
    class_names=NAMES,
  )
  score = 'F' if edition == '2019' else 'F20'
  return {name: result['per_class'][name][score] for name in NAMES}


@given(st.integers(0, 10**6), st.sampled_from(['2019', '2020', '2022']))
@settings(max_examples=8, deadline=None)
def test_no_candidate_is_better_for_any_class(seed, edition):
  best = find_best(seed, edition=edition)
  assert tuple(best) == NAMES
  found = score_of(seed, np.array([*best.values()]), edition)
  for candidate in CANDIDATES[::3]:
    others = score_of(seed, candidate, edition)
    for name in NAMES:
      if found[name] is not None:
        assert found[name] >= others[name] - 1e-9


def test_classes_without_events_keep_the_default():
  format = outputs.ClassWise(num_classes=2)
  doa = np.tile([1.0, 0, 0], (FRAMES, 2, 1))
  sed = np.zeros((FRAMES, 2))
  sed[:50, 0] = 0.4
  best = evaluate.best_thresholds(
    lambda threshold: [format.events({'sed': sed, 'doa': doa}, threshold)],
    [labels.from_dense(sed > 0.3, doa)],
    names=['mix1'],
    num_frames=[FRAMES],
    class_names=['alarm', 'crash'],
    default=0.42,
  )
  assert best == {'alarm': pytest.approx(0.35), 'crash': 0.42}


def test_of_equal_thresholds_the_one_next_to_the_default_is_taken():
  format = outputs.ClassWise(num_classes=1)
  doa = np.tile([1.0, 0, 0], (FRAMES, 1, 1))
  sed = np.zeros((FRAMES, 1))
  sed[:50] = 0.88
  options = {'names': ['a'], 'num_frames': [FRAMES], 'class_names': ['x']}
  for default in (0.15, 0.5, 0.85):
    best = evaluate.best_thresholds(
      lambda threshold: [format.events({'sed': sed, 'doa': doa}, threshold)],
      [labels.from_dense(sed > 0.5, doa)],
      default=default,
      **options,
    )
    assert best == {'x': pytest.approx(default)}
