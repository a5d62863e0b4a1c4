"""MIC: capsules on a rigid sphere, compared with independent formulas."""

import itertools

import numpy as np
import pytest
from scipy import signal, special

from seld_jax import geometry
from seld_jax.scenes import (
  arrays,
  composer,
  renderer,
  responses,
  rooms,
  sounds,
)

RATE = 24000
FOA, MIC = arrays.ARRAYS['foa'], arrays.ARRAYS['mic']
CAPSULES = geometry.to_cartesian(
  np.array([45, -45, 135, -135]), np.array([35, -35, -35, 35])
)
RADIUS, SPEED = 0.042, 343.0


def sphere(directions, frequencies, *, order=30):
  """Incident plus scattered pressure at the capsules, [f, n, 4].

  The wave exp(+j k s . x) with the time dependence exp(+j w t) comes from the
  direction s.
  """
  x = 2 * np.pi * np.asarray(frequencies)[:, None] * RADIUS / SPEED
  n = np.arange(order + 1)
  j, dj = (special.spherical_jn(n, x, d) for d in (False, True))
  y, dy = (special.spherical_yn(n, x, d) for d in (False, True))
  radial = 1j**n * (2 * n + 1) * (j - dj / (dj - 1j * dy) * (j - 1j * y))
  cosine = directions @ CAPSULES.T
  legendre = special.eval_legendre(n[:, None, None], cosine)
  return np.tensordot(radial, legendre.astype(complex), 1)


def sphere_points(count):
  """Evenly distributed directions, [count, 3]."""
  z = 1 - (2 * np.arange(count) + 1) / count
  angle = np.pi * (1 + 5**0.5) * np.arange(count)
  radius = np.sqrt(1 - z**2)
  return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)


def exact_gains(directions, frequencies):
  """Gains of FOA and MIC for plane waves, [f, n, 8]."""
  x, y, z = directions.T
  foa = np.stack([np.ones_like(x), y, z, x], -1)
  mic = sphere(directions, frequencies)
  return np.concatenate([np.broadcast_to(foa, mic.shape), mic], -1)


def flat_room(rt60, size=(6.5, 5.2, 3.0)):
  return rooms.Room(size, (rt60,) * rooms.OCTAVES.size)


def make_scene(vector, samples, *, snr_db=60.0, speed=0.0, rt60=0.2, seed=0):
  azimuth, elevation = geometry.to_polar(np.asarray(vector, float))
  intervals = np.array([[0.0, samples.size / RATE]])
  sound = sounds.Sound(samples.astype(np.float32), intervals, 'test')
  event = composer.Event(
    'alarm', sound, 0.0, 0, azimuth, elevation, 1.0, speed, 0.0
  )
  receiver = np.array([3.1, 2.4, 1.45])
  seconds = samples.size / RATE
  return composer.Scene(
    flat_room(rt60, (6.0, 5.0, 3.0)), receiver, (event,), seconds, snr_db, seed
  )


def direct_path(directions, distance):
  """Frequencies, and the rendered gains for plane waves, [n, 4, f].

  The walls of this large room reflect almost nothing. Delay and attenuation on
  the way to the centre of the array are compensated.
  """
  receiver = np.array([4.5, 4.0, 3.5])
  response = responses.early_responses(
    flat_room(0.01, (9.0, 8.0, 7.0)),
    receiver,
    receiver + directions * distance[:, None],
    (MIC,),
  )
  frequency = np.fft.rfftfreq(response.shape[-1], 1 / RATE)
  delay = np.exp(2j * np.pi * frequency * distance[:, None] / SPEED)
  return frequency, np.fft.rfft(response) * (distance[:, None] * delay)[:, None]


def test_plane_waves_match_the_series_of_the_rigid_sphere():
  """This holds for the rendered direct path from 100 Hz to 8 kHz."""
  directions = np.concatenate([sphere_points(40), CAPSULES, -CAPSULES])
  distance = np.random.default_rng(0).uniform(1, 3, len(directions))
  frequency, found = direct_path(directions, distance)
  band = (frequency >= 100) & (frequency <= 8000)
  expected = sphere(directions, frequency[band]).transpose(1, 2, 0)
  ratio = found[..., band] / expected
  assert np.abs(20 * np.log10(np.abs(ratio))).max() < 0.5
  assert np.abs(np.rad2deg(np.angle(ratio))).max() < 5
  # In single precision, the series is complete.
  np.testing.assert_allclose(found[..., band], expected, atol=2e-4)


