"""Turned audio has turned features, and its sound comes from its labels."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.array_sounds import RATE, noise, plane_wave
from helpers.output_formats import EACH, make_events, name_of
from jax import jit

from seld_jax import augment, features, geometry

SAMPLES = 3000
CAPSULES = np.array([(45, 35), (-45, -35), (135, -35), (-135, 35)])
TETRAHEDRON = 0.042 * geometry.to_cartesian(*CAPSULES.T)
STEREO = ('mid', 'side', 'level', 'phase', 'coherence')
# As published for SALSA.
SHORT = {'n_fft': 512, 'win_length': 512, 'hop_length': 300}
# Features of every format, and which of their symmetries there are.
CASES = {
  'foa': ({'format': 'foa'}, 48),
  'foa, energy': ({'format': 'foa', 'intensity': 'energy'}, 48),
  'foa, salsa': ({'format': 'foa', 'kind': 'salsa', **SHORT}, 48),
  'mic': ({'format': 'mic'}, 8),
  'mic, salsa_lite': ({'format': 'mic', 'kind': 'salsa_lite'}, 8),
  'stereo': ({'format': 'stereo', 'stereo': STEREO}, 2),
}


def wave_at_capsules(direction, sound):
  """A plane wave at microphones in the open."""
  seconds = -TETRAHEDRON @ direction / 343
  frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
  shift = np.exp(-2j * np.pi * frequencies * seconds[:, None])
  return np.fft.irfft(np.fft.rfft(sound) * shift, n=len(sound))


def scene(format):
  """Two sources, and noise that differs between all channels."""
  sounds = noise(0, 2, SAMPLES)
  if format == 'foa':
    audio = plane_wave(sounds[0], 30, 20) + plane_wave(sounds[1], -100, -50)
  elif format == 'mic':
    directions = geometry.to_cartesian(np.array([30, -100]), np.array([20, -5]))
    waves = [*map(wave_at_capsules, directions, sounds)]
    audio = np.sum(waves, axis=0)
  else:
    audio = np.stack([sounds[0] + 0.3 * sounds[1], sounds[1] - sounds[0] / 4])
  return (audio + noise(1, *audio.shape, level=0.01)).astype(np.float32)


@pytest.mark.parametrize('case', CASES)
def test_features_of_turned_audio_are_turned_features(case):
  options, count = CASES[case]
  format = options['format']
  extra = {'count': count} if format == 'foa' else {}
  turns = augment.make_turns(**options, **extra)
  matrices, channels = augment.audio_symmetries(format=format, **extra)
  np.testing.assert_array_equal(turns.matrices, matrices)
  assert len(matrices) == count
  audio = scene(format)
  extract = jit(functools.partial(features.compute, **options))
  turn = jit(turns.of_features)
  before = extract(audio)
  num_levels = 4  # the channels in dB
  for index in range(count):
    expected = np.asarray(extract(augment.mix_channels(audio, channels[index])))
    found = np.asarray(turn(before, index))
    np.testing.assert_allclose(
      found[..., :num_levels], expected[..., :num_levels], atol=1e-3
    )
    difference = (found - expected)[..., num_levels:]
    if case == 'mic':  # the first lag has no counterpart in a reversed pair
      difference = difference[:, 1:]
    if case == 'mic, salsa_lite':  # half a period has either sign
      periods = features.path_periods(**options)[:, None]
      difference -= periods * np.round(difference / periods)
    if case == 'foa, salsa':  # rounding decides a few bins at the threshold
      is_equal = (np.abs(difference) < 1e-4).all(axis=-1)
      assert is_equal.mean() > 0.999
      difference = difference[is_equal]
    assert np.abs(difference).max() < 1e-4


def test_the_48_symmetries_are_all_orders_and_signs_of_the_axes():
  matrices = augment.symmetry_matrices(count=48)
  expected = {
    (np.eye(3, dtype=np.int64)[list(order)] * signs).tobytes()
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
  }
  assert len(expected) == 48
  assert {matrix.tobytes() for matrix in matrices} == expected


@pytest.mark.parametrize('count', [4, 8, 16, 48])
def test_each_number_of_symmetries_is_a_group(count):
  matrices = augment.symmetry_matrices(count=count)
  np.testing.assert_array_equal(
    matrices, augment.symmetry_matrices(count=48)[:count]
  )
  members = {matrix.tobytes() for matrix in matrices}
  assert len(members) == count
  for one, other in itertools.product(matrices, repeat=2):
    assert (one @ other).tobytes() in members


def intensity_direction(cells):
  """The direction of the summed intensity vectors, stored as Y, Z, X."""
  total = np.asarray(cells, np.float64)[..., 4:].sum(axis=(0, 1))[[2, 0, 1]]
  return total / np.linalg.norm(total)


_foa_features = jit(features.foa_features)


def label_of(format, turned):
  """The direction of the only event of turned targets of one frame."""
  name = {'accdoa': 'accdoa', 'multi_accdoa': 'sources'}.get(format.name, 'doa')
  vectors = np.asarray(turned[name], np.float64)[..., :3].reshape(-1, 3)
  (row,) = np.flatnonzero(np.linalg.norm(vectors, axis=-1) > 0.5)
  return vectors[row]


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_the_intensity_points_to_the_label(format):
  """For all 48 symmetries and some rotations, applied to the audio."""
  azimuth, elevation = 25.0, 40.0
  audio = plane_wave(noise(2, SAMPLES), azimuth, elevation)
  rows = [(0, 1, 0, azimuth, elevation, 2.0)]
  targets = format.targets(make_events(rows), num_frames=1)
  matrices, channels = augment.audio_symmetries(format='foa', count=48)
  cases = [
    (matrix, augment.mix_channels(audio, mixing))
    for matrix, mixing in zip(matrices, channels, strict=True)
  ]
  for angle in -155.0, 33.3, 90.0, 200.0:
    matrix = augment.vertical_rotation(angle)
    cases.append((matrix, augment.turn_foa(audio, matrix)))
  for matrix, turned in cases:
    label = label_of(format, format.turn(targets, matrix))
    found = intensity_direction(_foa_features(turned))
    assert geometry.angular_distance(found, label) < 0.02


@pytest.mark.parametrize('angle', [-170.0, -45.0, 10.0, 123.0])
def test_a_rotation_adds_its_angle_to_the_azimuth(angle):
  turned = np.asarray(augment.vertical_rotation(angle)) @ geometry.to_cartesian(
    20.0, 35.0
  )
  np.testing.assert_allclose(
    turned, geometry.to_cartesian(20.0 + angle, 35.0), atol=1e-6
  )


def test_quarter_turns_are_symmetries_and_turns_add_up():
  audio = noise(3, 4, 50)
  _, channels = augment.audio_symmetries(format='foa')
  for turns in range(4):
    np.testing.assert_allclose(
      augment.turn_foa(audio, augment.vertical_rotation(90.0 * turns)),
      augment.mix_channels(audio, channels[turns]),
      atol=1e-6,
    )
  twice = audio
  for angle in 20.0, 50.0:
    twice = augment.turn_foa(twice, augment.vertical_rotation(angle))
  once = augment.turn_foa(audio, augment.vertical_rotation(70.0))
  np.testing.assert_allclose(twice, once, atol=1e-6)


def patterns():
  """The symmetries of capsules and labels, found in angles.

  Azimuths become `sign * azimuth + 90 * turns` and elevations change sign or
  not, if this maps the four capsules to each other.
  """
  wrapped = lambda angles: [
    (round(float((a + 180) % 360 - 180)), round(float(e))) for a, e in angles
  ]
  found = []
  capsules = wrapped(CAPSULES)
  for sign, turns, flip in itertools.product((1, -1), range(4), (1, -1)):
    change = lambda a, e, s=sign, t=turns, f=flip: (s * a + 90 * t, f * e)
    moved = wrapped([change(*capsule) for capsule in CAPSULES])
    if sorted(moved) == sorted(capsules):
      # The capsule that is moved to the place of each capsule.
      found.append(([moved.index(place) for place in capsules], change))
  return found


def test_the_capsules_and_the_labels_share_8_patterns():
  """Permuted capsules map the labelled directions, in each pattern."""
  matrices, channels = augment.audio_symmetries(format='mic')
  expected = patterns()
  assert len(expected) == len(matrices) == 8
  azimuth, elevation = 17.0, 28.0
  for source, change in expected:
    label = geometry.to_cartesian(*change(azimuth, elevation))
    turned = matrices @ geometry.to_cartesian(azimuth, elevation)
    (index,) = np.flatnonzero(np.isclose(turned, label).all(axis=-1))
    np.testing.assert_array_equal(
      channels[index] @ np.arange(4), source, err_msg=str(index)
    )


def direction_of_delays(audio):
  """Where a plane wave comes from, by its delays between the capsules."""
  frequencies = np.fft.rfftfreq(audio.shape[-1], 1 / RATE)
  is_used = (frequencies > 200) & (frequencies < 1500)
  spectrum = np.fft.rfft(np.asarray(audio, np.float64))[:, is_used]
  phase = np.angle(spectrum[1:] * spectrum[0].conj())
  seconds = np.median(-phase / (2 * np.pi * frequencies[is_used]), axis=-1)
  # A capsule that is nearer to the source hears it earlier.
  paths = TETRAHEDRON[0] - TETRAHEDRON[1:]
  found = np.linalg.solve(paths, 343 * seconds)
  return found / np.linalg.norm(found)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_the_delays_of_the_capsules_point_to_the_label(format):
  azimuth, elevation = -65.0, 15.0
  direction = geometry.to_cartesian(azimuth, elevation)
  audio = wave_at_capsules(direction, noise(4, SAMPLES))
  rows = [(0, 2, 0, azimuth, elevation, 1.0)]
  targets = format.targets(make_events(rows), num_frames=1)
  matrices, channels = augment.audio_symmetries(format='mic')
  for matrix, mixing in zip(matrices, channels, strict=True):
    turned = augment.mix_channels(audio, mixing)
    label = label_of(format, format.turn(targets, matrix))
    assert geometry.angular_distance(direction_of_delays(turned), label) < 0.1


def test_the_louder_side_is_that_of_the_label_in_stereo():
  audio = np.stack([noise(5, 100), 0.1 * noise(5, 100)])
  left = geometry.to_cartesian(40.0, 0.0)
  matrices, channels = augment.audio_symmetries(format='stereo')
  assert len(matrices) == 2
  for matrix, mixing in zip(matrices, channels, strict=True):
    power = np.square(augment.mix_channels(audio, mixing)).sum(axis=-1)
    assert (power[0] > power[1]) == ((matrix @ left)[1] > 0)


def test_turns_of_audio_work_under_transformations():
  audio = noise(6, 3, 4, 20)
  angles = jnp.array([10.0, 20.0, 30.0])
  turn = lambda audio, angle: augment.turn_foa(
    audio, augment.vertical_rotation(angle)
  )
  together = jax.jit(jax.vmap(turn))(audio, angles)
  for one, angle, found in zip(audio, angles, together, strict=True):
    np.testing.assert_allclose(found, turn(one, angle), atol=1e-6)


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: augment.symmetry_matrices(count=24), '4, 8, 16 or 48, got 24'),
    (lambda: augment.make_turns(format='foa', count=3), '48, got 3'),
    (lambda: augment.make_turns(format='mic', count=48), 'mic has 8'),
    (lambda: augment.make_turns(format='stereo', count=8), 'stereo has 2'),
    (
      lambda: augment.audio_symmetries(format='mic', num_channels=6),
      'positions of the 6 microphones',
    ),
    (
      lambda: augment.audio_symmetries(format='mic', count=16),
      'mic has 8 symmetries here, got count = 16',
    ),
    (
      lambda: augment.turn_foa(np.zeros((2, 9)), np.eye(3)),
      r'4 channels W, Y, Z, X on axis -2, got shape \(2, 9\)',
    ),
    (
      lambda: augment.turn_foa(np.zeros((4, 9)), np.eye(4)),
      r'shape \[3, 3\], got \[4, 4\]; mix_channels',
    ),
    (
      lambda: augment.array_symmetries(np.full((4, 3), np.nan)),
      'must be finite and different',
    ),
    (lambda: augment.make_turns(format='foa', kind='salsa_lite'), 'salsa_lite'),
    (lambda: augment.make_turns(format='stereo', stereo=('lvl',)), 'lvl'),
    (
      lambda: augment.apply_symmetry(np.zeros((5, 64, 7)), np.zeros(3), 16),
      '0 to 15, got 16',
    ),
    (
      lambda: augment.apply_symmetry(np.zeros((5, 64, 10)), np.zeros(3), 1),
      r'7 channels on the last axis, got shape \[5, 64, 10\]',
    ),
    (
      lambda: augment.apply_mic_symmetry(np.zeros((5, 64, 7)), np.zeros(3), 1),
      '10 channels on the last axis',
    ),
  ],
)
def test_what_does_not_exist_is_refused(call, message):
  with pytest.raises(ValueError, match=message):
    call()


def test_integers_are_mixed_as_numbers():
  half = np.array([[0.5, 0.5], [0.5, -0.5]])
  found = augment.mix_channels(np.array([[30000], [20000]], np.int16), half)
  np.testing.assert_array_equal(found, [[25000.0], [5000.0]])


@pytest.mark.parametrize('samples', [997, 1000])
def test_the_length_of_the_transform_does_not_matter(samples):
  """A prime number of samples is filtered as the same samples and silence."""
  rng = np.random.default_rng(0)
  sound = rng.standard_normal((2, samples)).astype(np.float32)
  gains = rng.uniform(-6, 6, 8)
  found = augment.equalise(sound, gains, sample_rate=24000)
  longer = np.pad(sound, ((0, 0), (0, 5000)))
  whole = augment.equalise(longer, gains, sample_rate=24000)
  np.testing.assert_allclose(found, whole[:, :samples], atol=2e-3)
  narrow = augment.equalise(
    jnp.asarray(sound, jnp.bfloat16), gains, sample_rate=24000
  )
  assert narrow.dtype == jnp.bfloat16
  np.testing.assert_allclose(np.asarray(narrow, np.float32), found, atol=0.1)
