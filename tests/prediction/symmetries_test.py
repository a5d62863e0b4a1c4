"""Turned recordings: physics of microphones, and properties of groups."""

import numpy as np
import pytest

from seld_jax import augment, geometry
from seld_jax.errors import InputError
from seld_jax.prediction import symmetries

CHANNELS = {'foa': 4, 'mic': 4, 'stereo': 2}
MOST = {'foa': 16, 'mic': 8, 'stereo': 2}
CAPSULES = geometry.to_cartesian(  # as labels have them: azimuth, elevation
  np.array([45, -45, 135, -135]), 35.26439 * np.array([1, -1, -1, 1])
)


def choose(sound, count=None):
  return symmetries.choose(
    count or MOST[sound], format=sound, num_channels=CHANNELS[sound]
  )


@pytest.mark.parametrize('sound', CHANNELS)
def test_turned_audio_is_that_of_the_turned_direction(sound):
  """Each channel has what its microphone receives from a direction."""

  def received(direction):
    x, y, z = direction
    gains = {
      'foa': [1, y, z, x],
      'mic': CAPSULES @ direction,
      'stereo': [1 + y, 1 - y],
    }
    return np.array(gains[sound])[:, None]

  rng = np.random.default_rng(0)
  chosen = choose(sound)
  assert len({one.matrix.tobytes() for one in chosen}) == MOST[sound]
  np.testing.assert_array_equal(chosen[0].matrix, np.eye(3))
  for direction in geometry.unit_vectors(rng.standard_normal((5, 3))):
    for one in chosen:
      turned = one.of_audio(received(direction))
      expected = received(one.matrix @ direction)
      np.testing.assert_allclose(turned, expected, atol=1e-6)


@pytest.mark.parametrize(
  ('sound', 'count'),
  [('foa', 2), ('foa', 4), ('foa', 8), ('foa', 16)]
  + [('mic', 2), ('mic', 4), ('mic', 8), ('stereo', 2)],
)
def test_symmetries_are_a_group(sound, count):
  matrices = [one.matrix for one in choose(sound, count)]
  assert len(matrices) == count
  known = {one.tobytes() for one in matrices}
  assert {(a @ b).tobytes() for a in matrices for b in matrices} == known


def test_arrays_have_the_symmetries_of_their_positions():
  pair = np.array([[0, 0.1, 0], [0, -0.1, 0]])
  chosen = symmetries.choose(
    2, format='mic', num_channels=2, microphones=lambda: pair
  )
  np.testing.assert_array_equal(chosen[1].matrix, np.diag([1, -1, 1]))
  np.testing.assert_array_equal(chosen[1].sources, [1, 0])
  matrices, sources = augment.array_symmetries(augment.TETRAHEDRON)
  for one, matrix, source in zip(choose('mic'), matrices, sources, strict=True):
    np.testing.assert_array_equal(one.matrix, matrix)
    np.testing.assert_array_equal(one.sources, source)


@pytest.mark.parametrize(
  ('count', 'options', 'message'),
  [
    (3, {'format': 'foa'}, r'0 \(off\), 2, 4, 8 or 16 for audio of .* foa'),
    (-1, {'format': 'foa'}, 'got -1'),
    (16, {'format': 'mic'}, r'0 \(off\), 2, 4 or 8 for .* with this array'),
    (4, {'format': 'stereo', 'num_channels': 2}, r'must be 0 \(off\) or 2 for'),
    (2, {'format': 'mic', 'num_channels': 5}, 'the positions of the 5 micro'),
    (
      2,
      {'format': 'mic', 'microphones': lambda: np.eye(3)},
      'positions of 4 microphones, but .* has 3',
    ),
    (
      2,
      {
        'format': 'mic',
        'num_channels': 2,
        'microphones': lambda: np.array([[0, 0.1, 0], [0.3, 0.2, 0]]),
      },
      r'must be 0 \(off\) for audio of format mic with this array, got 2',
    ),
  ],
)
def test_other_numbers_of_symmetries_are_refused(count, options, message):
  with pytest.raises(InputError, match=message):
    symmetries.choose(count, **{'num_channels': 4, **options})
