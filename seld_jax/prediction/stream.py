"""Label frames of audio that arrives in blocks."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seld_jax import geometry, labels
from seld_jax.audio import Resampler, as_float
from seld_jax.errors import InputError

if TYPE_CHECKING:  # formats need JAX, but this module does not
  from seld_jax.outputs import OutputFormat

# Features and network, compiled. Arguments: audio with shape
# `[batch, channels, samples]` and the number of feature frames `[batch]`.
# Results: the outputs that `spec.output.predicted` names, with shape
# `[batch, label_frames, ...]`; in the format `class_wise` activity
# `[batch, label_frames, classes]` and directions
# `[batch, label_frames, classes, 3]`.
Program = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Spec:
  """Inputs and outputs of a trained network.

  Attributes:
    classes: Names of the classes.
    format: Audio format, `'foa'`, `'mic'` or `'stereo'`.
    sample_rate: Sample rate in Hz.
    hop_length: Samples per feature frame.
    n_fft: Length of the Fourier transform in samples. A window needs half of it
      as context on both sides.
    pad_mode: Padding before and after a recording, `'constant'` or `'reflect'`.
    offset: Constant that the features add to the audio.
    pool: Feature frames per label frame.
    window: Default length of a window, in feature frames.
    threshold: Default threshold of activity: a class is active above it.
    output: The output format of the network, from `seld_jax.outputs`.
    num_channels: Number of channels of the audio.
    kind: Kind of features: `'log_mel'`, `'salsa'` or `'salsa_lite'`.
    class_thresholds: Thresholds of each class instead of `threshold`; () for
      none.
    refine_directions: Whether `seld_jax.load` makes directions more exact
      unless it is told otherwise; see `RefinedPredictor`.

  Example:
    >>> import seld_jax
    >>> spec = seld_jax.load('demo').spec
    >>> spec.format, spec.sample_rate, len(spec.classes)
    ('foa', 24000, 14)
    >>> spec.output.name
    'tracks'
  """

  classes: tuple[str, ...]
  format: str
  sample_rate: int
  hop_length: int
  n_fft: int
  pad_mode: str
  offset: float
  pool: int
  window: int
  threshold: float
  output: 'OutputFormat'
  num_channels: int = 4
  kind: str = 'log_mel'
  class_thresholds: tuple[float, ...] = ()
  refine_directions: bool = False

  @property
  def label_samples(self) -> int:
    """Samples per label frame."""
    return self.pool * self.hop_length

  @property
  def is_framewise(self) -> bool:
    """Whether a window has the same features as its part of the recording."""
    from seld_jax import features  # needs JAX, which this module does not

    return features.is_framewise(kind=self.kind)

  @property
  def is_frontal(self) -> bool:
    """Whether directions are on the frontal half of the horizon.

    Left and right of stereo tell neither front from back nor up from down.
    """
    return self.format == 'stereo' and self.output.axes == 2

  def window_samples(self, window: int) -> int:
    """Samples of a window of feature frames, with context on both sides."""
    return window * self.hop_length + 2 * (self.n_fft // 2)

  def window_shape(self, window: int) -> tuple[int, int]:
    """Channels and samples of a window, as `window_samples` counts them."""
    return self.num_channels, self.window_samples(window)

  @property
  def thresholds(self) -> np.ndarray:
    """The threshold of each class, with shape `[classes]`."""
    if self.class_thresholds:
      return np.array(self.class_thresholds)
    return np.full(len(self.classes), self.threshold)

  def events(
    self,
    outputs: Mapping[str, np.ndarray],
    *,
    threshold: float | np.ndarray | None = None,
  ) -> labels.Events:
    """Finds the events in the outputs of a network.

    Args:
      outputs: The outputs by name, with shape `[label_frames, ...]`.
      threshold: Activity in [0, 1] above which a class is active: one for all
        classes, or one for each with shape `[classes]`. None for `thresholds`.

    Returns:
      The events of `output.events`. If the network `is_frontal`, a direction
      that points back is mirrored to the front.
    """
    if threshold is None:
      threshold = self.thresholds
    found = self.output.events(outputs, threshold=threshold)
    if self.is_frontal:
      directions = geometry.stereo_directions(found.xyz)
      found = dataclasses.replace(found, xyz=directions)
    return found


@dataclasses.dataclass(frozen=True)
class Frames:
  """Consecutive label frames of a recording.

  Attributes:
    first: Index of the first label frame in the recording, from 0.
    activity: Activity of each class in [0, 1], float32 with shape
      `[label_frames, classes]`; if a class has tracks, that of the most active
      one.
    doa: Direction of each class, that of its most active track: vectors of any
      length, float32 with shape `[label_frames, classes, 3]`.
    outputs: The outputs of the network by name, float32 with shape
      `[label_frames, ...]`: those that `spec.output.predicted` names, with all
      tracks, and distances if the network predicts them.
    onsets: Histograms of `localization.OnsetHistograms`, float32 with shape
      `[label_frames, points, 3]`, if directions are refined; else None.

  Example:
    >>> import seld_jax
    >>> stream = seld_jax.load('demo').stream()
    >>> _ = stream.push(np.full((4, 24000), 1e-4))
    >>> frames = stream.flush()
    >>> len(frames), frames.activity.shape, list(frames.outputs)
    (10, (10, 14), ['sed', 'doa'])
  """

  first: int
  activity: np.ndarray
  doa: np.ndarray
  outputs: Mapping[str, np.ndarray]
  onsets: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.activity)

  def part(self, start: int, stop: int) -> 'Frames':
    """The label frames from `start` to before `stop`, counted from `first`."""
    cut = slice(start, stop)
    return Frames(
      self.first + start,
      self.activity[cut],
      self.doa[cut],
      {name: array[cut] for name, array in self.outputs.items()},
      None if self.onsets is None else self.onsets[cut],
    )


def join_frames(parts: Sequence[Frames]) -> Frames:
  """Joins consecutive label frames of a recording, one part at least."""
  onsets = [part.onsets for part in parts if part.onsets is not None]
  return Frames(
    parts[0].first,
    np.concatenate([part.activity for part in parts]),
    np.concatenate([part.doa for part in parts]),
    {
      name: np.concatenate([part.outputs[name] for part in parts])
      for name in parts[0].outputs
    },
    np.concatenate(onsets) if len(onsets) == len(parts) else None,
  )


class Stream:
  """Predicts the label frames of a recording that arrives block by block.

  A new window starts every `window - overlap` label frames. Where windows
  overlap, their outputs are averaged; networks whose tracks can exchange places
  may give a source to another track in the next window, so the tracks of each
  label frame are first put into the order that is closest to the mean of the
  windows before. If the windows do not reach the end of the recording, the last
  frames come from an extra window that ends with the recording. The result does
  not depend on the sizes of the blocks. The required memory does not depend on
  the length of the recording.

  Attributes:
    latency: Largest delay in seconds between a sound and its label frame, if
      every block is pushed when it was recorded. Computing time is not
      included.

  Example:
    >>> import seld_jax
    >>> stream = seld_jax.load('demo').stream()
    >>> block = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 12000))
    >>> frames = stream.push(block)  # half a second: no window is complete
    >>> len(frames)
    0
    >>> len(stream.flush())
    5
  """

  def __init__(
    self,
    program: Program,
    spec: Spec,
    *,
    window: int,
    overlap: int = 0,
    sample_rate: int | None = None,
    batch_size: int = 1,
  ):
    """Starts a recording.

    Args:
      program: Features and network, compiled for windows of this length.
      spec: Inputs and outputs of the program.
      window: Length of a window in feature frames, a multiple of `spec.pool`.
      overlap: Overlap of consecutive windows in label frames.
      sample_rate: Sample rate of the blocks in Hz; None if it is that of the
        spec.
      batch_size: Number of windows that are computed together. A larger batch
        is faster per window but increases the latency.

    Raises:
      InputError: The overlap is negative or not less than the window, or the
        sample rate is out of range.
    """
    self._program, self._spec, self._window = program, spec, window
    self._span = window // spec.pool
    self._step = self._span - overlap
    # Label frames before the next window whose audio is kept.
    self._behind = self._step
    if not 0 <= overlap < self._span:
      remedy = 'raise' if overlap < 0 else 'lower'
      raise InputError(
        f'The overlap must be less than the window of {self._span} label '
        f'frames (0.1 s each), and 0 or more, got {overlap} label frames; '
        f'{remedy} --overlap.'
      )
    self._batch_size = batch_size
    self._resampler = resampler_to(spec, sample_rate)
    held_back = 0.0
    if self._resampler is not None and sample_rate is not None:
      held_back = self._resampler.delay / sample_rate
    waiting = (batch_size - 1) * self._step * spec.label_samples
    self.latency: float = held_back + (
      window * spec.hop_length + spec.n_fft // 2 + waiting
    ) / float(spec.sample_rate)
    self._audio = np.zeros((spec.num_channels, 0), np.float32)
    self._audio_first = 0  # index of the first sample in self._audio
    self._next = 0  # first label frame of the next window
    self._covered = 0  # end of the last window, in label frames
    self._waiting: list[tuple[int, int, np.ndarray, int]] = []
    self._emitted = 0
    self._sums = {
      name: np.zeros((0, *shape), np.float32)
      for name, shape in spec.output.shapes.items()
    }
    self._counts = np.zeros(0, np.float32)

  def push(self, block: np.ndarray) -> Frames:
    """Adds the next samples of the recording.

    Args:
      block: Audio with shape `[channels, samples]`; the number of samples can
        be any.

    Returns:
      The label frames that later audio cannot change; often none.

    Raises:
      InputError: The block has another shape, or its samples or the outputs of
        the network are NaN or infinite.
    """
    block = checked(block, num_channels=self._spec.num_channels)
    if self._resampler is not None:
      block = self._resampler.push(block)
    self._append(block)
    while self._end >= self._needed(self._next):
      self._enqueue(self._next, self._window)
    self._compute(whole_batches=True)
    return self._emit(self._next if not self._waiting else self._waiting[0][0])

  def flush(self) -> Frames:
    """Ends the recording.

    Returns:
      The remaining label frames. All results together have
      `ceil(10 * seconds)` label frames.

    Raises:
      InputError: The outputs of the network are NaN or infinite.
    """
    if self._resampler is not None:
      self._append(self._resampler.flush())
    total = -(-self._end // self._spec.hop_length)
    labels = -(-total // self._spec.pool)
    while self._next + self._span <= labels:
      self._enqueue(self._next, total - self._next * self._spec.pool)
    if self._covered < labels:
      start = max(0, labels - self._span)
      self._next = start
      self._enqueue(
        start, total - start * self._spec.pool, skip=self._covered - start
      )
    self._compute(whole_batches=False)
    return self._emit(labels)

  @property
  def _end(self) -> int:
    return self._audio_first + self._audio.shape[-1]

  def _needed(self, start: int) -> int:
    """Number of samples after which the window at a label frame is complete."""
    first = start * self._spec.label_samples - self._spec.n_fft // 2
    return first + self._spec.window_samples(self._window)

  def _append(self, block: np.ndarray) -> None:
    # The audio of the previous window is kept: the extra window at the end may
    # start anywhere after the start of the previous window.
    begin = max(0, self._next - self._behind) * self._spec.label_samples
    unused = max(0, begin - self._spec.n_fft // 2 - self._audio_first)
    self._audio = np.concatenate([self._audio[:, unused:], block], axis=-1)
    self._audio_first += unused

  def _enqueue(self, start: int, num_frames: int, *, skip: int = 0) -> None:
    """Puts the window at a label frame into the queue."""
    first = start * self._spec.label_samples - self._spec.n_fft // 2
    size = self._spec.window_samples(self._window)
    audio = self._cut(first, first + size)
    self._waiting.append((start, skip, audio, min(num_frames, self._window)))
    self._covered = start + self._span
    self._next = start + self._step

  def _cut(self, first: int, last: int) -> np.ndarray:
    """Samples `first` to `last`, padded outside of the recording."""
    before, after = max(0, -first), max(0, last - self._end)
    begin = max(0, first) - self._audio_first
    audio = self._audio[:, begin : last - after - self._audio_first]
    if not before and not after:
      return audio.copy()
    if self._spec.pad_mode == 'reflect':
      # The features use at most half a transform of context after the end.
      mirrored = min(after, self._spec.n_fft // 2)
      left = np.pad(audio, ((0, 0), (before, 0)), mode='reflect')
      audio = np.pad(left, ((0, 0), (0, mirrored)), mode='reflect')
      before, after = 0, after - mirrored
    # The features add their offset before they pad with zeros, so the padding
    # must be zero after the offset is added.
    return np.pad(
      audio,
      ((0, 0), (before, after)),
      constant_values=np.float32(-self._spec.offset),
    )

  def _compute(self, *, whole_batches: bool) -> None:
    """Runs the program on the windows in the queue."""
    while len(self._waiting) >= (self._batch_size if whole_batches else 1):
      batch = self._waiting[: self._batch_size]
      del self._waiting[: self._batch_size]
      # Only powers of two, so that few programs are compiled.
      size = 1 << (len(batch) - 1).bit_length()
      size = min(size, self._batch_size)
      filled = [*batch, *[batch[-1]] * (size - len(batch))]
      arrays = self._program(
        np.stack([audio for _, _, audio, _ in filled]),
        np.array([frames for _, _, _, frames in filled], np.int32),
      )
      outputs = self._named(arrays)
      for index, (start, skip, _, _) in enumerate(batch):
        window = {name: array[index, skip:] for name, array in outputs.items()}
        self._add(start + skip, window)

  def _named(self, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of the program by name, which must be finite."""
    outputs = {
      name: np.asarray(array)
      for name, array in zip(self._sums, arrays, strict=True)
    }
    if not all(np.isfinite(array).all() for array in outputs.values()):
      raise InputError(
        'The outputs of the network are NaN or infinite for this audio; '
        'samples must be in [-1, 1] and the parameters must be finite.'
      )
    return outputs

  def _add(self, start: int, window: Mapping[str, np.ndarray]) -> None:
    """Adds the outputs of a window from a label frame on to the sums."""
    first = start - self._emitted
    length = len(next(iter(window.values())))
    known = len(self._counts) - first
    if known > 0 and self._spec.output.num_tracks > 1:
      window = self._in_order(window, slice(first, first + min(known, length)))
    if length > known:
      added = length - known
      self._counts = np.pad(self._counts, (0, added))
      for name, sums in self._sums.items():
        zeros = np.zeros((added, *sums.shape[1:]), np.float32)
        self._sums[name] = np.concatenate([sums, zeros])
    for name, array in window.items():
      self._sums[name][first : first + length] += array
    self._counts[first : first + length] += 1

  def _in_order(
    self, window: Mapping[str, np.ndarray], known: slice
  ) -> dict[str, np.ndarray]:
    """Puts the tracks of a window into the order of earlier windows."""
    count = known.stop - known.start
    ordered = self._spec.output.match(
      {name: array[:count] for name, array in window.items()},
      self._means(known),
    )
    return {
      name: np.concatenate([ordered[name], array[count:]])
      for name, array in window.items()
    }

  def _means(self, part: slice) -> dict[str, np.ndarray]:
    """Mean outputs of some of the label frames that are summed."""
    counts = self._counts[part]
    return {
      name: sums[part] / counts.reshape(-1, *[1] * (sums.ndim - 1))
      for name, sums in self._sums.items()
    }

  def _emit(self, until: int) -> Frames:
    """Returns the frames before `until`; no later window changes them."""
    count = max(0, until - self._emitted)
    means, output = self._means(slice(count)), self._spec.output
    frames = Frames(
      self._emitted, output.activity(means), output.doa(means), means
    )
    self._sums = {name: sums[count:] for name, sums in self._sums.items()}
    self._counts = self._counts[count:]
    self._emitted += count
    return frames


