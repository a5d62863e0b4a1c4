"""Scenes of arrays, SALSA and SALSA-Lite are turned like their sound."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from helpers.array_sounds import RATE, noise, plane_wave
from jax import jit

from seld_jax import augment, features, geometry

TETRAHEDRON = 0.042 * geometry.to_cartesian(
  np.array([45, -45, 135, -135]), np.array([35, -35, -35, 35])
)
# Six microphones in a ring, and one in their centre; a cube; a line.
ANGLES = np.arange(6) * 60
RING = np.concatenate(
  [0.05 * geometry.to_cartesian(ANGLES, 0 * ANGLES), np.zeros((1, 3))]
)
CUBE = 0.03 * np.array(list(itertools.product([1, -1], repeat=3)))
LINE = np.outer(np.array([-0.06, -0.01, 0.02]), [0, 1, 0])


def waves_at(microphones, matrix, samples=3000):
  """Two plane waves from turned directions, at microphones in the open."""
  directions = geometry.to_cartesian(np.array([25, -110]), np.array([15, -40]))
  frequencies = np.fft.rfftfreq(samples, 1 / RATE)
  audio = np.zeros((len(microphones), samples))
  for seed, direction in enumerate(directions):
    # The sound reaches microphones on its side earlier.
    seconds = -microphones @ (matrix @ direction) / 343
    shift = np.exp(-2j * np.pi * frequencies * seconds[:, None])
    audio += np.fft.irfft(np.fft.rfft(noise(seed, samples)) * shift)
  return audio.astype(np.float32), directions


@pytest.mark.parametrize(
  ('microphones', 'count'),
  [(TETRAHEDRON, 8), (RING, 4), (CUBE, 16), (LINE, 1)],
  ids=['tetrahedron', 'ring', 'cube', 'line'],
)
def test_symmetries_are_those_that_map_the_array(microphones, count):
  matrices, sources = augment.array_symmetries(microphones)
  assert len(matrices) == count
  np.testing.assert_array_equal(matrices[0], np.eye(3))
  for matrix, source in zip(matrices, sources, strict=True):
    # What was at a source is now at the microphone itself.
    np.testing.assert_allclose(
      microphones[source] @ matrix.T, microphones, atol=1e-9
    )
  # Every other symmetry of the array exchanges the microphones like one of
  # these, and changes directions more.
  pairs = zip(matrices, sources, strict=True)
  exchanges = {source.tobytes(): matrix for matrix, source in pairs}
  assert len(exchanges) == count
  for matrix in augment.symmetry_matrices():
    same = np.isclose(
      (microphones @ matrix)[:, None], microphones, atol=1e-6
    ).all(axis=-1)
    if same.any(axis=1).all():
      kept = exchanges[same.argmax(axis=1).tobytes()]
      assert np.trace(kept) >= np.trace(matrix)


def test_an_array_in_a_plane_keeps_up_and_down_apart():
  """It hears the same from both; the labels know better."""
  matrices, _ = augment.array_symmetries(RING)
  assert (matrices[:, 2, 2] == 1).all()
  pair = np.array([[0, 0.05, 0], [0, -0.05, 0]])
  matrices, _ = augment.array_symmetries(pair)
  np.testing.assert_array_equal(matrices, [np.eye(3), np.diag([1, -1, 1])])


@pytest.mark.parametrize('kind', ['log_mel', 'salsa_lite'])
@pytest.mark.parametrize(
  'microphones', [TETRAHEDRON, RING, CUBE], ids=['tetrahedron', 'ring', 'cube']
)
def test_features_of_turned_waves_are_turned_features(microphones, kind):
  count = len(microphones)
  options = {'format': 'mic', 'kind': kind, 'num_channels': count}
  turns = augment.make_turns(microphones=microphones, **options)
  extract = jit(lambda audio: features.compute(audio, **options))
  apply = jit(turns.apply)
  audio, directions = waves_at(microphones, np.eye(3))
  before, doa = extract(audio), jnp.asarray(directions, jnp.float32)[None]
  for index, matrix in enumerate(turns.matrices):
    expected = np.asarray(extract(waves_at(microphones, matrix)[0]))
    found, turned = apply(before, doa, index)
    np.testing.assert_allclose(turned[0], directions @ matrix.T, atol=1e-6)
    np.testing.assert_allclose(
      found[2:-2, :, :count], expected[2:-2, :, :count], atol=2e-2
    )
    difference = np.asarray(found - expected)[2:-2, :, count:]
    if kind == 'salsa_lite':
      periods = features.path_periods(**options)[:, None]
      difference = difference - periods * np.round(difference / periods)
      assert np.quantile(np.abs(difference), 0.999) < 1e-4
      assert (np.abs(found[..., count:]) <= periods / 2 + 1e-6).all()
    else:  # The first lag has no counterpart when a pair is reversed.
      assert np.abs(difference[:, 1:]).max() < 5e-3


@pytest.mark.parametrize('kind', ['log_mel', 'salsa_lite'])
def test_the_default_array_is_the_tetrahedron(kind):
  usual = augment.make_turns(format='mic', kind=kind)
  stated = augment.make_turns(format='mic', kind=kind, microphones=TETRAHEDRON)
  np.testing.assert_array_equal(usual.matrices, stated.matrices)
  cells = noise(1, 4, *features.shape(format='mic', kind=kind))
  doa = np.ones((1, 1, 3), np.float32)
  for index in range(8):
    one, other = (turns.apply(cells, doa, index) for turns in (usual, stated))
    np.testing.assert_array_equal(one[0], other[0])


def test_salsa_of_turned_foa_is_turned_salsa():
  turns = augment.make_turns(format='foa', kind='salsa')
  sound = noise(3, 6000)
  sound[:2000] *= 1e-3
  audio = plane_wave(sound, 50, 20) + noise(4, 4, 6000, level=1e-4)
  extract = jit(features.salsa_features)
  before, doa = extract(audio), np.ones((1, 1, 3), np.float32)
  assert np.asarray(before)[..., 4:].any()
  for index in 1, 6, 13:
    matrix = turns.matrices[index]
    dipoles = matrix @ audio[[3, 1, 2]]  # to X, Y, Z
    turned = np.concatenate([audio[:1], dipoles[[1, 2, 0]]])
    expected = np.asarray(extract(turned.astype(np.float32)))
    found, _ = turns.apply(before, doa, index)
    np.testing.assert_allclose(found[..., :4], expected[..., :4], atol=1e-3)
    same = np.isclose(found[..., 4:], expected[..., 4:], atol=1e-4)
    assert same.mean() > 0.999  # a threshold is rarely missed by rounding


def test_positions_may_be_rounded_to_millimetres_but_not_wrong():
  matrices, _ = augment.array_symmetries(np.round(TETRAHEDRON, 3))
  assert len(matrices) == 8
  wrong = TETRAHEDRON.copy()
  wrong[2] *= 1.2
  matrices, _ = augment.array_symmetries(wrong)
  assert len(matrices) < 8


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'format': 'mic', 'kind': 'salsa'}, 'SALSA of microphones cannot be'),
    ({'format': 'foa', 'layout': 'published'}, "layout = 'aligned'"),
    ({'format': 'mic', 'num_channels': 6}, 'positions of the 6 microphones'),
    ({'format': 'mic', 'microphones': CUBE}, r'4 microphones .* \(8, 3\)'),
    (
      {
        'format': 'mic',
        'num_channels': 3,
        'microphones': np.array([[0.1, 0, 0], [0, 0.3, 0], [0, 0.1, 0.2]]),
      },
      'None of the rotations',
    ),
  ],
)
def test_what_cannot_be_turned_exactly_is_refused(options, message):
  with pytest.raises(ValueError, match=message):
    augment.make_turns(**options)
