"""Steps on audio and on features are the same; labels follow the sound."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.array_sounds import noise, plane_wave
from helpers.output_formats import CLASSES, EACH, make_events, name_of
from helpers.random_arrays import distinct_features
from jax import jit

from seld_jax import augment, features, geometry, labels, outputs

OUTPUT = outputs.make('accdoa', num_classes=CLASSES)
SAMPLES = 4800
STEREO = ('mid', 'side', 'level', 'phase', 'coherence')
SHORT = {'n_fft': 512, 'win_length': 512, 'hop_length': 300}
CASES = {
  'foa': {'format': 'foa'},
  'foa, energy': {'format': 'foa', 'intensity': 'energy', 'top_db': None},
  'foa, correlation': {'format': 'foa', 'xy_correlation': True},
  'mic': {'format': 'mic'},
  'mic, salsa_lite': {'format': 'mic', 'kind': 'salsa_lite'},
  'stereo': {'format': 'stereo', 'stereo': STEREO},
  'foa, salsa': {'format': 'foa', 'kind': 'salsa', **SHORT},
}
KEY = jax.random.key(5)


def domains(case, **more):
  """The domain of audio, the domain of its features, and how to get these."""
  options = CASES[case]
  return (
    augment.audio_domain(format=options['format'], output=OUTPUT),
    augment.feature_domain(output=OUTPUT, **options, **more),
    jit(functools.partial(features.compute, **options)),
  )


def nothing(frames=2):
  return {'accdoa': np.zeros((frames, 1, CLASSES, 3), np.float32)}


def differing_noise(case, seed=0, samples=SAMPLES):
  """Noise that the channels share in part, and each of another level."""
  count = features.num_audio_channels(CASES[case]['format'])
  gains = np.linspace(1, 0.4, count)[:, None]
  return (
    gains * noise(seed, samples) + noise(seed + 1, count, samples, level=0.05)
  ).astype(np.float32)


@pytest.mark.parametrize(
  ('name', 'case'),
  [
    *(
      (n, c) for n in ('symmetries', 'gain') for c in CASES if 'salsa' not in c
    ),
    *((n, 'mic, salsa_lite') for n in ('symmetries', 'gain')),
    ('rotation', 'foa, correlation'),
  ],
)
def test_features_of_changed_audio_are_changed_features(name, case):
  """With the same key, a step draws the same numbers for both."""
  of_audio, of_features, extract = domains(case)
  options = {'gain': {'max_db': 20.0}}.get(name, {})
  make = getattr(augment, name)
  audio_step = jit(make(of_audio, **options))
  feature_step = jit(make(of_features, **options))
  audio = differing_noise(case)
  before = extract(audio)
  drawn = set()
  for seed in range(6):
    key = jax.random.key(seed)
    changed, _ = audio_step(key, audio, nothing())
    found, _ = feature_step(key, before, nothing())
    expected = np.asarray(extract(changed))
    difference = np.asarray(found) - expected
    count = of_features.num_levels
    assert np.abs(difference[..., :count]).max() < 2e-3
    spatial = difference[..., count:]
    if case == 'mic':  # the first lag has no counterpart in a reversed pair
      spatial = spatial[:, 1:]
    if case == 'mic, salsa_lite':
      periods = features.path_periods(**CASES[case])[:, None]
      spatial -= periods * np.round(spatial / periods)
    # The smallest bins of intensity vectors feel the constant 1e-8.
    assert np.quantile(np.abs(spatial), 0.999) < 1e-4
    assert np.abs(spatial).max() < 1e-3
    drawn.add(np.asarray(changed).tobytes())
  assert len(drawn) > 1


@pytest.mark.parametrize('case', CASES)
def test_an_equaliser_on_audio_is_about_one_on_features(case):
  """Curves differ within a band, so that the features are an approximation."""
  of_audio, of_features, extract = domains(case)
  audio = differing_noise(case, samples=24000)
  changed, _ = jit(augment.equaliser(of_audio))(KEY, audio, nothing())
  before = extract(audio)
  found, targets = augment.equaliser(of_features)(KEY, before, nothing())
  expected = np.asarray(extract(changed))
  count = of_features.num_levels
  inner = slice(2, -2)
  error = np.asarray(found - expected)[inner, :, :count]
  change = np.asarray(found - before)[inner, :, :count]
  assert np.abs(change).max() > 2
  assert np.abs(error).mean() < 0.15
  spatial = np.abs(before - expected)[inner, :, count:]
  if case == 'stereo':  # the level difference is in dB
    assert np.quantile(spatial[..., 0], 0.9) < 0.5
    spatial = spatial[..., 1:]
  assert np.quantile(spatial, 0.9) < 0.02
  np.testing.assert_array_equal(found[..., count:], before[..., count:])
  np.testing.assert_array_equal(targets['accdoa'], nothing()['accdoa'])


def test_the_equaliser_has_no_delay_and_the_gains_of_its_octaves():
  impulse = np.zeros((1, 9600), np.float32)
  impulse[0, 4800] = 1
  gains = np.array([-6.0, 3.0, 0.0, 5.0, -4.0, 2.0, 0.0, -3.0])
  filtered = np.asarray(
    augment.equalise(impulse, gains, sample_rate=24000), np.float64
  )[0]
  np.testing.assert_allclose(
    filtered[4801:9000], filtered[4799:600:-1], atol=1e-5
  )
  response = np.abs(np.fft.rfft(filtered))
  frequencies = np.fft.rfftfreq(9600, 1 / 24000)
  for octave, gain in enumerate(gains):
    found = np.interp(12000 / 2**octave, frequencies, response)
    assert abs(20 * np.log10(found) - gain) < 0.3


def intensity_direction(cells):
  total = np.asarray(cells, np.float64)[..., 4:].sum(axis=(0, 1))[[2, 0, 1]]
  return total / np.linalg.norm(total)


@pytest.mark.parametrize('name', ['symmetries', 'rotation'])
@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_steps_turn_sound_and_labels_together(format, name):
  azimuth, elevation = 25.0, 40.0
  domain = augment.audio_domain(format='foa', output=format)
  options = {'count': 48} if name == 'symmetries' else {}
  step = jit(getattr(augment, name)(domain, **options))
  audio = plane_wave(noise(2, SAMPLES), azimuth, elevation)
  rows = [(0, 1, 0, azimuth, elevation, 2.0)]
  targets = format.targets(make_events(rows), num_frames=1)
  extract = jit(features.foa_features)
  angles = []
  for seed in range(12):
    turned, found = step(jax.random.key(seed), audio, targets)
    label = {
      'accdoa': 'accdoa',
      'multi_accdoa': 'sources',
    }.get(format.name, 'doa')
    vectors = np.asarray(found[label], np.float64)[..., :3].reshape(-1, 3)
    (row,) = np.flatnonzero(np.linalg.norm(vectors, axis=-1) > 0.5)
    direction = intensity_direction(extract(turned))
    assert geometry.angular_distance(direction, vectors[row]) < 0.02
    angles.append(geometry.to_polar(vectors[row]))
  assert len({round(float(a)) for a, _ in angles}) > 5
  elevations = {round(float(e)) for _, e in angles}
  assert elevations == {40} if name == 'rotation' else len(elevations) > 2


def test_a_gain_is_uniform_and_never_falls_below_the_floor():
  domain = augment.feature_domain(format='foa', output=OUTPUT)
  step = augment.gain(domain, max_db=10.0)
  keys = jax.random.split(KEY, 2000)
  before = np.full((1, 1, 7), -20, np.float32)
  found, _ = jit(jax.vmap(step, (0, None, None)))(keys, before, {})
  gains = np.asarray(found)[:, 0, 0, 0] + 20
  assert gains.min() < -9.9 and gains.max() > 9.9 and abs(gains.mean()) < 0.6
  assert np.ptp(found[:, 0, 0, :4], axis=-1).max() == 0
  silent = np.full((1, 1, 7), -100, np.float32)
  lowest, _ = jit(jax.vmap(step, (0, None, None)))(keys, silent, {})
  assert np.min(lowest) == -100


# Steps on features only.


@pytest.mark.parametrize('case', CASES)
def test_shifted_bands_are_those_of_another_place(case):
  _, domain, _ = domains(case)
  bands, channels = features.shape(**CASES[case])
  step = jit(augment.frequency_shift(domain, max_bands=3))
  before = distinct_features((2, bands, channels))
  limit = features.num_direction_bands(**CASES[case])
  count = domain.num_levels
  before[:, limit:, count:] = 0  # as the features are
  drawn = set()
  for seed in range(30):
    found, targets = step(jax.random.key(seed), before, nothing())
    found = np.asarray(found)
    shifts = [
      shift
      for shift in range(-3, 4)
      if np.array_equal(
        found[..., :count],
        before[:, np.clip(np.arange(bands) - shift, 0, bands - 1), :count],
      )
    ]
    assert len(shifts) == 1
    drawn.add(shifts[0])
    moved = before[:, np.clip(np.arange(bands) - shifts[0], 0, bands - 1)]
    expected = before if case == 'mic' else moved
    np.testing.assert_array_equal(
      found[:, :limit, count:], expected[:, :limit, count:]
    )
    assert not found[:, limit:, count:].any()
    np.testing.assert_array_equal(targets['accdoa'], nothing()['accdoa'])
  assert drawn == set(range(-3, 4))


@pytest.mark.parametrize('case', ['foa', 'mic', 'mic, salsa_lite'])
def test_cutout_removes_one_rectangle(case):
  _, domain, _ = domains(case)
  _, channels = features.shape(**CASES[case])
  before = 1 + distinct_features((9, 12, channels))
  step = jit(jax.vmap(augment.cutout(domain, max_frames=4, max_bands=5),
                      (0, None, None)))  # fmt: skip
  keys = jax.random.split(KEY, 400)
  found, _ = step(keys, before, nothing(3))
  is_cut = np.asarray(found) == 0
  np.testing.assert_array_equal(
    np.asarray(found)[~is_cut], np.broadcast_to(before, found.shape)[~is_cut]
  )
  count = domain.num_levels
  if case == 'mic':
    assert not is_cut[..., count:].any()
    is_cut = is_cut[..., :count]
  assert (is_cut == is_cut[..., :1]).all()
  cells = is_cut[..., 0]
  frames, bands = cells.any(axis=2), cells.any(axis=1)
  np.testing.assert_array_equal(cells, frames[:, :, None] & bands[:, None])
  for axis, most in (frames, 4), (bands, 5):
    sizes = axis.sum(axis=-1)
    assert set(sizes) == set(range(1, most + 1))
    edges = np.diff(axis.astype(int), axis=-1, prepend=0) == 1
    assert (edges.sum(axis=-1) == 1).all()
    assert axis.any(axis=0).all()  # every place can be cut


def test_masks_are_those_of_spec_augment():
  domain = augment.feature_domain(format='foa', output=OUTPUT)
  before = jnp.asarray(distinct_features((20, 64, 7)))
  options = {'num_time_masks': 1, 'max_band_width': 20, 'share_channels': True}
  found, targets = augment.masks(domain, **options)(KEY, before, nothing(4))
  expected = augment.spec_augment(KEY, before, **options)
  np.testing.assert_array_equal(found, expected)
  np.testing.assert_array_equal(targets['accdoa'], nothing(4)['accdoa'])


@pytest.mark.parametrize('format', EACH, ids=name_of)
def test_labels_are_masked_where_whole_label_frames_are(format):
  domain = augment.feature_domain(format='foa', output=format)
  step = augment.masks(
    domain,
    max_time_width=17,
    num_band_masks=0,
    share_channels=True,
    labels=True,
  )
  before = distinct_features((30, 8, 7))
  rows = [(frame, frame % 3, 0, 30, 20, 1.5) for frame in range(10)]
  targets = format.targets(make_events(rows), num_frames=10)
  counts = []
  for seed in range(12):
    found, silenced = step(jax.random.key(seed), before, targets)
    is_masked = (np.asarray(found) != before).all(axis=(1, 2))
    # Three feature frames for each label frame.
    is_silent = is_masked.reshape(10, 3).all(axis=-1)
    kept = [row for row in rows if not is_silent[row[0]]]
    expected = format.targets(make_events(kept), num_frames=10)
    for name, values in expected.items():
      np.testing.assert_array_equal(silenced[name], values)
    counts.append(is_silent.sum())
  assert min(counts) < max(counts)


# Compositions.


def test_a_composition_is_its_steps_in_order():
  add = lambda key, signal, targets: (signal + 1, targets)
  double = lambda key, signal, targets: (2 * signal, targets)
  both = augment.compose(add, double)
  assert both(KEY, 1.0, {})[0] == 4
  assert augment.compose(double, add)(KEY, 1.0, {})[0] == 3
  assert augment.compose(both, add)(KEY, 1.0, {})[0] == 5
  assert augment.compose()(KEY, 1.0, {'a': 2}) == (1.0, {'a': 2})


def test_each_step_of_a_composition_has_a_key_of_its_own():
  draw = lambda key, signal, targets: (
    [*signal, float(jax.random.uniform(key))],
    targets,
  )
  drawn, _ = augment.compose(draw, draw, draw)(KEY, [], {})
  assert len(set(drawn)) == 3
  assert augment.compose(draw, draw, draw)(KEY, [], {})[0] == drawn
  assert augment.compose(draw)(jax.random.key(6), [], {})[0] != drawn[:1]


@pytest.mark.parametrize(
  ('make', 'message'),
  [
    (lambda a, f: augment.rotation(f), 'set features.xy_correlation = True'),
    (lambda a, f: augment.rotation(a, max_angle=181), 'at most 180, got 181'),
    (lambda a, f: augment.gain(a, max_db=0), 'max_db must be above 0'),
    (lambda a, f: augment.gain(a, max_db=np.nan), 'max_db must be above 0'),
    (lambda a, f: augment.equaliser(f, max_db=61), 'at most 60, got 61'),
    (lambda a, f: augment.mixup(f, probability=1.5), 'at most 1, got 1.5'),
    (lambda a, f: augment.symmetries(f, count=24), '4, 8, 16 or 48, got 24'),
    (lambda a, f: augment.frequency_shift(a), 'features, not audio'),
    (lambda a, f: augment.cutout(a), 'features, not audio'),
    (lambda a, f: augment.masks(a), 'features, not audio'),
    (lambda a, f: augment.frequency_shift(f, max_bands=64), '1 to 63, got 64'),
    (lambda a, f: augment.cutout(f, max_frames=51), 'from 1 to 50, got 51'),
    (lambda a, f: augment.masks(f, num_band_masks=-1), 'from 0 to 64, got -1'),
    (lambda a, f: augment.masks(f, labels=True), 'needs share_channels'),
  ],
)
def test_what_makes_no_sense_is_refused(make, message):
  of_audio = augment.audio_domain(format='foa', output=OUTPUT)
  of_features = augment.feature_domain(
    format='foa', output=OUTPUT, num_frames=50
  )
  with pytest.raises(ValueError, match=message):
    make(of_audio, of_features)


def test_the_published_layout_is_only_masked():
  domain = augment.feature_domain(
    format='foa', output=OUTPUT, layout='published', xy_correlation=True
  )
  augment.masks(domain)
  for name in augment.STEPS:
    if name != 'masks':
      with pytest.raises(ValueError, match='aligned'):
        getattr(augment, name)(domain)


def test_only_foa_is_rotated_by_any_angle():
  for domain in (
    augment.audio_domain(format='mic', output=OUTPUT),
    augment.feature_domain(format='stereo', output=OUTPUT),
  ):
    with pytest.raises(ValueError, match=f'not {domain.format}: use symm'):
      augment.rotation(domain)
  # SALSA has no such channel, even if it is asked for.
  salsa = augment.feature_domain(
    format='foa', output=OUTPUT, kind='salsa', xy_correlation=True
  )
  with pytest.raises(ValueError, match='set features.xy_correlation'):
    augment.rotation(salsa)
  cells = distinct_features((3, 400, 7))
  augment.symmetries(salsa)(KEY, cells, nothing())


def test_the_correlation_has_no_symmetries_that_exchange_z():
  _, domain, _ = domains('foa, correlation')
  augment.symmetries(domain, count=16)
  with pytest.raises(ValueError, match=r'count = 48 puts Z .* no xy_corr'):
    augment.symmetries(domain, count=48)


def test_the_horizon_is_not_turned_upwards():
  flat = outputs.make('accdoa', num_classes=CLASSES, axes=2)
  domain = augment.audio_domain(format='foa', output=flat)
  augment.symmetries(domain, count=16)
  with pytest.raises(ValueError, match='the horizon only'):
    augment.symmetries(domain, count=48)


def test_samples_of_16_bits_are_changed_like_numbers():
  """Gains and cosines must not be rounded to integers."""
  samples = np.array([[1000], [0], [0], [1000]], np.int16) * np.ones(
    2400, np.int16
  )
  expected = samples.astype(np.float32)
  matrix = augment.vertical_rotation(45.0)
  np.testing.assert_array_equal(
    augment.turn_foa(samples, matrix), augment.turn_foa(expected, matrix)
  )
  gains = np.full(8, -6.0)
  np.testing.assert_array_equal(
    augment.equalise(samples, gains, sample_rate=24000),
    augment.equalise(expected, gains, sample_rate=24000),
  )
  output = outputs.make('accdoa', num_classes=1)
  domain = augment.audio_domain(format='foa', output=output)
  empty = output.targets(labels.no_events(), num_frames=1)
  step = augment.gain(domain)
  (found, _), (same, _) = (
    step(jax.random.key(1), one, empty) for one in (samples, expected)
  )
  np.testing.assert_array_equal(found, same)
  assert found.dtype == np.float32


def test_masked_labels_need_frames_that_fit():
  domain = augment.feature_domain(format='foa', output=OUTPUT)
  step = augment.masks(domain, share_channels=True, labels=True)
  features = np.zeros((52, 64, 7), np.float32)
  labelled = {'accdoa': np.ones((10, 1, 1, 3), np.float32)}
  for targets, number in (labelled, 10), ({}, 0):
    with pytest.raises(ValueError, match=f'divide the 52 .* got {number}'):
      step(KEY, features, targets)
  with pytest.raises(ValueError, match='use jax.vmap for a batch'):
    augment.masks(domain)(KEY, features[None], {})