def test_the_sphere_has_no_effect_at_low_frequencies_and_doubles_high_ones():
  frequency, found = direct_path(CAPSULES[:1], np.ones(1))
  front = np.interp([50.0, 10000.0], frequency, np.abs(found[0, 0]))
  np.testing.assert_allclose(front, [1, 2], atol=0.15)
  # At low frequencies, sound reaches the near capsule earlier than the centre:
  # by the time that it needs for three halves of the radius.
  low = np.searchsorted(frequency, 50.0)
  lead = np.angle(found[0, 0, low]) / (2 * np.pi * frequency[low])
  assert lead == pytest.approx(1.5 * RADIUS / SPEED, rel=0.01)


def test_the_diffuse_covariance_is_the_mean_over_all_directions():
  frequencies = np.array([100.0, 700.0, 2500.0, 6000.0, 11000.0])
  gains = exact_gains(sphere_points(4000), frequencies)
  expected = np.einsum('fnc,fnd->fcd', gains, gains.conj()) / 4000
  found = arrays.diffuse_covariance((FOA, MIC), frequencies)
  np.testing.assert_allclose(found, expected, atol=1e-3)
  for size in (1, 2):
    mixing = arrays.diffuse_mixing((FOA, MIC)[:size], frequencies)
    rows = [
      np.pad(rows, ((0, 0), (0, 0), (0, 4 * size - rows.shape[-1])))
      for rows in mixing
    ]
    factor = np.concatenate(rows, axis=1)
    product = factor @ factor.conj().transpose(0, 2, 1)
    limit = 4 * size
    np.testing.assert_allclose(product, found[:, :limit, :limit], atol=1e-5)


def measured_covariance(audio, frequencies):
  """Cross spectra at some frequencies, relative to W's, [f, c, c]."""
  frequency, _, bins = signal.stft(audio, RATE, nperseg=512)
  found = []
  for wanted in frequencies:
    near = np.abs(frequency - wanted) < 100
    chosen = bins[:, near].reshape(len(audio), -1)
    product = chosen @ chosen.conj().T
    found.append(product / product[0, 0].real)
  return np.array(found)


@pytest.mark.parametrize('kind', ['ambience', 'tail'])
def test_noise_has_the_coherence_of_the_diffuse_field(kind):
  rng = np.random.default_rng(0)
  if kind == 'ambience':
    audio = renderer.ambience(rng, (FOA, MIC), 30 * RATE)
  else:
    # Without its decay, the tail is stationary noise.
    room = flat_room(1.0)
    tails = [responses.late_tail(rng, room, (FOA, MIC)) for _ in range(30)]
    decay = 10 ** (3 * np.arange(tails[0].shape[-1]) / RATE)
    audio = np.concatenate([(t * decay)[:, 1200:20000] for t in tails], -1)
  frequencies = np.array([300.0, 1000.0, 3000.0, 8000.0])
  found = measured_covariance(audio, frequencies)
  gains = exact_gains(sphere_points(2000), frequencies)
  expected = np.einsum('fnc,fnd->fcd', gains, gains.conj()) / 2000
  power = np.einsum('fcc->fc', expected.real)
  scale = np.sqrt(power[:, :, None] * power[:, None])
  np.testing.assert_allclose(found / scale, expected / scale, atol=0.06)


@pytest.mark.parametrize('rt60', [0.3, 0.9])
def test_both_formats_decay_with_the_rt60_of_the_room(rt60):
  rng = np.random.default_rng(1)
  energy = np.zeros(1)
  for _ in range(6):
    receiver = rooms.place_array(rng, flat_room(rt60))
    source = rng.uniform(0.5, 2.4, (1, 3))
    response = responses.late_tail(rng, flat_room(rt60), (FOA, MIC))
    early = responses.early_responses(
      flat_room(rt60), receiver, source, (FOA, MIC)
    )
    response[:, : early.shape[-1]] += early[0]
    power = np.square(response, dtype=np.float64)
    energy = energy + np.cumsum(power[:, ::-1], axis=-1)[:, ::-1]
  level = 10 * np.log10(energy / energy[:, :1] + 1e-30)
  for channel in [0, 4, 5, 6, 7]:
    inside = (level[channel] < -5) & (level[channel] > -35)
    time = np.flatnonzero(inside) / RATE
    slope = np.polyfit(time, level[channel, inside], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.1)


