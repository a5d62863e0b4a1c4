"""Windows over audio that comes in blocks, and label frames out of them."""

import dataclasses
from collections.abc import Callable

import numpy as np

from seld_jax.audio import Resampler, as_float
from seld_jax.errors import InputError

# A compiled network with its features: audio `[batch, 4, samples]` and frames
# `[batch]` to activity `[batch, label_frames, classes]` and directions
# `[batch, label_frames, classes, 3]`.
Program = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Spec:
  """What a trained network takes and gives.

  Attributes:
    classes: Names of the classes.
    format: Kind of audio, `'foa'` or `'mic'`.
    sample_rate: Samples a second.
    hop_length: Samples in a feature frame.
    n_fft: Length of the Fourier transform; half of it is the context that a
      window needs on both sides.
    pad_mode: What is before and after a recording: `'constant'`, `'reflect'`.
    offset: What the features add to the audio.
    pool: Feature frames in a label frame.
    window: Feature frames that the network sees at once by default.
    threshold: Activity above which a class counts as sounding.
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
    """Samples in a label frame."""
    return self.pool * self.hop_length

  def window_samples(self, window: int) -> int:
    """Samples that a program needs for a window of so many feature frames."""
    return window * self.hop_length + 2 * (self.n_fft // 2)


@dataclasses.dataclass(frozen=True)
class Frames:
  """Label frames that follow each other.

  Attributes:
    first: Number of the first, from the beginning of the recording.
    activity: Probability that a class sounds, float32 with shape
      `[label_frames, classes]`.
    doa: Directions, float32 with shape `[label_frames, classes, 3]`.
  """

  first: int
  activity: np.ndarray
  doa: np.ndarray

  def __len__(self) -> int:
    return len(self.activity)


class Stream:
  """Takes a recording in blocks of any size and gives its label frames.

  Windows follow each other at `window - overlap`; where they overlap, activity
  and direction vectors are averaged. What they leave at the end is filled from
  a window that ends with the recording. The frames do not depend on how the
  recording is divided into blocks, nor the memory on its length.

  Attributes:
    latency: Seconds from a sound to its label frame, at most, when blocks are
      pushed as they are recorded, and the time that computing takes apart.
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
    """Begins a recording.

    Args:
      program: What computes windows of this length.
      spec: What the program takes and gives.
      window: Feature frames in a window, a multiple of `spec.pool`.
      overlap: Label frames that a window shares with the next.
      sample_rate: Samples a second of what comes; None: those of the spec.
      batch_size: Windows that are computed together; more are quicker, but are
        waited for.

    Raises:
      InputError: A window would not advance, or the rate is none of audio.
    """
    self._program, self._spec, self._window = program, spec, window
    self._span = window // spec.pool
    self._step = self._span - overlap
    if not 0 <= overlap < self._span:
      raise InputError(
        f'The overlap must be less than the window of {self._span} label '
        f'frames (0.1 s each), got {overlap} label frames.'
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
    self._audio_first = 0  # number of the first sample that is kept
    self._next = 0  # first label frame of the next window
    self._covered = 0  # label frames that windows have reached
    self._waiting: list[tuple[int, int, np.ndarray, int]] = []
    self._emitted = 0
    num_classes = len(spec.classes)
    self._sums = np.zeros((0, num_classes, 4), np.float32)
    self._counts = np.zeros(0, np.float32)

  def push(self, block: np.ndarray) -> Frames:
    """Takes the next samples.

    Args:
      block: Audio with shape `[4, samples]`, of any length.

    Returns:
      The label frames that are now certain, often none.

    Raises:
      InputError: The block has another shape, or samples that are NaN or
        infinite, or for which outputs of the network are.
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
      The label frames that were missing, to `ceil(seconds * 10)` in all.

    Raises:
      InputError: Outputs of the network are NaN or infinite.
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
    """Number of samples with which the window at a label frame is complete."""
    first = start * self._spec.label_samples - self._spec.n_fft // 2
    return first + self._spec.window_samples(self._window)

  def _append(self, block: np.ndarray) -> None:
    # What the window before the next one needs is kept: the last window may
    # start anywhere after it.
    begin = max(0, self._next - self._step) * self._spec.label_samples
    unused = max(0, begin - self._spec.n_fft // 2 - self._audio_first)
    self._audio = np.concatenate([self._audio[:, unused:], block], axis=-1)
    self._audio_first += unused

  def _enqueue(self, start: int, num_frames: int, *, skip: int = 0) -> None:
    """Cuts the window at a label frame and moves on."""
    first = start * self._spec.label_samples - self._spec.n_fft // 2
    size = self._spec.window_samples(self._window)
    audio = self._cut(first, first + size)
    self._waiting.append((start, skip, audio, min(num_frames, self._window)))
    self._covered = start + self._span
    self._next = start + self._step

  def _cut(self, first: int, last: int) -> np.ndarray:
    """Samples `first` to `last`, padded where the recording has none."""
    before, after = max(0, -first), max(0, last - self._end)
    begin = max(0, first) - self._audio_first
    audio = self._audio[:, begin : last - after - self._audio_first]
    if not before and not after:
      return audio.copy()
    if self._spec.pad_mode == 'reflect':
      # The features look no further than half a transform behind the end.
      mirrored = min(after, self._spec.n_fft // 2)
      left = np.pad(audio, ((0, 0), (before, 0)), mode='reflect')
      audio = np.pad(left, ((0, 0), (0, mirrored)), mode='reflect')
      before, after = 0, after - mirrored
    # Zeros once the features have added their offset, as they pad after it.
    return np.pad(
      audio,
      ((0, 0), (before, after)),
      constant_values=np.float32(-self._spec.offset),
    )

  def _compute(self, *, whole_batches: bool) -> None:
    """Runs the program on what waits."""
    while len(self._waiting) >= (self._batch_size if whole_batches else 1):
      batch = self._waiting[: self._batch_size]
      del self._waiting[: self._batch_size]
      # Powers of two, so that few programs are compiled.
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
          'The network gives NaN or infinity for this audio: samples in '
          '[-1, 1] and finite parameters are needed.'
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
    """Gives the label frames before `until`, which no window changes more."""
    count = max(0, until - self._emitted)
    means = self._sums[:count] / self._counts[:count, None, None]
    frames = Frames(self._emitted, means[..., 0], means[..., 1:])
    self._sums, self._counts = self._sums[count:], self._counts[count:]
    self._emitted += count
    return frames


def checked(block: np.ndarray) -> np.ndarray:
  """Audio as float32.

  Args:
    block: Audio with shape `[4, samples]`.

  Returns:
    The same as float32; whole numbers are taken as PCM of their type.

  Raises:
    InputError: The shape is another, or samples are NaN or infinite.
  """
  block = np.asarray(block)
  if block.ndim != 2 or block.shape[0] != 4:
    raise InputError(
      f'Audio of shape [4, samples] is needed, got shape {block.shape}.'
    )
  block = as_float(block).astype(np.float32)
  if not np.isfinite(block).all():
    raise InputError('Audio needs finite samples, got NaN or infinite ones.')
  return block
