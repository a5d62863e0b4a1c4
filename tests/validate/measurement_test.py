"""Measurements do not depend on blocks, and need little memory."""

import tracemalloc

import numpy as np
import pytest
from helpers.dataset_to_validate import capsules_of, events_of, sound_of
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import audio
from seld_jax.errors import InputError
from seld_jax.validate import measurement


@settings(deadline=None, max_examples=100)
@given(st.lists(st.booleans(), max_size=40), st.lists(st.integers(0, 40)))
def test_clipping_is_counted_in_blocks_as_in_the_whole(full, cuts):
  samples = np.array(full, float)
  whole, _ = measurement.count_clipped(samples)
  total = run = 0
  for part in np.split(samples, sorted(cut % (len(full) + 1) for cut in cuts)):
    if part.size:
      more, run = measurement.count_clipped(part, run)
      total += more
  assert total == whole
  # Runs of three or more, counted from their text.
  text = ''.join('x' if one else ' ' for one in full)
  assert whole == sum(len(one) for one in text.split() if len(one) >= 3)


def intensity_of(found):
  """The intensity of a recording that has one: not of stereo."""
  assert found.intensity is not None
  return found.intensity


def power_of(found):
  """The power of a recording that was measured."""
  assert found.power is not None
  return found.power


@pytest.mark.parametrize(
  ('format', 'sound'), [('foa', sound_of), ('mic', capsules_of)]
)
def test_intensity_points_to_the_source(tmp_path, format, sound):
  events = events_of(0)
  audio.write(tmp_path / 'a.wav', sound(events, 0))
  found = measurement.measure(tmp_path / 'a.wav', format=format)
  assert intensity_of(found).shape == (40, 3)
  xyz = intensity_of(found)[events.frame][:, [2, 0, 1]]
  xyz /= np.linalg.norm(xyz, axis=-1, keepdims=True)
  angle = np.rad2deg(np.arccos(np.sum(xyz * events.xyz, axis=-1).clip(-1, 1)))
  # Capsules near half a wavelength apart bend directions.
  assert angle.max() < (5 if format == 'foa' else 30)
  # Without a source, there is only noise.
  assert power_of(found)[:2].max() < 0.01 * power_of(found)[2:38].min()


def test_long_recordings_need_little_memory(tmp_path):
  rate, seconds = 8000, 240
  path = tmp_path / 'long.wav'
  noise = np.random.default_rng(0).uniform(-0.1, 0.1, (4, rate * seconds))
  audio.write(path, noise.astype(np.float32), sample_rate=rate)
  tracemalloc.start()
  try:
    found = measurement.measure(path, format='foa', sample_rate=rate)
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  assert found.num_samples == rate * seconds
  assert len(intensity_of(found)) == 10 * seconds
  # A quarter of what the samples need.
  assert peak < noise.size * 4 / 4


@pytest.mark.parametrize('samples', [1, 30, 2399, 2401])
@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_short_recordings_are_measured(tmp_path, samples, format):
  path = tmp_path / 'short.wav'
  audio.write(path, np.full((4, samples), 0.1))
  found = measurement.measure(path, format=format)
  assert found.num_samples == samples
  assert len(intensity_of(found)) == len(power_of(found)) == samples // 2400
  assert np.isfinite(intensity_of(found)).all()


@pytest.mark.parametrize('rate', [1000, 8000, 44100, 192000])
def test_any_sample_rate_is_measured(tmp_path, rate):
  path = tmp_path / 'a.wav'
  noise = 0.1 * np.random.default_rng(0).standard_normal(rate)
  front = np.outer([1, 0.1, 0.1, 0.99], noise)
  audio.write(path, front.clip(-1, 1), sample_rate=rate)
  found = measurement.measure(path, format='foa', sample_rate=rate)
  assert intensity_of(found).shape == (10, 3)
  assert (intensity_of(found)[:, 2] > 0.9).all()
  with pytest.raises(InputError, match=f'sample rate of {rate} Hz, but 24000'):
    measurement.measure(path, format='foa')
