"""Pairs that are equally good are decided by the order of rows."""

import itertools

import numpy as np
import pytest
from helpers.recordings_to_evaluate import assert_close
from helpers.scored_events import EDITIONS, TRACKS, events, score
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import evaluate, geometry, labels, metrics
from seld_jax.errors import InputError
from seld_jax.metrics import matching


def write_both(folder, name, text):
  """Writes rows of degrees, and the same rows as vectors."""
  rows = [line.split(',') for line in text.split()]
  degrees = np.array([row[3:5] for row in rows], float)
  vectors = geometry.to_cartesian(*degrees.T)
  (folder / 'polar').mkdir(exist_ok=True, parents=True)
  (folder / 'vectors').mkdir(exist_ok=True)
  for form, places in ('polar', degrees), ('vectors', vectors):
    lines = [
      ','.join([*row[:3], *map(str, place)]) + '\n'
      for row, place in zip(rows, places.tolist(), strict=True)
    ]
    (folder / form / f'{name}.csv').write_text(''.join(lines))


def test_polar_and_cartesian_files_count_the_same(tmp_path):
  reference = '0,0,0,0,0 0,0,1,2,0 1,0,0,0,0 1,0,1,20,0'
  predictions = '0,0,0,1,0 1,0,0,10,0'
  write_both(tmp_path / 'r', 'mix1', reference)
  write_both(tmp_path / 'p', 'mix1', predictions)
  results = []
  for form in 'polar', 'vectors':
    pair = [
      labels.read_csv(tmp_path / which / form / 'mix1.csv') for which in 'rp'
    ]
    counts = metrics.counts(*pair, edition='2021')
    # The prediction is as near to the first row as to the second one.
    assert counts.located.sum() == 1
    results.append(
      evaluate.evaluate_folders(
        tmp_path / 'r' / form, tmp_path / 'p' / form, edition='2021'
      )
    )
  assert_close(*results)


@pytest.mark.parametrize('edition', EDITIONS)
def test_rounding_of_directions_changes_no_score(edition):
  """Few directions, so that ties are everywhere."""
  rng = np.random.default_rng(6)

  def draw(count):
    return [
      (
        int(rng.integers(0, 20)),
        int(rng.integers(0, 2)),
        10 * int(rng.integers(-2, 3)),
        10 * int(rng.integers(-1, 2)),
      )
      for _ in range(count)
    ]

  for _ in range(20):
    pair = [events(*draw(60)), events(*draw(50))]
    moved = [
      labels.Events(
        one.frame,
        one.class_index,
        one.track,
        one.xyz + rng.normal(0, 1e-10, one.xyz.shape),
        one.distance,
        one.onscreen,
      )
      for one in pair
    ]
    a, b = (score(one[0], one[1], edition) for one in (pair, moved))
    assert vars(a) == pytest.approx(vars(b), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 4), m=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_the_first_partner_is_the_earliest_of_the_best(n, m, seed):
  rng = np.random.default_rng(seed)
  a, b = (10.0 * rng.integers(0, 4, size) for size in (n, m))
  places = [geometry.to_cartesian(one, 0 * one) for one in (a, b)]
  rows, columns, angles = matching.paired(
    np.zeros(n, np.int64), places[0], np.zeros(m, np.int64), places[1]
  )
  ways = []
  for chosen in itertools.permutations([*range(m), *[m] * n], n):
    used = [column for column in chosen if column < m]
    if len(set(used)) == len(used) == min(n, m):
      cost = sum(
        abs(a[row] - b[column])
        for row, column in enumerate(chosen)
        if column < m
      )
      ways.append((round(cost), chosen))
  cost, partners = min(ways)
  found = dict(zip(rows.tolist(), columns.tolist(), strict=True))
  assert tuple(found.get(row, m) for row in range(n)) == partners
  assert angles.sum() == pytest.approx(cost, abs=1e-6)


def test_crowded_frames_are_paired_as_well():
  rng = np.random.default_rng(7)
  azimuth = 3.0 * rng.permutation(60)
  places = geometry.to_cartesian(azimuth, 0 * azimuth)
  order = rng.permutation(60)[:40]
  rows, columns, angles = matching.paired(
    np.zeros(60, np.int64), places, np.zeros(40, np.int64), places[order]
  )
  np.testing.assert_array_equal(rows, order[columns])
  np.testing.assert_allclose(angles, 0, atol=1e-6)


@pytest.mark.parametrize('edition', EDITIONS)
def test_frames_with_a_thousand_directions_in_both_are_refused(edition):
  many = events(*[(3, 1, 0)] * 1001)
  options = {'edition': edition, 'num_frames': 10, 'num_classes': 2}
  of_class = '' if edition == '2019' else ' of class 1'
  message = f'Frame 3 has 1001 directions{of_class} in the reference and 1001'
  with pytest.raises(InputError, match=message):
    metrics.counts(many, many, **options)
  assert metrics.counts(many, events((3, 1, 5)), **options).edition == edition
  if edition in TRACKS:
    spread = events(*[(frame, 1, 0) for frame in range(10)] * 101)
    assert metrics.counts(spread, spread, **options).located.sum() == 101
  if edition == '2020':
    with pytest.raises(InputError, match=message):
      evaluate.direction_errors(many, many, num_classes=2)
