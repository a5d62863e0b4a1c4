"""Resampling keeps tones as they are and does not depend on the blocks."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seld_jax.audio import Resampler
from seld_jax.errors import InputError


def resampled(signal, source, target, blocks=()):
  resampler = Resampler(source, target, num_channels=len(signal))
  parts = [
    resampler.push(part) for part in np.split(signal, list(blocks), axis=-1)
  ]
  return np.concatenate([*parts, resampler.flush()], axis=-1)


@pytest.mark.parametrize('source', [8000, 16000, 22050, 44100, 48000, 96000])
def test_a_tone_keeps_frequency_phase_and_level(source):
  time = lambda rate: np.arange(rate // 2) / rate
  tone = lambda rate: np.stack(
    [np.sin(2 * np.pi * 440 * time(rate)), np.cos(2 * np.pi * 997 * time(rate))]
  ).astype(np.float32)
  got = resampled(tone(source), source, 24000)
  assert got.shape == (2, 12000)
  assert got.dtype == np.float32
  inside = slice(600, -600)
  np.testing.assert_allclose(got[:, inside], tone(24000)[:, inside], atol=2e-3)


def test_frequencies_above_the_target_nyquist_are_removed():
  time = np.arange(24000) / 48000
  high = np.sin(2 * np.pi * 15000 * time)[None].astype(np.float32)
  assert np.abs(resampled(high, 48000, 24000)[:, 100:-100]).max() < 1e-3


@settings(deadline=None, max_examples=50)
@example(
  23999, 5000, [1, 700, 700, 4000]
)  # the longest filter: no common factor
@given(
  st.sampled_from([16000, 32000, 44100, 48000]),
  st.integers(1, 5000),
  st.lists(st.integers(0, 5000), max_size=6).map(sorted),
)
def test_output_does_not_depend_on_the_blocks(source, length, cuts):
  signal = np.random.default_rng(length).standard_normal((4, length))
  signal = signal.astype(np.float32)
  whole = resampled(signal, source, 24000)
  assert whole.shape[-1] == -(-length * 24000 // source)
  parts = resampled(signal, source, 24000, cuts)
  assert parts.shape == whole.shape
  np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_a_sample_rate_may_be_a_float(length=500):
  signal = np.ones((4, length), np.float32)
  whole, same = (resampled(signal, rate, 24000) for rate in (44100, 44100.0))
  np.testing.assert_array_equal(same, whole)


@pytest.mark.parametrize('rate', [0, 100, 10**9, 44100.5])
def test_implausible_sample_rate_is_refused(rate):
  with pytest.raises(InputError, match=f'sample rate between.*got {rate} Hz'):
    Resampler(rate, 24000, num_channels=4)


@pytest.mark.parametrize('target', [0, 24000.5, float('nan')])
def test_impossible_target_rates_are_refused(target):
  with pytest.raises(InputError, match='sample rate between'):
    Resampler(48000, target, num_channels=1)
