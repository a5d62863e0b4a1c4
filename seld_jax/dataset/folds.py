"""Folds: recordings joined along time with their labels."""

import dataclasses
import logging
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from seld_jax import labels, outputs
from seld_jax.dataset import stored
from seld_jax.dataset.recordings import Recording
from seld_jax.errors import InputError

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Fold:
  """Recordings joined along time.

  Recording i has the label frames `offsets[i]` to `offsets[i + 1]`. The first
  `num_label_frames[i]` of them belong to the recording and the rest, if any, is
  padding. Its feature frames are at `pool` times these positions. Labels are in
  memory; features are in memory or on disk.

  Attributes:
    names: Names of the recordings.
    features: Features that are not standardised, float32 with shape
      `[frames, mels, channels]`: an array, or an object that reads them from
      disk.
    targets: What the network is trained to predict, by name: float32 with shape
      `[label_frames, ...]`, from `OutputFormat.targets`.
    offsets: First label frame of each recording, and the end of the last, int64
      with shape `[recordings + 1]`.
    num_label_frames: Label frames without padding, int64 with shape
      `[recordings]`.
    references: The labelled events of each recording.
    pool: Feature frames per label frame.
    is_labelled: Whether the recordings have labels. Without labels, the targets
      are those of silence.

  Example:
    >>> from seld_jax import dataset, labels
    >>> fold = dataset.Fold(
    ...   names=('a', 'b'),
    ...   features=np.zeros((100, 64, 7), np.float32),
    ...   targets={'activity': np.zeros((20, 14), np.float32)},
    ...   offsets=np.array([0, 12, 20]),
    ...   num_label_frames=np.array([12, 8]),
    ...   references=(labels.no_events(),) * 2,
    ...   pool=5,
    ... )
    >>> np.diff(fold.offsets).tolist()  # label frames of each recording
    [12, 8]
  """

  names: tuple[str, ...]
  features: np.ndarray | stored.Joined
  targets: Mapping[str, np.ndarray]
  offsets: np.ndarray
  num_label_frames: np.ndarray
  references: tuple[labels.Events, ...]
  pool: int
  is_labelled: bool = True


