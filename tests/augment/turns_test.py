"""Rotated features and labels equal those of the rotated sound."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.random_arrays import distinct_features
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import jit

from seld_jax import augment, features, geometry
from seld_jax.scenes import arrays

# Symmetries of FOA.


def matrices():
  return augment.symmetry_matrices()


def index_of(matrix):
  found = np.flatnonzero((matrices() == matrix).all(axis=(1, 2)))
  assert len(found) == 1, 'every symmetry is listed once'
  return found[0]


def test_symmetries_are_a_group_of_16():
  assert matrices().shape == (16, 3, 3)
  np.testing.assert_array_equal(matrices()[0], np.eye(3))
  for one in matrices():
    index_of(one)
    index_of(one.T)  # the inverse
    np.testing.assert_array_equal(one @ one.T, np.eye(3))
    for other in matrices():
      index_of(one @ other)


@pytest.mark.parametrize('index', range(16))
def test_the_index_of_a_symmetry_determines_its_turns_and_mirrors(index):
  flip, mirror, turns = index // 8, index // 4 % 2, index % 4
  for azimuth, elevation in (20.0, 35.0), (-130.0, -10.0):
    turned = matrices()[index] @ geometry.to_cartesian(azimuth, elevation)
    expected = geometry.to_cartesian(
      90 * turns + azimuth * (-1) ** mirror, elevation * (-1) ** flip
    )
    np.testing.assert_allclose(turned, expected, atol=1e-12)


def turned_audio(audio, matrix):
  """FOA, in the order W, Y, Z, X, of the rotated sound field."""
  dipoles = matrix @ audio[[3, 1, 2]]  # to X, Y, Z
  return np.stack([audio[0], dipoles[1], dipoles[2], dipoles[0]])


def test_features_of_turned_sound_are_turned_features():
  rng = np.random.default_rng(0)
  xyz = geometry.to_cartesian(
    rng.uniform(-180, 180, 3), rng.uniform(-60, 60, 3)
  )
  sounds = 0.1 * rng.standard_normal((3, 2400))
  audio = np.concatenate(
    [sounds.sum(axis=0)[None], (xyz.T @ sounds)[[1, 2, 0]]]
  )
  # Noise in each channel: unlike for a plane wave, all channels differ.
  audio += 0.01 * rng.standard_normal(audio.shape)
  doa = rng.standard_normal((1, 5, 3)).astype(np.float32)
  extract = jit(features.foa_features)
  before = extract(audio.astype(np.float32))
  all_turned = jnp.stack([turned_audio(audio, m) for m in matrices()])
  expected = extract(all_turned.astype(np.float32))
  for index in range(16):
    actual, turned_doa = augment.apply_symmetry(before, doa, index)
    np.testing.assert_allclose(actual, expected[index], atol=1e-3)
    np.testing.assert_allclose(
      actual[..., 4:], expected[index][..., 4:], atol=1e-5
    )
    np.testing.assert_allclose(turned_doa, doa @ matrices()[index].T, atol=1e-6)


def plane_wave(azimuth, elevation):
  x, y, z = geometry.to_cartesian(azimuth, elevation)
  sound = 0.1 * np.random.default_rng(1).standard_normal(2400)
  return np.stack([sound, y * sound, z * sound, x * sound]).astype(np.float32)


def intensity_direction(cells):
  """Direction of the intensity vector, which is stored as Y, Z, X."""
  total = np.asarray(cells, np.float64)[..., 4:].sum(axis=(0, 1))[[2, 0, 1]]
  return total / np.linalg.norm(total)


_foa_features = jit(features.foa_features)


@settings(deadline=None, max_examples=10)
@given(azimuth=st.floats(-180, 180), elevation=st.floats(-80, 80))
def test_labels_rotate_with_the_sound(azimuth, elevation):
  cells = _foa_features(plane_wave(azimuth, elevation))
  doa = np.zeros((1, 3, 3), np.float32)
  doa[0, 1] = geometry.to_cartesian(azimuth, elevation)
  for index in range(16):
    turned, turned_doa = augment.apply_symmetry(cells, doa, index)
    assert not np.any(turned_doa[0, [0, 2]])  # inactive classes stay zero
    angle = geometry.angular_distance(
      intensity_direction(turned), np.asarray(turned_doa[0, 1], np.float64)
    )
    assert angle < 0.01


def test_turns_follow_the_key_and_the_type():
  cells = jnp.asarray(distinct_features((2, 3, 7)), jnp.bfloat16)
  doa = jnp.asarray([[[1.0, 2.0, 3.0]]])
  key = jax.random.key(7)
  eager = augment.rotate_foa(key, cells, doa)
  jitted = jax.jit(augment.rotate_foa)(key, cells, doa)
  assert eager[0].dtype == jnp.bfloat16
  assert eager[1].dtype == jnp.float32
  for one, other in zip(eager, jitted, strict=True):
    np.testing.assert_array_equal(
      one.astype(jnp.float32), other.astype(jnp.float32)
    )


# Symmetries of the tetrahedral array.


def mic_matrices():
  """The matrices of the symmetries that exchange the capsules, by index."""
  doa = jnp.eye(3)[None]
  nothing = jnp.zeros((1, 4, 10))
  turn = lambda index: augment.apply_mic_symmetry(nothing, doa, index)[1][0].T
  return np.stack([turn(i) for i in range(8)])


def wave_at_the_sphere(direction, seed=1):
  """The four capsules of the rigid sphere in a plane wave of noise."""
  sphere = arrays.ARRAYS['mic']
  frequencies = np.fft.rfftfreq(4800, 1 / 24000)
  weights = sphere.weights(frequencies)
  terms = sphere.polynomials(direction[None], len(weights))[..., 0]
  response = np.einsum('ocf,oc->cf', weights, terms)
  noise = np.random.default_rng(seed).standard_normal(4800)
  spectrum = np.fft.rfft(0.1 * noise)
  return np.fft.irfft(response * spectrum).astype(np.float32)


def test_the_array_has_8_symmetries_that_map_its_capsules():
  matrices = mic_matrices()
  assert matrices.shape == (8, 3, 3)
  assert len({m.tobytes() for m in matrices}) == 8
  capsules = geometry.to_cartesian(*np.array(arrays.CAPSULES).T)
  for matrix in matrices:
    turned = capsules @ matrix.T
    distances = np.linalg.norm(turned[:, None] - capsules, axis=-1)
    np.testing.assert_allclose(np.sort(distances.min(axis=0)), 0, atol=1e-12)


@pytest.mark.parametrize('n_mels', [64, 33])
def test_mic_features_of_turned_waves_are_turned_features(n_mels):
  """Two plane waves at the capsules of a rigid sphere."""
  extract = jit(functools.partial(features.mic_features, n_mels=n_mels))
  directions = geometry.to_cartesian(np.array([25, -110]), np.array([15, -40]))

  def scene(matrix):
    waves = [
      wave_at_the_sphere(matrix @ direction, seed)
      for seed, direction in enumerate(directions)
    ]
    return extract(np.sum(waves, axis=0))

  before = scene(np.eye(3))
  doa = jnp.asarray(directions, jnp.float32)[None]
  for index, matrix in enumerate(mic_matrices()):
    expected = np.asarray(scene(matrix))
    actual, turned_doa = augment.apply_mic_symmetry(before, doa, index)
    np.testing.assert_allclose(actual[..., :4], expected[..., :4], atol=2e-2)
    # The first of an even number of lags has no counterpart when a pair is
    # reversed.
    first = 1 - n_mels % 2
    np.testing.assert_allclose(
      actual[:, first:, 4:], expected[:, first:, 4:], atol=2e-3
    )
    np.testing.assert_allclose(turned_doa[0], directions @ matrix.T, atol=1e-6)


@pytest.mark.parametrize(
  ('format', 'channels', 'apply', 'count'),
  [
    ('foa', 7, augment.apply_symmetry, 16),
    ('mic', 10, augment.apply_mic_symmetry, 8),
  ],
)
def test_turns_by_format_are_drawn_from_all_symmetries(
  format, channels, apply, count
):
  cells = jnp.asarray(distinct_features((2, 3, channels)))
  doa = jnp.asarray([[[1.0, 2.0, 3.0]]])
  keys = jax.random.split(jax.random.key(0), 100 * count)
  turn = {'foa': augment.rotate_foa, 'mic': augment.swap_mic_channels}[format]
  turned, turned_doa = jit(jax.vmap(turn, (0, None, None)))(keys, cells, doa)
  every, every_doa = jax.vmap(apply, (None, None, 0))(
    cells, doa, jnp.arange(count)
  )
  same = np.asarray(turned_doa)[:, None] == np.asarray(every_doa)[None]
  drawn, index = np.nonzero(same.all(axis=(2, 3, 4)))
  np.testing.assert_array_equal(drawn, np.arange(100 * count))
  np.testing.assert_array_equal(turned, np.asarray(every)[index])
  assert (abs(np.bincount(index, minlength=count) - 100) < 50).all()


# Rotations by any angle.


def correlated_features(seed=0, frames=3, bands=5):
  """Any features that sound can have: levels, vectors, and the correlation."""
  rng = np.random.default_rng(seed)
  cells = rng.uniform(-40, 10, (frames, bands, 8))
  cells[..., 4:] = rng.uniform(-1, 1, (frames, bands, 4))
  return cells.astype(np.float32)


@settings(deadline=None, max_examples=20)
@given(first=st.floats(-180, 180), second=st.floats(-180, 180))
def test_two_rotations_are_one_by_the_sum_of_their_angles(first, second):
  cells = correlated_features()
  twice = augment.rotate_foa_features(
    augment.rotate_foa_features(cells, first), second
  )
  once = augment.rotate_foa_features(cells, first + second)
  # Levels in dB lose digits where X or Y nearly vanishes.
  for number in (1, 3):
    np.testing.assert_allclose(
      10 ** (twice[..., number] / 10),
      10 ** (once[..., number] / 10),
      atol=1e-4,
    )
  np.testing.assert_allclose(twice[..., 4:7], once[..., 4:7], atol=1e-5)
  np.testing.assert_array_equal(twice[..., [0, 2, 5]], cells[..., [0, 2, 5]])
  assert (np.abs(twice[..., 7]) <= 1).all()


@pytest.mark.parametrize('quarters', range(4))
def test_quarter_turns_are_symmetries(quarters):
  cells = correlated_features()
  turns = augment.make_turns(format='foa', xy_correlation=True)
  expected = turns.of_features(
    jnp.asarray(cells), index_of(quarter_turn(quarters))
  )
  found = augment.rotate_foa_features(cells, 90.0 * quarters)
  np.testing.assert_allclose(found, expected, atol=2e-4)


def quarter_turn(quarters):
  matrix = augment.vertical_rotation(90.0 * quarters)
  return np.rint(np.asarray(matrix)).astype(int)


def test_silence_stays_silence():
  extract = functools.partial(features.foa_features, xy_correlation=True)
  cells = extract(np.zeros((4, 2400), np.float32), offset=0.0)
  np.testing.assert_allclose(cells[..., :4], -100, atol=1e-4)
  assert not cells[..., 4:].any()
  np.testing.assert_allclose(
    augment.rotate_foa_features(cells, 30.0), cells, atol=1e-4
  )


def test_features_without_the_correlation_are_refused():
  with pytest.raises(ValueError, match='with 8 channels'):
    augment.rotate_foa_features(np.zeros((2, 3, 7)), 30.0)
