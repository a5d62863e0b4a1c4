"""A trained network as a function of audio: recordings, blocks, streams."""

import dataclasses
import functools
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from seld_jax import labels
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction.stream import Frames, Spec, Stream, checked

# Samples that a recording in memory is handed on in.
_BLOCK = 2**18

# Seconds; attention needs memory for the square of a window.
_LONGEST_WINDOW = 600.0

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
  """What sounds in a recording, when and from where.

  Attributes:
    activity: Probability that a class sounds, float32 with shape
      `[label_frames, classes]`, 10 label frames a second.
    doa: Directions, float32 vectors of any length with shape
      `[label_frames, classes, 3]`.
    events: Classes above the threshold, with unit vectors.
  """

  activity: np.ndarray
  doa: np.ndarray
  events: labels.Events


class Predictor:
  """Predicts recordings of any length; from `seld_jax.load`.

  Attributes:
    spec: What the network takes and gives: classes, format, sample rate, ...
    program: Features and network as a pure function of variables, windows of
      audio and their number of frames; see `inference.make_audio_program`.
    source: Where it was loaded from.
    has_fixed_window: Whether no other window than that of the spec can be had.
  """

  def __init__(
    self,
    program: Callable[..., Any],
    variables: Any,
    spec: Spec,
    *,
    source: str,
    has_fixed_window: bool = False,
  ):
    """Takes what `seld_jax.load` has read.

    Args:
      program: `program(variables, audio, num_frames)`, see
        `inference.make_audio_program`.
      variables: What it takes as `variables`.
      spec: What it takes and gives.
      source: Where it is from, for error messages.
      has_fixed_window: Whether it takes windows of `spec.window` alone.
    """
    self.spec, self.source = spec, source
    self.has_fixed_window = has_fixed_window
    self.program = program
    self._compiled = functools.partial(
      jax.jit(program, compiler_options=compilation.compiler_options()),
      jax.device_put(variables),
    )

  def __call__(
    self,
    audio: np.ndarray,
    sample_rate: int,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    threshold: float | None = None,
    batch_size: int = 8,
  ) -> Prediction:
    """Predicts a recording in memory.

    Args:
      audio: Samples in [-1, 1] with shape `[4, samples]`, in the channels that
        the network was trained on: FOA in ACN order with SN3D normalisation, or
        the four capsules. `seld_jax.channels` converts other conventions.
      sample_rate: Samples a second; other rates than that of the network are
        resampled, which is logged (logger `seld_jax`, level INFO).
      window: Seconds that the network sees at once; None: as it was validated.
      overlap: Seconds that a window shares with the next.
      threshold: A class sounds where its activity is greater; None: that of its
        config.
      batch_size: Windows that are computed together.

    Returns:
      Activity, directions and events.

    Raises:
      InputError: The audio or an option cannot be used.
    """
    audio = checked(audio)
    starts = range(0, audio.shape[-1], _BLOCK)
    parts = list(
      self.frames(
        (audio[:, start : start + _BLOCK] for start in starts),
        sample_rate,
        window=window,
        overlap=overlap,
        batch_size=batch_size,
      )
    )
    activity = np.concatenate([part.activity for part in parts])
    doa = np.concatenate([part.doa for part in parts])
    events = self.events(Frames(0, activity, doa), threshold=threshold)
    return Prediction(activity, doa, events)

  def frames(
    self,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 8,
  ) -> Iterator[Frames]:
    """Predicts a recording of any length in bounded memory.

    Args:
      blocks: The recording in blocks with shape `[4, samples]`.
      sample_rate: As in a call, like the options that follow.
      window: Seconds that the network sees at once.
      overlap: Seconds that a window shares with the next.
      batch_size: Windows that are computed together.

    Yields:
      Label frames, in order.

    Raises:
      InputError: The audio or an option cannot be used.
    """
    stream = self.stream(
      sample_rate, window=window, overlap=overlap, batch_size=batch_size
    )
    for block in blocks:
      yield stream.push(block)
    yield stream.flush()

  def stream(
    self,
    sample_rate: int | None = None,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 1,
  ) -> Stream:
    """Begins a recording that comes block by block, as from a microphone.

    Args:
      sample_rate: Samples a second; None: those of the network.
      window: Seconds that the network sees at once; the latency follows it.
      overlap: Seconds that a window shares with the next.
      batch_size: Windows that are waited for and computed together.

    Returns:
      `stream.push(block)` and `stream.flush()` give label frames,
      `stream.latency` says how late they are at most.

    Raises:
      InputError: An option cannot be used.
    """
    frames = self.window_frames(window)
    label = self.spec.label_samples / self.spec.sample_rate
    if not math.isfinite(overlap):
      raise InputError(f'The overlap must be finite, got {overlap:g} s.')
    if note := self.resampling(sample_rate):
      _log.info(note)
    return Stream(
      self._compiled,
      self.spec,
      window=frames,
      overlap=round(overlap / label),
      sample_rate=sample_rate,
      batch_size=batch_size,
    )

  def events(
    self, frames: Frames, *, threshold: float | None = None
  ) -> labels.Events:
    """The events of label frames, numbered from the start of the recording."""
    threshold = self._threshold(threshold)
    found = labels.from_dense(frames.activity, frames.doa, threshold=threshold)
    return dataclasses.replace(found, frame=found.frame + frames.first)

  def resampling(self, sample_rate: int | None) -> str:
    """A clause that says what becomes of audio of another rate; or nothing."""
    own = self.spec.sample_rate
    if sample_rate in (None, own):
      return ''
    return f'{sample_rate} Hz are resampled to the {own} Hz of the network'

  @property
  def window_seconds(self) -> float:
    """Seconds that the network sees at once by default."""
    return self.spec.window * self.spec.hop_length / self.spec.sample_rate

  def check(
    self,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    threshold: float | None = None,
  ) -> None:
    """Raises InputError where a call with these options would."""
    self.stream(window=window, overlap=overlap)
    self._threshold(threshold)

  def _threshold(self, value: float | None) -> float:
    value = self.spec.threshold if value is None else value
    if not 0 < value < 1:
      raise InputError(f'The threshold must be between 0 and 1, got {value:g}.')
    return value

  def window_frames(self, seconds: float | None) -> int:
    """A window of so many seconds in feature frames; None: the default.

    Raises:
      InputError: It is shorter than a label frame, longer than ten minutes, or
        not that of the export.
    """
    spec = self.spec
    if seconds is None:
      return spec.window
    label = spec.label_samples / spec.sample_rate
    if not label / 2 < seconds <= _LONGEST_WINDOW:
      raise InputError(
        f'The window must be at least one label frame of {label:g} s and at '
        f'most {_LONGEST_WINDOW:g} s, got {seconds:g} s.'
      )
    span = round(seconds / label)
    own = spec.window // spec.pool
    if self.has_fixed_window and span != own:
      raise InputError(
        f'{self.source} is an export with windows of {own * label:g} s, got '
        f'{seconds:g} s; load the run that it was made from, or export that '
        f'with --window={seconds:g}.'
      )
    return span * spec.pool
