"""Mixed features are about those of the mixed sound; targets are merged."""

import functools

import jax
import numpy as np
import pytest
from helpers.array_sounds import noise
from helpers.output_formats import EACH, make_events, name_of
from jax import jit

from seld_jax import augment, features, outputs

OUTPUT = outputs.make('accdoa', num_classes=3)
STEREO = ('mid', 'side', 'level', 'phase', 'coherence')
SHORT = {'n_fft': 512, 'win_length': 512, 'hop_length': 300}
CASES = {
  'foa': {'format': 'foa'},
  'foa, energy': {'format': 'foa', 'intensity': 'energy'},
  'mic': {'format': 'mic'},
  'mic, salsa_lite': {'format': 'mic', 'kind': 'salsa_lite'},
  'stereo': {'format': 'stereo', 'stereo': STEREO},
  'foa, salsa': {'format': 'foa', 'kind': 'salsa', **SHORT},
  'mic, salsa': {'format': 'mic', 'kind': 'salsa', **SHORT},
}
SAMPLES = 24000


def sound(seed, count):
  """Noise from one direction: each channel has its own gain and delay."""
  rng = np.random.default_rng(seed)
  source = noise(seed, SAMPLES + 20)
  delays, gains = rng.integers(0, 4, count), rng.uniform(0.5, 1, count)
  return np.stack(
    [
      gain * source[delay : delay + SAMPLES]
      for gain, delay in zip(gains, delays, strict=True)
    ]
  ).astype(np.float32)


def both(case):
  options = CASES[case]
  count = features.num_audio_channels(options['format'])
  domain = augment.feature_domain(output=OUTPUT, **options)
  extract = jit(functools.partial(features.compute, **options))
  mix = jit(functools.partial(augment.mix_features, domain=domain))
  return sound(0, count), sound(1, count), extract, mix, domain


@pytest.mark.parametrize(
  'case', [case for case in CASES if 'salsa' not in case]
)
def test_sounds_that_alternate_keep_their_features(case):
  """Where one of them is silent, the mixture has the features of the other."""
  first, second, extract, mix, domain = both(case)
  half = SAMPLES // 2
  first[:, half:], second[:, :half] = 0, 0
  mixed = np.asarray(mix(extract(first), extract(second)))
  expected = np.asarray(extract(first + second))
  middle = len(expected) // 2
  away = np.r_[0 : middle - 3, middle + 3 : len(expected)]
  count = domain.num_levels
  np.testing.assert_allclose(
    mixed[away, :, :count], expected[away, :, :count], atol=1e-2
  )
  np.testing.assert_allclose(
    mixed[away, :, count:], expected[away, :, count:], atol=1e-3
  )


