"""Counts of every edition add up over recordings and classes; intervals equal
those of leaving one out; dense outputs score as their files."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_editions import (
  EDITIONS,
  LATE,
  count_all,
  events,
  recordings,
  scene,
  score,
)
from hypothesis import given, settings

from seld_jax import labels, metrics
from seld_jax.errors import InputError


@pytest.mark.parametrize('edition', EDITIONS)
@settings(deadline=None, max_examples=40)
@given(case=recordings())
def test_recordings_count_together_as_each_by_itself(edition, case):
  num_classes, drawn = case
  together = metrics.counts_each(
    [pair for *pair, _ in drawn],
    edition=edition,
    num_frames=[frames for *_, frames in drawn],
    num_classes=num_classes,
  )
  alone = count_all(num_classes, drawn, edition)
  for one, other in zip(together, alone, strict=True):
    assert type(one) is type(other)
    for name, value in vars(other).items():
      if isinstance(value, str):
        assert getattr(one, name) == value
      else:
        np.testing.assert_allclose(getattr(one, name), value, rtol=1e-12)


@pytest.mark.parametrize('edition', ['2020', *EDITIONS])
@pytest.mark.parametrize('kind', [np.int16, np.uint16, np.uint64])
def test_whole_numbers_of_any_type_count(edition, kind):
  """Of ten minutes, whose frames by classes are beyond 16 bits."""
  num_frames, num_classes = 6000, 14
  frame = np.arange(num_frames)
  whole = labels.Events(
    frame, frame * 7 % num_classes, frame * 0, np.eye(3)[frame % 3], frame + 1.0
  )
  narrow = dataclasses.replace(
    whole,
    frame=whole.frame.astype(kind),
    class_index=whole.class_index.astype(kind),
  )
  options = {'num_frames': num_frames, 'num_classes': num_classes}
  late = dataclasses.replace(whole, frame=np.minimum(frame + 3, 5999))
  for prediction in whole, late:
    assert score(narrow, prediction, edition, **options) == score(
      whole, prediction, edition, **options
    )
  for one, other in zip(
    labels.to_dense(narrow, **options),
    labels.to_dense(whole, **options),
    strict=True,
  ):
    np.testing.assert_array_equal(one, other)


def test_the_recording_that_cannot_be_counted_is_named():
  good, bad = events((0, 0, 0, 0, 1)), events((30, 0, 0, 0, 1))
  with pytest.raises(InputError, match=r'^b: The reference .* frame 30'):
    metrics.counts_each([(good, good), (bad, good)], names='ab', num_frames=20)


@pytest.mark.parametrize('edition', EDITIONS)
@settings(deadline=None, max_examples=25)
@given(case=recordings())
def test_of_class_equals_scoring_that_class_alone(edition, case):
  num_classes, drawn = case
  reference, predictions, num_frames = drawn[0]

  def only(e, chosen):
    keep = e.class_index == chosen
    return labels.Events(
      e.frame[keep],
      e.class_index[keep] * 0,
      e.track[keep],
      e.xyz[keep],
      e.distance[keep],
    )

  [counts] = count_all(num_classes, drawn[:1], edition)
  for chosen in range(num_classes):
    pair = only(reference, chosen), only(predictions, chosen)
    alone = score(*pair, edition, num_frames=num_frames, num_classes=1)
    of_class = metrics.scores(metrics.of_class(counts, chosen))
    assert dataclasses.astuple(of_class) == pytest.approx(
      dataclasses.astuple(alone), nan_ok=True
    )


@pytest.mark.parametrize('edition', EDITIONS)
def test_merging_recordings_equals_one_long_recording(edition):
  rng = np.random.default_rng(2)
  drawn = []
  for _ in range(3):
    reference, predictions = scene(rng, 40, 3, 30)
    kept = predictions.frame < 40  # what lies beyond would move into the next
    fields = dataclasses.fields(predictions)
    predictions = labels.Events(
      *(getattr(predictions, field.name)[kept] for field in fields)
    )
    drawn.append((reference, predictions, 40))
  merged = metrics.merge(count_all(3, drawn, edition))
  joined = []
  for which in 0, 1:
    parts = [
      dataclasses.replace(pair[which], frame=pair[which].frame + 40 * i)
      for i, pair in enumerate(drawn)
    ]
    joined.append(
      labels.Events(
        *(
          np.concatenate([getattr(part, field.name) for part in parts])
          for field in dataclasses.fields(labels.Events)
        )
      )
    )
  whole = metrics.counts(
    *joined, edition=edition, num_frames=120, num_classes=3
  )
  for field in dataclasses.fields(whole):
    a, b = getattr(whole, field.name), getattr(merged, field.name)
    if field.name == 'edition':
      assert a == b
    else:
      np.testing.assert_allclose(a, b, atol=1e-9)


@pytest.mark.parametrize('edition', EDITIONS)
def test_jackknife_equals_scoring_the_others_anew(edition):
  rng = np.random.default_rng(3)
  drawn = [(*scene(rng, 40, 3, 20), 40) for _ in range(7)]
  counts = count_all(3, drawn, edition)
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
  np.testing.assert_allclose(
    list(metrics.jackknife(counts).values()),
    np.stack([center - reach, center + reach], axis=-1),
    rtol=1e-5,
    atol=1e-12,
  )


@pytest.mark.parametrize('edition', ('2019', '2020', *LATE))
def test_dense_outputs_score_as_their_files(tmp_path, edition):
  rng = np.random.default_rng(5)
  shape = (47, 4)  # not whole seconds
  target = rng.random(shape) < 0.4
  doa = rng.normal(size=(*shape, 3))
  output = np.where(target, 0.9, 0.1) * rng.uniform(0, 1, shape)
  off = doa + 0.3 * rng.normal(size=doa.shape)
  dense = [labels.from_dense(target, doa), labels.from_dense(output, off)]
  for index, e in enumerate(dense):
    labels.write_csv(tmp_path / f'{index}.csv', e)
  read = [labels.read_csv(tmp_path / f'{index}.csv') for index in (0, 1)]
  options = {'edition': edition, 'num_frames': 47, 'num_classes': 4}
  values = [
    dataclasses.astuple(score(*pair, **options)) for pair in (dense, read)
  ]
  assert values[0] == pytest.approx(values[1], abs=1e-6)
  if edition != '2020':
    return
  # The definition on the arrays themselves.
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


def test_counts_of_two_editions_do_not_mix():
  good = events((0, 0, 0))
  both = [
    metrics.counts(good, good, edition=edition, num_frames=10)
    for edition in ('2022', '2023')
  ]
  with pytest.raises(InputError, match='same edition, got 2022 and 2023'):
    metrics.merge(both)
