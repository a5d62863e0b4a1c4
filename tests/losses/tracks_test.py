"""Losses of tracks against brute force over all permutations of targets."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.loss_examples import tracks
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import losses

WEIGHTS = (1.0, 2.0, 0.3)


def frame_terms(frame, order):
  """The three terms of one frame with the targets in an order, in float64."""
  logits = frame['sed_logits']
  sed, doa, metres = (
    frame[f'{name}_targets'][list(order)] for name in ('sed', 'doa', 'distance')
  )
  entropy = sed * np.logaddexp(0, -logits) + (1 - sed) * np.logaddexp(0, logits)
  squares = (frame['doa'] - doa) ** 2
  total = 0.0
  for track in range(len(order)):
    if sed[track].any():
      total += (frame['distance'][track] - metres[track]) ** 2
  return entropy.mean(), squares.mean(), total / len(order)


def brute_force(arrays, weights):
  """The terms of the best permutation of every frame: `[terms, ...]`."""
  shape = arrays['distance'].shape[:-1]
  found = np.zeros((len(weights), *shape))
  for index in np.ndindex(*shape):
    frame = {name: array[index] for name, array in arrays.items()}
    every = [
      frame_terms(frame, order)[: len(weights)]
      for order in itertools.permutations(range(len(frame['distance'])))
    ]
    best = min(every, key=lambda terms: np.dot(terms, weights))
    found[(slice(None), *index)] = best
  return found


def pit(arrays, weights=WEIGHTS):
  given = dict(arrays)
  if len(weights) == 2:
    given.pop('distance', None)
    given.pop('distance_targets', None)
  return losses.tracks_pit(**given, weights=weights)


@jit
def _compiled(arrays, weights):
  """The terms, and the gradients of their sum."""

  def total(arrays, weights):
    terms = pit(arrays, weights)
    return sum(term.sum() for term in terms), terms

  gradients, terms = jax.grad(total, argnums=(0, 1), has_aux=True)(
    arrays, weights
  )
  return terms, gradients


def compiled(arrays, weights=WEIGHTS, dtype: Any = np.float32):
  """Terms and gradients to the arrays by name."""
  given = {name: np.asarray(array, dtype) for name, array in arrays.items()}
  terms, (gradients, _) = _compiled(given, weights)
  return terms, gradients


@pytest.mark.parametrize('number', [2, 3])
@pytest.mark.parametrize('weights', [WEIGHTS, (1.0, 0.5), (0.0, 1.0, 0.0)])
def test_terms_equal_brute_force(number, weights):
  arrays = tracks((2, 3), number=number, seed=number)
  expected = brute_force(arrays, weights)
  with jax.enable_x64(True):
    found, _ = compiled(arrays, weights, np.float64)
    assert len(found) == len(weights)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@settings(deadline=None, max_examples=25)
@given(
  seed=st.integers(0, 1000),
  targets=st.permutations(range(3)),
  together=st.permutations(range(3)),
)
def test_the_order_of_the_tracks_does_not_matter(seed, targets, together):
  arrays = tracks((6,), seed=seed)
  expected, _ = compiled(arrays)
  reordered = {
    name: array[:, list(targets)] if name.endswith('_targets') else array
    for name, array in arrays.items()
  }
  reordered = {
    name: array[:, list(together)] for name, array in reordered.items()
  }
  np.testing.assert_allclose(compiled(reordered)[0], expected, rtol=1e-5)


def test_all_permutations_of_a_perfect_prediction_have_no_loss():
  arrays = tracks((6,))
  arrays['sed_logits'] = 100 * (2 * arrays['sed_targets'] - 1)
  for order in itertools.permutations(range(3)):
    given = dict(arrays)
    for name in 'doa', 'distance':
      given[name] = arrays[f'{name}_targets'][:, list(order)]
    given['sed_logits'] = arrays['sed_logits'][:, list(order)]
    terms, slopes = compiled(given)
    np.testing.assert_array_equal(terms, 0)
    for name in 'sed_logits', 'doa', 'distance':
      np.testing.assert_array_equal(slopes[name], 0)


def test_one_permutation_holds_for_all_terms():
  """Activity says that the events are crossed, directions say that not."""
  event = np.eye(2)
  front, left = np.eye(3)[:2]
  arrays = {
    'sed_logits': 4 * (2 * event[::-1] - 1),
    'doa': np.stack([front, left]),
    'sed_targets': event,
    'doa_targets': np.stack([front, left]),
  }
  (sed, doa), _ = compiled(arrays, (1.0, 0.01))
  assert sed < 0.05 and doa > 0.5
  (sed, doa), _ = compiled(arrays, (0.01, 1.0))
  assert sed > 3 and doa == 0


def test_weights_choose_but_do_not_multiply():
  arrays = tracks((6,))
  expected, _ = compiled(arrays)
  found, _ = compiled(arrays, tuple(100 * weight for weight in WEIGHTS))
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  # They may be parameters of the run, which get no gradient from the choice.
  given = {name: np.float32(array) for name, array in arrays.items()}
  slopes = _compiled(given, WEIGHTS)[1][1]
  np.testing.assert_array_equal(slopes, 0)


def test_directions_of_silent_tracks_are_trained_and_distances_are_not():
  arrays = tracks((6,), share=0)
  _, slopes = compiled(arrays)
  assert (np.asarray(slopes['doa']) != 0).all()
  np.testing.assert_array_equal(slopes['distance'], 0)
  np.testing.assert_allclose(
    slopes['doa'], 2 * arrays['doa'] / (3 * 3), rtol=1e-5
  )


def test_distances_of_tracks_without_an_event_are_ignored_even_as_nan():
  arrays = tracks((6,), seed=3)
  silent = arrays['sed_targets'].sum(axis=-1) == 0
  assert silent.any() and not silent.all()
  metres = np.where(silent, np.nan, arrays['distance_targets'])
  whole = compiled(arrays)
  spoilt = compiled({**arrays, 'distance_targets': metres})
  for slopes in whole[1], spoilt[1]:
    del slopes['distance_targets']
  jax.tree.map(np.testing.assert_array_equal, spoilt, whole)


def test_an_unknown_distance_of_an_event_is_no_silent_zero():
  arrays = tracks((6,), share=1)
  arrays['distance_targets'][:, 0] = np.nan
  assert np.isnan(compiled(arrays)[0][2]).all()


def test_equal_errors_leave_the_targets_where_they_are():
  arrays = tracks((6,))
  arrays['sed_logits'] *= 0
  arrays['doa'] *= 0
  arrays['distance'] *= 0
  arrays['distance_targets'] *= 0
  # Without rounding, all sums are equal.
  is_event = arrays['sed_targets'].any(axis=-1, keepdims=True)
  arrays['doa_targets'] = np.eye(3) * is_event
  _, slopes = compiled(arrays)
  expected = -2 * arrays['doa_targets'] / 9
  np.testing.assert_allclose(slopes['doa'], expected, rtol=1e-5, atol=1e-7)


def test_arguments_that_do_not_fit_are_refused():
  arrays = {name: jnp.float32(array) for name, array in tracks((6,)).items()}
  with pytest.raises(ValueError, match='needs 3 weights.*got 1'):
    pit(arrays, (1.0,))
  pair = {
    name: array
    for name, array in arrays.items()
    if not name.startswith('distance')
  }
  with pytest.raises(ValueError, match='needs 2 weights.*got 3'):
    losses.tracks_pit(**pair, weights=WEIGHTS)
  for name in 'distance', 'distance_targets':
    with pytest.raises(ValueError, match='distance and distance_targets'):
      losses.tracks_pit(**pair, weights=WEIGHTS, **{name: arrays[name]})
  pair['doa'] = pair['doa'][:, :2]
  with pytest.raises(ValueError, match=r'number of tracks.*\[3, 2, 3, 3\]'):
    losses.tracks_pit(**pair, weights=(1.0, 1.0))
