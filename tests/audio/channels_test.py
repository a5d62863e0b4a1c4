"""All conventions give the same sound field; wrong ones are detected."""

import contextlib
import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from helpers.amb_files import write_amb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seld_jax import audio, geometry
from seld_jax.audio import channel_checks, channels
from seld_jax.errors import InputError

RATE = 24000


def sound_field(azimuth, elevation, seed=0):
  """FOA (ACN, SN3D) of a plane wave and a softer diffuse field."""
  rng = np.random.default_rng(seed)
  x, y, z = geometry.to_cartesian(azimuth, elevation)
  wave = np.array([1, y, z, x])[:, None] * rng.standard_normal(RATE)
  diffuse = np.array([1, *[1 / math.sqrt(3)] * 3])[:, None]
  noise = 0.1 * diffuse * rng.standard_normal((4, RATE))
  return (0.1 * (wave + noise)).astype(np.float32)


def capsules(azimuth, elevation, seed=0):
  """A plane wave at four capsules in free field, delayed by whole samples."""
  rng = np.random.default_rng(seed)
  source = rng.standard_normal(RATE + 40)
  direction = np.array(geometry.to_cartesian(azimuth, elevation))
  places = [(45, 35), (-45, -35), (135, -35), (-135, 35)]
  signals = []
  for place in places:
    lead = (
      0.042 / 343 * RATE * (np.array(geometry.to_cartesian(*place)) @ direction)
    )
    start = 20 + round(float(lead))
    signals.append(source[start : start + RATE])
  noise = 0.02 * rng.standard_normal((4, RATE))
  return (0.1 * (np.array(signals) + noise)).astype(np.float32)


def mismatch(audio, format):
  sums = channel_checks.moments(audio, sample_rate=RATE)
  return channel_checks.find_mismatch(sums, format=format)


directions = pytest.mark.parametrize(
  ('azimuth', 'elevation'), [(30, 10), (-100, 40), (170, -30), (45, 0)]
)


@pytest.mark.parametrize('norm', channels.NORMS)
def test_integer_samples_are_scaled_like_floats(norm):
  """Gains such as 0.577 must not be rounded to integers."""
  selection = channels.by_name(format='foa', norm=norm)
  pcm = np.random.default_rng(0).integers(-(2**15), 2**15, (4, 100), np.int16)
  np.testing.assert_allclose(
    channels.select(pcm, selection),
    channels.select(pcm / np.float32(2**15), selection),
    rtol=1e-6,
  )


@pytest.mark.parametrize('order', ['acn', 'fuma'])
@pytest.mark.parametrize('norm', channels.NORMS)
def test_every_convention_of_foa_becomes_acn_sn3d(order, norm):
  acn = sound_field(30, 10)
  factors = {
    'sn3d': [1, 1, 1, 1],
    'n3d': [1, *[math.sqrt(3)] * 3],
    'fuma': [1 / math.sqrt(2), 1, 1, 1],
  }[norm]
  w, y, z, x = acn * np.array(factors, np.float32)[:, None]
  file = np.stack([w, y, z, x] if order == 'acn' else [w, x, y, z])
  selection = channels.by_name(format='foa', order=order, norm=norm)
  np.testing.assert_allclose(channels.select(file, selection), acn, atol=1e-6)


def test_four_capsules_of_an_eigenmike_are_selected():
  file = np.tile(np.arange(1, 33.0)[:, None], 5)
  selection = channels.by_name(format='mic', order='em32')
  np.testing.assert_array_equal(
    channels.select(file, selection)[:, 0], [6, 10, 26, 22]
  )
  with pytest.raises(InputError, match=r'x\.wav has 4 channels, but 32 are'):
    channels.check(4, selection, name='x.wav')


