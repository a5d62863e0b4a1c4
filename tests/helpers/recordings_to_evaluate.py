"""Recordings with references and predictions, and the command to score them."""

import functools

import numpy as np
import pytest

from helpers.command_outcomes import outcome
from seld_jax import geometry, labels

NAMES = (
  'fold1_room1_mix001_ov1',
  'fold1_room1_mix002_ov2',
  'fold1_room2_mix003_ov2',
  'fold2_room1_mix001_ov1',
)


def some_events(rng, count):
  """Random events of a recording of one minute."""
  return labels.Events(
    rng.integers(0, 600, count),
    rng.integers(0, 14, count),
    np.zeros(count, np.int64),
    geometry.to_cartesian(
      rng.integers(-180, 181, count), rng.integers(-60, 61, count)
    ),
  )


def jitter(rng, events):
  """Predictions: four of five events, with directions that are slightly off."""
  kept = rng.random(len(events.frame)) < 0.8
  xyz = events.xyz[kept] + rng.normal(0, 0.1, (kept.sum(), 3))
  return labels.Events(
    events.frame[kept], events.class_index[kept], events.track[kept], xyz
  )


def some_recordings(names=NAMES):
  """Name, reference and predictions of each recording; always the same."""
  rng = np.random.default_rng(0)
  references = [some_events(rng, 300) for _ in names]
  return [
    (name, r, jitter(rng, r)) for name, r in zip(names, references, strict=True)
  ]


def assert_close(a, b):
  """Two results are equal except for the rounding of angles in files."""
  assert a.keys() == b.keys()
  for key, value in a.items():
    if isinstance(value, dict):
      assert_close(value, b[key])
    else:
      assert value == pytest.approx(b[key], abs=1e-6)


run = functools.partial(outcome, 'seld_jax.evaluate')
