"""A window cut out of a recording has the features of the whole."""

import jax
import numpy as np
import pytest

from seld_jax import features
from seld_jax.features import window_features

OPTIONS = {'n_fft': 512, 'hop_length': 240, 'win_length': 480, 'n_mels': 16}
CONTEXT = 256


@pytest.fixture(scope='module')
def audio():
  rng = np.random.default_rng(0)
  audio = 0.1 * rng.standard_normal((4, 240 * 60)).astype(np.float32)
  audio[:, 240 * 30 :] *= 1e-6  # what follows is more than 80 dB softer
  return audio


@pytest.mark.parametrize('layout', ['aligned', 'published'])
@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_inside_equal_to_the_whole(audio, format, layout):
  options = {**OPTIONS, 'top_db': None, 'layout': layout}
  whole = features.FORMATS[format](audio, **options)
  for first in 2, 17, 25:
    part = audio[:, first * 240 - CONTEXT : (first + 20) * 240 + CONTEXT]
    window = window_features(part, 20, format=format, **options)
    np.testing.assert_allclose(window, whole[first : first + 20], atol=2e-4)


@pytest.mark.parametrize('pad_mode', ['constant', 'reflect'])
def test_the_ends_are_padded_as_the_caller_pads(audio, pad_mode):
  options = {**OPTIONS, 'top_db': None}
  whole = features.foa_features(audio, pad_mode=pad_mode, **options)
  keywords = {'constant_values': -1e-8} if pad_mode == 'constant' else {}
  padded = np.pad(audio, ((0, 0), (CONTEXT, CONTEXT)), pad_mode, **keywords)
  np.testing.assert_allclose(
    window_features(padded, 60, **options), whole, atol=2e-4
  )


def test_a_window_is_clipped_under_its_own_maximum(audio):
  """Nothing that comes before or after it counts."""
  loud = audio[:, 240 * 10 - CONTEXT : 240 * 30 + CONTEXT]
  soft = audio[:, 240 * 35 - CONTEXT : 240 * 55 + CONTEXT]
  for part in loud, soft:
    part = part.copy()
    free = window_features(part, 20, **OPTIONS, top_db=None)[..., :4]
    clipped = window_features(part, 20, **OPTIONS, top_db=20.0)[..., :4]
    floor = free.max(axis=(0, 1)) - 20
    np.testing.assert_allclose(clipped, np.maximum(free, floor), atol=1e-5)


def test_what_is_behind_the_end_repeats_the_last_frame_and_counts_nothing(
  audio,
):
  part = audio[:, 240 * 10 - CONTEXT : 240 * 30 + CONTEXT].copy()
  part[:, CONTEXT + 240 * 12 :] = 1.0  # louder than all that belongs to it
  short = jax.jit(lambda n: window_features(part, n, **OPTIONS))(10)
  np.testing.assert_array_equal(
    short[10:], np.broadcast_to(short[9], short[10:].shape)
  )
  alone = window_features(part[:, : 240 * 10 + 2 * CONTEXT], 10, **OPTIONS)
  np.testing.assert_allclose(short[:10], alone, atol=1e-4)
