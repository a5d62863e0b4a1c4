"""What the published results classes return, written a second time.

The rules are written with dictionaries and loops over rows of `(frame, class,
track, azimuth, elevation, distance, onscreen)`, in whole degrees, among which
angles of exactly 20 degrees are common.
"""

import collections
import math

import numpy as np
from scipy import optimize, stats

EPSILON = np.finfo(float).eps


def random_rows(rng, count, num_frames, num_classes):
  """Random rows, sorted by frame; a class may be there several times."""
  rows = []
  for frame in sorted(rng.integers(0, num_frames, count).tolist()):
    place = rng.integers(-180, 180), rng.integers(-50, 51)
    distance = int(rng.integers(50, 500))
    class_index = int(rng.integers(0, num_classes))
    taken = [row[2] for row in rows if row[:2] == (frame, class_index)]
    azimuth, elevation = map(int, place)
    onscreen = int(rng.integers(0, 2))
    rows.append(
      (frame, class_index, len(taken), azimuth, elevation, distance, onscreen)
    )
  return rows


def followed(rng, rows):
  """Predictions of whole degrees; many are off by exactly 20 degrees."""
  found = []
  for frame, c, track, azimuth, elevation, distance, onscreen in rows:
    if rng.random() < 0.8:
      step = int(rng.choice([-20, -9, -1, 0, 1, 9, 20]))
      if rng.random() < 0.5:
        azimuth = (azimuth + 180 + step) % 360 - 180
      else:
        elevation = max(-90, min(90, elevation + step))
      distance = int(distance * rng.choice([0.5, 1, 2]))
      if rng.random() < 0.3:
        onscreen = 1 - onscreen
      found.append((frame, c, track, azimuth, elevation, distance, onscreen))
  return found