def test_selected_eigenmike_capsules_have_the_directions_of_the_array():
  """The published directions of these capsules as (inclination, azimuth)."""
  published = {6: (55, 45), 10: (125, 315), 26: (125, 135), 22: (55, 225)}
  ours = [(45, 35), (-45, -35), (135, -35), (-135, 35)]
  for capsule, (azimuth, elevation) in zip(
    channels.EM32_CAPSULES, ours, strict=True
  ):
    inclination, around = published[capsule]
    assert (around - azimuth) % 360 == 0
    assert 90 - inclination == elevation


@pytest.mark.parametrize('count', [1, 2, 5, 32])
def test_wrong_number_of_channels_is_refused(count):
  with pytest.raises(InputError, match=f'x has {count} channels?, but 4 are'):
    channels.check(count, channels.STANDARD, name='x')


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'format': 'mic', 'order': 'fuma'}, 'format mic.* Ambisonics do not app'),
    ({'format': 'mic', 'norm': 'n3d'}, 'format mic.* Ambisonics do not app'),
    ({'format': 'foa', 'order': 'em32'}, 'format foa: encode the 32 channels'),
    (
      {'format': 'foa', 'order': 'wxyz'},
      "one of acn, fuma, aformat, em32, foa, got 'wxyz'",
    ),
  ],
)
def test_conventions_that_do_not_fit_the_format_are_refused(options, message):
  with pytest.raises(InputError, match=message):
    channels.by_name(**options)


def test_array_file_selects_channels_and_signs(tmp_path):
  path = tmp_path / 'array.json'
  path.write_text('{"channels": [6, 1, 3, 2], "signs": [1, -1, 1, 1]}')
  selection = channels.read_array(path)
  file = np.tile(np.arange(1, 9.0)[:, None], 3)
  np.testing.assert_array_equal(
    channels.select(file, selection)[:, 0], [6, -1, 3, 2]
  )
  channels.check(8, selection, name='x')
  with pytest.raises(InputError, match='5 channels, but at least 6'):
    channels.check(5, selection, name='x')


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('', 'cannot be read as JSON'),
    ('[' * 100000, 'cannot be read as JSON'),
    ('[1, 2, 3, 4]', 'must hold'),
    ('{"channels": [1, 2, 3]}', 'must hold'),
    ('{"channels": [1, 2, 3, "4"]}', 'must hold'),
    ('{"channels": [1, 2, 3, 4], "sings": []}', 'must hold'),
    ('{"channels": [0, 1, 2, 3]}', 'counted from 1'),
    ('{"channels": [1, 1, 2, 3]}', 'four different'),
    ('{"channels": [1, 2, 3, 4], "signs": [1, 1, 2, 1]}', '1 or -1'),
  ],
)
def test_wrong_array_file_is_refused(tmp_path, content, message):
  path = tmp_path / 'array.json'
  path.write_text(content)
  with pytest.raises(InputError, match=message):
    channels.read_array(path)
  with pytest.raises(InputError, match='cannot be read'):
    channels.read_array(tmp_path / 'gone.json')


@settings(
  deadline=None,
  max_examples=100,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
  st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
      st.lists(inner)
      | st.dictionaries(st.sampled_from(['channels', 'signs', 'x']), inner)
    ),
  )
)
def test_any_json_is_read_or_refused(tmp_path, content):
  path = tmp_path / 'array.json'
  path.write_text(json.dumps(content))
  with contextlib.suppress(InputError):
    assert len(set(channels.read_array(path).channels)) == 4


@directions
def test_correct_channels_cause_no_warning(azimuth, elevation):
  assert mismatch(sound_field(azimuth, elevation), 'foa') is None
  assert mismatch(capsules(azimuth, elevation), 'mic') is None


