"""Directions of predictions are made more exact by the onsets around them."""

import json

import numpy as np
import pytest
from helpers import audio_sets, perfect_outputs
from helpers.command_outcomes import outcome
from helpers.plane_waves import plane_waves
from helpers.tiny import make_run

import seld_jax
from seld_jax import audio, geometry, labels, outputs, predictor
from seld_jax.errors import InputError
from seld_jax.prediction import (
  AveragedPredictor,
  Predictor,
  RefinedPredictor,
  Spec,
  live,
  symmetries,
)

RATE = 24000
# Two sounds, and what a network says of them.
PLACES = [(-50, 0, 1), (40, 20, 1)]
ROUGHLY = geometry.to_cartesian(np.array([-40.0, 48.0]), np.array([12.0, 8]))


def make_network(*, distance=False, window=20, **changes):
  """A network that always predicts the same: two of three tracks are active."""
  format = outputs.make(
    'tracks', num_classes=3, num_tracks=3, distance=distance
  )
  spec = Spec(
    **perfect_outputs.spec_fields(
      output=format,
      sample_rate=RATE,
      hop_length=2400,
      pool=1,
      n_fft=0,
      window=window,
      **{'num_channels': 4, **changes},
    )
  )
  sed = np.array([[0.9, 0, 0], [0, 0, 0.8], [0.1, 0.1, 0.1]], np.float32)
  doa = np.stack([*ROUGHLY, [0, 0, -1.0]]).astype(np.float32)
  arrays = {'sed': sed, 'doa': doa, 'distance': np.ones(3, np.float32)}

  def program(variables, audio, num_frames):
    del variables, num_frames
    return tuple(
      np.tile(arrays[name], (len(audio), window, *[1] * arrays[name].ndim))
      for name in format.predicted
    )

  return Predictor(program, {}, spec, source='network')


@pytest.fixture(scope='module')
def sound():
  return plane_waves('foa', PLACES, width=400, seconds=3.05)


def test_directions_are_more_exact_and_nothing_else_changes(sound):
  recording, xyz = sound
  plain, refined = make_network(), RefinedPredictor(make_network())
  assert not plain.refine_directions and refined.refine_directions
  before, after = plain(recording, RATE), refined(recording, RATE)
  np.testing.assert_array_equal(after.activity, before.activity)
  np.testing.assert_array_equal(after.doa, before.doa)
  for name in 'frame', 'class_index', 'track':
    np.testing.assert_array_equal(
      getattr(after.events, name), getattr(before.events, name)
    )
  assert len(after.events.frame) == 2 * 31
  own = xyz[np.where(after.events.class_index == 0, 0, 1)]
  assert geometry.angular_distance(before.events.xyz, own).min() > 10
  assert geometry.angular_distance(after.events.xyz, own).max() < 3


def test_distances_stay(sound):
  refined = RefinedPredictor(make_network(distance=True))
  events = refined(sound[0], RATE).events
  assert events.distance is not None
  np.testing.assert_allclose(events.distance, 1)


@pytest.mark.parametrize('rate', [8000, 11025, 44100])
def test_recordings_of_other_rates(rate):
  """Also where resampling gives another number of samples in the end."""
  for seconds in 0.05, 1.0, 1.204:
    recording, xyz = plane_waves(
      'foa', PLACES, rate=rate, width=400, seconds=seconds
    )
    found = RefinedPredictor(make_network())(recording, rate)
    assert len(found.activity) == np.ceil(seconds * 10 - 1e-9)
    own = xyz[np.where(found.events.class_index == 0, 0, 1)]
    if seconds >= 1:
      assert geometry.angular_distance(found.events.xyz, own).max() < 6


def test_a_stream_gives_what_the_whole_recording_gives(sound):
  recording, _ = sound
  network = RefinedPredictor(make_network(window=3))
  stream = network.stream(RATE)
  plain = make_network(window=3).stream(RATE)
  assert stream.latency == pytest.approx(plain.latency + 0.5)
  parts, count = [], 0
  for start in range(0, recording.shape[-1], 1700):
    frames = stream.push(recording[:, start : start + 1700])
    assert frames.first == count
    count += len(frames)
    parts.append(network.events(frames))
  assert count > 20
  parts.append(network.events(stream.flush()))
  found, expected = labels.join_events(parts), network(recording, RATE).events
  np.testing.assert_array_equal(found.frame, expected.frame)
  np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-4)


