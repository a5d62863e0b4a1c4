"""Label frames of recordings whose features need the whole recording."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from seld_jax.errors import InputError
from seld_jax.prediction.stream import (
  Frames,
  Program,
  Spec,
  Stream,
  checked,
  join_frames,
  resampler_to,
)

# Longest recording in seconds. Its samples and features are in memory.
_LONGEST = 3600.0


class WholeRecording:
  """Predicts the label frames of a recording at its end.

  It has the methods of `Stream`, and its results: windows, overlaps and the end
  of the recording are the same. Features are computed from all samples, so they
  are in memory.
  """

  def __init__(
    self,
    extract: Callable[[np.ndarray], Any],
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
      extract: Features of a recording: maps audio with shape
        `[channels, samples]` to `[frames, bands, channels]`.
      program: The network, for windows of features with shape
        `[batch, frames, bands, channels]` and their numbers of frames
        `[batch]`.
      spec: Inputs and outputs.
      window: As for `Stream`, like all arguments below.
      overlap: Overlap of consecutive windows in label frames.
      sample_rate: Sample rate of the blocks in Hz; None for that of the spec.
      batch_size: Number of windows that are computed together.

    Raises:
      InputError: The overlap is not less than the window, or the sample rate is
        out of range.
    """
    self._extract, self._program, self._spec = extract, program, spec
    self._options = {
      'window': window,
      'overlap': overlap,
      'batch_size': batch_size,
    }
    self._resampler = resampler_to(spec, sample_rate)
    self._blocks: list[np.ndarray] = []
    self._num_samples = 0
    self._nothing = self._stream((1, 1)).push(np.zeros((1, 0), np.float32))

  def push(self, block: np.ndarray) -> Frames:
    """Adds the next samples of the recording.

    Args:
      block: Audio with shape `[channels, samples]`.

    Returns:
      No label frames.

    Raises:
      InputError: The block has another shape, samples are NaN or infinite, or
        the recording is too long for memory.
    """
    block = checked(block, num_channels=self._spec.num_channels)
    if self._resampler is not None:
      block = self._resampler.push(block)
    self._blocks.append(block)
    self._num_samples += block.shape[-1]
    if self._num_samples > _LONGEST * self._spec.sample_rate:
      raise InputError(
        f'The features {self._spec.kind} need the whole recording in memory, '
        f'so that it must not be longer than {_LONGEST:g} s: cut it into '
        'shorter recordings.'
      )
    return self._nothing

  def flush(self) -> Frames:
    """Ends the recording.

    Returns:
      All label frames, `ceil(10 * seconds)`.

    Raises:
      InputError: The features or the outputs of the network are NaN or
        infinite.
    """
    if self._resampler is not None:
      self._blocks.append(self._resampler.flush())
    empty = np.zeros((self._spec.num_channels, 0), np.float32)
    audio = np.concatenate([empty, *self._blocks], axis=-1)
    self._blocks = []
    if not audio.shape[-1]:
      return self._nothing
    features = np.asarray(self._extract(audio), np.float32)
    num_frames, *shape = features.shape
    stream = self._stream(tuple(shape))
    rows = features.reshape(num_frames, -1).T
    return join_frames([stream.push(rows), stream.flush()])

  def _stream(self, shape: tuple[int, ...]) -> Stream:
    """A stream of features, as if each of their numbers were a channel."""

    def program(windows: np.ndarray, num_frames: np.ndarray) -> Any:
      frames = np.swapaxes(windows, -1, -2)
      return self._program(
        frames.reshape(*frames.shape[:-1], *shape), num_frames
      )

    spec = dataclasses.replace(
      self._spec,
      num_channels=int(np.prod(shape)),
      sample_rate=self._spec.sample_rate // self._spec.hop_length,
      hop_length=1,
      n_fft=0,
      pad_mode='constant',
      offset=0.0,
    )
    return Stream(program, spec, **self._options)
