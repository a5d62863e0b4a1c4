"""Channels of stereo networks and of arrays with any number of microphones."""

import functools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import audio, features, geometry
from seld_jax.audio import channel_checks, channels
from seld_jax.errors import InputError

RATE = 24000


def sound_field(azimuth, seed=0, level=0.1):
  """FOA (ACN, SN3D) of a plane wave and a softer diffuse field."""
  rng = np.random.default_rng(seed)
  x, y, z = geometry.to_cartesian(azimuth, 20.0)
  wave = np.array([1, y, z, x])[:, None] * rng.standard_normal(RATE)
  diffuse = np.array([1, *[1 / math.sqrt(3)] * 3])[:, None]
  return 0.1 * (wave + level * diffuse * rng.standard_normal((4, RATE)))


def mismatch(sound, format):
  sums = channel_checks.moments(sound, sample_rate=RATE)
  return channel_checks.find_mismatch(sums, format=format)


def refuse(file, match, **options):
  with pytest.raises(InputError, match=match):
    list(audio.dataset_blocks(file, **options))


def test_numbers_of_channels_are_those_of_the_features():
  for format, number in features.FORMATS.items():
    assert channels.count(format) == number
    assert features.num_audio_channels(format) == number
  assert channels.count('mic', num_channels=7) == 7


@settings(deadline=None, max_examples=30)
@given(
  order=st.sampled_from(['foa', 'fuma', 'aformat']),
  norm=st.sampled_from(channels.NORMS),
  azimuth=st.integers(-180, 180),
)
def test_every_convention_of_foa_becomes_left_and_right(order, norm, azimuth):
  """L = W + Y and R = W - Y in ACN and SN3D, whatever the file has."""
  if order == 'aformat':
    norm = 'sn3d'
  w, y, z, x = sound_field(azimuth)
  factors = {
    'sn3d': [1, 1],
    'n3d': [1, math.sqrt(3)],
    'fuma': [1 / math.sqrt(2), 1],
  }[norm]
  dipoles = np.stack([x, y, z]) * factors[1]
  first = w * factors[0]
  if order == 'aformat':
    to = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) / 3**0.5
    file = 0.5 * (w + to @ np.stack([x, y, z]))
  elif order == 'fuma':
    file = np.stack([first, *dipoles])
  else:
    file = np.stack([first, *dipoles[[1, 2, 0]]])
  selection = channels.by_name(format='stereo', order=order, norm=norm)
  np.testing.assert_allclose(
    channels.select(file, selection), [w + y, w - y], atol=1e-7
  )


def test_a_source_on_the_left_is_louder_on_the_left():
  selection = channels.by_name(format='stereo', order='foa')
  left, right = channels.select(sound_field(70), selection)
  assert np.square(left).sum() > 10 * np.square(right).sum()


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'order': 'em32'}, 'format stereo: encode the 32 .* --channels=foa'),
    ({'norm': 'n3d'}, 'stereo, whose .* leave out --norm=n3d, or use --channe'),
    ({'order': 'aformat', 'norm': 'n3d'}, 'leave out --norm'),
  ],
)
def test_conventions_that_do_not_fit_stereo_are_refused(options, message):
  with pytest.raises(InputError, match=message):
    channels.by_name(format='stereo', **options)


@pytest.mark.parametrize(
  ('count', 'message'),
  [
    (1, 'has 1 channel, but 2 are needed, left and right: mono has no direc'),
    (3, r'has 3 channels, but 2 are .*: choose two channels with --array=FILE'),
    (4, '--channels=foa if they are W, Y, Z, X of FOA, or choose two'),
    (16, '--channels=foa if they are'),
  ],
)
def test_other_files_are_refused_by_a_stereo_network(count, message):
  selection = channels.by_name(format='stereo')
  channels.check(2, selection, name='x')
  with pytest.raises(InputError, match=message):
    channels.check(count, selection, name='x')


def test_stereo_is_refused_where_foa_is_to_be_mixed():
  selection = channels.by_name(format='stereo', order='foa')
  channels.check(4, selection, name='x')
  channels.check(9, selection, name='x')
  with pytest.raises(InputError, match='4 are needed, FOA .* leave out --chan'):
    channels.check(2, selection, name='x')


def test_fuma_files_are_mixed_to_left_and_right():
  header = audio.AudioInfo(RATE, 4, RATE, is_fuma=True)
  fuma = channels.by_name(format='stereo', order='fuma', norm='fuma')
  mixed = channels.by_name(format='stereo', order='foa')
  for one in mixed, fuma:
    assert channels.for_file(one, header, name='x') == fuma
  with pytest.raises(InputError, match='left and right are needed: use --cha'):
    channels.for_file(channels.by_name(format='stereo'), header, name='x')