@pytest.mark.parametrize(('window', 'overlap'), [(20, 0), (20, 5), (3, 0)])
def test_label_frames_come_together_as_those_of_the_network(
  sound, window, overlap
):
  groups = []
  for network in (
    make_network(window=window),
    RefinedPredictor(make_network(window=window)),
  ):
    stream = network.stream(RATE, overlap=overlap / 10)
    sizes, first = [], 0
    for block in np.split(sound[0][:, :72000], 30, axis=-1):
      frames = stream.push(block)
      assert frames.first == first
      sizes.append(len(frames))
      first += len(frames)
    groups.append([size for size in sizes if size])
  plain, refined = groups
  assert refined and plain[: len(refined)] == refined


def test_a_mean_is_refined_if_one_of_its_networks_says_so():
  chosen = symmetries.choose(1, format='foa', num_channels=4)
  silent, says_so = make_network(), make_network(refine_directions=True)
  for networks in (silent, says_so), (says_so, silent):
    averaged = AveragedPredictor([(one, chosen) for one in networks])
    assert averaged.spec.refine_directions
  averaged = AveragedPredictor([(silent, chosen)] * 2)
  assert not averaged.spec.refine_directions


def test_means_are_refined_too(sound):
  recording, xyz = sound
  chosen = symmetries.choose(1, format='foa', num_channels=4)
  averaged = AveragedPredictor([(make_network(), chosen)] * 2)
  refined = RefinedPredictor(averaged)
  assert len(refined.models) == 2 and refined.average_symmetries == 1
  events = refined(recording, RATE).events
  own = xyz[np.where(events.class_index == 0, 0, 1)]
  assert geometry.angular_distance(events.xyz, own).max() < 3


def test_live_lines_have_refined_directions(sound):
  network = RefinedPredictor(make_network())
  stream = network.stream(RATE)
  stream.push(sound[0])
  frames = stream.flush()
  text = live.line(frames.part(5, 10), network.spec)
  plain = live.line(make_network()._start(RATE).push(sound[0]), network.spec)
  azimuth = [float(part.split('°')[0].split()[-1]) for part in text.split(',')]
  np.testing.assert_allclose(sorted(azimuth), [-50, 40], atol=3)
  assert '-40°' in plain and '48°' in plain


def test_only_foa_can_be_refined(tmp_path):
  for sound, count in ('mic', 4), ('stereo', 2):
    network = make_network(format=sound, num_channels=count)
    with pytest.raises(InputError, match=f'network is for {sound}, but .* FOA'):
      RefinedPredictor(network)
  with pytest.raises(InputError, match='intensity is no network whose'):
    seld_jax.load('intensity', refine_directions=True)
  config = audio_sets.make_config('five microphones', tmp_path)
  run = make_run(tmp_path / 'run', config)
  with pytest.raises(InputError, match='leave out --refine_directions'):
    seld_jax.load(run, refine_directions=True)
  with pytest.raises(InputError, match='leave out --refine_directions'):
    predictor.export_run(run, refine_directions=True)


def test_an_export_says_whether_directions_are_refined(tiny_run, tmp_path):
  """Earlier versions can read the file of one that says nothing."""
  file = tmp_path / 'refined.seld'
  assert not seld_jax.load(tiny_run).refine_directions
  assert seld_jax.load(tiny_run, refine_directions=True).refine_directions
  code, text, _ = outcome(
    'seld_jax.export',
    f'--workdir={tiny_run}',
    f'--out={file}',
    '--refine_directions',
  )
  assert code == 0, text
  assert seld_jax.load(file).refine_directions
  assert not seld_jax.load(file, refine_directions=False).refine_directions
  features = np.zeros((1, 50, 16, 7), np.float32)
  np.testing.assert_array_equal(
    seld_jax.load(file).outputs(features)['sed'],
    seld_jax.load(tiny_run).outputs(features)['sed'],
  )


def test_the_command_refines_unless_it_is_told_not_to(sound, tmp_path):
  """The demo network says that directions are refined."""
  audio.write(tmp_path / 'scene.wav', sound[0], sample_rate=RATE)
  found = {}
  for flag in '', '--refine_directions', '--norefine_directions':
    code, text, _ = outcome(
      'seld_jax.predict',
      *filter(None, [flag]),
      '--json',
      '--threshold=0.05',
      f'--out={tmp_path / "out"}{flag}',
      f'{tmp_path}/scene.wav',
    )
    assert code == 0
    found[flag] = json.loads(text)['recordings'][0]['events']
  assert found[''] == found['--refine_directions']
  assert found[''] != found['--norefine_directions']
