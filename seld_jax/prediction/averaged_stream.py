"""Label frames that are the mean of several predictions of a recording."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from seld_jax.prediction.stream import (
  Frames,
  Spec,
  Stream,
  checked,
  join_frames,
)
from seld_jax.prediction.symmetries import Symmetry
from seld_jax.prediction.whole_recording import WholeRecording


@dataclasses.dataclass
class _Member:
  """One of the predictions, and its label frames that others still lack."""

  stream: Stream | WholeRecording
  symmetry: Symmetry
  waiting: Frames | None = None

  def add(self, frames: Frames) -> None:
    if self.waiting is not None:
      frames = join_frames([self.waiting, frames])
    self.waiting = frames

  def take(self, count: int) -> dict[str, np.ndarray]:
    """Takes the outputs of the first label frames that wait."""
    assert self.waiting is not None
    taken = self.waiting.part(0, count)
    self.waiting = self.waiting.part(count, len(self.waiting))
    return dict(taken.outputs)


class AveragedStream:
  """Averages several predictions of a recording that arrives block by block.

  Each prediction hears the recording turned by a symmetry; the directions that
  it predicts are turned back. It has the methods of `Stream`.

  Example:
    >>> import seld_jax
    >>> stream = seld_jax.load('demo', average_symmetries=2).stream()
    >>> block = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 12000))
    >>> len(stream.push(block)), len(stream.flush())
    (0, 5)
  """

  def __init__(
    self,
    members: Sequence[tuple[Stream | WholeRecording, Symmetry]],
    spec: Spec,
  ):
    """Starts a recording.

    Args:
      members: Streams of networks that have the same output format and label
        frames, and the symmetry that each of them hears.
      spec: Channels and output format of the networks.
    """
    self._members = [_Member(stream, symmetry) for stream, symmetry in members]
    self._spec = spec
    self._emitted = 0

  @property
  def latency(self) -> float:
    """Largest delay in seconds between a sound and its label frame."""
    streams = [member.stream for member in self._members]
    return max(one.latency for one in streams if isinstance(one, Stream))

  def push(self, block: np.ndarray) -> Frames:
    """Adds the next samples of the recording.

    Args:
      block: Audio with shape `[channels, samples]`; the number of samples can
        be any.

    Returns:
      The label frames that later audio cannot change; often none.

    Raises:
      InputError: As for `Stream.push`.
    """
    block = checked(block, num_channels=self._spec.num_channels)
    return self._advance(
      lambda member: member.stream.push(member.symmetry.of_audio(block))
    )

  def flush(self) -> Frames:
    """Ends the recording.

    Returns:
      The remaining label frames.

    Raises:
      InputError: As for `Stream.flush`.
    """
    return self._advance(lambda member: member.stream.flush())

  def _advance(self, step: Callable[[_Member], Frames]) -> Frames:
    """Lets all predictions go on; returns what all of them have."""
    lengths = []
    for member in self._members:
      member.add(step(member))
      assert member.waiting is not None
      lengths.append(len(member.waiting))
    count, output = min(lengths), self._spec.output
    means = output.average(
      [
        output.turn(member.take(count), member.symmetry.matrix.T)
        for member in self._members
      ]
    )
    frames = Frames(
      self._emitted, output.activity(means), output.doa(means), means
    )
    self._emitted += count
    return frames
