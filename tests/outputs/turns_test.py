"""Turned targets are the targets of the turned events, and of turned sound."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.output_formats import (
  EACH,
  FORMATS,
  make_events,
  name_of,
  perfect,
  random_scene,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import augment, labels, outputs

FRAMES = 12
SOUND_FORMATS = {
  'foa': (7, augment.apply_symmetry, 16),
  'mic': (10, augment.apply_mic_symmetry, 8),
}


def turned_events(events, matrix):
  return labels.Events(
    events.frame,
    events.class_index,
    events.track,
    events.xyz @ np.asarray(matrix).T,
    events.distance,
  )


def vectors_of(format, targets):
  """Direction vectors of targets, and all other numbers."""
  name = {'accdoa': 'accdoa', 'multi_accdoa': 'sources'}.get(format.name, 'doa')
  values = np.asarray(targets[name])
  rest = {k: np.asarray(v) for k, v in targets.items() if k != name}
  if name != 'doa':
    rest['distance'] = values[..., format.axes :]
  return values[..., : format.axes], rest


def matrices_of(sound):
  """The matrix of each symmetry, as `augment` applies it to directions."""
  channels, apply, count = SOUND_FORMATS[sound]
  nothing = np.zeros((1, 2, channels), np.float32)
  return [
    np.asarray(apply(nothing, jnp.eye(3)[None], index)[1][0]).T
    for index in range(count)
  ]


@pytest.mark.parametrize('sound', SOUND_FORMATS)
@pytest.mark.parametrize('format', FORMATS, ids=name_of)
def test_turned_targets_are_the_targets_of_turned_events(format, sound):
  """For every symmetry with which `augment` turns features.

  tests/augment/turns_test.py shows that these are the features of sound that is
  turned by the same matrices.
  """
  events = random_scene(2, num_frames=FRAMES)
  targets = format.targets(events, num_frames=FRAMES)
  turn = jit(format.turn)
  every = {tuple(m.ravel().astype(int)) for m in augment.symmetry_matrices()}
  for matrix in matrices_of(sound):
    assert tuple(matrix.ravel().astype(int)) in every
    turned = turn(targets, matrix)
    expected = format.targets(turned_events(events, matrix), num_frames=FRAMES)
    assert turned.keys() == expected.keys()
    for name, values in expected.items():
      assert turned[name].dtype == np.float32
      if format.axes == 3:
        np.testing.assert_array_equal(turned[name], values)
      else:  # the azimuth is computed anew
        np.testing.assert_allclose(turned[name], values, atol=1e-6)
    found = format.events(perfect(format, _numpy(turned)))
    again = turned_events(format.events(perfect(format, targets)), matrix)
    np.testing.assert_allclose(found.xyz, again.xyz, atol=1e-6)


def _numpy(tree):
  return {name: np.asarray(values) for name, values in tree.items()}


@settings(deadline=None, max_examples=25)
@given(
  st.sampled_from([format for format in FORMATS if format.distance]),
  st.integers(0, 2**32 - 1),
  st.booleans(),
)
def test_norms_distances_and_padding_stay(format, seed, is_mirror):
  """For any rotation or mirror; on the horizon, one that keeps it."""
  rng = np.random.default_rng(seed)
  matrix = np.linalg.qr(rng.standard_normal((3, 3)))[0]
  if format.axes == 2:
    matrix[:] = np.diag([1.0, 1.0, 1.0 if rng.random() < 0.5 else -1.0])
    matrix[:2, :2] = np.linalg.qr(rng.standard_normal((2, 2)))[0]
  if (np.linalg.det(matrix) < 0) != is_mirror:
    matrix[:, 0] *= -1
  events = random_scene(seed, num_frames=FRAMES)
  targets = format.targets(events, num_frames=FRAMES)
  before, others = vectors_of(format, targets)
  turned = format.turn(targets, matrix)
  after, others_after = vectors_of(format, turned)
  assert others.keys() == others_after.keys()
  for name, values in others.items():
    np.testing.assert_array_equal(others_after[name], values)
  is_empty = ~before.any(axis=-1)
  assert is_empty.any()
  assert not after[is_empty].any()
  norm = lambda x: np.linalg.norm(x, axis=-1)
  np.testing.assert_allclose(norm(after), norm(before), atol=1e-6)
  expected = before @ matrix[: format.axes, : format.axes].T
  np.testing.assert_allclose(after, expected, atol=1e-6)
  # The inverse gives the same targets back.
  back, _ = vectors_of(format, format.turn(turned, matrix.T))
  np.testing.assert_allclose(back, before, atol=1e-6)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_symmetries_compose(format):
  """To the bit: they only exchange axes and change signs."""
  targets = format.targets(random_scene(5, num_frames=3), num_frames=3)
  turn = jit(format.turn)
  matrices = augment.symmetry_matrices()
  for one in matrices[::3]:
    for other in matrices:
      twice = turn(turn(targets, one), other)
      once = turn(targets, other @ one)
      for name, values in once.items():
        np.testing.assert_array_equal(twice[name], values)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_directions_that_are_not_unit_vectors_keep_their_length(format):
  """Also those of outputs: a predicted vector has any length."""
  rows = [(0, 0, 0, 30, 40, 2.0)]
  targets = format.targets(make_events(rows), num_frames=1)
  name = {'accdoa': 'accdoa', 'multi_accdoa': 'sources'}.get(format.name, 'doa')
  longer = dict(targets)
  longer[name] = longer[name].copy()
  longer[name][..., :3] *= 0.25
  matrix = augment.symmetry_matrices()[7]
  turned, _ = vectors_of(format, format.turn(longer, matrix))
  reference, _ = vectors_of(format, format.turn(targets, matrix))
  np.testing.assert_array_equal(turned, 0.25 * reference)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_each_example_of_a_batch_has_its_own_turn(format):
  events = random_scene(4, num_frames=FRAMES)
  one = format.targets(events, num_frames=FRAMES)
  batch = {name: np.stack([values] * 16) for name, values in one.items()}
  matrices = jnp.asarray(augment.symmetry_matrices(), jnp.float32)
  turned = jit(jax.vmap(format.turn))(batch, matrices)
  for index, matrix in enumerate(augment.symmetry_matrices()):
    expected = format.targets(turned_events(events, matrix), num_frames=FRAMES)
    for name, values in expected.items():
      np.testing.assert_array_equal(turned[name][index], values)


def test_the_format_of_the_horizon_has_no_elevation():
  format = outputs.make('accdoa', num_classes=3, axes=2)
  events = make_events([(0, 0, 0, 60, 70, 1.0)])
  (vector,) = format.targets(events, num_frames=1)['accdoa'][0, :, 0]
  np.testing.assert_allclose(vector, [0.5, 0.75**0.5], atol=1e-6)
