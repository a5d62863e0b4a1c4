"""Rooms: image sources, decay, the crossfade to the diffuse tail, isotropy."""

import subprocess
import sys

import numpy as np
import pyroomacoustics
import pytest
from scipy import signal

from seld_jax import geometry
from seld_jax.scenes import responses, rooms
from seld_jax.scenes.arrays import ARRAYS

FOA = (ARRAYS['foa'],)
RATE = 24000


def flat_room(rt60, size=(6.5, 5.2, 3.0)):
  return rooms.Room(size, (rt60,) * rooms.OCTAVES.size)


def full_response(rng, room, source, receiver):
  """The whole response to one source, [channels, samples]."""
  response = responses.late_tail(rng, room, FOA)
  early = responses.early_responses(room, receiver, source[None], FOA)[0]
  response[:, : early.shape[-1]] += early
  return response


def decay_time(response, *, top=-5.0, bottom=-35.0):
  """Reverberation time from Schroeder's backward integral."""
  energy = np.cumsum(np.square(response, dtype=np.float64)[::-1])[::-1]
  level = 10 * np.log10(energy / energy[0] + 1e-30)
  inside = np.flatnonzero((level < top) & (level > bottom))
  slope = np.polyfit(inside / RATE, level[inside], 1)[0]
  return -60 / slope


def pyroom_images(room, source, receiver, *, order):
  """Positions, reflections and attenuations from pyroomacoustics."""
  material = pyroomacoustics.Material(float(rooms.absorption(room)[0]))
  shoebox = pyroomacoustics.ShoeBox(
    list(room.size),
    fs=RATE,
    materials=material,
    max_order=order,
    air_absorption=False,
  )
  shoebox.add_source(list(source))
  shoebox.add_microphone(list(receiver))
  shoebox.image_source_model()
  made = shoebox.sources[0]
  return made.images.T, made.orders, made.damping[0]


@pytest.mark.parametrize('order', [1, 3, 8, 15])
def test_mirror_cells_are_those_of_pyroomacoustics(order):
  size = np.array([4.1, 5.3, 2.9])
  images, orders, _ = pyroom_images(
    flat_room(0.5, size), 0.3 * size, 0.6 * size, order=order
  )
  expected = np.floor(images / size).astype(np.int64)
  by_cell = np.lexsort(expected.T[::-1])
  cells = responses._mirror_cells(order)
  np.testing.assert_array_equal(cells, expected[by_cell])
  np.testing.assert_array_equal(np.abs(cells).sum(axis=1), orders[by_cell])


@pytest.mark.parametrize('seed', range(3))
def test_images_are_those_of_pyroomacoustics(seed):
  rng = np.random.default_rng(seed)
  room = flat_room(0.5, tuple(rng.uniform([4, 3, 2.5], [8, 7, 4])))
  source = rng.uniform(0.3, 0.9, 3) * room.size
  receiver = rooms.place_array(rng, room)
  images, orders = rooms_images(room, source, receiver, 12.0)
  theirs, their_orders, _ = pyroom_images(room, source, receiver, order=8)
  near = np.linalg.norm(theirs - receiver, axis=-1) < 12.0
  low = np.linalg.norm(images - receiver, axis=-1) < 12.0
  few = orders[low] <= 8
  ours = np.column_stack([images[low][few], orders[low][few]])
  expected = np.column_stack([theirs[near], their_orders[near]])
  assert len(ours) == len(expected) > 30
  for table in (ours, expected):
    table[:] = table[np.lexsort(np.round(table, 3).T)]
  np.testing.assert_allclose(ours, expected, atol=1e-4)


def closed_form(size, source, receiver, *, distance):
  """Images cell by cell, by the formula of Allen and Berkley, 1979."""
  lengths = np.array(size)
  reach = np.ceil(distance / lengths).astype(int) + 1
  images, orders = [], []
  for cell in np.ndindex(*(2 * reach + 1)):
    n = np.array(cell) - reach
    image = np.where(n % 2, (n + 1) * lengths - source, n * lengths + source)
    if np.linalg.norm(image - receiver) < distance:
      images.append(image)
      orders.append(np.abs(n).sum())
  return np.array(images), np.array(orders)