def load_fold(
  recordings: Sequence[Recording],
  paths: Mapping[str, pathlib.Path],
  *,
  output: outputs.OutputFormat,
  pool: int,
  min_frames: int,
  class_names: Sequence[str] | None = None,
  csv_edition: str | None = None,
  label_hop: float | None = None,
  distance_scale: float | None = None,
  max_bytes: float = float('inf'),
) -> Fold:
  """Reads the features and the labels of recordings of any length.

  A recording whose length is not a multiple of a label frame, or that is
  shorter than `min_frames`, is padded with copies of its last feature frame.
  Labels that are up to `labels.SURPLUS_FRAMES` after the end of a recording are
  left out with a warning.

  Args:
    recordings: The recordings.
    paths: Feature file of each recording by its name, from `cache.extract`.
    output: The output format, which makes the targets.
    pool: Feature frames per label frame.
    min_frames: Least number of feature frames of a recording after padding, so
      that crops and windows fit.
    class_names: Class names by index, for label files that hold names; None:
      those of the form, see `labels.read_csv`.
    csv_edition: Year whose forms the label files have; None: any form that can
      be recognised.
    label_hop: Seconds from one frame of the label files to the next; None: 0.1.
    distance_scale: Metres in a unit of the distances in the label files; None:
      by the form of each file, see `labels.DISTANCE_UNITS`.
    max_bytes: If the features are larger than this in total, they stay on disk.

  Returns:
    The recordings in the order given.

  Raises:
    InputError: A label is far after the end of its recording, a class is not
      one of those of the output format, distances that it needs are missing or
      must have another unit, or only some of the recordings have labels.

  Example:
    >>> import pathlib
    >>> from seld_jax import dataset, outputs
    >>> np.save('a.npy', np.zeros((23, 64, 7), np.float32))
    >>> _ = pathlib.Path('a.csv').write_text('2,13,0,90,0')  # frame 2, class 13
    >>> wav, csv = pathlib.Path('a.wav'), pathlib.Path('a.csv')
    >>> fold = dataset.load_fold(
    ...   [dataset.Recording('a', wav, csv, fold=1)],
    ...   {'a': pathlib.Path('a.npy')},
    ...   output=outputs.make('class_wise', num_classes=14),
    ...   pool=5,
    ...   min_frames=5,
    ... )
    >>> fold.features.shape, float(fold.targets['activity'][2, 13])
    ((25, 64, 7), 1.0)
  """
  if not recordings:
    raise InputError('A fold needs at least one recording.')
  unlabelled = [entry.audio for entry in recordings if entry.labels is None]
  if unlabelled and len(unlabelled) < len(recordings):
    raise InputError(
      f'{unlabelled[0]} has no labels, like {len(unlabelled)} of the '
      f'{len(recordings)} recordings of this fold: label all of them or none.'
    )
  arrays = [stored.open_array(paths[entry.name]) for entry in recordings]
  lengths = np.array([-(-a.shape[0] // pool) for a in arrays], np.int64)
  padded = np.maximum(lengths, -(-min_frames // pool))
  offsets = np.concatenate([[0], np.cumsum(padded)])
  total = int(offsets[-1])
  features = joined = stored.Joined(arrays, offsets * pool)
  if 4 * np.prod(joined.shape, dtype=np.int64) <= max_bytes:
    features = np.empty(joined.shape, np.float32)
  targets = output.targets(labels.no_events(), num_frames=total)
  references, _ = labels.read_csv_files(
    [entry.labels for entry in recordings],
    edition=csv_edition,
    num_classes=output.num_classes,
    class_names=class_names,
    distance_scale=distance_scale,  # to metres, which networks learn
    label_hop=label_hop,
  )
  references = _within(recordings, references, lengths)
  if output.distance:
    _check_distances(recordings, references)
  for index, entry in enumerate(recordings):
    start, end = offsets[index], offsets[index + 1]
    if isinstance(features, np.ndarray):
      features[start * pool : end * pool] = joined.crop(
        int(start * pool), int((end - start) * pool)
      )
    events = references[index]
    try:
      own = output.targets(events, num_frames=int(end - start))
    except InputError as error:
      raise InputError(f'{entry.labels}: {error}') from error
    for name, values in own.items():
      targets[name][start:end] = values
  return Fold(
    names=tuple(entry.name for entry in recordings),
    features=features,
    targets=targets,
    offsets=offsets,
    num_label_frames=lengths,
    references=tuple(references),
    pool=pool,
    is_labelled=not unlabelled,
  )


def _within(
  recordings: Sequence[Recording],
  references: Sequence[labels.Events],
  lengths: np.ndarray,
) -> list[labels.Events]:
  """Leaves out labels shortly after the end; refuses those that are later."""
  found: list[labels.Events] = []
  after: list[tuple[Recording, int]] = []
  for entry, events, length in zip(
    recordings, references, lengths.tolist(), strict=True
  ):
    last = int(events.frame.max(initial=-1))
    if last >= length + labels.SURPLUS_FRAMES:
      raise InputError(
        f'{entry.labels} labels frame {last}, but {entry.audio} '
        f'ends with frame {length - 1}: correct the labels, state '
        'config.data.label_hop if their frames do not last 0.1 s, or check the '
        'dataset with python -m seld_jax.validate.'
      )
    if last >= length:
      after.append((entry, last))
      rows = np.flatnonzero(events.frame < length)
      events = labels.choose_rows(events, rows)
    found.append(events)
  if after:
    entry, last = after[0]
    _log.warning(
      '%s labels frame %d, which is after the end of %s; such labels, at most '
      '%d frames after the end, are left out in %d of %d recordings.',
      entry.labels,
      last,
      entry.audio,
      labels.SURPLUS_FRAMES,
      len(after),
      len(recordings),
    )
  return found


def _check_distances(
  recordings: Sequence[Recording], references: Sequence[labels.Events]
) -> None:
  """Refuses distances that must have another unit: networks learn metres."""
  middle = labels.median_distance(references)
  closest, farthest = labels.POSSIBLE_METRES
  if middle is not None and not closest < middle < farthest:
    if middle == 0:
      raise InputError(
        f'Half of the distances in labels such as {recordings[0].labels} are '
        '0, which cannot be: write the true ones, or set '
        '--config.output.distance=False.'
      )
    unit = 'm' if middle < closest else 'cm'
    raise InputError(
      f'Half of the distances in labels such as {recordings[0].labels} are '
      f'{"below" if unit == "m" else "above"} {middle:.3g} m, which cannot be; '
      f'state their unit, such as --config.data.distance_unit={unit}.'
    )


def take_recordings(fold: Fold, indices: Sequence[int]) -> Fold:
  """Selects recordings of a fold.

  Args:
    fold: The fold.
    indices: Indices of recordings, in the order of the result, at least one;
      negative ones count from the end.

  Returns:
    The fold of these recordings. Its labels are copies, and so are its features
    if they are in memory.

  Raises:
    InputError: There are no indices, or no such recordings.

  Example:
    >>> from seld_jax import dataset, labels
    >>> fold = dataset.Fold(
    ...   names=('a', 'b'),
    ...   features=np.zeros((100, 64, 7), np.float32),
    ...   targets={'activity': np.zeros((20, 14), np.float32)},
    ...   offsets=np.array([0, 12, 20]),
    ...   num_label_frames=np.array([12, 8]),
    ...   references=(labels.no_events(),) * 2,
    ...   pool=5,
    ... )
    >>> only = dataset.take_recordings(fold, [1])
    >>> only.names, only.features.shape
    (('b',), (40, 64, 7))
  """
  count = len(fold.names)
  wrong = [one for one in indices if not -count <= one < count]
  if wrong or not len(indices):
    raise InputError(
      f'Expected indices of the {count} recordings of the fold, at least one, '
      f'got {wrong[0] if wrong else "none"}.'
    )
  indices = np.arange(count)[list(indices)].tolist()
  sizes = np.diff(fold.offsets)[indices]
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
    targets={name: values[frames] for name, values in fold.targets.items()},
    offsets=np.concatenate([[0], np.cumsum(sizes)]),
    num_label_frames=fold.num_label_frames[indices],
    references=tuple(fold.references[i] for i in indices),
  )
