"""Intervals of the jackknife equal leaving out one recording at a time."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_events import EDITIONS, count_all, events, scene

from seld_jax import metrics


def test_jackknife_by_hand():
  # Each recording has one class in one second; the error rates are 0, 0, 1.
  hit = metrics.counts(events((0, 0, 0)), events((0, 0, 0)))
  miss = metrics.counts(events((0, 0, 0)), events())
  low, high = metrics.jackknife([hit, hit, miss])['ER20']
  # ER of all: 1/3. Leaving one out: 1/2, 1/2, 0, with mean 1/3: no bias.
  # Variance 2/3 * (1/36 + 1/36 + 1/9) = 1/9, error 1/3; Student's t at 97.5%
  # with 2 degrees of freedom is 4.30265.
  assert low == pytest.approx(1 / 3 - 4.30265 / 3, abs=1e-5)
  assert high == pytest.approx(1 / 3 + 4.30265 / 3, abs=1e-5)


@pytest.mark.parametrize('edition', EDITIONS)
def test_jackknife_equals_scoring_all_but_one_recording(edition):
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
  intervals = metrics.jackknife(counts)
  fields = dataclasses.fields(metrics.scores(counts[0]))
  assert list(intervals) == [field.name for field in fields]
  np.testing.assert_allclose(
    list(intervals.values()),
    np.stack([center - reach, center + reach], axis=-1),
    rtol=1e-5,
    atol=1e-12,
  )


def test_interval_of_one_recording_is_unknown():
  one = metrics.counts(events((0, 0, 0)), events())
  assert np.isnan(list(metrics.jackknife([one]).values())).all()


def test_interval_narrows_with_more_recordings():
  rng = np.random.default_rng(4)
  drawn = [(*scene(rng, 40, 3, 20), 40) for _ in range(160)]
  counts = count_all(3, drawn, '2020')
  few = np.diff(metrics.jackknife(counts[:10])['seld_score'])
  many = np.diff(metrics.jackknife(counts)['seld_score'])
  assert 0 < many < few / 2


@pytest.mark.parametrize('edition', EDITIONS)
def test_intervals_are_unknown_if_one_recording_has_all_events(edition):
  """Without it, the rate of errors would be a number divided by almost 0."""
  rng = np.random.default_rng(5)
  reference, predictions = scene(rng, 40, 3, 20)
  drawn = [(reference, predictions, 40)]
  drawn += [(events(), predictions, 40), (events(), events(), 40)]
  counts = count_all(3, drawn, edition)
  assert np.isnan(list(metrics.jackknife(counts).values())).all()
  assert np.isnan(list(metrics.jackknife_estimates(counts).values())).all()
  (found,) = metrics.paired_differences(counts, counts)
  assert all(np.isnan(one.jackknife).all() for one in found.values())