@pytest.mark.parametrize('seed', range(4))
def test_images_have_the_closed_form_of_allen_and_berkley(seed):
  """Seed 0 is the smallest room, which needs the most reflections."""
  rng = np.random.default_rng(seed)
  size = (3.6, 3.4, 2.6) if seed == 0 else tuple(rng.uniform(2.6, 10, 3))
  room = flat_room(0.5, size)
  receiver = rng.uniform(0.3, 0.7, 3) * room.size
  for source in rng.uniform(0.02, 0.98, (3, 3)) * room.size:
    expected, expected_orders = closed_form(
      size, source, receiver, distance=16.0
    )
    images, orders = rooms_images(room, source, receiver, 16.0)
    near = np.linalg.norm(images - receiver, axis=-1) < 16.0
    np.testing.assert_allclose(images[near], expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(orders[near], expected_orders)


def rooms_images(room, source, receiver, distance):
  images, orders = responses.image_sources(
    room.size, source[None], receiver, max_distance=distance
  )
  return images[0], orders


def test_early_response_is_the_sum_over_pyroomacoustics_images():
  room = flat_room(0.4)
  source, receiver = np.array([2.1, 3.9, 1.7]), np.array([3.3, 2.4, 1.4])
  response = responses.early_responses(room, receiver, source[None], FOA)[0]
  images, _, damping = pyroom_images(room, source, receiver, order=10)
  vectors = images - receiver
  distance = np.linalg.norm(vectors, axis=-1)
  delay = distance / rooms.SPEED_OF_SOUND
  # The crossfade from the images to the tail. It leaves out distant images, of
  # which the last ones have fewer than ten reflections.
  fade = np.cos(np.pi / 2 * np.clip((delay - 0.032) / 0.012, 0, 1))
  x, y, z = (vectors / distance[:, None]).T
  gains = np.stack([np.ones_like(x), y, z, x])
  frequency = np.fft.rfftfreq(response.shape[-1], 1 / RATE)
  waves = np.exp(-2j * np.pi * frequency * delay[:, None])
  expected = (gains * (damping * fade / distance)) @ waves
  band = (frequency > 0) & (frequency < 10000)
  np.testing.assert_allclose(
    np.fft.rfft(response)[:, band],
    expected[:, band],
    atol=2e-4 * np.abs(expected).max(),
  )


def test_the_direct_path_has_the_gains_of_first_order_ambisonics():
  rng = np.random.default_rng(0)
  room = flat_room(0.01, (9.0, 8.0, 7.0))
  receiver = np.array([4.5, 4.0, 3.5])
  azimuth = rng.uniform(-180, 180, 50)
  elevation = rng.uniform(-90, 90, 50)
  direction = geometry.to_cartesian(azimuth, elevation)
  distance = rng.uniform(1, 3, 50)
  response = responses.early_responses(
    room, receiver, receiver + direction * distance[:, None], FOA
  )
  spectrum = np.fft.rfft(response)[:, :, 1:400]
  a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
  gains = np.stack(
    [np.ones(50), np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)],
    axis=-1,
  )
  np.testing.assert_allclose(
    spectrum / spectrum[:, :1],
    np.broadcast_to(gains[..., None], spectrum.shape),
    atol=1e-3,
  )
  np.testing.assert_allclose(
    np.abs(spectrum[:, 0]).mean(-1), 1 / distance, rtol=1e-3
  )


@pytest.mark.parametrize('rt60', [0.2, 0.5, 1.2])
def test_the_broadband_decay_time_is_that_of_the_room(rt60):
  rng = np.random.default_rng(1)
  room = flat_room(rt60)
  times = []
  for _ in range(8):
    receiver = rooms.place_array(rng, room)
    source = rng.uniform(0.5, 2.4, 3)
    times.append(decay_time(full_response(rng, room, source, receiver)[0]))
  assert np.mean(times) == pytest.approx(rt60, rel=0.08)