def test_any_number_of_microphones_stays_in_its_order(tmp_path):
  sound = np.arange(12.0)[:, None] * np.ones(5)
  selection = channels.by_name(format='mic', num_channels=5)
  np.testing.assert_array_equal(
    channels.select(sound[:5], selection), sound[:5]
  )
  with pytest.raises(InputError, match='5 are needed, one of each microphone'):
    channels.check(4, selection, name='x')
  with pytest.raises(InputError, match='5 are needed: choose five chan'):
    channels.check(12, selection, name='x')
  with pytest.raises(InputError, match='needs 5 microphones, but .* em32 are'):
    channels.by_name(format='mic', order='em32', num_channels=5)
  path = tmp_path / 'array.json'
  path.write_text(json.dumps({'channels': [12, 3, 4, 1, 6]}))
  selection = channels.from_flags(
    format='mic', order='acn', norm='sn3d', array=str(path), num_channels=5
  )
  np.testing.assert_array_equal(
    channels.select(sound, selection)[:, 0], [11, 2, 3, 0, 5]
  )
  for format, match in ('mic', '4|four numbers'), ('stereo', 'two numbers'):
    with pytest.raises(InputError, match=match):
      channels.from_flags(
        format=format, order='acn', norm='sn3d', array=str(path)
      )


def test_left_and_right_are_exchanged_by_an_array_file(tmp_path):
  path = tmp_path / 'array.json'
  path.write_text('{"channels": [2, 1]}')
  of_flags = functools.partial(
    channels.from_flags, format='stereo', norm='sn3d', array=str(path)
  )
  selection = of_flags(order='acn')
  np.testing.assert_array_equal(
    channels.select(np.array([[1.0], [2.0]]), selection)[:, 0], [2, 1]
  )
  # With FOA, the file names W and Y.
  selection = of_flags(order='foa')
  np.testing.assert_array_equal(
    channels.select(np.array([[0.5], [2.0]]), selection)[:, 0], [2.5, 1.5]
  )


@pytest.mark.parametrize('azimuth', [0, 40, -80, 150])
@pytest.mark.parametrize('level', [0.1, 1.0])
def test_good_stereo_and_good_arrays_cause_no_warning(azimuth, level):
  w, y, *_ = sound_field(azimuth, level=level)
  assert mismatch(np.stack([w + y, w - y]), 'stereo') is None
  rng = np.random.default_rng(0)
  delays = [0, 5, 9, 3, 14, 2]  # 20 cm apart
  source = rng.standard_normal(RATE + 40)
  array = np.stack([source[20 - d : 20 - d + RATE] for d in delays])
  array += level * 0.3 * rng.standard_normal(array.shape)
  assert mismatch(array, 'mic') is None


def test_wrong_stereo_and_wrong_arrays_are_detected():
  w, y, z, x = sound_field(20)
  left, right = w + y, w - y
  for pair, match in (
    ((left, left), 'its two channels are equal: is it a copied mono'),
    ((left, 0 * left), r'its channel 2 is silent .* all two .* is it mono, or'),
    ((left, -right), 'opposite signs .* middle and side, or is one inverted'),
    ((0 * w, 0 * w), 'its two channels are all zero'),
  ):
    with pytest.raises(AssertionError, match=match):
      raise AssertionError(mismatch(np.stack(pair), 'stereo'))
  noise = 0.01 * np.random.default_rng(0).standard_normal((5, RATE))
  array = w + noise
  for factors, match in (
    ([1, 1, -1, 1, 1], 'channels . and . have opposite .*: is one inverted'),
    ([1, 1, 1, 1, 1e-3], 'its channel 5 is much softer'),
    ([1, 1, 1, 0, 1], 'all five channels need sound'),
  ):
    wrong = mismatch(array * np.array(factors)[:, None], 'mic')
    assert wrong is not None
    with pytest.raises(AssertionError, match=match):
      raise AssertionError(wrong)


def test_recordings_with_other_channels_say_what_to_do(tmp_path):
  paths = {}
  for number in 1, 2, 3, 4, 5, 32:
    paths[number] = tmp_path / f'{number}.wav'
    audio.write(paths[number], np.zeros((number, 2400)))
  (block,) = audio.dataset_blocks(paths[2], format='stereo')
  assert block.shape == (2, 2400)
  (block,) = audio.dataset_blocks(paths[5], format='mic', num_channels=5)
  assert block.shape == (5, 2400)
  refuse(paths[1], '1 channel, but 2 .* left and right: dir.*', format='stereo')
  refuse(paths[4], r'4 channels, but 2 .* foa_dev .*W \+ Y', format='stereo')
  refuse(paths[2], 'stereo_dev with --config.features.format=st', format='foa')
  refuse(paths[5], 'num_channels=5 .* five microphones, or', format='mic')
  refuse(paths[3], 'num_channels=3 .*if all .* or delete it', format='mic')
  refuse(
    paths[4], 'of five micro.*num_channels=4 .*if', format='mic', num_channels=5
  )
  refuse(paths[32], r'\[5, 9, 25, 21\]', format='mic')
