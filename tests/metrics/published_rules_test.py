"""Counting as published equals the published rules, written a second time.

The rules are written here with dictionaries and loops, from rows of integer
degrees, among which angles of exactly 20 degrees are common.
"""

import dataclasses
import math

import numpy as np
import pytest
from helpers.scored_events import EDITIONS, events
from scipy import optimize

from seld_jax import labels, metrics
from seld_jax.errors import InputError

CLASSES = 3
SECOND = {'2019': 50}


def polar_angle(a, b):
  """Spherical law of cosines; a and b are azimuth, elevation, distance."""
  (az1, el1), (az2, el2) = (np.array(one[:2]) * np.pi / 180 for one in (a, b))
  cosine = np.sin(el1) * np.sin(el2) + np.cos(el1) * np.cos(el2) * np.cos(
    np.abs(az1 - az2)
  )
  return np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi


def vector_angle(a, b):
  """Dot product of vectors that are divided by a bit more than their norm."""
  units = []
  for azimuth, elevation, *_ in (a, b):
    az, el = azimuth * np.pi / 180, elevation * np.pi / 180
    x, y, z = np.cos(az) * np.cos(el), np.sin(az) * np.cos(el), np.sin(el)
    norm = np.sqrt(x**2 + y**2 + z**2 + 1e-10)
    units.append((x / norm, y / norm, z / norm))
  cosine = sum(u * v for u, v in zip(*units, strict=True))
  return np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi


def assigned(a, b, angle):
  """Index pairs with the smallest sum of angles, and the angle of each."""
  costs = np.array([[angle(u, v) for v in b] for u in a])
  return [
    (i, j, costs[i, j])
    for i, j in zip(*optimize.linear_sum_assignment(costs), strict=True)
  ]


def by_frame(rows, end):
  """{frame: {class: [(azimuth, elevation, distance), ...]}}"""
  found = {}
  for frame, class_index, *place in rows:
    if frame < end:
      places = found.setdefault(frame, {}).setdefault(class_index, [])
      places.append(tuple(place))
  return found