@pytest.mark.parametrize(
  'case', ['mic, salsa_lite', 'foa, salsa', 'mic, salsa']
)
def test_a_much_louder_sound_keeps_its_directions(case):
  first, second, extract, mix, domain = both(case)
  # SALSA needs a background that the sound exceeds.
  start = SAMPLES // 4
  first[:, :start] *= 1e-2
  second *= 1e-3
  mixed = np.asarray(mix(extract(first), extract(second)))
  expected = np.asarray(extract(first + second))
  count = domain.num_levels
  spatial = np.abs(mixed - expected)[..., count:]
  hop = 480 if 'lite' in case else 300
  later = slice(start // hop + 5, -5)
  assert (spatial[later].max(axis=-1) < 0.02).mean() > 0.95
  assert np.abs(mixed - expected)[later, :, :count].mean() < 0.1


@pytest.mark.parametrize('case', CASES)
def test_levels_of_independent_sounds_are_right_on_average(case):
  first, second, extract, mix, domain = both(case)
  second *= 0.7
  count = domain.num_levels
  mixed = np.asarray(mix(extract(first), extract(second)))[..., :count]
  expected = np.asarray(extract(first + second))[..., :count]
  alone = np.asarray(extract(first))[..., :count]
  power = lambda decibels: 10 * np.log10(np.mean(10 ** (decibels / 10)))
  assert abs(power(mixed) - power(expected)) < 0.15
  assert power(expected) - power(alone) > 0.8


@pytest.mark.parametrize('intensity', ['norm', 'energy'])
def test_intensities_of_independent_sounds_are_about_right(intensity):
  """Two plane waves of one level: the direction is right, the norm roughly."""
  options = {'format': 'foa', 'intensity': intensity}
  domain = augment.feature_domain(output=OUTPUT, **options)
  extract = jit(functools.partial(features.compute, **options))
  one, other = noise(2, 4 * SAMPLES), noise(3, 4 * SAMPLES)
  left = np.stack([one, one, 0 * one, 0 * one])
  up = np.stack([other, 0 * other, other, 0 * other])
  mixed = augment.mix_features(extract(left), extract(up), domain=domain)
  expected = np.asarray(extract(left + up))[..., 4:].mean(axis=(0, 1))
  found = np.asarray(mixed)[..., 4:].mean(axis=(0, 1))
  size = np.linalg.norm(expected)
  # Powers of single bins vary within a band.
  assert np.linalg.norm(found - expected) < 0.15 * size
  assert found @ expected > 0.99 * size * np.linalg.norm(found)


def test_correlations_of_independent_sounds_have_both_peaks():
  first, second, extract, mix, _ = both('mic')
  mixed = np.asarray(mix(extract(first), extract(second)))[..., 4:].mean(axis=0)
  expected = np.asarray(extract(first + second))[..., 4:].mean(axis=0)
  assert np.abs(mixed - expected).max() < 0.25
  for pair in range(6):
    assert np.corrcoef(mixed[:, pair], expected[:, pair])[0, 1] > 0.9


def batch_of(format, *scenes):
  return [format.targets(make_events(rows), num_frames=2) for rows in scenes]


def stacked(trees):
  return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def apply(step, signals, targets, *, key=0):
  keys = jax.random.split(jax.random.key(key), len(signals))
  batched = jax.vmap(step, axis_name=augment.EXAMPLES)
  return jit(batched)(keys, signals, stacked(targets))


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_each_example_has_the_sound_and_events_of_the_one_before(format):
  domain = augment.audio_domain(format='foa', output=format)
  scenes = [
    [(0, 0, 0, 10, 20, 1.0)],
    [(0, 1, 0, 50, 0, 2.0), (1, 1, 0, 55, 0, 2.0)],
    [(1, 2, 0, -90, -30, 3.0)],
  ]
  targets = batch_of(format, *scenes)
  audio = noise(4, 3, 4, 50)
  step = augment.mixup(domain, probability=1.0)
  mixed, merged = apply(step, audio, targets)
  np.testing.assert_allclose(
    mixed, audio + np.roll(audio, 1, axis=0), rtol=1e-6
  )
  for index in range(3):
    expected = format.targets(
      make_events(scenes[index] + scenes[index - 1]), num_frames=2
    )
    for name, values in expected.items():
      np.testing.assert_array_equal(merged[name][index], values)


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_examples_without_room_stay_as_they_are(format):
  domain = augment.feature_domain(format='foa', output=format)
  crowd = [(1, 1, track, 50 * track, 10, 1.0) for track in range(3)]
  crowd = crowd[: format.num_tracks]
  scenes = [crowd, [(1, 1, 0, -50, 0, 2.0)], []]
  targets = batch_of(format, *scenes)
  cells = noise(5, 3, 10, 64, 7)
  step = augment.mixup(domain, probability=1.0)
  mixed, merged = apply(step, cells, targets)
  is_same = [bool((mixed[index] == cells[index]).all()) for index in range(3)]
  # The second one follows the crowd; the others are next to the empty one.
  assert is_same == [False, True, False]
  expected = [crowd, scenes[1], scenes[1]]
  for index, rows in enumerate(expected):
    wanted = format.targets(make_events(rows), num_frames=2)
    for name, values in wanted.items():
      np.testing.assert_array_equal(merged[name][index], values)


def test_the_share_of_mixed_examples_is_the_probability():
  domain = augment.audio_domain(format='stereo', output=OUTPUT)
  targets = batch_of(OUTPUT, *[[]] * 2000)
  audio = 1 + np.arange(2000, dtype=np.float32)[:, None, None] * np.ones((1, 2))
  mixed, _ = apply(augment.mixup(domain, probability=0.3), audio, targets)
  assert abs((np.asarray(mixed) != audio).any(axis=(1, 2)).mean() - 0.3) < 0.04


def test_an_example_that_is_alone_is_not_mixed_with_itself():
  domain = augment.audio_domain(format='foa', output=OUTPUT)
  audio = noise(6, 1, 4, 20)
  targets = batch_of(OUTPUT, [(0, 0, 0, 0, 0, 1.0)])
  mixed, _ = apply(augment.mixup(domain, probability=1.0), audio, targets)
  np.testing.assert_array_equal(mixed, audio)


def test_mixup_without_a_batch_says_how_to_get_one():
  domain = augment.audio_domain(format='foa', output=OUTPUT)
  (targets,) = batch_of(OUTPUT, [])
  step = augment.mixup(domain)
  with pytest.raises(ValueError, match='axis_name=augment.EXAMPLES'):
    step(jax.random.key(0), noise(7, 4, 20), targets)
  with pytest.raises(ValueError, match='audio is mixed by its sum'):
    augment.mix_features(noise(0, 4, 5), noise(1, 4, 5), domain=domain)
