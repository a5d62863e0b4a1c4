"""Training examples by their number, for the training loop of any framework."""

import dataclasses
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from seld_jax.dataset import stored
from seld_jax.errors import InputError

# Processes that only read crops start without JAX, which these import.
if TYPE_CHECKING:
  from seld_jax.dataset.folds import Fold


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CropSource:
  """A sequence of training examples, read from memory or disk when needed.

  It has a length and returns an example for each index, and nothing else is
  asked of a dataset of `torch.utils.data.DataLoader` and of a source of Grain.
  Example i is always the same. Other processes can read the examples, too: they
  get paths of the features instead of the features, if these are on disk, and
  start without JAX.

  Attributes:
    features: Features of joined recordings, float32 with shape
      `[frames, bands, channels]`, in memory or on disk.
    targets: What a network learns, by name, with shape `[label_frames, ...]`.
    starts: First label frame of each example, int64 with shape `[examples]`.
    label_frames: Label frames of an example.
    pool: Feature frames in a label frame.
    statistics: `mean` and `std` with shape `[bands, channels]`, by which
      features are standardised; None to return them as they are.

  See Also: `crop_source`, which makes one from a fold.

  Example:
    >>> from seld_jax import dataset
    >>> source = dataset.CropSource(
    ...   features=np.zeros((100, 64, 7), np.float32),
    ...   targets={'activity': np.zeros((20, 14), np.float32)},
    ...   starts=np.array([0, 8, 12]),
    ...   label_frames=8,
    ...   pool=5,
    ... )
    >>> source
    CropSource(3 examples of 8 label frames, 40 x 64 x 7 features, activity)
    >>> source[-1]['targets']['activity'].shape
    (8, 14)
  """

  features: np.ndarray | stored.Joined
  targets: Mapping[str, np.ndarray]
  starts: np.ndarray
  label_frames: int
  pool: int
  statistics: Mapping[str, np.ndarray] | None = None

  def __len__(self) -> int:
    return len(self.starts)

  def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
    """An example.

    Args:
      index: Its number, from 0; negative numbers count from the end.

    Returns:
      `features`, float32 with shape `[frames, bands, channels]`, and `targets`,
      a dictionary of arrays with shape `[label_frames, ...]`. The caller may
      change these arrays: they are copies.

    Raises:
      IndexError: There are not so many examples.
    """
    place = operator.index(index)
    place += len(self) if place < 0 else 0
    if not 0 <= place < len(self):
      raise IndexError(f'There are {len(self)} examples, got index {index}.')
    start = int(self.starts[place])
    (features,) = stored.crops(
      self.features,
      np.array([start * self.pool]),
      self.label_frames * self.pool,
    )
    if self.statistics is not None:
      features = (features - self.statistics['mean']) / self.statistics['std']
    end = start + self.label_frames
    return {
      'features': np.asarray(features, np.float32),
      'targets': {
        name: values[start:end].copy() for name, values in self.targets.items()
      },
    }

  def __repr__(self) -> str:
    # Grain writes it beside its checkpoints, and compares it later.
    frames = self.label_frames * self.pool
    shape = ' x '.join(map(str, (frames, *self.features.shape[1:])))
    return (
      f'CropSource({len(self)} examples of {self.label_frames} label frames, '
      f'{shape} features, {", ".join(self.targets)})'
    )


def crop_source(
  fold: 'Fold',
  *,
  crop_frames: int,
  hop_frames: int | None = None,
  statistics: Mapping[str, np.ndarray] | None = None,
) -> CropSource:
  """Divides the recordings of a fold into training examples of equal length.

  Args:
    fold: The recordings, from `load_fold`. With `max_bytes=0` their features
      stay on disk, so that other processes read them there.
    crop_frames: Feature frames of an example, a multiple of `fold.pool` and at
      most the length of the shortest recording (`min_frames` of `load_fold`).
    hop_frames: Feature frames from the start of an example to that of the next
      one, a multiple of `fold.pool` and at most `crop_frames`, which is the
      default. The last example of a recording ends at its end in any case.
    statistics: `mean` and `std` of the training features, with shape
      `[bands, channels]`, to standardise the features; None to leave them.

  Returns:
    The examples in the order of the recordings; shuffling is up to the loop.

  Raises:
    InputError: A number of frames is no multiple of a label frame, a recording
      is shorter than an example, or the recordings have no labels.

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
    >>> source = dataset.crop_source(fold, crop_frames=40, hop_frames=20)
    >>> source.starts.tolist(), source[0]['features'].shape
    ([0, 4, 12], (40, 64, 7))
  """
  from seld_jax.dataset import sampling

  hop = crop_frames if hop_frames is None else hop_frames
  for name, value in ('crop_frames', crop_frames), ('hop_frames', hop):
    if value < 1 or value % fold.pool:
      raise InputError(
        f'{name} must be a positive multiple of the {fold.pool} feature frames '
        f'in a label frame, got {value}.'
      )
  if hop > crop_frames:
    raise InputError(
      f'hop_frames must be at most crop_frames = {crop_frames}, or frames '
      f'between two examples would be left out, got {hop}.'
    )
  if not fold.is_labelled:
    raise InputError(
      f'The recordings of this fold, such as {fold.names[0]}, have no labels, '
      'so that there is nothing to learn from them: choose labelled recordings.'
    )
  sizes = np.diff(fold.offsets) * fold.pool
  if sizes.min() < crop_frames:
    name = fold.names[int(sizes.argmin())]
    raise InputError(
      f'{name} has {sizes.min()} feature frames, but an example needs '
      f'crop_frames = {crop_frames}: load the fold with '
      f'min_frames={crop_frames}, which pads recordings, or choose shorter '
      'crops.'
    )
  label_frames = crop_frames // fold.pool
  return CropSource(
    features=fold.features,
    targets=dict(fold.targets),
    starts=sampling.all_segments(
      fold.offsets, label_frames, hop=hop // fold.pool
    ),
    label_frames=label_frames,
    pool=fold.pool,
    statistics=statistics,
  )
