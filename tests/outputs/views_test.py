"""Dense views of outputs, and tracks in the order of other outputs."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.output_formats import (
  CLASSES,
  EACH,
  FORMATS,
  name_of,
  random_outputs,
  random_scene,
)
from jax import jit

SHAPE = 2, 6


def dense(format, predictions):
  """Activity and directions of each class, by loops."""
  activity = np.zeros((*SHAPE, CLASSES))
  doa = np.zeros((*SHAPE, CLASSES, 3))
  for at in np.ndindex(SHAPE):
    for c in range(CLASSES):
      if format.name == 'class_wise':
        tracks = [(predictions['sed'][at][c], predictions['doa'][at][c])]
      elif format.name == 'tracks':
        tracks = [
          (predictions['sed'][at][track, c], predictions['doa'][at][track])
          for track in range(format.num_tracks)
        ]
      else:
        vectors = predictions['accdoa'][at][:, c, : format.axes]
        tracks = [(np.sqrt(sum(v**2 for v in one)), one) for one in vectors]
      best = max(tracks, key=lambda track: track[0])
      activity[at][c] = min(best[0], 1.0)
      doa[at][c, : format.axes] = best[1]
  return activity, doa


@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_dense_views_are_those_of_the_most_active_track(format):
  predictions = random_outputs(format, *SHAPE, seed=2)
  needed = {name: predictions[name] for name in format.predicted}
  activity, doa = dense(format, predictions)
  found = format.activity(needed), format.doa(needed)
  for one in found:
    assert type(one) is np.ndarray
  np.testing.assert_allclose(found[0], activity, atol=1e-6)
  np.testing.assert_array_equal(found[1], np.float32(doa))


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_dense_views_are_the_same_in_numpy_and_jax(format):
  predictions = random_outputs(format, *SHAPE, seed=3)
  views = lambda some: (format.activity(some), format.doa(some))
  for one, other in zip(
    views(predictions), jit(views)(predictions), strict=True
  ):
    assert isinstance(other, jax.Array)
    assert one.dtype == other.dtype == np.float32
    np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_dense_views_have_finite_gradients_at_zero(format):
  def total(raw):
    predictions = format.activate(raw)
    return format.activity(predictions).sum() + format.doa(predictions).sum()

  assert np.isfinite(jit(jax.grad(total))(jnp.zeros((2, format.size)))).all()


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_a_class_is_active_in_the_view_where_it_has_an_event(format):
  """For tracks, only the strongest class of a track is an event."""
  predictions = random_outputs(format, 30, seed=4, scale=1.5)
  found = format.events(predictions, threshold=0.5)
  has_event = np.zeros((30, CLASSES), bool)
  has_event[found.frame, found.class_index] = True
  is_active = format.activity(predictions) > 0.5
  if format.name == 'tracks':
    assert is_active[has_event].all()
  else:
    np.testing.assert_array_equal(is_active, has_event)
  # Where a class has one event of one track, the view has its direction.
  if format.name in ('class_wise', 'accdoa'):
    xyz = format.doa(predictions)[found.frame, found.class_index]
    xyz = xyz / np.linalg.norm(xyz, axis=-1, keepdims=True)
    np.testing.assert_allclose(found.xyz, xyz, atol=1e-6)


def brute_force(format, predictions, reference):
  """Outputs with the best of all permutations in each frame (and class)."""
  best = {name: values.copy() for name, values in predictions.items()}
  tracks = range(format.num_tracks)
  for frame in range(len(predictions[format.predicted[0]])):
    if format.name == 'multi_accdoa':
      ours, theirs = predictions['accdoa'][frame], reference['accdoa'][frame]
      for c in range(CLASSES):
        order = min(
          itertools.permutations(tracks),
          key=lambda order: (
            (ours[list(order), c, :3] - theirs[:, c, :3]).astype(float) ** 2
          ).sum(),
        )
        best['accdoa'][frame, :, c] = ours[list(order), c]
    else:
      order = min(
        itertools.permutations(tracks),
        key=lambda order: sum(
          (
            (predictions[name][frame, list(order)] - reference[name][frame])
            ** 2
          ).sum()
          for name in ('sed', 'doa')
        ),
      )
      for name in best:
        best[name][frame] = predictions[name][frame, list(order)]
  return best


@pytest.mark.parametrize('format', EACH[2:], ids=name_of)
def test_tracks_are_matched_as_the_best_permutation(format):
  predictions = random_outputs(format, 40, seed=1)
  reference = random_outputs(format, 40, seed=2)
  found = format.match(predictions, reference)
  expected = brute_force(format, predictions, reference)
  assert found.keys() == expected.keys()
  changed = 0
  for name, values in expected.items():
    np.testing.assert_array_equal(found[name], values)
    changed += (values != predictions[name]).any()
  assert changed


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_permuted_tracks_are_matched_to_the_original(format):
  """And formats without exchangeable tracks are left as they are."""
  reference = random_outputs(format, 20, seed=5)
  if format.name in ('class_wise', 'accdoa'):
    other = random_outputs(format, 20, seed=6)
    found = format.match(other, reference)
    for name, values in other.items():
      np.testing.assert_array_equal(found[name], values)
    return
  rng = np.random.default_rng(0)
  permuted = {name: values.copy() for name, values in reference.items()}
  for frame in range(20):
    if format.name == 'tracks':
      order = rng.permutation(format.num_tracks)
      for name, values in reference.items():
        permuted[name][frame] = values[frame, order]
    else:
      for c in range(CLASSES):
        order = rng.permutation(3)
        values = reference['accdoa'][frame, order, c]
        permuted['accdoa'][frame, :, c] = values
  found = format.match(permuted, reference)
  for name, values in reference.items():
    np.testing.assert_array_equal(found[name], values)
  # Matching changes no event.
  for one, other in zip(
    vars(format.events(permuted)).values(),
    vars(format.events(found)).values(),
    strict=True,
  ):
    if one is None:  # no format says what is on screen
      assert other is None
    else:
      assert len(one) == len(other)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_no_frames_have_empty_views_and_nothing_to_match(format):
  empty = random_outputs(format, 0)
  assert format.activity(empty).shape == (0, CLASSES)
  assert format.doa(empty).shape == (0, CLASSES, 3)
  found = format.match(empty, empty)
  for name, values in empty.items():
    assert found[name].shape == values.shape


def test_scenes_of_these_tests_have_same_class_overlap():
  """Otherwise the tests of tracks would prove little."""
  events = random_scene(2, num_frames=12)
  places = list(zip(events.frame, events.class_index, strict=True))
  assert len(set(places)) < len(places)