def test_a_format_does_not_depend_on_the_others():
  noise = np.random.default_rng(0).standard_normal(RATE)
  scene = make_scene([1, 2, 0], noise, speed=20.0, snr_db=10.0)
  both = renderer.render(scene, ('foa', 'mic'))
  for name in ('foa', 'mic'):
    (alone,) = renderer.render(scene, (name,)).values()
    np.testing.assert_array_equal(alone, both[name])
  # They are recordings of the same scene: the mean of the capsules is nearly W.
  low = signal.butter(4, 300, 'lowpass', fs=RATE, output='sos')
  omni = signal.sosfilt(low, both['foa'][0])
  mean = signal.sosfilt(low, both['mic'].mean(axis=0))
  assert np.corrcoef(omni, mean)[0, 1] > 0.99


def test_delays_between_channels_are_within_the_size_of_the_array():
  noise = np.random.default_rng(0).standard_normal(RATE)
  for direction in sphere_points(7):
    scene = make_scene(direction, noise, rt60=0.1)
    both = renderer.render(scene, ('foa', 'mic'))
    for channel in both['mic']:
      lags = signal.correlation_lags(RATE, RATE)
      peak = np.argmax(np.abs(signal.correlate(channel, both['foa'][0])))
      assert abs(lags[peak]) <= np.ceil(np.pi / 2 * RADIUS / SPEED * RATE) + 1


def gcc_phat(cross):
  """Correlations of the phases at the lags -8, -7.875, ..., 8."""
  whitened = cross / np.maximum(np.abs(cross), 1e-20)
  lags = np.arange(-64, 65) / 8
  bins = np.arange(cross.shape[-1])[:, None]
  waves = np.exp(1j * np.pi * lags * bins / (len(bins) - 1))
  return (whitened.astype(np.complex64) @ waves.astype(np.complex64)).real


@pytest.fixture(scope='module')
def model():
  """Directions, and the GCC-PHAT of a rigid sphere for each of them."""
  directions = sphere_points(2000)
  frequency = np.fft.rfftfreq(512, 1 / RATE)
  gains = sphere(directions, np.maximum(frequency, 1.0), order=20)
  gains = gains.astype(np.complex64)
  pairs = list(itertools.combinations(range(4), 2))
  a, b = np.array(pairs).T
  cross = (gains[..., a].conj() * gains[..., b]).transpose(1, 2, 0)
  return directions, band_limit(cross, frequency), pairs


def band_limit(cross, frequency):
  inside = (frequency > 200) & (frequency < 8000)
  return gcc_phat(np.where(inside, cross, 0)).reshape(*cross.shape[:-2], -1)


def test_gcc_phat_finds_the_direction_of_sources_in_14_directions(model):
  directions, expected, pairs = model
  rng = np.random.default_rng(0)
  grid = [*np.eye(3), *-np.eye(3), *itertools.product((-1, 1), repeat=3)]
  for vector in grid:
    scene = make_scene(vector, rng.standard_normal(RATE // 2), snr_db=20.0)
    audio = renderer.render(scene, ('mic',))['mic']
    frequency, _, bins = signal.stft(audio, RATE, nperseg=512)
    cross = np.stack(
      [np.mean(bins[a].conj() * bins[b], axis=-1) for a, b in pairs]
    )
    found = directions[np.argmax(expected @ band_limit(cross, frequency))]
    assert geometry.angular_distance(found, np.array(vector)) < 5


def test_moving_sources_do_not_click():
  time = np.arange(RATE) / RATE
  fade = np.minimum(np.minimum(time, 1 - time) / 0.3, 1)
  tone = np.sin(2 * np.pi * 500 * time) * np.sin(np.pi / 2 * fade) ** 2
  scene = make_scene([1, 1, 0], tone, speed=40.0)
  tail = np.zeros((4, 2000), np.float32)
  wet = renderer.render_event(scene.events[0], scene, (MIC,), tail=tail)
  assert np.abs(wet).max() > 0.3
  high = signal.butter(8, 2000, 'highpass', fs=RATE, output='sos')
  rest = signal.sosfilt(high, wet)
  assert 20 * np.log10(np.abs(rest).max() / np.abs(wet).max()) < -55


def test_the_lowest_frequencies_are_not_amplified():
  """A shoebox room without a high-pass adds 10 dB below its first mode."""
  noise = np.random.default_rng(0).standard_normal(4 * RATE)
  scene = make_scene([1, 0, 0], noise, rt60=1.0)
  for audio in renderer.render(scene, ('foa', 'mic')).values():
    frequency, density = signal.welch(audio[0], RATE, nperseg=8192)
    low = density[(frequency > 3) & (frequency < 20)].mean()
    middle = density[(frequency > 100) & (frequency < 1000)].mean()
    assert low < 0.5 * middle
