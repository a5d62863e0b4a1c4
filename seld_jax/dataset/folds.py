"""What training and evaluation read: folds in memory, standardised."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from seld_jax import labels
from seld_jax.dataset import stored
from seld_jax.dataset.cache import Recording
from seld_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Fold:
  """Recordings joined along time: labels in memory, features there or on disk.

  Recording i has the label frames `offsets[i]` to `offsets[i + 1]`, of which
  the first `num_label_frames[i]` are its own and the rest, if any, padding; its
  feature frames are those times the time pooling.

  Attributes:
    names: Names of the recordings.
    features: float32 with shape `[frames, mels, channels]`, not standardised;
      in memory, or what reads them from disk.
    activity: float32 with shape `[label_frames, classes]`, 0 or 1.
    doa: float32 with shape `[label_frames, classes, 3]`.
    offsets: int64 with shape `[recordings + 1]`.
    num_label_frames: int64 with shape `[recordings]`.
    references: The events of each recording, as labelled.
    pool: Feature frames in a label frame.
    is_labelled: Whether the recordings have labels; without, they count as
      silent.
  """

  names: tuple[str, ...]
  features: np.ndarray | stored.Joined
  activity: np.ndarray
  doa: np.ndarray
  offsets: np.ndarray
  num_label_frames: np.ndarray
  references: tuple[labels.Events, ...]
  pool: int
  is_labelled: bool = True


def load_fold(
  recordings: Sequence[Recording],
  paths: Mapping[str, pathlib.Path],
  *,
  num_classes: int,
  pool: int,
  min_frames: int,
  csv_edition: str | None = None,
  max_bytes: float = float('inf'),
) -> Fold:
  """Reads features and labels of recordings of any length.

  The end of a recording that is no whole number of label frames is filled with
  copies of its last frame; so is one that is shorter than `min_frames`.

  Args:
    recordings: What to read.
    paths: Feature file of each, by name.
    num_classes: Number of classes.
    pool: Feature frames in a label frame.
    min_frames: Feature frames that every recording must have at least, for
      crops and windows to fit.
    csv_edition: Year whose form the labels have; None: told by each file.
    max_bytes: Features that are larger together stay on disk.

  Returns:
    The recordings in the order given.

  Raises:
    InputError: A label lies behind the end of its recording, its class is not
      one of the `num_classes`, or only some of the recordings have labels.
  """
  unlabelled = [entry.audio for entry in recordings if entry.labels is None]
  if unlabelled and len(unlabelled) < len(recordings):
    raise InputError(
      f'{unlabelled[0]} has no labels, like {len(unlabelled)} of the '
      f'{len(recordings)} recordings there: label all of them, or none.'
    )
  arrays = [stored.open_array(paths[entry.name]) for entry in recordings]
  lengths = np.array([-(-a.shape[0] // pool) for a in arrays], np.int64)
  padded = np.maximum(lengths, -(-min_frames // pool))
  offsets = np.concatenate([[0], np.cumsum(padded)])
  total = int(offsets[-1])
  features = joined = stored.Joined(arrays, offsets * pool)
  if 4 * np.prod(joined.shape, dtype=np.int64) <= max_bytes:
    features = np.empty(joined.shape, np.float32)
  activity = np.zeros((total, num_classes), np.float32)
  doa = np.zeros((total, num_classes, 3), np.float32)
  references = []
  for index, entry in enumerate(recordings):
    start, end = offsets[index], offsets[index + 1]
    if isinstance(features, np.ndarray):
      features[start * pool : end * pool] = joined.crop(
        int(start * pool), int((end - start) * pool)
      )
    events = labels.no_events()
    if entry.labels is not None:
      events = labels.read_csv(
        entry.labels, edition=csv_edition, num_classes=num_classes
      )
    if len(events.frame) and events.frame.max() >= lengths[index]:
      raise InputError(
        f'{entry.labels} labels frame {events.frame.max()}, but {entry.audio} '
        f'ends with frame {lengths[index] - 1}.'
      )
    dense = labels.to_dense(
      events, num_frames=int(end - start), num_classes=num_classes
    )
    activity[start:end], doa[start:end] = dense
    references.append(events)
  return Fold(
    names=tuple(entry.name for entry in recordings),
    features=features,
    activity=activity,
    doa=doa,
    offsets=offsets,
    num_label_frames=lengths,
    references=tuple(references),
    pool=pool,
    is_labelled=not unlabelled,
  )


def moments(paths: Sequence[pathlib.Path]) -> np.ndarray:
  """What each recording adds to the statistics.

  Args:
    paths: Feature files.

  Returns:
    Number of frames, mean, and sum of squared deviations from it, float64 with
    shape `[recordings, 3, mels, channels]`.
  """
  parts = []
  for path in paths:
    array = np.load(path, mmap_mode='r').astype(np.float64)
    mean = array.mean(axis=0)
    squares = ((array - mean) ** 2).sum(axis=0)
    parts.append(np.stack([np.full_like(mean, len(array)), mean, squares]))
  return np.stack(parts)


def statistics(parts: np.ndarray) -> dict[str, np.ndarray]:
  """Mean and standard deviation of each band and channel.

  Args:
    parts: From `moments`, of the training recordings.

  Returns:
    `mean` and `std`, float32 with shape `[mels, channels]`: population
    statistics over all frames; `std` is 1 where a value never changes.
  """
  count, mean, squares = parts[0]
  for size, own_mean, own_squares in parts[1:]:
    # Chan's update: stable where a sum of squares would cancel.
    delta = own_mean - mean
    squares = squares + own_squares + delta**2 * (count * size / (count + size))
    mean = mean + delta * (size / (count + size))
    count = count + size
  std = np.sqrt(squares / count)
  std = np.where(std > 1e-6, std, 1.0)
  return {
    'mean': np.asarray(mean, np.float32),
    'std': np.asarray(std, np.float32),
  }


def take_recordings(fold: Fold, indices: Sequence[int]) -> Fold:
  """The fold that these recordings make.

  Args:
    fold: Recordings.
    indices: Which of them, in the order of the result.

  Returns:
    Copies of their labels, and of their features if those are in memory.
  """
  sizes = np.diff(fold.offsets)[list(indices)]
  frames = np.concatenate(
    [np.arange(fold.offsets[i], fold.offsets[i + 1]) for i in indices]
  )
  if isinstance(fold.features, stored.Joined):
    features = fold.features.select(indices)
  else:
    each = fold.features.reshape(-1, fold.pool, *fold.features.shape[1:])
    features = each[frames].reshape(-1, *fold.features.shape[1:])
  return dataclasses.replace(
    fold,
    names=tuple(fold.names[i] for i in indices),
    features=features,
    activity=fold.activity[frames],
    doa=fold.doa[frames],
    offsets=np.concatenate([[0], np.cumsum(sizes)]),
    num_label_frames=fold.num_label_frames[list(indices)],
    references=tuple(fold.references[i] for i in indices),
  )


def standardise(
  features: jax.Array, statistics: Mapping[str, jax.Array]
) -> jax.Array:
  """Zero mean and unit variance of each band and channel.

  Args:
    features: Features with shape `[..., mels, channels]`.
    statistics: `mean` and `std`, with shape `[mels, channels]`.

  Returns:
    Standardised features, with the same shape.
  """
  return (features - statistics['mean']) / statistics['std']
