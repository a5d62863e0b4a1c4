"""Differences of two systems equal those of scores of the same recordings."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_events import EDITIONS, count_all, events, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import metrics
from seld_jax.errors import InputError
from seld_jax.metrics import differences

CLASSES = 3


def two_systems(edition, *, seed=0, number=6):
  """Counts of two systems for the same random recordings."""
  rng = np.random.default_rng(seed)
  drawn = [(*scene(rng, 40, CLASSES, 20), 40) for _ in range(number)]
  other = [
    (reference, scene(rng, 40, CLASSES, 20)[1], length)
    for reference, _, length in drawn
  ]
  return [count_all(CLASSES, one, edition) for one in (drawn, other)]


def differences_of(first, second):
  """The differences of all scores, in their order."""
  one, two = (metrics.scores(metrics.merge(side)) for side in (first, second))
  return np.subtract(dataclasses.astuple(two), dataclasses.astuple(one))


def ends(found, kind):
  """Lower and upper ends of all scores, with shape `[2, scores]`."""
  return np.array([getattr(one, kind) for one in found.values()]).T


def of_class(side, index):
  return [metrics.of_class(one, index) for one in side]


@pytest.mark.parametrize('edition', EDITIONS)
def test_jackknife_equals_scoring_all_but_one_recording(edition):
  sides = two_systems(edition)
  found = metrics.paired_differences(*sides, class_indices=range(CLASSES))
  alone = [
    [of_class(side, index) for side in sides] for index in range(CLASSES)
  ]
  for (first, second), one in zip([sides, *alone], found, strict=True):
    value = differences_of(first, second)
    names = [
      field.name for field in dataclasses.fields(metrics.scores(first[0]))
    ]
    assert list(one) == names
    np.testing.assert_allclose(
      [difference.value for difference in one.values()], value, atol=1e-12
    )
    others = np.array(
      [
        differences_of(first[:i] + first[i + 1 :], second[:i] + second[i + 1 :])
        for i in range(6)
      ]
    )
    center = 6 * value - 5 * others.mean(axis=0)
    # Student's t at 97.5 % with 5 degrees of freedom.
    reach = 2.570582 * np.sqrt(5 / 6 * ((others - others.mean(0)) ** 2).sum(0))
    np.testing.assert_allclose(
      ends(one, 'jackknife'),
      [center - reach, center + reach],
      rtol=1e-5,
      atol=1e-9,
    )


@pytest.mark.parametrize('edition', EDITIONS)
def test_bootstrap_equals_scoring_the_drawn_recordings(edition):
  first, second = two_systems(edition)
  drawn = metrics.draw_recordings(np.random.default_rng(1), 6, resamples=20)
  sampled = []
  for row in drawn:
    chosen = np.repeat(np.arange(6), row)
    sampled.append(
      differences_of([first[i] for i in chosen], [second[i] for i in chosen])
    )
  (found,) = metrics.paired_differences(first, second, drawn=drawn)
  np.testing.assert_allclose(
    ends(found, 'bootstrap'),
    np.percentile(sampled, [2.5, 97.5], axis=0),
    rtol=1e-9,
    atol=1e-12,
  )


def test_no_recordings_cannot_be_drawn():
  with pytest.raises(InputError, match='at least 1, got 0'):
    metrics.draw_recordings(np.random.default_rng(0), 0)


def test_one_recording_has_no_intervals():
  """Every difference would be outside of an interval without width."""
  first, second = two_systems('2020', number=1)
  drawn = metrics.draw_recordings(np.random.default_rng(0), 1)
  (found,) = metrics.paired_differences(first, second, drawn=drawn)
  for kind in 'bootstrap', 'jackknife':
    assert np.isnan(ends(found, kind)).all()
  assert any(one.value for one in found.values())
  assert not any(one.excludes_zero for one in found.values())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(EDITIONS))
def test_swapped_systems_have_opposite_differences(seed, edition):
  first, second = two_systems(edition, seed=seed, number=4)
  drawn = metrics.draw_recordings(np.random.default_rng(seed), 4, resamples=50)
  options = {'drawn': drawn, 'class_indices': range(CLASSES)}
  there = metrics.paired_differences(first, second, **options)
  back = metrics.paired_differences(second, first, **options)
  for one, other in zip(there, back, strict=True):
    for name, difference in one.items():
      opposite = other[name]
      assert difference.value == -opposite.value or np.isnan(opposite.value)
      assert difference.excludes_zero == opposite.excludes_zero
      for kind in 'jackknife', 'bootstrap':
        low, high = getattr(opposite, kind)
        np.testing.assert_allclose(
          getattr(difference, kind), [-high, -low], rtol=1e-9, atol=1e-12
        )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(EDITIONS))
def test_a_system_does_not_differ_from_itself(seed, edition):
  first, _ = two_systems(edition, seed=seed, number=3)
  drawn = metrics.draw_recordings(np.random.default_rng(seed), 3, resamples=9)
  for found in metrics.paired_differences(
    first, first, drawn=drawn, class_indices=range(CLASSES)
  ):
    for one in found.values():
      assert not one.excludes_zero
      numbers = np.array([one.value, *one.jackknife, *one.bootstrap])
      assert np.all((numbers == 0) | np.isnan(numbers))
    assert found['seld_score'].jackknife == (0, 0)


def test_a_constant_advantage_excludes_zero():
  """Recordings differ, but not in which system is better."""
  reference = events((0, 0, 0))
  hit = metrics.counts(reference, reference)
  miss = metrics.counts(reference, events())
  (found,) = metrics.paired_differences(
    [hit] * 3, [miss] * 3, drawn=np.eye(3, dtype=int) * 3
  )
  error = found['ER20']
  assert error.value == pytest.approx(1) and error.excludes_zero
  assert error.jackknife == pytest.approx((1, 1))
  assert error.bootstrap == pytest.approx((1, 1))


@pytest.mark.parametrize('edition', ['2024', '2025'])
def test_undefined_scores_have_no_interval(edition):
  reference = events((0, 0, 0), (3, 1, 40))
  silent = count_all(CLASSES, [(reference, events(), 10)] * 3, edition)
  perfect = count_all(CLASSES, [(reference, reference, 10)] * 3, edition)
  drawn = metrics.draw_recordings(np.random.default_rng(0), 3, resamples=9)
  (found,) = metrics.paired_differences(silent, perfect, drawn=drawn)
  one = found['DOAE']
  assert np.isnan([one.value, *one.jackknife, *one.bootstrap]).all()
  assert not one.excludes_zero
  assert found['F20'].excludes_zero


@pytest.mark.parametrize('edition', EDITIONS)
def test_a_class_has_no_scores_where_the_reference_lacks_it(edition):
  """Class 1 is in a part of the recordings only."""
  with_both = events((0, 0, 0), (3, 1, 40))
  alone = events((0, 0, 0))
  wrong = events((0, 0, 0), (3, 1, 140), (4, 1, 0))

  def compare(*references):
    sides = (
      count_all(2, [(one, found or one, 10) for one in references], edition)
      for found in (None, wrong)
    )
    drawn = metrics.draw_recordings(
      np.random.default_rng(0), len(references), resamples=200
    )
    return metrics.paired_differences(
      *sides, drawn=drawn, class_indices=range(2)
    )[2]['seld_score']

  often = compare(*[with_both] * 5, *[alone] * 5)
  # Rates over an empty reference would be far higher.
  ends = (*often.jackknife, *often.bootstrap)
  assert often.value > 0 and np.abs(ends).max() < 5
  once = compare(with_both, *[alone] * 9)
  assert np.isfinite(once.value)
  assert np.isnan([*once.jackknife, *once.bootstrap]).all()
  assert np.isnan(compare(alone, alone).value)


def test_draws_have_as_many_recordings_and_are_repeatable():
  drawn, again = (
    metrics.draw_recordings(np.random.default_rng(5), 7, resamples=300)
    for _ in range(2)
  )
  assert (drawn.sum(axis=1) == 7).all() and drawn.min() >= 0
  np.testing.assert_array_equal(drawn, again)
  # Each recording is drawn once on average, with a deviation of 0.05.
  np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.3)


def test_blocks_do_not_change_draws_or_intervals(monkeypatch):
  first, second = two_systems('2020')
  found = []
  for most in (4_000_000, 13):
    monkeypatch.setattr(differences, '_MOST_NUMBERS', most)
    drawn = metrics.draw_recordings(np.random.default_rng(2), 6, resamples=31)
    (whole,) = metrics.paired_differences(first, second, drawn=drawn)
    found.append((drawn, ends(whole, 'bootstrap')))
  np.testing.assert_array_equal(found[0][0], found[1][0])
  np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-12)


def test_other_recordings_classes_and_editions_are_refused():
  first, second = two_systems('2020')
  with pytest.raises(InputError, match='got 6 and 5'):
    metrics.paired_differences(first, second[:5])
  with pytest.raises(InputError, match='edition'):
    metrics.paired_differences(first, two_systems('2021')[0])
  one = metrics.of_class(second[0], 0)
  with pytest.raises(InputError, match='number of classes'):
    metrics.paired_differences(first, [one] * 6)
  with pytest.raises(InputError, match=r'6 recordings, got the shape \(2, 5\)'):
    metrics.paired_differences(first, second, drawn=np.ones((2, 5), int))
  with pytest.raises(InputError, match='no counts'):
    metrics.paired_differences([], [])