@pytest.mark.parametrize('format', ['foa', 'mic'])
@pytest.mark.parametrize(
  ('order', 'text'),
  [
    ([-1, -1, -1, -1], 'its four channels are all zero'),
    ([0, 1, -1, 2], 'its channel 3 is silent'),
    ([-1, 1, 2, 3], 'its channel 1 is silent'),
    ([0, 1, -1, -1], 'its channels 3 and 4 are silent'),
    ([0, -1, -1, -1], 'its channels 2, 3 and 4 are silent'),
    ([0, 0, 0, 0], 'its four channels are equal'),
    ([0, 1, 0, 1], 'its channels 1 and 3, 2 and 4 are equal'),
    ([0, 0, 1, 1], 'its channels 1 and 2, 3 and 4 are equal'),
    ([0, 0, 2, 3], 'its channels 1 and 2 are equal'),
  ],
)
def test_empty_and_copied_channels_are_named_as_that(order, text, format):
  """Mono or stereo in four channels, for example, but never a wrong order."""
  field = sound_field(30, 10) if format == 'foa' else capsules(30, 10)
  audio = np.concatenate([field, np.zeros_like(field[:1])])[order]
  found = mismatch(audio, format)
  assert found is not None
  assert found.startswith(text)
  assert 'order' not in found


def test_equal_dipoles_are_no_fault():
  """A source between front and left is equally loud in X and Y."""
  source = np.random.default_rng(0).standard_normal(RATE)
  x, y, z = geometry.to_cartesian(45, 20)
  assert mismatch(np.outer([1, y, z, x], source), 'foa') is None


@directions
def test_channels_that_are_not_foa_are_detected(azimuth, elevation):
  audio = sound_field(azimuth, elevation)
  for order in itertools.permutations(range(4)):
    if order[0] != 0:
      assert mismatch(audio[list(order)], 'foa'), order
  n3d = audio * np.array([1, *[math.sqrt(3)] * 3])[:, None]
  found = mismatch(n3d, 'foa')
  assert found is not None and '--norm' in found
  fuma = audio * np.array([1 / math.sqrt(2), 1, 1, 1])[:, None]
  for wrong in n3d, fuma, capsules(azimuth, elevation):
    assert mismatch(wrong, 'foa')
  found = mismatch(audio * [[1], [0], [0], [0]], 'foa')
  assert found is not None and 'silent' in found


@directions
@pytest.mark.parametrize('norm', ['n3d', 'fuma'])
def test_a_normalisation_that_is_not_that_of_the_recording_is_detected(
  azimuth, elevation, norm
):
  audio = sound_field(azimuth, elevation)
  selection = channels.by_name(format='foa', norm=norm)
  found = mismatch(channels.select(audio, selection), 'foa')
  assert found is not None and f'--norm={norm}' in found


@directions
def test_hum_does_not_hide_the_normalisation(azimuth, elevation):
  """At low frequencies, the dipoles of real microphones are weak."""
  hum = np.sin(2 * np.pi * 50 / RATE * np.arange(RATE))
  audio = sound_field(azimuth, elevation)
  audio = audio + 0.3 * np.array([1, 0.2, 0.2, 0.2])[:, None] * hum
  assert mismatch(audio, 'foa') is None
  for factor in math.sqrt(3), 1 / math.sqrt(3):
    scaled = audio * np.array([1, *[factor] * 3])[:, None]
    found = mismatch(scaled, 'foa')
    assert found is not None and '--norm' in found


@directions
def test_foa_and_capsules_are_named(azimuth, elevation):
  found = mismatch(capsules(azimuth, elevation), 'foa')
  assert found is not None and 'is it MIC' in found
  found = mismatch(sound_field(azimuth, elevation), 'mic')
  assert found is not None and 'is it FOA' in found


@directions
def test_channels_that_are_not_capsules_are_detected(azimuth, elevation):
  audio = capsules(azimuth, elevation)
  for channel in range(4):
    inverted = audio.copy()
    inverted[channel] *= -1
    found = mismatch(inverted, 'mic')
    assert found is not None and 'inverted' in found
    soft = audio.copy()
    soft[channel] *= 0.01
    found = mismatch(soft, 'mic')
    assert found is not None
    assert f'channel {channel + 1} is much softer' in found
  assert mismatch(sound_field(azimuth, elevation), 'mic')


