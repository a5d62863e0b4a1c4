"""A stream gives each label frame once, in order and within the latency."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import outputs
from seld_jax.errors import InputError
from seld_jax.prediction import Spec, Stream

SPEC = Spec(
  classes=('a', 'b'),
  format='foa',
  sample_rate=100,
  hop_length=5,
  n_fft=8,
  pad_mode='constant',
  offset=0.0,
  pool=2,
  window=12,
  threshold=0.5,
  output=outputs.make('class_wise', num_classes=2),
)


def program(audio, num_frames):
  """Outputs the middle sample of each label frame and its window index."""
  assert audio.shape[1] == 4
  labels = (audio.shape[-1] - SPEC.n_fft) // SPEC.label_samples
  middle = SPEC.n_fft // 2 + SPEC.label_samples * np.arange(labels)
  activity = np.stack(
    [
      audio[:, 0, middle],
      np.broadcast_to(np.arange(labels), (len(audio), labels)),
    ],
    axis=-1,
  )
  doa = np.stack([activity * 2, activity * 3, activity * 4], axis=-1)
  return activity, doa


def recording(length):
  audio = np.zeros((4, length), np.float32)
  audio[0] = 1 + np.arange(length)
  return audio


def frames_of(stream, audio, cuts=()):
  parts = [stream.push(p) for p in np.split(audio, list(cuts), axis=-1)]
  parts.append(stream.flush())
  ends = [0]
  for part in parts:
    assert part.first == ends[-1], 'frames follow each other'
    ends.append(part.first + len(part))
  return (
    np.concatenate([part.activity for part in parts]),
    np.concatenate([part.doa for part in parts]),
  )


@settings(deadline=None, max_examples=200)
@given(
  length=st.integers(1, 700),
  overlap=st.integers(0, 5),
  batch_size=st.integers(1, 5),
  data=st.data(),
)
def test_every_frame_is_in_its_place_for_any_blocks(
  length, overlap, batch_size, data
):
  cuts = data.draw(st.lists(st.integers(0, length), max_size=8).map(sorted))
  stream = Stream(
    program, SPEC, window=12, overlap=overlap, batch_size=batch_size
  )
  activity, doa = frames_of(stream, recording(length), cuts)
  labels = -(-length // 10)
  assert activity.shape == (labels, 2)
  np.testing.assert_array_equal(activity[:, 0], 1 + 10 * np.arange(labels))
  np.testing.assert_array_equal(doa[..., 2], 4 * activity)

  # The mean of the indices in all windows that cover a frame. The remaining
  # frames come from a window that ends with the recording.
  step = 6 - overlap
  starts = [s for s in range(0, labels, step) if s + 6 <= labels]
  places = [[t - s for s in starts if s <= t < s + 6] for t in range(labels)]
  last = max(0, labels - 6)
  expected = [sum(p) / len(p) if p else t - last for t, p in enumerate(places)]
  np.testing.assert_allclose(activity[:, 1], expected, rtol=1e-6)


@pytest.mark.parametrize('overlap', [0, 3, 5])
@pytest.mark.parametrize('rate', [100, 16000])
def test_frames_come_within_the_latency(overlap, rate):
  spec = dataclasses.replace(SPEC, sample_rate=100 if rate == 100 else 8000)
  stream = Stream(program, spec, window=12, overlap=overlap, sample_rate=rate)
  seen = 0
  for sample in range(400 if rate == 100 else 1500):
    seen += len(stream.push(np.ones((4, 1))))
    pushed = (sample + 1) / rate * spec.sample_rate / spec.label_samples
    latency = stream.latency * spec.sample_rate / spec.label_samples
    assert seen >= np.floor(pushed - latency + 1e-9)
    assert seen <= pushed
  assert seen


def test_the_memory_of_a_stream_does_not_grow():
  stream = Stream(program, SPEC, window=12, overlap=2, batch_size=2)
  for _ in range(200):
    stream.push(np.ones((4, 37)))
    assert stream._audio.shape[-1] < 400
    assert len(stream._counts) < 40


def test_reflection_pads_both_ends():
  seen = []

  def keep(audio, num_frames):
    seen.append(audio)
    return program(audio, num_frames)

  spec = dataclasses.replace(SPEC, pad_mode='reflect')
  audio = recording(60)
  frames_of(Stream(keep, spec, window=12), audio)
  np.testing.assert_array_equal(
    seen[0][0], np.pad(audio, ((0, 0), (4, 4)), mode='reflect')
  )


@pytest.mark.parametrize('overlap', [6, 7, -1])
def test_a_window_that_does_not_advance_is_refused(overlap):
  remedy = 'raise' if overlap < 0 else 'lower'
  with pytest.raises(
    InputError, match=f'overlap must be less than the window.*; {remedy} --over'
  ):
    Stream(program, SPEC, window=12, overlap=overlap)


@pytest.mark.parametrize(
  ('block', 'message'),
  [
    (np.zeros((2, 10)), r'shape \[4, samples\].*\(2, 10\)'),
    (np.zeros(10), r'shape \[4, samples\].*\(10,\)'),
    (np.full((4, 10), np.nan), 'NaN or infinite'),
  ],
)
def test_invalid_audio_is_refused(block, message):
  with pytest.raises(InputError, match=message):
    Stream(program, SPEC, window=12).push(block)


@pytest.mark.parametrize(
  ('value', 'kind'),
  [
    (-(2**14), np.int16),
    (-(2**30), np.int32),
    (2**6, np.uint8),  # centred at 128, as in WAV files with 8 bits
    (-(2**14), '>i2'),
  ],
)
def test_pcm_is_scaled_to_one(value, kind):
  pcm = np.full((4, 120), value, kind)
  activity, _ = frames_of(Stream(program, SPEC, window=12), pcm)
  np.testing.assert_array_equal(activity[:, 0], -0.5)


def test_nan_outputs_are_refused():
  """NaN is not above any threshold, so there would silently be no events."""

  def overflow(audio, num_frames):
    activity, doa = program(audio, num_frames)
    return np.where(np.abs(audio).max() > 1e18, np.nan, activity), doa

  audio = recording(60)
  frames_of(Stream(overflow, SPEC, window=12), audio)
  audio[0, 30] = 3e30
  with pytest.raises(InputError, match=r'NaN or infinite .* \[-1, 1\]'):
    frames_of(Stream(overflow, SPEC, window=12), audio)
