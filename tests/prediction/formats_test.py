"""Streams and predictors of every output format give the events back.

The networks here know the outputs of each label frame of a recording, whose
first channel counts samples.
"""

import numpy as np
import pytest
from helpers import perfect_outputs
from helpers.perfect_outputs import FORMATS, same_events
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import labels, outputs
from seld_jax.prediction import Predictor, Spec, Stream

SPAN = 6  # label frames of a window


def make_spec(format, **changes):
  return Spec(**perfect_outputs.spec_fields(output=format, **changes))


def recording(num_samples):
  audio = np.zeros((4, num_samples), np.float32)
  audio[0] = 1 + np.arange(num_samples)
  return audio


def make_program(format, predictions, *, noise=0.0, shuffle=True, seen=None):
  """Each window has its own noise, and its own order of tracks."""

  def program(audio, num_frames):
    middle = 4 + 10 * np.arange(SPAN)
    windows = []
    for one in audio:
      frames = np.rint((one[0, middle] - 1) / 10).astype(int)
      rng = np.random.default_rng(frames[0])
      window = {}
      for name, array in predictions.items():
        window[name] = array[frames.clip(0, len(array) - 1)]
        error = noise * rng.uniform(-1, 1, window[name].shape)
        window[name] = (window[name] + error).astype(np.float32)
      if shuffle:
        window = perfect_outputs.shuffled(rng, format, window)
      if seen is not None:
        seen.append(frames[0])
      windows.append(window)
    return tuple(
      np.stack([window[name] for window in windows])
      for name in format.predicted
    )

  return program


def predicted(stream, audio, cuts=()):
  parts = [stream.push(part) for part in np.split(audio, list(cuts), axis=-1)]
  parts.append(stream.flush())
  return parts


def joined(parts):
  return {
    name: np.concatenate([part.outputs[name] for part in parts])
    for name in parts[0].outputs
  }


