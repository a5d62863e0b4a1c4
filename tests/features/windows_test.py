"""A window of a recording has the features of the whole recording."""

from typing import Any

import numpy as np
import pytest
from helpers.array_sounds import FORMATS
from jax import jit

from seld_jax import features

window_features = jit(
  features.window_features,
  static_argnames=('format', 'n_fft', 'hop_length', 'win_length', 'n_mels')
  + ('top_db', 'layout'),
)

OPTIONS = {'n_fft': 512, 'hop_length': 240, 'win_length': 480, 'n_mels': 16}
CONTEXT = 256


@pytest.fixture(scope='module')
def audio():
  rng = np.random.default_rng(0)
  audio = 0.1 * rng.standard_normal((4, 240 * 60)).astype(np.float32)
  audio[:, 240 * 30 :] *= 1e-6  # more than 80 dB softer than before
  return audio


@pytest.mark.parametrize('layout', ['aligned', 'published'])
@pytest.mark.parametrize('format', ['foa', 'mic'])
def test_a_window_inside_a_recording_has_the_frames_of_the_whole(
  audio, format, layout
):
  options = {**OPTIONS, 'top_db': None, 'layout': layout}
  whole = FORMATS[format](audio, **options)
  for first in 2, 17, 25:
    part = audio[:, first * 240 - CONTEXT : (first + 20) * 240 + CONTEXT]
    window = window_features(part, 20, format=format, **options)
    np.testing.assert_allclose(window, whole[first : first + 20], atol=2e-4)


@pytest.mark.parametrize('pad_mode', ['constant', 'reflect'])
def test_the_caller_pads_the_ends_of_a_recording(audio, pad_mode):
  options = {**OPTIONS, 'top_db': None}
  whole = FORMATS['foa'](audio, pad_mode=pad_mode, **options)
  keywords: dict[str, Any] = {'mode': pad_mode}
  if pad_mode == 'constant':
    keywords['constant_values'] = -1e-8
  padded = np.pad(audio, ((0, 0), (CONTEXT, CONTEXT)), **keywords)
  np.testing.assert_allclose(
    window_features(padded, 60, **options), whole, atol=2e-4
  )


def test_a_window_is_clipped_under_its_own_maximum(audio):
  """The recording before and after the window has no influence."""
  loud = audio[:, 240 * 10 - CONTEXT : 240 * 30 + CONTEXT]
  soft = audio[:, 240 * 35 - CONTEXT : 240 * 55 + CONTEXT]
  for part in loud, soft:
    part = part.copy()
    free = window_features(part, 20, **OPTIONS, top_db=None)[..., :4]
    clipped = window_features(part, 20, **OPTIONS, top_db=20.0)[..., :4]
    floor = free.max(axis=(0, 1)) - 20
    np.testing.assert_allclose(clipped, np.maximum(free, floor), atol=1e-5)


def test_frames_after_the_end_repeat_the_last_one_and_have_no_influence(audio):
  part = audio[:, 240 * 10 - CONTEXT : 240 * 30 + CONTEXT].copy()
  part[:, CONTEXT + 240 * 12 :] = 1.0  # louder than the recording
  short = np.asarray(window_features(part, 10, **OPTIONS))
  np.testing.assert_array_equal(
    short[10:], np.broadcast_to(short[9], short[10:].shape)
  )
  alone = window_features(part[:, : 240 * 10 + 2 * CONTEXT], 10, **OPTIONS)
  np.testing.assert_allclose(short[:10], alone, atol=1e-4)


@pytest.mark.parametrize(
  ('format', 'channels', 'options'),
  [
    ('foa', 4, {'intensity': 'energy'}),
    ('mic', 5, {'num_channels': 5}),
    ('mic', 3, {'num_channels': 3, 'kind': 'salsa_lite'}),
    ('stereo', 2, {'stereo': tuple(features.STEREO_CHANNELS)}),
  ],
  ids=['energy', 'five microphones', 'SALSA-Lite', 'stereo'],
)
def test_a_window_has_the_frames_of_every_kind_of_features(
  audio, format, channels, options
):
  audio = np.resize(audio[:, : 240 * 30], (channels, 240 * 30))
  options = {**OPTIONS, 'top_db': None, **options, 'format': format}
  static = tuple(options)
  compute, window_of = (
    jit(function, static_argnames=static)
    for function in (features.compute, features.window_features)
  )
  whole = np.asarray(compute(audio, **options))
  part = audio[:, 3 * 240 - CONTEXT : 25 * 240 + CONTEXT]
  window = window_of(part, 20, **options)
  assert window.shape == (22, *features.shape(**options))
  np.testing.assert_allclose(window[:20], whole[3:23], atol=2e-4)
  np.testing.assert_array_equal(window[20:], np.stack([window[19]] * 2))


@pytest.mark.parametrize('function', ['window_features', 'framewise_features'])
def test_windows_have_no_salsa_because_of_its_noise_floor(function, audio):
  arguments = (audio, 20) if function == 'window_features' else (audio,)
  with pytest.raises(ValueError, match='salsa need the whole recording'):
    getattr(features, function)(*arguments, format='foa', kind='salsa')
  assert not features.is_framewise(kind='salsa')
  assert features.is_framewise(kind='salsa_lite')