def test_the_decay_time_per_octave_is_that_of_the_room():
  rng = np.random.default_rng(2)
  rt60 = (1.1, 1.0, 0.9, 0.8, 0.65, 0.5, 0.4)
  room = rooms.Room((6.5, 5.2, 3.0), rt60)
  tails = [responses.late_tail(rng, room, FOA)[0] for _ in range(12)]
  for band in range(1, 7):
    edges = rooms.OCTAVES[band] * np.array([0.8, 1.25])
    sections = signal.butter(3, edges, 'bandpass', fs=RATE, output='sos')
    filtered = np.asarray([signal.sosfilt(sections, t) for t in tails])
    power = np.mean(filtered**2, axis=0)
    measured = decay_time(np.sqrt(power[int(0.05 * RATE) :]))
    assert measured == pytest.approx(rt60[band], rel=0.12)


@pytest.mark.parametrize('size', [(4.0, 3.5, 2.6), (9.0, 7.0, 3.5)])
def test_the_tail_continues_the_power_of_the_images(size):
  rng = np.random.default_rng(3)
  room = flat_room(0.6, size)
  # At low frequencies, the images are in phase, unlike a diffuse field.
  high_pass = signal.butter(4, 400, 'highpass', fs=RATE, output='sos')
  images, noise = [], []
  for _ in range(60):
    receiver = rooms.place_array(rng, room)
    source = rng.uniform(0.15, 0.85, 3) * size
    early = responses.early_responses(room, receiver, source[None], FOA)
    early = np.asarray(signal.sosfilt(high_pass, early[0, 0]))
    images.append(np.sum(early[int(0.026 * RATE) : int(0.032 * RATE)] ** 2))
    tail = responses.late_tail(rng, room, FOA)[0]
    tail = np.asarray(signal.sosfilt(high_pass, tail))
    noise.append(np.sum(tail[int(0.044 * RATE) : int(0.050 * RATE)] ** 2))
  decayed = 60 * 0.018 / 0.6
  step = 10 * np.log10(np.mean(noise) / np.mean(images)) + decayed
  assert abs(step) < 0.8


def test_the_tail_is_isotropic_and_decays_by_60_db():
  room = flat_room(0.5)
  tails = [
    responses.late_tail(np.random.default_rng(seed), room, FOA)
    for seed in range(10)
  ]
  signal_ = np.concatenate([t[:, 1500:8000] for t in tails], axis=-1)
  covariance = np.cov(signal_) / np.var(signal_[0])
  np.testing.assert_allclose(np.diag(covariance)[1:], 1 / 3, atol=0.03)
  assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.03
  start = np.mean(tails[0][0, 1100:1500] ** 2)
  end = np.mean(tails[0][0, -900:-500] ** 2)
  assert 10 * np.log10(end / start) < -54
  assert not np.any(tails[0][:, : int(0.032 * RATE)])


def test_sources_fit_in_every_direction():
  for seed in range(200):
    rng = np.random.default_rng(seed)
    room = rooms.draw_room(rng)
    receiver = rooms.place_array(rng, room)
    direction = geometry.to_cartesian(
      rng.uniform(-180, 180, 200), rng.uniform(-45, 45, 200)
    )
    free = rooms.free_distance(room, receiver, direction)
    assert free.min() >= 1.0
    place = receiver + direction * free[:, None]
    margin = np.minimum(place, np.asarray(room.size) - place).min(axis=-1)
    np.testing.assert_allclose(margin, 0.2, atol=1e-9)
    assert 0.2 <= room.mid_rt60 <= 1.2
    assert np.all((rooms.absorption(room) > 0) & (rooms.absorption(room) < 1))


def test_octave_masks_sum_to_one():
  masks = responses.octave_masks(np.linspace(0, 12000, 999))
  np.testing.assert_allclose(masks.sum(axis=0), 1.0, atol=1e-6)
  assert masks.min() >= 0


def test_scenes_import_neither_jax_nor_pyroomacoustics():
  script = (
    'import sys, seld_jax.scenes\n'
    'assert not {"jax", "pyroomacoustics"} & set(sys.modules)\n'
  )
  subprocess.run([sys.executable, '-c', script], check=True)