@pytest.mark.parametrize('name', FORMATS)
@settings(deadline=None, max_examples=15)
@given(
  seed=st.integers(0, 2**32 - 1),
  num_samples=st.integers(1, 400),
  overlap=st.integers(0, SPAN - 1),
  batch_size=st.integers(1, 4),
  data=st.data(),
)
def test_perfect_outputs_give_the_events_back(
  name, seed, num_samples, overlap, batch_size, data
):
  format, rng = FORMATS[name], np.random.default_rng(seed)
  num_frames = -(-num_samples // 10)
  events = perfect_outputs.random_events(rng, format, num_frames=num_frames)
  predictions = perfect_outputs.perfect_outputs(
    format, events, num_frames=num_frames
  )
  spec = make_spec(format)
  program = make_program(format, predictions)
  stream = Stream(
    program, spec, window=12, overlap=overlap, batch_size=batch_size
  )
  cuts = data.draw(st.lists(st.integers(0, num_samples), max_size=6))
  parts = predicted(stream, recording(num_samples), sorted(cuts))
  predictor = Predictor(lambda *_: None, {}, spec, source='x')
  found = labels.join_events([predictor.events(part) for part in parts])
  same_events(found, events)
  assert (found.distance is not None) == format.distance

  # The dense views are those of the outputs, for any blocks.
  whole = joined(parts)
  activity = np.concatenate([part.activity for part in parts])
  doa = np.concatenate([part.doa for part in parts])
  assert activity.shape == (num_frames, 3)
  np.testing.assert_array_equal(activity, format.activity(whole))
  np.testing.assert_array_equal(doa, format.doa(whole))
  expected = np.zeros((num_frames, 3))
  expected[events.frame, events.class_index] = 1
  np.testing.assert_allclose(activity, expected, atol=1e-6)


@pytest.mark.parametrize('overlap', [0, 2, 5])
@pytest.mark.parametrize('name', FORMATS)
def test_the_mean_does_not_depend_on_the_order_of_tracks(name, overlap):
  """All tracks have an event, with other noise in each window."""
  format, rng = FORMATS[name], np.random.default_rng(1)
  events = perfect_outputs.random_events(rng, format, num_frames=33, full=True)
  predictions = perfect_outputs.perfect_outputs(format, events, num_frames=33)
  options = {'noise': 0.05}
  means = []
  for shuffle in True, False:
    program = make_program(format, predictions, shuffle=shuffle, **options)
    stream = Stream(program, make_spec(format), window=12, overlap=overlap)
    means.append(joined(predicted(stream, recording(330))))
  if format.num_tracks > 1:
    assert any(
      np.abs(means[0][one] - means[1][one]).max() > 0.5 for one in means[0]
    )
  ordered = format.match(*means)
  for one, array in means[1].items():
    np.testing.assert_allclose(ordered[one], array, atol=1e-6)


@pytest.mark.parametrize('name', ['class_wise', 'accdoa'])
def test_the_mean_of_windows_is_that_of_their_outputs_to_the_bit(name):
  format, rng = FORMATS[name], np.random.default_rng(2)
  events = perfect_outputs.random_events(rng, format, num_frames=20)
  predictions = perfect_outputs.perfect_outputs(format, events, num_frames=20)
  starts = []
  program = make_program(format, predictions, noise=1.0, seen=starts)
  stream = Stream(program, make_spec(format), window=12, overlap=3)
  found = joined(predicted(stream, recording(200)))
  sums = {one: np.zeros_like(array) for one, array in found.items()}
  counts, covered = np.zeros(20, np.float32), 0
  for start in list(starts):
    audio = np.zeros((1, 4, 68), np.float32)
    audio[0, 0] = 1 + 10 * start - 4 + np.arange(68)
    window = program(audio, np.array([12]))
    # The window that ends with the recording adds only what others lack.
    first = covered if start == 14 and covered < 20 else start
    for one, array in zip(format.predicted, window, strict=True):
      sums[one][first : start + SPAN] += array[0, first - start :]
    counts[first : start + SPAN] += 1
    covered = start + SPAN
  for one, total in sums.items():
    mean = total / counts.reshape(-1, *[1] * (total.ndim - 1))
    np.testing.assert_array_equal(found[one], mean)


def test_predictors_return_all_outputs():
  import jax.numpy as jnp

  format = outputs.make('tracks', num_classes=3, num_tracks=2, distance=True)

  def program(variables, audio, num_frames):
    del num_frames
    shape = audio.shape[0], SPAN, 2
    sed = jnp.tile(variables['sed'], (*shape[:2], 1, 1))
    doa = jnp.tile(jnp.eye(3)[:2], (*shape[:2], 1, 1))
    return sed, doa, jnp.full(shape, 1.5)

  variables = {'sed': np.array([[0.2, 0.9, 0.1], [0.1, 0.8, 0.3]], np.float32)}
  predictor = Predictor(program, variables, make_spec(format), source='x')
  found = predictor(np.zeros((4, 95), np.float32), 100, overlap=0.2)
  assert {name: array.shape for name, array in found.outputs.items()} == {
    'sed': (10, 2, 3),
    'doa': (10, 2, 3),
    'distance': (10, 2),
  }
  assert found.activity.shape == (10, 3) and found.doa.shape == (10, 3, 3)
  np.testing.assert_allclose(found.activity, [[0.2, 0.9, 0.3]] * 10)
  np.testing.assert_array_equal(found.events.class_index, 1)
  np.testing.assert_array_equal(found.events.track, [0, 1] * 10)
  np.testing.assert_allclose(found.events.xyz, [[1, 0, 0], [0, 1, 0]] * 10)
  assert found.events.distance is not None
  np.testing.assert_allclose(found.events.distance, 1.5)
  strict = predictor(np.zeros((4, 95)), 100, overlap=0.2, threshold=0.85)
  assert len(strict.events.frame) == 10
