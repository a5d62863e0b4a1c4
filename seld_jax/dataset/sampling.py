"""Chooses the crops of joined recordings for training and evaluation."""

import jax
import numpy as np
from jax import lax

from seld_jax.errors import InputError


def crop_starts(
  seed: int,
  step: int,
  *,
  offsets: np.ndarray,
  batch_size: int,
  crop_label_frames: int,
) -> np.ndarray:
  """First frames of the random crops of a training step.

  In each epoch, one crop of each recording is used, at a random label frame,
  with the recordings in a new order; the last incomplete batch is dropped. The
  result depends only on the arguments.

  Args:
    seed: Seed of the run.
    step: Number of the step, from 0.
    offsets: First label frame of each recording, and the end of the last, with
      shape `[recordings + 1]`.
    batch_size: Number of crops, at most the number of recordings.
    crop_label_frames: Length of a crop, at most that of the shortest recording.

  Returns:
    First label frames of the crops in the joined recordings, int32 with shape
    `[batch_size]`.

  Raises:
    InputError: There are fewer recordings, or one is shorter than a crop.

  See Also: `segment_starts`, which uses all parts of all recordings.

  Example:
    >>> from seld_jax.dataset import sampling
    >>> starts = sampling.crop_starts(
    ...   0, step=0, offsets=np.array([0, 50, 90]), batch_size=2,
    ...   crop_label_frames=20,
    ... )
    >>> sorted((starts // 50).tolist())  # one crop of each recording
    [0, 1]
  """
  num_recordings = len(offsets) - 1
  _check_sizes(offsets, crop_label_frames, batch_size, num_recordings)
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
  """First frames of the segments of a training step.

  In each epoch, all segments of all recordings are used, in a new order; the
  last incomplete batch is dropped. The result depends only on the arguments.

  Args:
    seed: Seed of the run.
    step: Number of the step, from 0.
    offsets: First label frame of each recording, and the end of the last, with
      shape `[recordings + 1]`.
    batch_size: Number of segments, at most the number of `all_segments`.
    crop_label_frames: Length of a segment, at most that of the shortest
      recording.

  Returns:
    First label frames of the segments in the joined recordings, int32 with
    shape `[batch_size]`.

  Raises:
    InputError: There are fewer segments, or a recording is shorter than one.

  See Also: `crop_starts`, which uses one random crop of each recording.

  Example:
    >>> from seld_jax.dataset import sampling
    >>> starts = sampling.segment_starts(
    ...   0, step=0, offsets=np.array([0, 50, 90]), batch_size=5,
    ...   crop_label_frames=20,
    ... )
    >>> sorted(starts.tolist())
    [0, 20, 30, 50, 70]
  """
  starts = all_segments(offsets, crop_label_frames)
  _check_sizes(offsets, crop_label_frames, batch_size, len(starts))
  epoch, position = divmod(step, len(starts) // batch_size)
  order = np.random.default_rng((seed, epoch)).permutation(len(starts))
  chosen = order[position * batch_size : (position + 1) * batch_size]
  return starts[chosen].astype(np.int32)


# Functions for the values of `train.sampler` in a config.
SAMPLERS = {'crops': crop_starts, 'segments': segment_starts}


def _check_sizes(
  offsets: np.ndarray, length: int, batch_size: int, most: int
) -> None:
  """Raises InputError for crops or batches that are too large."""
  shortest = int(np.diff(offsets).min(initial=2**62))
  if length > shortest:
    raise InputError(
      f'Crops of {length} label frames need recordings that are not shorter, '
      f'but the shortest has {shortest}.'
    )
  if not 1 <= batch_size <= most:
    raise InputError(
      f'A batch needs 1 to {most} crops, as many as an epoch has, got '
      f'{batch_size}.'
    )


def all_segments(
  offsets: np.ndarray, length: int, *, hop: int | None = None
) -> np.ndarray:
  """First frames of the segments into which joined recordings are divided.

  Segments do not overlap, unless `hop` is shorter than `length`, and except
  that the last segment of a recording ends at its end.

  Args:
    offsets: First frame of each recording, and the end of the last, with shape
      `[recordings + 1]`.
    length: Length of a segment in frames.
    hop: Frames from the start of a segment to that of the next one, at most
      `length`; None for `length`.

  Returns:
    First frames, int64 with shape `[segments]`.

  Example:
    >>> from seld_jax.dataset import sampling
    >>> sampling.all_segments(np.array([0, 50, 90]), 20).tolist()
    [0, 20, 30, 50, 70]
    >>> sampling.all_segments(np.array([0, 50]), 20, hop=10).tolist()
    [0, 10, 20, 30]
  """
  hop = length if hop is None else hop
  sizes = np.diff(offsets)
  # A segment that ends at the end of the recording is the last one.
  counts = 1 + np.maximum(-(-(sizes - length) // hop), 0)
  counts = np.where(sizes > 0, counts, 0)
  # Index of each segment within its recording: 0, 1, ..., 0, 1, ...
  number = np.arange(counts.sum()) - np.repeat(
    np.cumsum(counts) - counts, counts
  )
  latest = np.repeat(np.maximum(sizes - length, 0), counts)
  first = np.repeat(offsets[:-1], counts)
  return first + np.minimum(number * hop, latest)


def window_starts(num_frames: int, window: int) -> np.ndarray:
  """First frames of the windows that cover a recording.

  Windows do not overlap, except that the last window ends at the end of the
  recording.

  Args:
    num_frames: Length of the recording in frames.
    window: Length of a window in frames.

  Returns:
    First frame of each window, int64 with shape `[windows]`. A recording that
    is shorter than a window has one window from 0, and the caller must pad.

  Example:
    >>> from seld_jax.dataset import sampling
    >>> sampling.window_starts(50, window=20).tolist()
    [0, 20, 30]
  """
  return all_segments(np.array([0, num_frames]), window)


def take_crops(
  array: jax.Array | np.ndarray, starts: jax.Array | np.ndarray, length: int
) -> jax.Array:
  """Cuts crops of equal length out of an array; can be used inside jit.

  Args:
    array: Joined recordings, with shape `[frames, ...]`.
    starts: First frame of each crop, with shape `[batch]`.
    length: Number of frames of a crop.

  Returns:
    The crops, with shape `[batch, length, ...]`.

  Example:
    >>> from seld_jax.dataset import sampling
    >>> sampling.take_crops(jnp.arange(10), jnp.array([2, 5]), 3).tolist()
    [[2, 3, 4], [5, 6, 7]]
  """
  cut = lambda start: lax.dynamic_slice_in_dim(array, start, length)
  return jax.vmap(cut)(starts)