def test_moments_of_blocks_add_up():
  audio = sound_field(30, 10)
  parts = [
    channel_checks.moments(part, sample_rate=RATE)
    for part in np.split(audio, [2400, 7200], axis=-1)
  ]
  np.testing.assert_allclose(
    sum(parts), channel_checks.moments(audio, sample_rate=RATE), rtol=1e-5
  )


def write_array(folder, channels, signs=(1, 1, 1, 1)):
  path = folder / 'array.json'
  path.write_text(json.dumps({'channels': channels, 'signs': signs}))
  return str(path)


def test_array_file_replaces_the_order_of_channels(tmp_path):
  path = write_array(tmp_path, [1, 3, 4, 2])
  by_file = channels.from_flags(
    format='foa', order='acn', norm='sn3d', array=path
  )
  by_name = channels.from_flags(
    format='foa', order='fuma', norm='sn3d', array=None
  )
  assert by_file.channels == by_name.channels == (0, 2, 3, 1)
  with pytest.raises(InputError, match='--array cannot .* leave out --chan'):
    channels.from_flags(format='foa', order='fuma', norm='sn3d', array=path)
  with pytest.raises(InputError, match='--array cannot'):
    channels.from_flags(format='mic', order='em32', norm='sn3d', array=path)


def test_norm_applies_to_the_channels_of_an_array_file(tmp_path):
  acn = sound_field(30, 10)
  w, y, z, x = acn * np.array([1, *[math.sqrt(3)] * 3], np.float32)[:, None]
  path = write_array(tmp_path, [5, 3, 1, 2], signs=[1, -1, 1, 1])
  selection = channels.from_flags(
    format='foa', order='acn', norm='n3d', array=path
  )
  np.testing.assert_allclose(
    channels.select(np.stack([z, x, -y, 0 * y, w]), selection), acn, atol=1e-6
  )
  with pytest.raises(InputError, match='format mic'):
    channels.from_flags(format='mic', order='acn', norm='n3d', array=path)


def a_format(azimuth, elevation):
  """A plane wave at cardioids that point to FLU, FRD, BLD and BRU."""
  wave = np.random.default_rng(0).standard_normal(RATE)
  to = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
  cosine = np.array(to) @ geometry.to_cartesian(azimuth, elevation) / 3**0.5
  x, y, z = geometry.to_cartesian(azimuth, elevation)
  foa = np.array([1, y, z, x])[:, None] * wave
  return 0.5 * (1 + cosine)[:, None] * wave, foa


@directions
def test_the_a_format_becomes_acn_sn3d(azimuth, elevation, tmp_path):
  capsules, foa = a_format(azimuth, elevation)
  selection = channels.by_name(format='foa', order='aformat')
  np.testing.assert_allclose(
    channels.select(capsules, selection), foa, atol=1e-12
  )
  # Capsules in another order, one of them inverted.
  path = write_array(tmp_path, [3, 1, 2, 4], signs=[1, 1, -1, 1])
  selection = channels.from_flags(
    format='foa', order='aformat', norm='sn3d', array=path
  )
  file = np.stack([capsules[1], -capsules[2], capsules[0], capsules[3]])
  np.testing.assert_allclose(channels.select(file, selection), foa, atol=1e-12)


@pytest.mark.parametrize('count', [9, 16, 25])
@pytest.mark.parametrize('norm', ['sn3d', 'n3d'])
def test_higher_orders_use_their_first_four_channels(count, norm):
  acn = sound_field(30, 10)
  factors = [1, *[math.sqrt(3) if norm == 'n3d' else 1] * 3]
  file = np.zeros((count, RATE), np.float32)
  file[:4] = acn * np.array(factors, np.float32)[:, None]
  selection = channels.by_name(format='foa', norm=norm)
  channels.check(count, selection, name='x')
  np.testing.assert_allclose(channels.select(file, selection), acn, atol=1e-6)


