"""Which label frames are audible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seld_jax import localization

LEVELS = st.lists(
  st.floats(-100, 0) | st.just(-np.inf), min_size=1, max_size=50
).map(np.array)


@given(LEVELS)
def test_the_loudest_frame_is_audible_and_silence_is_not(level):
  heard = localization.audible(level)
  assert not heard[np.isneginf(level)].any()
  if np.isfinite(level).any():
    assert heard[level.argmax()]


@given(LEVELS, st.randoms(use_true_random=False))
def test_louder_frames_are_audible_if_softer_ones_are(level, random):
  heard = localization.audible(level)
  order = level.argsort()
  assert (np.diff(heard[order].astype(int)) >= 0).all()
  shuffled = [*range(len(level))]
  random.shuffle(shuffled)
  np.testing.assert_array_equal(
    localization.audible(level[shuffled]), heard[shuffled]
  )


@pytest.mark.parametrize('shift', [-64.0, 32.0])
def test_the_level_of_the_recording_does_not_matter(shift):
  level = np.round(np.random.default_rng(0).uniform(-60, 0, 100))
  np.testing.assert_array_equal(
    localization.audible(level + shift), localization.audible(level)
  )


def test_a_sound_without_pauses_is_audible_throughout():
  level = np.random.default_rng(0).normal(-20, 1, 100)
  assert localization.audible(level).all()


def test_background_noise_is_not_audible():
  level = np.random.default_rng(0).normal(-60, 0.5, 100)
  level[20:40] += 30
  np.testing.assert_array_equal(
    np.flatnonzero(localization.audible(level)), np.arange(20, 40)
  )


def test_no_frames_at_all():
  assert localization.audible(np.zeros(0)).shape == (0,)
