"""Label frames with the onsets that make their directions more exact."""

import collections
import dataclasses

import numpy as np

from seld_jax import labels, localization
from seld_jax.prediction.averaged_stream import AveragedStream
from seld_jax.prediction.direction_stream import highest_frequency
from seld_jax.prediction.stream import Frames, Stream, checked, join_frames
from seld_jax.prediction.whole_recording import WholeRecording


class RefinedStream:
  """Adds histograms of onsets to the label frames of another stream.

  It has the methods of `Stream`. Label frames come together as those of the
  other stream do, half a second later.

  Example:
    >>> import seld_jax
    >>> stream = seld_jax.load('demo', refine_directions=True).stream()
    >>> _ = stream.push(np.full((4, 12000), 1e-4))
    >>> stream.flush().onsets.shape
    (5, 1000, 3)
  """

  def __init__(
    self,
    stream: Stream | WholeRecording | AveragedStream,
    *,
    sample_rate: int,
  ):
    """Starts a recording.

    Args:
      stream: The stream of a network for FOA.
      sample_rate: Sample rate of the blocks in Hz.
    """
    self._stream = stream
    self._onsets = localization.OnsetHistograms(
      sample_rate=sample_rate, high=highest_frequency(sample_rate)
    )
    # Label frames as they came, and their histograms.
    self._waiting: collections.deque[Frames] = collections.deque()
    self._histograms = [self._onsets.push(np.zeros((4, 0)))]
    self._num_histograms = 0
    nothing = stream.push(np.zeros((4, 0), np.float32))
    self._nothing = dataclasses.replace(nothing, onsets=self._histograms[0])
    self._emitted = 0

  @property
  def latency(self) -> float:
    """Largest delay in seconds between a sound and its label frame."""
    assert not isinstance(self._stream, WholeRecording)
    label_frame = 1 / labels.FRAMES_PER_SECOND
    ahead = localization.OnsetHistograms.latency - label_frame
    return self._stream.latency + ahead

  def push(self, block: np.ndarray) -> Frames:
    """Adds the next samples of the recording.

    Args:
      block: Audio with shape `[4, samples]`; the number of samples can be any.

    Returns:
      The label frames that later audio cannot change; often none.

    Raises:
      InputError: As for `Stream.push`.
    """
    block = checked(block)
    self._add(self._stream.push(block), self._onsets.push(block))
    return self._take(is_end=False)

  def flush(self) -> Frames:
    """Ends the recording.

    Returns:
      The remaining label frames.

    Raises:
      InputError: As for `Stream.flush`.
    """
    self._add(self._stream.flush(), self._onsets.flush())
    return self._take(is_end=True)

  def _add(self, frames: Frames, histograms: np.ndarray) -> None:
    self._waiting.append(frames)
    self._histograms.append(histograms)
    self._num_histograms += len(histograms)

  def _take(self, *, is_end: bool) -> Frames:
    """The label frames whose histograms are all known."""
    count, parts = 0, [dataclasses.replace(self._nothing, first=self._emitted)]
    while self._waiting:
      after = count + len(self._waiting[0])
      if after > self._num_histograms and not is_end:
        break
      parts.append(self._waiting.popleft())
      count = after
    if not count:
      return parts[0]
    known = np.concatenate(self._histograms)
    # A resampled recording may have a label frame more.
    known = np.pad(known, ((0, max(0, count - len(known))), (0, 0), (0, 0)))
    self._histograms = [known[count:].copy()]
    self._num_histograms = len(known) - count
    self._emitted += count
    return dataclasses.replace(join_frames(parts), onsets=known[:count])


def refine(events: labels.Events, frames: Frames) -> np.ndarray:
  """Moves the directions of events to the onsets around them.

  Args:
    events: Events of these label frames.
    frames: The label frames.

  Returns:
    The directions, unit vectors with shape `[events, 3]`; those of the events
    if the label frames have no histograms.
  """
  if frames.onsets is None:
    return events.xyz
  return localization.refine_directions(
    frames.onsets, frame=events.frame - frames.first, xyz=events.xyz
  )
