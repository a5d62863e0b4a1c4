"""Counts of every edition add up over recordings and over classes."""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import types

import numpy as np
import pytest
from helpers.scored_events import (
  EDITIONS,
  TRACKS,
  count_all,
  events,
  recordings,
  score,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import labels, metrics
from seld_jax.errors import InputError

FIELDS = ('frame', 'class_index', 'track', 'xyz')

ROOT = pathlib.Path(__file__).parents[2]


def changed(one, chosen: slice | np.ndarray = slice(None), **fields):
  """Some of the events, with other values in some fields."""
  columns = {name: values[chosen] for name, values in vars(one).items()}
  return labels.Events(**{**columns, **fields})


def assert_counts_equal(one, other):
  assert type(one) is type(other)
  for name, value in vars(other).items():
    if name == 'edition':
      assert one.edition == value
    else:
      # Sums of angles may be added up in another order.
      np.testing.assert_allclose(
        getattr(one, name), value, rtol=1e-12, atol=1e-9
      )


@pytest.mark.parametrize('edition', EDITIONS)
@settings(deadline=None, max_examples=15)
@given(case=recordings())
def test_counts_each_equals_counts_of_each(edition, case):
  num_classes, drawn = case
  together = metrics.counts_each(
    [(reference, predictions) for reference, predictions, _ in drawn],
    edition=edition,
    num_frames=np.array([frames for *_, frames in drawn]),
    num_classes=num_classes,
  )
  alone = count_all(num_classes, drawn, edition)
  for one, other in zip(together, alone, strict=True):
    assert_counts_equal(one, other)


@pytest.mark.parametrize('edition', EDITIONS)
@settings(deadline=None, max_examples=15)
@given(case=recordings())
def test_merged_recordings_count_like_one_long_recording(edition, case):
  num_classes, drawn = case
  if edition == '2019':  # which counts all frames, also those between two
    drawn = [(r, p, -(-frames // 10) * 10) for r, p, frames in drawn]
  # Predictions after the end would lie within the next recording.
  drawn = [
    (r, changed(p, frame=p.frame % frames), frames) for r, p, frames in drawn
  ]
  # Each recording begins with a segment.
  seconds = [-(-frames // 10) for *_, frames in drawn]
  starts = 10 * np.cumsum([0, *seconds[:-1]])

  def join(which):
    parts = [
      vars(changed(one[which], frame=one[which].frame + start))
      for one, start in zip(drawn, starts, strict=True)
    ]
    return labels.Events(
      **{
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
      }
    )

  whole = metrics.counts(
    join(0),
    join(1),
    edition=edition,
    num_frames=10 * sum(seconds),
    num_classes=num_classes,
  )
  merged = metrics.merge(count_all(num_classes, drawn, edition))
  assert_counts_equal(whole, merged)


@pytest.mark.parametrize('edition', EDITIONS)
@settings(deadline=None, max_examples=15)
@given(case=recordings())
def test_of_class_equals_scoring_that_class_alone(edition, case):
  num_classes, drawn = case
  reference, predictions, num_frames = drawn[0]

  def only(one, chosen):
    kept = one.class_index == chosen
    return changed(one, kept, class_index=one.class_index[kept] * 0)

  [counts] = count_all(num_classes, drawn[:1], edition)
  for chosen in range(num_classes):
    pair = only(reference, chosen), only(predictions, chosen)
    alone = score(*pair, edition, num_frames=num_frames, num_classes=1)
    of_class = metrics.scores(metrics.of_class(counts, chosen))
    assert dataclasses.astuple(of_class) == pytest.approx(
      dataclasses.astuple(alone), nan_ok=True
    )


# From 2021 to 2023, the order of rows defines the tracks.
@pytest.mark.parametrize('edition', ['2019', '2020', '2024', '2025'])
@settings(deadline=None, max_examples=15)
@given(case=recordings(), seed=st.integers(0, 100))
def test_order_of_rows_and_length_of_vectors_do_not_matter(edition, case, seed):
  num_classes, drawn = case
  rng = np.random.default_rng(seed)

  def shuffled(one):
    order = rng.permutation(len(one.frame))
    length = rng.uniform(0.1, 10, (len(order), 1))
    return changed(one, order, xyz=one.xyz[order] * length)

  for reference, predictions, num_frames in drawn:
    options = {'num_frames': num_frames, 'num_classes': num_classes}
    a = score(reference, predictions, edition, **options)
    b = score(shuffled(reference), shuffled(predictions), edition, **options)
    assert dataclasses.astuple(a) == pytest.approx(
      dataclasses.astuple(b), nan_ok=True
    )


@pytest.mark.parametrize('edition', EDITIONS)
@pytest.mark.parametrize('kind', [np.int16, np.uint16, np.uint64])
def test_integers_of_any_type_count_the_same(edition, kind):
  """In ten minutes, frames times classes exceed 16 bits."""
  num_frames, num_classes = 6000, 14
  frame = np.arange(num_frames)
  wide = labels.Events(
    frame,
    frame * 7 % num_classes,
    frame * 0,
    np.eye(3)[frame % 3],
    frame + 1.0,
    frame % 2 == 0,
  )
  narrow = changed(
    wide,
    frame=wide.frame.astype(kind),
    class_index=wide.class_index.astype(kind),
  )
  options = {'num_frames': num_frames, 'num_classes': num_classes}
  late = changed(wide, frame=np.minimum(frame + 3, 5999))
  for prediction in wide, late:
    assert score(narrow, prediction, edition, **options) == score(
      wide, prediction, edition, **options
    )
  for one, other in zip(
    labels.to_dense(narrow, **options),
    labels.to_dense(wide, **options),
    strict=True,
  ):
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('edition', EDITIONS)
def test_predictions_after_the_end_are_ignored(edition):
  reference = events((0, 0, 0), (22, 1, 0))
  options = {'edition': edition, 'num_frames': 24, 'num_classes': 3}
  plain = metrics.counts(reference, reference, **options)
  more = events((0, 0, 0), (22, 1, 0), (26, 2, 0), (30, 2, 0), (900, 2, 0))
  counts = metrics.counts(reference, more, **options)
  # Where segments count, frame 26 belongs to the last one.
  if edition == '2019':
    assert counts.directions == 2
  wrong = {
    '2020': lambda: counts.insertions,
    '2024': lambda: counts.false_positives.sum(),
    '2025': lambda: counts.false_positives.sum(),
  }.get(edition, lambda: counts.errors)()
  assert wrong == (edition in ('2020', *TRACKS))
  assert counts.true_positives.sum() == plain.true_positives.sum() == 2


@pytest.mark.parametrize('edition', [e for e in EDITIONS if e < '2024'])
def test_dense_outputs_score_like_their_files(tmp_path, edition):
  rng = np.random.default_rng(5)
  shape = (47, 4)  # the last segment is cut short
  target = rng.random(shape) < 0.4
  doa = rng.normal(size=(*shape, 3))
  output = np.where(target, 0.9, 0.1) * rng.uniform(0, 1, shape)
  off = doa + 0.3 * rng.normal(size=doa.shape)
  dense = [labels.from_dense(target, doa), labels.from_dense(output, off)]
  for index, one in enumerate(dense):
    labels.write_csv(tmp_path / f'{index}.csv', one)
  read = [labels.read_csv(tmp_path / f'{index}.csv') for index in (0, 1)]
  options = {'edition': edition, 'num_frames': 47, 'num_classes': 4}
  values = [
    dataclasses.astuple(score(*pair, **options)) for pair in (dense, read)
  ]
  assert values[0] == pytest.approx(values[1], abs=1e-6)
  if edition != '2020':
    return
  # The definition of 2020 on the arrays themselves.
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


def test_events_out_of_range_are_refused():
  good = events((0, 0, 0))
  late, early = events((24, 0, 0)), events((-1, 0, 0))
  foreign = events((0, 14, 0))
  with pytest.raises(InputError, match='reference .* frame 24, .* 0 to 23'):
    metrics.counts(late, good, num_frames=24)
  for bad, message in [
    (early, 'frame -1, but frames must not be negative'),
    (foreign, 'class 14, but classes must be 0 to 13'),
  ]:
    with pytest.raises(InputError, match=f'prediction .* {message}'):
      metrics.counts(good, bad)
  for bad, message in [(early, 'frame -1, .* 0 to 599'), (foreign, 'class 14')]:
    with pytest.raises(InputError, match=f'reference .* {message}'):
      metrics.counts(bad, good)
  nan = dataclasses.replace(good, xyz=good.xyz * np.nan)
  with pytest.raises(InputError, match='prediction .* NaN'):
    metrics.counts(good, nan)


def test_the_message_names_the_recording_that_cannot_be_counted():
  good, bad = events((0, 0, 0)), events((30, 0, 0))
  with pytest.raises(InputError, match=r'^b: The reference .* frame 30'):
    metrics.counts_each([(good, good), (bad, good)], names='ab', num_frames=20)


def test_unknown_editions_and_empty_recordings_are_refused():
  good = events((0, 0, 0))
  with pytest.raises(InputError, match="'1999'.* 2020"):
    metrics.counts(good, good, edition='1999')
  with pytest.raises(InputError, match='at least one frame'):
    metrics.counts(good, good, num_frames=0)


def test_editions_since_2022_need_the_length_of_recordings():
  good = events((0, 0, 0))
  for edition in ('2022', '2023', '2024'):
    with pytest.raises(InputError, match=f'{edition} need the length'):
      metrics.counts(good, good, edition=edition)
  for edition in ('2019', '2020', '2021'):
    minute = metrics.counts(good, good, edition=edition, num_frames=600)
    default = metrics.counts(good, good, edition=edition)
    assert metrics.scores(minute) == metrics.scores(default)


def test_counts_that_differ_in_kind_cannot_be_merged():
  good = events((0, 0, 0))
  with pytest.raises(InputError, match='no recording'):
    metrics.merge([])
  with pytest.raises(InputError, match='number of classes, got 3 and 14'):
    metrics.merge(
      [metrics.counts(good, good), metrics.counts(good, good, num_classes=3)]
    )
  both = [
    metrics.counts(good, good, edition=edition, num_frames=10)
    for edition in ('2022', '2023')
  ]
  with pytest.raises(InputError, match='same edition, got 2022 and 2023'):
    metrics.merge(both)


def test_labels_and_metrics_need_few_other_packages(tmp_path):
  """NumPy, SciPy and msgspec suffice to write, read and score."""
  program = (
    'import sys\n'
    'import numpy as np\n'
    'from seld_jax import geometry, labels, metrics\n'
    'one = labels.from_dense(np.ones((10, 1)), np.ones((10, 1, 3)))\n'
    'labels.write_csv("one.csv", one)\n'
    'counts = [metrics.counts(one, labels.read_csv("one.csv"))] * 2\n'
    'metrics.jackknife(counts)\n'
    'print(*sys.modules)\n'
  )
  done = subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
  )
  assert done.returncode == 0, done.stderr
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  needed = {
    re.split(r'[^\w-]', text)[0].replace('-', '_')
    for text in project['dependencies']
  }
  unwanted = needed - {'numpy', 'scipy', 'msgspec'}
  assert {'jax', 'flax', 'rich'} <= unwanted
  unwanted |= {'jaxlib', 'absl', 'orbax'}  # names differ from their packages
  assert not unwanted & set(done.stdout.split())


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'doa_threshold': np.nan}, 'doa_threshold must be 0 or more, got nan'),
    ({'distance_threshold': -1}, 'distance_threshold must be 0 or more'),
    ({'segment_frames': 0}, 'segment_frames must be 1 or more, got 0'),
    ({'num_frames': [10, 10]}, 'one for each of the 1 recordings, got 2'),
  ],
)
def test_options_without_meaning_are_refused(options, message):
  good = events((0, 0, 0))
  with pytest.raises(InputError, match=message):
    metrics.counts(good, good, **options)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'class_index': np.zeros(2, int)}, r'class_index must .* \[1\], got \[2'),
    ({'xyz': np.ones((1, 2))}, r'xyz must have the shape \[1, 3\], got \[1, 2'),
    ({'distance': np.ones(2)}, r'distance must have the shape \[1\], got'),
    ({'frame': np.array([0.5])}, 'frame of the prediction must be integers'),
  ],
)
def test_arrays_that_are_no_events_are_refused(changes, message):
  good = events((0, 0, 0))
  fields = {name: getattr(good, name) for name in FIELDS} | changes
  with pytest.raises(InputError, match=message):
    metrics.counts(good, types.SimpleNamespace(**fields))


def test_the_zero_vector_is_90_degrees_from_every_direction():
  good = events((0, 0, 0))
  fields = {name: getattr(good, name) for name in FIELDS}
  fields |= {'xyz': np.zeros((1, 3)), 'distance': np.ones(1)}
  nowhere = types.SimpleNamespace(**fields)
  somewhere = types.SimpleNamespace(**fields | {'xyz': good.xyz})
  for edition in ('2020', '2024', '2025', metrics.CLASSLESS):
    scores = metrics.scores(
      metrics.counts(
        somewhere, nowhere, edition=edition, num_frames=10, num_classes=1
      )
    )
    errors = [
      value
      for name, value in vars(scores).items()
      if name in ('LE_CD', 'DOAE', 'LE')
    ]
    assert errors and set(errors) == {90.0}
    f_scores = [v for name, v in vars(scores).items() if name.startswith('F')]
    assert f_scores and max(f_scores) == 0


def test_a_class_that_does_not_exist_has_no_counts():
  good = events((0, 0, 0))
  found = metrics.counts(good, good, num_classes=2)
  for index in (-1, 2):
    with pytest.raises(InputError, match=f'must be 0 to 1, got {index}'):
      metrics.of_class(found, index)
