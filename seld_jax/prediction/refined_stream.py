"""Label frames with the onsets that make their directions more exact."""

import dataclasses

import numpy as np

from seld_jax import labels, localization
from seld_jax.prediction.averaged_stream import AveragedStream
from seld_jax.prediction.stream import Frames, Stream, checked, join_frames
from seld_jax.prediction.whole_recording import WholeRecording

# The highest frequency in Hz that counts, and as a share of the sample rate:
# above half of it, resampling before may have left only traces.
_HIGHEST, _SHARE = 5000.0, 0.45


class RefinedStream:
  """Adds histograms of onsets to the label frames of another stream.

  It has the methods of `Stream`.

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
      sample_rate=sample_rate, high=min(_HIGHEST, _SHARE * sample_rate)
    )
    self._histograms = self._onsets.push(np.zeros((4, 0)))
    self._frames: Frames | None = None

  @property
  def latency(self) -> float:
    """Largest delay in seconds between a sound and its label frame."""
    assert not isinstance(self._stream, WholeRecording)
    return max(self._stream.latency, localization.OnsetHistograms.latency)

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
    frames = self._stream.push(block)
    return self._take(frames, self._onsets.push(block), is_end=False)

  def flush(self) -> Frames:
    """Ends the recording.

    Returns:
      The remaining label frames.

    Raises:
      InputError: As for `Stream.flush`.
    """
    frames = self._stream.flush()
    return self._take(frames, self._onsets.flush(), is_end=True)

  def _take(
    self, frames: Frames, histograms: np.ndarray, *, is_end: bool
  ) -> Frames:
    """The label frames whose histograms are known."""
    if self._frames is not None:
      frames = join_frames([self._frames, frames])
    known = np.concatenate([self._histograms, histograms])
    # A resampled recording may have a label frame more.
    lacking = len(frames) - len(known) if is_end else 0
    known = np.pad(known, ((0, max(0, lacking)), (0, 0), (0, 0)))
    count = min(len(frames), len(known))
    self._frames = frames.part(count, len(frames))
    self._histograms = known[count:]
    return dataclasses.replace(frames.part(0, count), onsets=known[:count])


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
