"""Means over symmetries of a recording and over networks.

The networks here are random functions of the samples of each label frame.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perfect_outputs
from helpers.perfect_outputs import FORMATS

from seld_jax import outputs
from seld_jax.errors import InputError
from seld_jax.prediction import AveragedPredictor, Predictor, Spec, symmetries

CHANNELS = {'foa': 4, 'mic': 4, 'stereo': 2}
# Formats that are tested with every kind of audio.
SOME = ['class_wise', 'multi_accdoa, distance']
MOST = {'foa': 16, 'mic': 8, 'stereo': 2}


def choose(sound, count=None):
  return symmetries.choose(
    count or MOST[sound], format=sound, num_channels=CHANNELS[sound]
  )


def recording(sound, seconds=1.5, rate=100):
  rng = np.random.default_rng(0)
  size = CHANNELS[sound], round(rate * seconds)
  return rng.standard_normal(size).astype(np.float32)


def make_spec(format, sound='foa', **changes):
  fields = {
    'output': format,
    'format': sound,
    'num_channels': CHANNELS[sound],
    'n_fft': 0,
    **changes,
  }
  return Spec(**perfect_outputs.spec_fields(**fields))


def framed(audio, num_samples=10):
  """Audio [batch, channels, samples] as [batch, frames, channels, samples]."""
  frames = audio.reshape(*audio.shape[:2], -1, num_samples)
  return jnp.swapaxes(frames, 1, 2)


def make_random(format, sound='foa', *, seed=0, **changes):
  """A random network, which no rotation commutes with."""
  spec = make_spec(format, sound, **changes)
  size = spec.num_channels * spec.label_samples
  weights = np.random.default_rng(seed).standard_normal((size, format.size))

  def program(variables, audio, num_frames):
    del num_frames
    frames = framed(audio, spec.label_samples)
    frames = frames.reshape(*frames.shape[:2], -1)
    made = format.activate(jnp.matmul(frames, variables, precision='highest'))
    return tuple(made[name] for name in format.predicted)

  variables = weights.astype(np.float32) / 4
  return Predictor(program, variables, spec, source=f'net{seed}')


def make_equivariant(format):
  """The network predicts where the intensity points: it turns with the scene.

  Classes differ by factors of their own.
  """

  def program(variables, audio, num_frames):
    del variables, num_frames
    w, y, z, x = jnp.moveaxis(framed(audio), 2, 0)
    vectors = jnp.stack([(w * one).mean(-1) for one in (x, y, z)], axis=-1)
    factors = jnp.linspace(0.5, 1.5, 9).reshape(3, 3)
    if format.name in ('accdoa', 'multi_accdoa'):
      scale = factors[: format.num_tracks, : format.num_classes, None]
      return (vectors[..., None, None, :] * scale,)
    level = jnp.square(w).mean(-1)[..., None]
    if format.name == 'class_wise':
      scale = factors[0]
      return jax.nn.sigmoid(level * scale), vectors[..., None, :] * scale[
        :, None
      ]
    scale = factors[: format.num_tracks]
    return (
      jax.nn.sigmoid(level[..., None] * scale),
      vectors[..., None, :] * scale[:, :1],
    )

  return Predictor(program, {}, make_spec(format), source='equivariant')


def assert_same(format, found, expected, *, atol=1e-5):
  """Compares outputs, but for the order of tracks."""
  for name, array in format.match(found, expected).items():
    np.testing.assert_allclose(array, expected[name], atol=atol)


@pytest.mark.parametrize(
  ('name', 'sound'),
  [
    *((name, 'foa') for name in FORMATS),
    *zip(SOME, ['mic', 'stereo'], strict=True),
  ],
)
def test_the_prediction_turns_with_the_recording(name, sound):
  """For any network, in overlapping windows, to the rounding of float32."""
  format = FORMATS[name]
  network, chosen = make_random(format, sound), choose(sound)
  averaged = AveragedPredictor([(network, chosen)])
  audio = recording(sound)
  expected = averaged(audio, 100, overlap=0.2)
  own = network(audio, 100, overlap=0.2).outputs
  assert any(
    np.abs(own[one] - array).max() > 0.1
    for one, array in expected.outputs.items()
  )
  for one in chosen:
    found = averaged(one.of_audio(audio), 100, overlap=0.2).outputs
    turned = format.turn(expected.outputs, one.matrix)
    assert_same(format, found, turned)


@pytest.mark.parametrize(
  'name', [name for name in FORMATS if not FORMATS[name].distance]
)
def test_a_network_that_turns_with_the_scene_is_not_changed(name):
  format, audio = FORMATS[name], recording('foa')
  network = make_equivariant(format)
  expected = network(audio, 100).outputs
  for count in 2, 16:
    averaged = AveragedPredictor([(network, choose('foa', count))])
    assert_same(format, averaged(audio, 100).outputs, expected)


def test_features_of_the_whole_recording_are_those_of_turned_audio():
  """They must not be turned themselves: they may have any layout."""
  format = outputs.make('class_wise', num_classes=3)
  spec = make_spec(format, kind='salsa')
  weights = np.random.default_rng(0).standard_normal((8, format.size))

  def program(variables, features, num_frames):
    del num_frames
    joined = features.reshape(len(features), -1, 8)  # two frames of a label
    made = format.activate(joined @ variables)
    return made['sed'], made['doa']

  def extract(audio):
    whole = audio / jnp.abs(audio).max()  # of the whole recording
    return whole[:, : whole.shape[1] // 5 * 5 : 5].T[:, None]

  network = Predictor(
    program, weights.astype(np.float32), spec, source='x', extract=extract
  )
  chosen, audio = choose('foa', 4), recording('foa')
  averaged = AveragedPredictor([(network, chosen)])
  expected = averaged(audio, 100).outputs
  for one in chosen:
    found = averaged(one.of_audio(audio), 100).outputs
    assert_same(format, found, format.turn(expected, one.matrix))
  with pytest.raises(InputError, match=r'salsa, which .* predict live'):
    averaged.stream()


def ensemble(*networks, sound='foa', count=0):
  chosen = symmetries.choose(count, format=sound, num_channels=CHANNELS[sound])
  return AveragedPredictor([(network, chosen) for network in networks])


@pytest.mark.parametrize('name', FORMATS)
def test_the_mean_of_two_networks_is_that_of_their_outputs(name):
  """The test of `average` has the mean of tracks by hand."""
  format, audio = FORMATS[name], recording('foa')
  a, b = (make_random(format, seed=seed) for seed in (0, 1))
  alone = [network(audio, 100).outputs for network in (a, b)]
  for one, array in ensemble(a, a)(audio, 100).outputs.items():
    np.testing.assert_array_equal(array, alone[0][one])
  found = ensemble(a, b)(audio, 100)
  for one, array in format.average(alone).items():
    np.testing.assert_allclose(found.outputs[one], array, atol=1e-6)
  np.testing.assert_array_equal(found.activity, format.activity(found.outputs))
  np.testing.assert_array_equal(found.doa, format.doa(found.outputs))
  both = ensemble(a, b, count=2)(audio, 100).outputs
  four = [
    format.turn(network(one.of_audio(audio), 100).outputs, one.matrix.T)
    for network in (a, b)
    for one in choose('foa', 2)
  ]
  assert_same(format, both, format.average(four))


def test_networks_with_other_features_windows_and_rates_are_averaged():
  """They give their label frames at other times."""
  format = outputs.make('class_wise', num_classes=3)
  a = make_random(format, sample_rate=4000, hop_length=200)
  b = make_random(
    format,
    seed=1,
    window=20,
    sample_rate=8000,
    hop_length=400,
    threshold=0.4,
  )
  both, audio = ensemble(a, b), recording('foa', 4.37, rate=4000)
  expected = format.average([one(audio, 4000).outputs for one in (a, b)])
  found = both(audio, 4000, threshold=0.5)
  assert len(found.activity) == 44
  for one, array in expected.items():
    np.testing.assert_allclose(found.outputs[one], array, atol=1e-5)

  stream = both.stream(4000)
  assert stream.latency == max(one.stream(4000).latency for one in (a, b))
  cuts = [0, 3, 5000, 5001, 12000]
  parts = [stream.push(part) for part in np.split(audio, cuts, axis=-1)]
  parts.append(stream.flush())
  starts = np.cumsum([0, *map(len, parts)])
  assert [part.first for part in parts] == starts[:-1].tolist()
  assert 0 < len(parts[4]) < 44
  whole = both(audio, 4000, threshold=0.5, batch_size=1)
  for one, array in whole.outputs.items():
    joined = np.concatenate([part.outputs[one] for part in parts])
    np.testing.assert_array_equal(joined, array)

  # Without a rate, it is that of the first network, for both.
  stream = both.stream()
  parts = [stream.push(audio), stream.flush()]
  for one, array in whole.outputs.items():
    joined = np.concatenate([part.outputs[one] for part in parts])
    np.testing.assert_array_equal(joined, array)

  with pytest.raises(InputError, match=r'net0 0\.5, net1 0\.4.*--threshold'):
    both(audio, 4000)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'sound': 'mic'}, 'in their format of audio: foa and mic'),
    ({'classes': ('a', 'b', 'd')}, 'in their class 2: c and d'),
    ({'classes': ('a', 'b')}, 'number of classes: 3 and 2'),
    ({'pool': 4}, 'label frames in seconds: 1/10 and 1/5'),
    ({'name': 'accdoa'}, 'their output format: class_wise and accdoa'),
    ({'axes': 2}, 'output format, axes: 3 and 2'),
    ({'distance': True}, 'output format, distance: False and True'),
  ],
)
def test_networks_that_cannot_be_averaged_are_refused(changes, message):
  format = {'name': 'class_wise', 'num_classes': 3}
  fields = {
    key: changes.pop(key)
    for key in [*changes]
    if key in ('axes', 'distance', 'name')
  }
  a = make_random(outputs.make(**format))
  b = make_random(outputs.make(**{**format, **fields}), seed=1, **changes)
  with pytest.raises(InputError, match=f'net0 and net1 .*{message}'):
    ensemble(a, b)


def test_a_mean_has_no_outputs_of_features():
  network = make_random(outputs.make('class_wise', num_classes=3))
  with pytest.raises(InputError, match='starts from audio, not from features'):
    ensemble(network, network).outputs(np.zeros((1, 10, 4, 7)))


def test_a_sample_rate_of_zero_is_refused():
  network = make_random(outputs.make('class_wise', num_classes=3))
  with pytest.raises(InputError, match='got 0 Hz'):
    ensemble(network, network)(recording('foa'), 0)


def test_networks_with_different_fixed_windows_keep_them():
  """Another network beside them has the shorter one."""
  format = outputs.make('class_wise', num_classes=3)
  a, b, c = (
    make_random(format, seed=seed, window=window)
    for seed, window in enumerate((20, 40, 60))
  )
  a.has_fixed_window = b.has_fixed_window = True
  together, audio = ensemble(b, a, c), recording('foa', 4.37)
  assert together.has_fixed_window
  assert together.window_seconds == a.window_seconds
  stream = together.stream(overlap=0.2)
  parts = [stream.push(audio), stream.flush()]
  own = (None, None, a.window_seconds)
  expected = format.average(
    [
      one(audio, 100, window=window, overlap=0.2, batch_size=1).outputs
      for one, window in zip((b, a, c), own, strict=True)
    ]
  )
  for name, array in expected.items():
    joined = np.concatenate([part.outputs[name] for part in parts])
    np.testing.assert_allclose(joined, array, atol=1e-5)
