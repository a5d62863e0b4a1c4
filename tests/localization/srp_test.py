"""SRP-PHAT equals that of pyroomacoustics, and works with other arrays."""

from typing import Any

import numpy as np
import pyroomacoustics
from numpy import fft

from seld_jax import geometry, localization
from seld_jax.localization import spectra, srp

RATE = 24000


def random_array(seed, count=4):
  return 0.05 * np.random.default_rng(seed).standard_normal((count, 3))


def waves(positions, sources, *, seconds=0.5, seed=0):
  """Noises from some directions in the free field, exactly delayed."""
  rng = np.random.default_rng(seed)
  samples = round(seconds * RATE)
  azimuth, elevation = np.array(sources, np.float64).T
  xyz = geometry.to_cartesian(azimuth, elevation)
  earlier = positions @ xyz.T / 343.0
  shift = np.exp(
    2j * np.pi * earlier[..., None] * fft.rfftfreq(samples, 1 / RATE)
  )
  noise = fft.rfft(rng.standard_normal((len(sources), samples)))
  return fft.irfft((shift * noise).sum(axis=1), samples), xyz


def test_maps_are_those_of_pyroomacoustics():
  """At 72 directions, for four microphones at random places."""
  positions = random_array(0)
  audio, _ = waves(positions, [(40, 20), (-100, -30)])
  low, high = 400, 5000
  used, frequencies = spectra.frequencies(RATE, low=low, high=high)
  [(spectrum, _)] = spectra.pieces(
    audio, sample_rate=RATE, low=low, high=high, context=0
  )
  reference: Any = pyroomacoustics.doa.SRP(
    positions.T,
    RATE,
    960,
    c=343.0,
    dim=3,
    azimuth=np.radians(np.arange(-180, 180, 30)),
    colatitude=np.radians([15, 45, 75, 105, 135, 165]),
  )
  directions = reference.grid.cartesian.T
  assert directions.shape == (72, 3)
  gains = localization.free_field(positions)(directions, frequencies)
  phases = spectrum / np.abs(spectrum)
  power = srp._power(phases, gains, context=0)
  for frame, found in enumerate(power):
    whole = np.zeros((4, 481, spectra.PER_FRAME), complex)
    whole[:, used] = np.swapaxes(spectrum[:, frame], -1, -2)
    reference.locate_sources(
      whole, freq_bins=np.arange(used.start, used.stop), num_src=1
    )
    # There, the four microphones are also paired with themselves, and the sum
    # over pairs of different ones is counted twice.
    expected = (reference.grid.values - 4 / 6) / 2
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_arrays_of_any_number_of_microphones():
  for count in 4, 5, 8:
    positions = random_array(count, count)
    steering = localization.free_field(positions)
    audio, xyz = waves(positions, [(70, -25)])
    found = localization.srp_directions(
      audio, sample_rate=RATE, steering=steering
    )
    angle = geometry.angular_distance(found.xyz[:, 0], xyz[0])
    assert angle.max() < 3
    assert found.strength[:, 0].min() > 0.9


def test_the_origin_of_positions_and_the_gains_of_channels_do_not_matter():
  positions = random_array(1)
  audio, _ = waves(positions, [(70, -25), (-60, 10)])
  first, other = (
    localization.srp_directions(
      scale * audio,
      sample_rate=RATE,
      steering=localization.free_field(positions + shift),
    )
    for scale, shift in ((1, 0), (np.array([[1], [8], [0.5], [2]]), 0.7))
  )
  np.testing.assert_allclose(other.strength, first.strength, atol=1e-3)
  np.testing.assert_allclose(other.xyz[:, 0], first.xyz[:, 0], atol=1e-2)
