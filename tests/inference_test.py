"""Predictions for windows end up at their frames of each recording."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seld_jax import dataset, devices, inference, labels
from seld_jax.dataset import placement, sampling

POOL = 5
MELS = 4
CLASSES = 3
STATISTICS = {
  'mean': np.full((MELS, 2), 0.5, np.float32),
  'std': np.full((MELS, 2), 2.0, np.float32),
}


class MeanOfFrames(nn.Module):
  """Outputs the mean of each label frame, and its position in the window."""

  @nn.compact
  def __call__(self, features):
    batch, frames, mels, channels = features.shape
    shape = (batch, frames // POOL, POOL, mels, channels)
    x = features.reshape(shape).mean(axis=2)
    position = jnp.arange(frames // POOL, dtype=x.dtype)
    return {
      'sed_logits': jnp.broadcast_to(
        position[:, None], (batch, frames // POOL, CLASSES)
      ),
      'sed': x[..., :CLASSES, 0],
      'doa': jnp.stack([x[..., :CLASSES, 1]] * 3, axis=-1),
    }


def make_fold(lengths, *, min_frames):
  """Recordings with random features, which differ everywhere."""
  padded = [max(length, -(-min_frames // POOL)) for length in lengths]
  offsets = np.concatenate([[0], np.cumsum(padded)])
  rng = np.random.default_rng(0)
  total = int(offsets[-1])
  return dataset.Fold(
    names=tuple(f'mix{i}' for i in range(len(lengths))),
    features=rng.standard_normal((total * POOL, MELS, 2)).astype(np.float32),
    targets={
      'activity': np.zeros((total, CLASSES), np.float32),
      'doa': np.zeros((total, CLASSES, 3), np.float32),
    },
    offsets=offsets,
    num_label_frames=np.array(lengths),
    references=(labels.no_events(),) * len(lengths),
    pool=POOL,
  )


def predict(fold, *, window, batch_size):
  return inference.predict_fold(
    inference.make_predict_step(MeanOfFrames()),
    {},
    STATISTICS,
    fold,
    source=placement.streamed(devices.make_mesh(), fold.features),
    window=window,
    batch_size=batch_size,
  )


def expected(fold, index):
  """The outputs for a recording, computed without windows."""
  start, length = fold.offsets[index], fold.num_label_frames[index]
  frames = fold.features[start * POOL : (start + length) * POOL]
  frames = (frames - 0.5) / 2.0
  means = frames.reshape(length, POOL, MELS, 2).mean(axis=1)
  return means[:, :CLASSES, 0], means[:, :CLASSES, 1]


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 300), st.integers(1, 80))
def test_windows_cover_every_frame(num_frames, window):
  starts = sampling.window_starts(num_frames, window)
  times = np.zeros(max(num_frames, window), int)
  for start in starts:
    times[start : start + window] += 1
  assert (times[:num_frames] >= 1).all()
  assert len(starts) == -(-num_frames // window), 'no more than needed'
  assert (starts >= 0).all()
  assert (np.diff(starts) > 0).all()
  if num_frames >= window:
    assert (starts + window <= num_frames).all()
  if num_frames % window == 0:
    np.testing.assert_array_equal(times, 1)


def test_a_minute_is_divided_into_the_published_windows():
  starts = sampling.window_starts(600, 120)
  np.testing.assert_array_equal(starts, [0, 120, 240, 360, 480])
  np.testing.assert_array_equal(
    sampling.window_starts(600, 20)[-2:], [560, 580]
  )


@pytest.mark.parametrize('window', [10, 50, 100])
@pytest.mark.parametrize('batch_size', [1, 4, 64])
def test_every_frame_is_at_its_place(window, batch_size):
  """Recordings shorter than, longer than and multiples of the window."""
  lengths = [7, 20, 23, 1, 40, 10]
  fold = make_fold(lengths, min_frames=window)
  outputs = predict(fold, window=window, batch_size=batch_size)
  assert len(outputs) == len(lengths)
  for index, output in enumerate(outputs):
    sed, doa = expected(fold, index)
    assert output['sed'].shape == (lengths[index], CLASSES)
    assert output['doa'].shape == (lengths[index], CLASSES, 3)
    np.testing.assert_allclose(output['sed'], sed, atol=1e-5)
    for axis in range(3):
      np.testing.assert_allclose(output['doa'][..., axis], doa, atol=1e-5)


def test_the_batch_size_changes_nothing():
  fold = make_fold([13, 31, 5], min_frames=50)
  one = predict(fold, window=50, batch_size=1)
  for batch_size in 2, 3, 7, 32:
    other = predict(fold, window=50, batch_size=batch_size)
    for first, second in zip(one, other, strict=True):
      assert first.keys() == second.keys()
      for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_the_earlier_of_two_overlapping_windows_is_used():
  """The last window is moved back; the outputs of the previous one stay."""
  (output,) = predict(make_fold([25], min_frames=50), window=50, batch_size=4)
  # Windows at 0, 10 and 15: frames 20 to 24 are the last five of the third.
  position = [*range(10), *range(10), *range(5, 10)]
  for column in output['sed_logits'].T:
    np.testing.assert_array_equal(column, position)


def test_outputs_are_joined_along_time():
  fold = make_fold([4, 9], min_frames=10)
  parts = predict(fold, window=10, batch_size=2)
  joined = inference.join_outputs(parts)
  assert joined['doa'].shape == (13, CLASSES, 3)
  for name, array in joined.items():
    np.testing.assert_array_equal(array[:4], parts[0][name])
    np.testing.assert_array_equal(array[4:], parts[1][name])