def scene(rng, num_classes, *, num_frames=150):
  """Reference and predictions of a recording."""
  reference = random_rows(rng, 120, num_frames // 2, num_classes)
  reference += [
    (row[0] + num_frames // 2, *row[1:])
    for row in random_rows(rng, 20, num_frames // 2, num_classes)
  ]
  predictions = followed(rng, reference)
  # In another place of the same frames, with tracks of their own.
  predictions += [
    (row[0], row[1], row[2] + 5, *row[3:])
    for row in random_rows(rng, 30, num_frames + 10, num_classes)
  ]
  predictions.sort(key=lambda row: row[0])
  return reference, predictions


def unit(azimuth, elevation):
  """The vector of a direction in degrees."""
  az, el = azimuth * np.pi / 180, elevation * np.pi / 180
  return np.cos(az) * np.cos(el), np.sin(az) * np.cos(el), np.sin(el)


def polar_angle(a, b):
  """Spherical law of cosines between rows."""
  (az1, el1), (az2, el2) = (np.array(one[3:5]) * np.pi / 180 for one in (a, b))
  cosine = np.sin(el1) * np.sin(el2)
  cosine += np.cos(el1) * np.cos(el2) * np.cos(np.abs(az1 - az2))
  return np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi


def vector_angle(a, b):
  """Dot product of vectors that are divided by a bit more than their norm."""
  shorter = []
  for one in (a, b):
    x, y, z = unit(*one[3:5])
    norm = np.sqrt(x**2 + y**2 + z**2 + 1e-10)
    shorter.append((x / norm, y / norm, z / norm))
  cosine = sum(u * v for u, v in zip(*shorter, strict=True))
  return np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi


def front_angle(a, b):
  """Difference of azimuths that are mirrored to the front."""
  front = []
  for azimuth in (a[3], b[3]):
    azimuth = (azimuth + 180) % 360 - 180
    if abs(azimuth) > 90:
      azimuth = int(math.copysign(180, azimuth)) - azimuth
    front.append(azimuth)
  return float(abs(front[0] - front[1]))


def assigned(a, b, angle_of):
  """Pairs of rows with the smallest sum of angles: row, row, angle, index."""
  costs = np.array([[angle_of(u, v) for v in b] for u in a])
  found = zip(*optimize.linear_sum_assignment(costs), strict=True)
  return [(a[i], b[j], costs[i, j], i) for i, j in found]


def grouped(rows, key):
  """The rows of each value of a function, in their order."""
  found = collections.defaultdict(list)
  for row in rows:
    found[key(row)].append(row)
  return found


class Sums:
  """Sums of one or more recordings, of each class."""

  def __init__(self, num_classes):
    names = 'ref sys tp far fp fn found missed angle dist rel screen'
    self.of = {name: np.zeros(num_classes) for name in names.split()}
    self.errors = 0


def count_segments(edition, reference, predictions, sums, *, end, angle_of):
  """Adds a recording to the sums, in segments of ten frames."""
  n = sums.of
  for block in range(math.ceil(end / 10)):
    ref, sys_ = (
      grouped([r for r in rows if r[0] // 10 == block], lambda row: row[1])
      for rows in (reference, predictions)
    )
    misses = alarms = 0
    for c in range(len(n['ref'])):
      frames = [grouped(one.get(c, []), lambda r: r[0]) for one in (ref, sys_)]
      most = [max(map(len, one.values()), default=0) for one in frames]
      if edition == '2020':
        most = [min(1, one) for one in most]
      n['ref'][c] += most[0]
      n['sys'][c] += most[1]
      tracks = collections.defaultdict(list)
      for frame in frames[0]:
        if frame in frames[1]:
          pairs = assigned(frames[0][frame], frames[1][frame], angle_of)
          if edition == '2020':
            tracks[0].append(sum(angle for *_, angle, _ in pairs))
            continue
          for *_, angle, index in pairs:
            tracks[index].append(angle)
      if all(most) and not tracks:
        lost = most[1]
        n['fn'][c] += lost
        n['missed'][c] += lost
        misses += lost
        continue
      for angles in tracks.values():
        mean = sum(angles) / len(angles)
        n['found'][c] += 1
        n['angle'][c] += mean
        near = mean <= 20
        n['tp' if near else 'far'][c] += 1
        if edition == '2020':
          misses += not near
        else:
          alarms += not near
      more = most[1] - most[0]
      n['fp'][c] += max(0, more)
      n['fn'][c] += max(0, -more)
      n['missed'][c] += max(0, -more)
      alarms += max(0, more)
      misses += max(0, -more)
    sums.errors += max(misses, alarms)


def count_frames(reference, predictions, sums, *, end, angle_of, is_wrong):
  """Adds a recording to the sums, frame by frame."""
  n = sums.of
  ref, sys_ = (
    grouped(rows, lambda r: r[:2]) for rows in (reference, predictions)
  )
  for frame in range(end):
    misses = alarms = 0
    for c in range(len(n['ref'])):
      a, b = ref.get((frame, c), []), sys_.get((frame, c), [])
      n['ref'][c] += len(a)
      n['fn'][c] += max(0, len(a) - len(b))
      n['fp'][c] += max(0, len(b) - len(a))
      misses += max(0, len(a) - len(b))
      alarms += max(0, len(b) - len(a))
      for true, guess, angle, _ in assigned(a, b, angle_of) if a and b else []:
        distance = abs(true[5] - guess[5])
        relative = distance / (true[5] + EPSILON)
        same = true[6] == guess[6]
        wrong = is_wrong(
          angle=angle, distance=distance, relative=relative, same=same
        )
        n['found'][c] += 1
        n['angle'][c] += angle
        n['dist'][c] += distance
        n['rel'][c] += relative
        n['screen'][c] += same
        n['far' if wrong else 'tp'][c] += 1
        alarms += wrong
    n['missed'] = n['fn']
    sums.errors += max(misses, alarms)


def of_segments(edition, sums, average):
  """ER, F, LE, LR, SELD score, and the scores of each class."""
  n = sums.of
  rate = sums.errors / (n['ref'].sum() + EPSILON)
  if edition in ('2020', '2021') or average == 'micro':
    n = {name: values.sum(keepdims=True) for name, values in n.items()}
  weight = 0.5 if edition == '2021' else 1
  if edition == '2020':
    # Precision and recall of hits, and of what was found anywhere.
    f_score, recall = (
      2 * hits / (n['ref'] + n['sys'] + EPSILON)
      for hits in (n['tp'], n['found'])
    )
  else:
    half = 0.5 * (n['fp'] + n['fn'])
    f_score = n['tp'] / (EPSILON + n['tp'] + weight * n['far'] + half)
    recall = n['found'] / (EPSILON + n['found'] + n['missed'])
  with np.errstate(invalid='ignore'):
    angle = np.where(n['found'] > 0, n['angle'] / n['found'], 180)
  seld = (rate + 1 - f_score + angle / 180 + 1 - recall) / 4
  table = np.array([rate + 0 * seld, f_score, angle, recall, seld])
  values = tuple(one.mean() for one in table)
  if edition in ('2020', '2021'):
    return values
  return *values, table if average == 'macro' else []


def of_frames(edition, sums, average, *, eval_dist=True):
  """What is returned for frames in 2024 and 2025."""
  n = sums.of
  rate = sums.errors / (n['ref'].sum() + EPSILON)
  if average == 'micro':
    n = {name: values.sum(keepdims=True) for name, values in n.items()}
  f_score = n['tp'] / (EPSILON + n['found'] + 0.5 * (n['fp'] + n['fn']))
  recall = n['found'] / (EPSILON + n['found'] + n['missed'])
  with np.errstate(invalid='ignore'):
    angle, distance, relative, screen = (
      n[name] / n['found'] for name in ('angle', 'dist', 'rel', 'screen')
    )
  rates = rate + 0 * f_score
  if edition == '2025':
    table = [f_score, angle, distance, relative, screen]
  elif eval_dist:
    seld = [
      np.mean([v for v in one if not np.isnan(v)])
      for one in zip(1 - f_score, angle / 180, relative, strict=True)
    ]
    table = [rates, f_score, angle, distance, relative, recall, seld]
  else:
    seld = [
      np.mean([v for v in one if not np.isnan(v)])
      for one in zip(rates, 1 - f_score, angle / 180, 1 - recall, strict=True)
    ]
    table = [rates, f_score, angle, recall, seld]
  table = np.array(table)
  values = (np.mean(one[~np.isnan(one)]) for one in table)
  return *values, table if average == 'macro' else []


def returned(edition, pairs, num_classes, average='macro', **options):
  """What the class of an edition returns for some recordings.

  The options are `polar`, `by_segment`, `eval_dist`, `onscreen` and the largest
  `distance`; distances are in centimetres.
  """
  sums = Sums(num_classes)
  by_segment = edition < '2024' or options.get('by_segment', False)
  eval_dist = options.get('eval_dist', True)

  def is_wrong(*, angle, distance, relative, same):
    wrong = angle > 20
    if eval_dist:
      limit = options.get('distance', math.inf)
      wrong = wrong or relative > 1 or distance > limit
    return wrong or (options.get('onscreen', False) and not same)

  for reference, predictions in pairs:
    end = 600 if edition in ('2020', '2021') else max(r[0] for r in reference)
    if by_segment:
      polar = options.get('polar', True) and edition < '2024'
      angle_of = polar_angle if polar else vector_angle
      count_segments(
        edition, reference, predictions, sums, end=end, angle_of=angle_of
      )
    else:
      angle_of = vector_angle if edition == '2024' else front_angle
      count_frames(
        reference,
        predictions,
        sums,
        end=end,
        angle_of=angle_of,
        is_wrong=is_wrong,
      )
  if by_segment:
    return of_segments('2022' if edition == '2024' else edition, sums, average)
  return of_frames(edition, sums, average, eval_dist=eval_dist)


def flat(values):
  """All numbers of a result in one array."""
  return np.concatenate([np.ravel(value) for value in values])


def intervals(of_some, count):
  """The ends of the confidence intervals of a function of recordings.

  Args:
    of_some: Maps indices of recordings to a result.
    count: Number of recordings.

  Returns:
    Lower and upper end of each number, with shape `[numbers, 2]`.
  """
  everything = list(range(count))
  whole = flat(of_some(everything))
  parts = [
    flat(of_some([i for i in everything if i != left])) for left in everything
  ]
  found = []
  for value, part in zip(whole, zip(*parts, strict=True), strict=True):
    mean = sum(part) / count
    spread = sum((one - mean) ** 2 for one in part) / count
    error = math.sqrt((count - 1) * spread)
    centre = value - (count - 1) * (mean - value)
    reach = stats.t.ppf(0.975, count - 1) * error
    found.append((centre - reach, centre + reach))
  return np.array(found)


def segment_dictionary(edition, rows, num_blocks, *, polar=True):
  """The dictionary of segments that `update_seld_scores` takes."""
  found = {block: {} for block in range(num_blocks)}
  for row in rows:
    block, frame = divmod(row[0], 10)
    if block >= num_blocks:
      continue
    place = list(row[3:5]) if polar else list(unit(*row[3:5]))
    if edition == '2021':
      place = [*place, row[2]]
    elif edition > '2021':
      place = [row[2], *place]
    if edition == '2024':
      place.append(row[5] / 100)
    ((frames, places),) = found[block].setdefault(row[1], [[[], []]])
    if frame not in frames:
      frames.append(frame)
      places.append([])
    places[frames.index(frame)].append(place)
  return found


def frame_dictionary(edition, rows, num_frames, *, with_distance=True):
  """The dictionary of frames that `update_seld_scores` takes."""
  found = {frame: {} for frame in range(num_frames)}
  for frame, c, track, azimuth, elevation, distance, onscreen in rows:
    if frame >= num_frames:
      continue
    place = [azimuth, distance, onscreen]
    if edition == '2024':
      place = [*unit(azimuth, elevation), distance][: 4 if with_distance else 3]
    found[frame].setdefault(c, {})[track] = place
  return found
