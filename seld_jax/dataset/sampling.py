"""Which stretches of joined recordings a step or an evaluation sees."""

import jax
import numpy as np
from jax import lax


def crop_starts(
  seed: int,
  step: int,
  *,
  offsets: np.ndarray,
  batch_size: int,
  crop_label_frames: int,
) -> np.ndarray:
  """Where the crops of a training step begin: a function of seed and step.

  Every epoch takes the recordings in a new order, one crop of each, at a random
  label frame; the last incomplete batch is dropped.

  Args:
    seed: Seed of the run.
    step: Number of the step, from 0.
    offsets: First label frame of each recording, and the end of the last, with
      shape `[recordings + 1]`.
    batch_size: Crops in a step, at most the number of recordings.
    crop_label_frames: Length of a crop, at most the shortest recording's.

  Returns:
    First label frames of the crops in the joined recordings, int32 with shape
    `[batch_size]`.
  """
  num_recordings = len(offsets) - 1
  epoch, position = divmod(step, num_recordings // batch_size)
  generator = np.random.default_rng((seed, epoch))
  order = generator.permutation(num_recordings)
  spare = np.diff(offsets) - crop_label_frames
  starts = offsets[:-1] + generator.integers(0, spare + 1)
  chosen = order[position * batch_size : (position + 1) * batch_size]
  return starts[chosen].astype(np.int32)


def segment_starts(
  seed: int,
  step: int,
  *,
  offsets: np.ndarray,
  batch_size: int,
  crop_label_frames: int,
) -> np.ndarray:
  """Where the segments of a training step begin: a function of seed and step.

  Every epoch takes all segments that the recordings divide into, in a new
  order; the last incomplete batch is dropped.

  Args:
    seed: Seed of the run.
    step: Number of the step, from 0.
    offsets: As for `crop_starts`, with shape `[recordings + 1]`.
    batch_size: Segments in a step, at most the number of all.
    crop_label_frames: Length of a segment, at most the shortest recording's.

  Returns:
    First label frames of the segments in the joined recordings, int32 with
    shape `[batch_size]`.
  """
  starts = all_segments(offsets, crop_label_frames)
  epoch, position = divmod(step, len(starts) // batch_size)
  order = np.random.default_rng((seed, epoch)).permutation(len(starts))
  chosen = order[position * batch_size : (position + 1) * batch_size]
  return starts[chosen].astype(np.int32)


# Where the examples of a step begin, by the name in a config.
SAMPLERS = {'crops': crop_starts, 'segments': segment_starts}


def all_segments(offsets: np.ndarray, length: int) -> np.ndarray:
  """First frames of the segments that joined recordings divide into.

  Args:
    offsets: As for `crop_starts`, with shape `[recordings + 1]`.
    length: Length of a segment, in the same unit.

  Returns:
    First frames, int64 with shape `[segments]`.
  """
  sizes = np.diff(offsets)
  counts = -(-sizes // length)
  # The number of each segment within its recording: 0, 1, ..., 0, 1, ...
  number = np.arange(counts.sum()) - np.repeat(
    np.cumsum(counts) - counts, counts
  )
  latest = np.repeat(np.maximum(sizes - length, 0), counts)
  first = np.repeat(offsets[:-1], counts)
  return first + np.minimum(number * length, latest)


def window_starts(num_frames: int, window: int) -> np.ndarray:
  """Windows without overlap that cover a recording.

  Args:
    num_frames: Length of the recording.
    window: Length of a window, in the same unit.

  Returns:
    First frame of each window, int64 with shape `[windows]`. The last window is
    moved back so that it ends with the recording; in one that is shorter than a
    window it starts at 0, and the caller pads.
  """
  return all_segments(np.array([0, num_frames]), window)


def take_crops(array: jax.Array, starts: jax.Array, length: int) -> jax.Array:
  """Cuts stretches of equal length out of an array, under jit.

  Args:
    array: Joined recordings, with shape `[frames, ...]`.
    starts: First frames, with shape `[batch]`.
    length: Number of frames of each.

  Returns:
    The crops, with shape `[batch, length, ...]`.
  """
  cut = lambda start: lax.dynamic_slice_in_dim(array, start, length)
  return jax.vmap(cut)(starts)
