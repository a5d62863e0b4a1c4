"""Counts of recordings and classes add up, in any order of rows; intervals
equal those of leaving one out; mistakes are told."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from helpers.scored_2020 import count_all, events, recordings, scene, score
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import labels, metrics
from seld_jax.errors import InputError

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
