"""Label frames with directions alone, found without a network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seld_jax import localization
from seld_jax.prediction.stream import Frames, Spec, checked, resampler_to

# Maps audio `[channels, samples]` to directions; `sample_rate` is an argument.
Finder = Callable[..., localization.Directions]

# Label frames that are computed together, and those before and after, which
# they need.
_PIECE, _CONTEXT = 600, 2

# The highest frequency in Hz that counts, and as a share of the sample rate of
# the recording: above half of it, resampling leaves only traces.
_HIGHEST, _SHARE = 5000.0, 0.45


class DirectionStream:
  """Finds the directions in a recording, and its label frames at its end.

  It has the methods of `Stream`. Directions are found while audio arrives. Only
  at the end is it known how loud the quietest parts of the recording are, so
  that `flush` returns all label frames. Their directions are in memory, but not
  the audio.
  """

  def __init__(
    self, finder: Finder, spec: Spec, *, sample_rate: int | None = None
  ):
    """Starts a recording.

    Args:
      finder: `localization.intensity_directions`, or `srp_directions` with its
        steering.
      spec: Channels, sample rate and output format, which is `tracks` with one
        class.
      sample_rate: Sample rate of the blocks in Hz; None for that of the spec.

    Raises:
      InputError: The sample rate is out of range.
    """
    self._finder, self._spec = finder, spec
    self._high = highest_frequency(sample_rate or spec.sample_rate)
    self._resampler = resampler_to(spec, sample_rate)
    self._audio = [np.zeros((spec.num_channels, 0), np.float32)]
    self._waiting = 0  # samples in self._audio
    self._before = 0  # label frames in self._audio that are done
    self._parts = [self._find(self._audio[0])]

  def push(self, block: np.ndarray) -> Frames:
    """Adds the next samples of the recording.

    Args:
      block: Audio with shape `[channels, samples]`.

    Returns:
      No label frames.

    Raises:
      InputError: The block has another shape, or samples are NaN or infinite.
    """
    block = checked(block, num_channels=self._spec.num_channels)
    if self._resampler is not None:
      block = self._resampler.push(block)
    self._audio.append(block)
    self._waiting += block.shape[-1]
    length = self._spec.label_samples
    while self._waiting >= (self._before + _PIECE + _CONTEXT) * length:
      stop = self._before + _PIECE
      audio = np.concatenate(self._audio, axis=-1)
      found = self._find(audio[:, : (stop + _CONTEXT) * length])
      self._parts.append(found.part(self._before, stop))
      rest = audio[:, (stop - _CONTEXT) * length :]
      self._audio, self._waiting = [rest], rest.shape[-1]
      self._before = _CONTEXT
    return self._frames(self._parts[0])

  def flush(self) -> Frames:
    """Ends the recording.

    Returns:
      All label frames, `ceil(10 * seconds)`.
    """
    if self._resampler is not None:
      self._audio.append(self._resampler.flush())
    found = self._find(np.concatenate(self._audio, axis=-1))
    self._parts.append(found.part(self._before, len(found)))
    return self._frames(localization.join(self._parts))

  def _find(self, audio: np.ndarray) -> localization.Directions:
    return self._finder(
      audio, sample_rate=self._spec.sample_rate, high=self._high
    )

  def _frames(self, found: localization.Directions) -> Frames:
    """Label frames whose tracks are the sources, the strongest first."""
    outputs: dict[str, Any] = {
      'sed': found.activity[..., None],
      'doa': found.xyz,
    }
    output = self._spec.output
    return Frames(0, output.activity(outputs), output.doa(outputs), outputs)


def highest_frequency(sample_rate: int) -> float:
  """The highest frequency in Hz at which a recording has directions."""
  return min(_HIGHEST, _SHARE * sample_rate)