@pytest.mark.parametrize(
  ('count', 'format', 'flag'),
  [
    (6, 'foa', '--array=FILE'),
    (8, 'foa', '--array=FILE'),
    (64, 'foa', '--array=FILE'),
    (6, 'mic', '--array=FILE'),
    (9, 'mic', '--array=FILE'),
    (16, 'mic', '--array=FILE'),
    (32, 'mic', '--channels=em32 .* --array=FILE'),
  ],
)
def test_more_channels_name_the_flag_that_selects_four(count, format, flag):
  with pytest.raises(InputError, match=f'x has {count} .* 4 are .*{flag}'):
    channels.check(count, channels.by_name(format=format), name='x')


FUMA_FILE = audio.AudioInfo(RATE, 4, RATE, is_fuma=True)


def test_the_header_of_a_fuma_file_replaces_the_default():
  fuma = channels.by_name(format='foa', order='fuma', norm='fuma')
  default = channels.by_name(format='foa')
  for one in default, fuma:
    assert channels.for_file(one, FUMA_FILE, name='x') == fuma
  other = dataclasses.replace(FUMA_FILE, is_fuma=False)
  assert channels.for_file(default, other, name='x') == default


def test_an_array_file_replaces_the_header_of_a_fuma_file(tmp_path):
  listed = channels.read_array(write_array(tmp_path, [1, 3, 4, 2]))
  assert channels.for_file(listed, FUMA_FILE, name='x') == listed


@pytest.mark.parametrize(
  'options',
  [
    {'format': 'mic'},
    {'format': 'foa', 'norm': 'n3d'},
    {'format': 'foa', 'order': 'aformat'},
    {'format': 'foa', 'order': 'fuma'},
  ],
)
def test_flags_that_contradict_the_header_are_refused(options):
  selection = channels.by_name(**options)
  with pytest.raises(InputError, match='x holds Ambisonics in FuMa'):
    channels.for_file(selection, FUMA_FILE, name='x')


@pytest.mark.parametrize(
  'options', [{'order': 'fuma'}, {'order': 'foa', 'norm': 'n3d'}]
)
def test_a_fuma_file_for_a_stereo_network_needs_one_flag(options):
  selection = channels.by_name(format='stereo', **options)
  with pytest.raises(InputError, match='use --channels=foa alone to mix'):
    channels.for_file(selection, FUMA_FILE, name='x')
  mixed = channels.by_name(format='stereo', order='foa')
  assert channels.for_file(mixed, FUMA_FILE, name='x').matrix is not None


@pytest.mark.parametrize('count', [3, 5, 7])
def test_horizontal_ambisonics_are_refused(count):
  header = dataclasses.replace(FUMA_FILE, num_channels=count)
  with pytest.raises(InputError, match='no height'):
    channels.for_file(channels.by_name(format='foa'), header, name='x')


def test_formats_that_do_not_exist_are_refused():
  for call in (
    lambda: channels.by_name(format='foo'),
    lambda: next(audio.dataset_blocks('x.wav', format='foo')),
  ):
    with pytest.raises(InputError):
      call()


@pytest.mark.parametrize('format', ['mic', 'stereo'])
def test_fuma_files_are_no_microphones(tmp_path, format):
  count = {'mic': 4, 'stereo': 2}[format]
  path = tmp_path / 'a.amb'
  write_amb(path, np.zeros((count, 100)))
  with pytest.raises(InputError, match='a.amb holds Ambisonics .* and no'):
    next(audio.dataset_blocks(path, format=format))


def test_fuma_without_height_is_no_training_data(tmp_path):
  path = tmp_path / 'a.amb'
  write_amb(path, np.zeros((5, 100)))
  with pytest.raises(InputError, match='5 channels of FuMa, .* no height'):
    next(audio.dataset_blocks(path, format='foa'))