def resampler_to(spec: Spec, sample_rate: int | None) -> Resampler | None:
  """Resamples blocks to the sample rate of a network.

  Args:
    spec: Channels and sample rate of the network.
    sample_rate: Sample rate of the blocks in Hz; None for that of the network.

  Returns:
    The resampler; None if nothing has to be resampled.

  Raises:
    InputError: The sample rate is out of range.
  """
  if sample_rate in (None, spec.sample_rate):
    return None
  return Resampler(
    sample_rate, spec.sample_rate, num_channels=spec.num_channels
  )


def checked(block: np.ndarray, *, num_channels: int = 4) -> np.ndarray:
  """Checks audio and converts it to float32.

  Args:
    block: Audio with shape `[channels, samples]`: floats, or integers (PCM).
    num_channels: The number of channels that it must have.

  Returns:
    The audio as float32 with shape `[channels, samples]`. PCM is scaled to
    [-1, 1].

  Raises:
    InputError: The shape is wrong, or samples are NaN or infinite.
  """
  block = np.asarray(block)
  if block.ndim != 2 or block.shape[0] != num_channels:
    raise InputError(
      f'Audio must have shape [{num_channels}, samples], got shape '
      f'{block.shape}.'
    )
  block = as_float(block).astype(np.float32)
  if not np.isfinite(block).all():
    raise InputError('Audio must be finite, got NaN or infinite samples.')
  return block
