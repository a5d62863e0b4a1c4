"""Label frames of a causal network, which continues from part to part."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from seld_jax.prediction.stream import Frames, Spec, Stream, checked


@dataclasses.dataclass(frozen=True)
class Causal:
  """What a stream needs of a causal network, besides its variables.

  Attributes:
    program: From `inference.make_causal_program`.
    state: State of the network before a recording, for a batch of one.
    look_ahead: Number of later label frames that the network sees.

  Example:
    >>> from seld_jax import prediction
    >>> causal = prediction.Causal(program=max, state={}, look_ahead=2)
    >>> causal.look_ahead
    2
  """

  program: Callable[..., Any]
  state: Any
  look_ahead: int


class CausalStream(Stream):
  """Predicts a recording part by part, with one pass of a causal network.

  It has the methods of `Stream`. Where that averages windows, the network here
  keeps its state from part to part: every label frame is computed once, from
  all audio before it. The results depend neither on the sizes of the blocks nor
  on the length of a part, with one exception: `top_db` limits features below
  the maximum of the `window` that ends with the part.

  Attributes:
    latency: Largest delay in seconds between a sound and its label frame: the
      length of a part, the look-ahead, and half a Fourier transform.

  Example:
    A program of the state, audio and numbers of frames, here one that counts
    parts:

    >>> import seld_jax
    >>> from seld_jax import prediction
    >>> def program(state, audio, num_frames, num_kept, *, length):
    ...   sed = np.full((1, length // 2, 3, 14), state / 10)  # three tracks
    ...   return (sed, np.zeros((*sed.shape[:-1], 3))), state + 1
    >>> stream = prediction.CausalStream(
    ...   program,
    ...   prediction.Causal(program, state=0, look_ahead=0),
    ...   seld_jax.load('demo').spec,
    ...   window=20,  # one second
    ...   overlap=9,
    ... )
    >>> print(f'{stream.latency:.2f} s')
    0.14 s
    >>> frames = stream.push(np.zeros((4, 9600)))
    >>> print(frames.activity[:, 0])
    [0.  0.1 0.2]
  """

  def __init__(
    self,
    program: Callable[..., Any],
    causal: Causal,
    spec: Spec,
    *,
    window: int,
    overlap: int = 0,
    sample_rate: int | None = None,
  ):
    """Starts a recording.

    Args:
      program: `causal.program`, compiled, with its variables.
      causal: The state and the look-ahead of the network.
      spec: Inputs and outputs of the network.
      window: Length of the audio whose features are computed for a part, in
        feature frames, a multiple of `spec.pool`.
      overlap: Label frames of the window before the part; the length of a part
        is the rest of the window.
      sample_rate: Sample rate of the blocks in Hz; None for that of the spec.

    Raises:
      InputError: As for `Stream`.
    """
    super().__init__(
      program, spec, window=window, overlap=overlap, sample_rate=sample_rate
    )
    self._state, self._look_ahead = causal.state, causal.look_ahead
    self._behind = overlap
    # A part is complete before a window would be.
    later = (self._look_ahead - overlap) * spec.label_samples
    self.latency: float = self.latency + later / float(spec.sample_rate)

  def push(self, block: np.ndarray) -> Frames:
    """Adds the next samples, as `Stream.push`."""
    block = checked(block, num_channels=self._spec.num_channels)
    if self._resampler is not None:
      block = self._resampler.push(block)
    self._append(block)
    while self._end >= self._needed(self._next - self._behind):
      self._advance()
    return self._emit(self._next - self._look_ahead)

  def flush(self) -> Frames:
    """Ends the recording, as `Stream.flush`."""
    if self._resampler is not None:
      self._append(self._resampler.flush())
    total = -(-self._end // self._spec.hop_length)
    labels = -(-total // self._spec.pool)
    while self._next - self._look_ahead < labels:
      self._advance(total)
    return self._emit(labels)

  def _advance(self, total: int | None = None) -> None:
    """Computes the next part; after the last frame of a recording come zeros.

    Args:
      total: Number of frames of the recording; None if it goes on.
    """
    pool, start = self._spec.pool, self._next - self._behind
    first = start * self._spec.label_samples - self._spec.n_fft // 2
    last = first + self._spec.window_samples(self._window)
    if first < self._end:
      audio = self._cut(first, last)
    else:
      audio = np.zeros((self._spec.num_channels, last - first), np.float32)
    num_frames = num_kept = self._window
    labels = None
    if total is not None:
      labels = -(-total // pool)
      num_frames = int(np.clip(total - start * pool, 1, self._window))
      num_kept = int(np.clip((labels - start) * pool, 0, self._window))
    program: Callable[..., Any] = self._program
    arrays, self._state = program(
      self._state,
      audio[None],
      np.array([num_frames], np.int32),
      np.array([num_kept], np.int32),
      length=self._step * pool,
    )
    place = self._next - self._look_ahead
    skip = max(0, -place)
    end = None if labels is None else max(skip, labels - place)
    outputs = {
      name: array[0, skip:end] for name, array in self._named(arrays).items()
    }
    if len(next(iter(outputs.values()))):
      self._add(place + skip, outputs)
    self._next += self._step