def count_2019(reference, predictions, n):
  """Adds one recording of 3000 frames of 20 ms to the totals n."""
  both = []
  for rows in (reference, predictions):
    grid = {
      (f, c, max(-180, min(170, az)) // 10, max(-40, min(40, el)) // 10)
      for f, c, az, el, _ in rows
      if f < 3000
    }
    rows = [(f, c, az * 10, el * 10, 1) for f, c, az, el in sorted(grid)]
    both.append(by_frame(rows, 3000))
  for start in range(0, 3000, 50):
    a, b = (
      {c for f in range(start, start + 49) for c in one.get(f, ())}
      for one in both
    )
    n['reference'] += len(a)
    n['predicted'] += len(b)
    n['true_positives'] += len(a & b)
    n['errors'] += max(len(a - b), len(b - a))
  for frame in range(3000):
    a, b = (sum(one.get(frame, {}).values(), []) for one in both)
    n['frames'] += 1
    n['directions'] += len(b)
    n['good_frames'] += len(a) == len(b)
    if a and b:
      n['angles'] += sum(d for *_, d in assigned(a, b, polar_angle))


def segments(rows, last):
  """{class: {frame: places}} of each segment that begins before the end."""
  count = math.ceil(last / 10)
  found = [{} for _ in range(count)]
  for frame, class_index, *place in rows:
    if frame < 10 * count:
      frames = found[frame // 10].setdefault(class_index, {})
      frames.setdefault(frame, []).append(tuple(place))
  return found


def count_2020(reference, predictions, n):
  both = segments(reference, 600), segments(predictions, 600)
  for ref, sys_ in zip(*both, strict=True):
    misses = alarms = 0
    for c in range(CLASSES):
      n['reference'] += c in ref
      n['predicted'] += c in sys_
      if c in ref and c in sys_:
        angles = [
          sum(d for *_, d in assigned(ref[c][f], sys_[c][f], polar_angle))
          for f in sorted(ref[c])
          if f in sys_[c]
        ]
        hit = False
        if angles:
          mean = sum(angles) / len(angles)
          n['located'] += 1
          n['angles'] += mean
          hit = mean <= 20
        n['true_positives'] += hit
        misses += not hit
      else:
        misses += c in ref
        alarms += c in sys_
    n['substitutions'] += min(misses, alarms)
    n['deletions'] += max(0, misses - alarms)
    n['insertions'] += max(0, alarms - misses)


def count_tracks(reference, predictions, n, *, last):
  both = segments(reference, last), segments(predictions, last)
  for ref, sys_ in zip(*both, strict=True):
    misses = alarms = 0
    for c in range(CLASSES):
      most = [
        max(map(len, one.get(c, {0: ()}).values())) for one in (ref, sys_)
      ]
      n['reference'] += most[0]
      tracks = {}
      for f in sorted(ref.get(c, {})):
        if f in sys_.get(c, {}):
          for i, _, angle in assigned(ref[c][f], sys_[c][f], polar_angle):
            tracks.setdefault(i, []).append(angle)
      if all(most) and not tracks:
        misses += most[1]
        n['false_negatives'] += most[1]
        continue
      for angles in tracks.values():
        mean = sum(angles) / len(angles)
        n['located'] += 1
        n['angles'] += mean
        near = mean <= 20
        n['true_positives' if near else 'too_far'] += 1
        alarms += not near
      more = most[1] - most[0]
      n['false_positives'] += max(0, more)
      n['false_negatives'] += max(0, -more)
      alarms += max(0, more)
      misses += max(0, -more)
    n['errors'] += max(misses, alarms)


def count_rows(reference, predictions, n, *, last, angle_of):
  """The rows of each frame, as 2024 and 2025 count them."""
  both = by_frame(reference, last), by_frame(predictions, last)
  for frame in range(last):
    for c in range(CLASSES):
      a, b = (one.get(frame, {}).get(c, []) for one in both)
      n['reference'] += len(a)
      n['false_negatives'] += max(0, len(a) - len(b))
      n['false_positives'] += max(0, len(b) - len(a))
      if a and b:
        for i, j, angle in assigned(a, b, angle_of):
          relative = abs(a[i][2] - b[j][2]) / (a[i][2] + 2**-52)
          n['angles'] += angle
          n['distances'] += relative
          far = angle > 20 or relative > 1
          n['too_far' if far else 'true_positives'] += 1


def folded_angle(a, b):
  """Difference of azimuths of whole degrees that are mirrored to the front."""
  front = []
  for azimuth in (a[0], b[0]):
    azimuth = (azimuth + 180) % 360 - 180
    if abs(azimuth) > 90:
      azimuth = int(math.copysign(180, azimuth)) - azimuth
    front.append(azimuth)
  return float(abs(front[0] - front[1]))


def published(edition, pairs):
  """The totals that the published rules give."""
  fields = dataclasses.fields(metrics.counts(events(), events()))
  if edition != '2020':
    some = metrics.counts(
      events(), events(), edition=edition, num_frames=1, num_classes=1
    )
    fields = dataclasses.fields(some)
  n = {field.name: 0 for field in fields}
  for reference, predictions in pairs:
    last = max((row[0] for row in reference), default=0)
    if edition == '2019':
      count_2019(reference, predictions, n)
    elif edition == '2020':
      count_2020(reference, predictions, n)
    elif edition == '2024':
      count_rows(reference, predictions, n, last=last, angle_of=vector_angle)
    elif edition == '2025':
      count_rows(reference, predictions, n, last=last, angle_of=folded_angle)
      # All rows of this module are on screen.
      n['onscreen'] = n['true_positives'] + n['too_far']
      n['true_positives_onscreen'] = n['true_positives']
    else:
      end = 600 if edition == '2021' else last
      count_tracks(reference, predictions, n, last=end)
  return n


def rows_of(rng, count, num_frames):
  """Rows of integer degrees, with distances that have two decimals."""
  table = np.column_stack(
    [
      np.sort(rng.integers(0, num_frames, count)),
      rng.integers(0, CLASSES, count),
      rng.integers(-180, 180, count),
      rng.integers(-50, 51, count),
      rng.integers(50, 500, count) / 100,
    ]
  )
  return [(int(f), int(c), int(a), int(e), d) for f, c, a, e, d in table]


def followed(rng, rows):
  """Predictions of integer degrees; many are off by exactly 20 degrees."""
  found = []
  for frame, class_index, azimuth, elevation, distance in rows:
    if rng.random() < 0.8:
      step = int(rng.choice([-20, -9, -1, 0, 1, 9, 20]))
      if rng.random() < 0.5:
        azimuth = (azimuth + 180 + step) % 360 - 180
      else:
        elevation = max(-90, min(90, elevation + step))
      factor = float(rng.choice([0.5, 1, 2]))
      place = azimuth, elevation, round(distance * factor, 3)
      found.append((frame, class_index, *place))
  return found


@pytest.mark.parametrize('edition', EDITIONS)
@pytest.mark.parametrize('seed', range(3))
def test_counts_as_published_equal_the_published_rules(edition, seed):
  rng = np.random.default_rng(seed)
  frames = 3000 if edition == '2019' else 600
  pairs = []
  for _ in range(2):
    # Dense in the first 200 frames, so that frames have several directions.
    reference = rows_of(rng, 300, 200) + rows_of(rng, 40, frames + 60)
    reference.sort(key=lambda row: row[0])
    predictions = followed(rng, reference) + rows_of(rng, 60, 300)
    predictions.sort(key=lambda row: row[0])
    pairs.append((reference, predictions))
  counts = metrics.counts_each(
    [(events(*a), events(*b)) for a, b in pairs],
    edition=edition,
    num_classes=CLASSES,
    as_published=True,
  )
  found = metrics.merge(counts)
  assert found.as_published
  ours = 0
  for name, value in published(edition, pairs).items():
    if name.startswith('class_') or name in (
      'edition',
      'as_published',
      'all_reference',
    ):
      continue
    if edition == '2020' and name.startswith('false_'):
      continue  # the totals are those of substitutions and so on
    total = np.sum(getattr(found, name))
    assert total == pytest.approx(value, rel=1e-12, abs=1e-12), name
    ours += value
  assert ours > 1000


def test_directions_of_2019_are_rounded_down_to_a_grid():
  reference = events((0, 0, 0, 0))
  for azimuth, error in [(-1, 10), (9, 0), (10, 10), (175, 170), (180, 170)]:
    counts = metrics.counts(
      reference,
      events((0, 0, azimuth, 0)),
      edition='2019',
      as_published=True,
    )
    assert metrics.scores(counts).DOA_error == pytest.approx(error, abs=1e-5)
  # The same class in the same cell is there once.
  twice = events((0, 0, 1, 0), (0, 0, 2, 0))
  counts = metrics.counts(reference, twice, edition='2019', as_published=True)
  assert counts.directions == 1
  # The last frame of a second of 50 frames does not count in segments.
  late = events((49, 0, 0, 0))
  counts = metrics.counts(late, late, edition='2019', as_published=True)
  assert (counts.reference.sum(), counts.directions) == (0, 1)
  assert counts.frames == 3000


def test_the_last_annotated_frame_is_left_out_since_2022():
  rows = [(frame, 0, 0) for frame in range(21)]
  for edition, expected in [
    ('2022', 2),
    ('2023', 2),
    ('2024', 20),
    ('2025', 20),
  ]:
    counts = metrics.counts(
      events(*rows), events(*rows), edition=edition, as_published=True
    )
    assert counts.true_positives.sum() == counts.reference.sum() == expected
    empty = metrics.counts(
      events(), events(*rows), edition=edition, as_published=True
    )
    assert not np.any(empty.false_positives)
    stated = metrics.counts(
      events(*rows),
      events(*rows),
      edition=edition,
      as_published=True,
      num_frames=21,
    )
    assert stated.reference.sum() == expected + 1


def test_each_class_has_the_error_rate_of_all_classes_in_2022_and_2023():
  reference = events((0, 0, 0), (10, 1, 0), (20, 0, 0))
  predictions = events((0, 0, 0), (10, 2, 0), (20, 0, 0))
  for edition in ('2021', '2022', '2023'):
    for as_published in (False, True):
      counts = metrics.counts(
        reference,
        predictions,
        edition=edition,
        num_frames=30,
        num_classes=3,
        as_published=as_published,
      )
      rates = [
        metrics.scores(metrics.of_class(counts, index)).ER20
        for index in range(2)
      ]
      same = as_published and edition != '2021'
      assert rates == pytest.approx([1 / 3] * 2 if same else [0, 1])
      assert pytest.approx(1 / 3) == metrics.scores(counts).ER20


def test_the_jackknife_estimate_is_the_centre_of_the_interval():
  hit = metrics.counts(events((0, 0, 0)), events((0, 0, 0)))
  miss = metrics.counts(events((0, 0, 0)), events())
  estimates = metrics.jackknife_estimates([hit, hit, miss])
  for name, (low, high) in metrics.jackknife([hit, hit, miss]).items():
    assert estimates[name] == pytest.approx((low + high) / 2)
  # The F-scores are 4/5, and 2/3, 2/3 and 1 without one of the recordings.
  mean = (2 / 3 + 2 / 3 + 1) / 3
  assert estimates['F20'] == pytest.approx(4 / 5 - 2 * (mean - 4 / 5))
  assert math.isnan(metrics.jackknife_estimates([hit])['F20'])


def test_both_ways_of_counting_cannot_be_merged():
  one = labels.no_events()
  both = [metrics.counts(one, one, as_published=v) for v in (False, True)]
  with pytest.raises(InputError, match='as_published'):
    metrics.merge(both)
