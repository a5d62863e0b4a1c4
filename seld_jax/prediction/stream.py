"""Label frames of audio that arrives in blocks."""

import dataclasses
from collections.abc import Callable

import numpy as np

from seld_jax.audio import Resampler, as_float
from seld_jax.errors import InputError

# Features and network, compiled. Arguments: audio `[batch, 4, samples]` and the
# number of feature frames `[batch]`. Results: activity
# `[batch, label_frames, classes]` and DOA `[batch, label_frames, classes, 3]`.
Program = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Spec:
  """Inputs and outputs of a trained network.

  Attributes:
    classes: Names of the classes.
    format: Audio format, `'foa'` or `'mic'`.
    sample_rate: Sample rate in Hz.
    hop_length: Samples per feature frame.
    n_fft: Length of the Fourier transform in samples. A window needs half of it
      as context on both sides.
    pad_mode: Padding before and after a recording, `'constant'` or `'reflect'`.
    offset: Constant that the features add to the audio.
    pool: Feature frames per label frame.
    window: Default length of a window, in feature frames.
    threshold: Default threshold of activity: a class is active above it.

  Example:
    >>> import seld_jax
    >>> spec = seld_jax.load('demo').spec
    >>> spec.format, spec.sample_rate, len(spec.classes)
    ('foa', 24000, 14)
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

  @property
  def label_samples(self) -> int:
    """Samples per label frame."""
    return self.pool * self.hop_length

  def window_samples(self, window: int) -> int:
    """Samples of a window of feature frames, with context on both sides."""
    return window * self.hop_length + 2 * (self.n_fft // 2)


@dataclasses.dataclass(frozen=True)
class Frames:
  """Consecutive label frames of a recording.

  Attributes:
    first: Index of the first label frame in the recording, from 0.
    activity: Probability that a class is active, in [0, 1], float32 with shape
      `[label_frames, classes]`.
    doa: Directions, vectors of any length, float32 with shape
      `[label_frames, classes, 3]`.

  Example:
    >>> from seld_jax.prediction import Frames
    >>> frames = Frames(20, np.zeros((5, 14)), np.zeros((5, 14, 3)))
    >>> len(frames)
    5
  """

  first: int
  activity: np.ndarray
  doa: np.ndarray

  def __len__(self) -> int:
    return len(self.activity)


class Stream:
  """Predicts the label frames of a recording that arrives block by block.

  A new window starts every `window - overlap` label frames. Where windows
  overlap, their activity and direction vectors are averaged. If the windows do
  not reach the end of the recording, the last frames come from an extra window
  that ends with the recording. The result does not depend on the sizes of the
  blocks. The required memory does not depend on the length of the recording.

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
      InputError: The overlap is not less than the window, or the sample rate is
        out of range.
    """
    self._program, self._spec, self._window = program, spec, window
    self._span = window // spec.pool
    self._step = self._span - overlap
    if not 0 <= overlap < self._span:
      raise InputError(
        f'The overlap must be less than the window of {self._span} label '
        f'frames (0.1 s each), got {overlap} label frames; lower --overlap.'
      )
    self._batch_size = batch_size
    self._resampler = None
    held_back = 0.0
    if sample_rate is not None and sample_rate != spec.sample_rate:
      self._resampler = Resampler(sample_rate, spec.sample_rate, num_channels=4)
      held_back = self._resampler.delay / sample_rate
    waiting = (batch_size - 1) * self._step * spec.label_samples
    self.latency = held_back + (
      window * spec.hop_length + spec.n_fft // 2 + waiting
    ) / float(spec.sample_rate)
    self._audio = np.zeros((4, 0), np.float32)
    self._audio_first = 0  # index of the first sample in self._audio
    self._next = 0  # first label frame of the next window
    self._covered = 0  # end of the last window, in label frames
    self._waiting: list[tuple[int, int, np.ndarray, int]] = []
    self._emitted = 0
    num_classes = len(spec.classes)
    self._sums = np.zeros((0, num_classes, 4), np.float32)
    self._counts = np.zeros(0, np.float32)

  def push(self, block: np.ndarray) -> Frames:
    """Adds the next samples of the recording.

    Args:
      block: Audio with shape `[4, samples]`; the number of samples can be any.

    Returns:
      The label frames that later audio cannot change; often none.

    Raises:
      InputError: The block has another shape, or its samples or the outputs of
        the network are NaN or infinite.
    """
    block = checked(block)
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
    begin = max(0, self._next - self._step) * self._spec.label_samples
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
      activity, doa = self._program(
        np.stack([audio for _, _, audio, _ in filled]),
        np.array([frames for _, _, _, frames in filled], np.int32),
      )
      outputs = np.concatenate(
        [np.asarray(activity)[..., None], np.asarray(doa)], axis=-1
      )
      if not np.isfinite(outputs).all():
        raise InputError(
          'The outputs of the network are NaN or infinite for this audio; '
          'samples must be in [-1, 1] and the parameters must be finite.'
        )
      for (start, skip, _, _), output in zip(batch, outputs, strict=False):
        self._add(start + skip, output[skip:])

  def _add(self, start: int, output: np.ndarray) -> None:
    first = start - self._emitted
    missing = first + len(output) - len(self._counts)
    if missing > 0:
      self._sums = np.pad(self._sums, ((0, missing), (0, 0), (0, 0)))
      self._counts = np.pad(self._counts, (0, missing))
    self._sums[first : first + len(output)] += output
    self._counts[first : first + len(output)] += 1

  def _emit(self, until: int) -> Frames:
    """Returns the frames before `until`; no later window changes them."""
    count = max(0, until - self._emitted)
    means = self._sums[:count] / self._counts[:count, None, None]
    frames = Frames(self._emitted, means[..., 0], means[..., 1:])
    self._sums, self._counts = self._sums[count:], self._counts[count:]
    self._emitted += count
    return frames


def checked(block: np.ndarray) -> np.ndarray:
  """Checks audio and converts it to float32.

  Args:
    block: Audio with shape `[4, samples]`: floats, or integers (PCM).

  Returns:
    The audio as float32 with shape `[4, samples]`. PCM is scaled to [-1, 1].

  Raises:
    InputError: The shape is wrong, or samples are NaN or infinite.
  """
  block = np.asarray(block)
  if block.ndim != 2 or block.shape[0] != 4:
    raise InputError(
      f'Audio must have shape [4, samples], got shape {block.shape}.'
    )
  block = as_float(block).astype(np.float32)
  if not np.isfinite(block).all():
    raise InputError('Audio must be finite, got NaN or infinite samples.')
  return block
