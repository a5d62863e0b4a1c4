"""A trained network as a function of audio in memory, in blocks, or live."""

import dataclasses
import functools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from seld_jax import labels
from seld_jax.devices import compilation
from seld_jax.errors import InputError
from seld_jax.prediction import event_list
from seld_jax.prediction.averaged_stream import AveragedStream
from seld_jax.prediction.causal_stream import Causal, CausalStream
from seld_jax.prediction.direction_stream import DirectionStream
from seld_jax.prediction.refined_stream import RefinedStream
from seld_jax.prediction.stream import (
  Frames,
  Spec,
  Stream,
  checked,
  join_frames,
)
from seld_jax.prediction.whole_recording import WholeRecording

# Samples per block of a recording in memory.
_BLOCK = 2**18

# Longest window in seconds. The memory of attention grows with its square.
_LONGEST_WINDOW = 600.0

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictionOptions:
  """Options of a prediction.

  Attributes:
    window: Length of the windows of the network in seconds; None for the length
      that the network was validated with.
    overlap: Overlap of consecutive windows in seconds. Outputs are averaged
      there.
    threshold: Activity in [0, 1] above which a class is active; None for
      the threshold of the config.

  Example:
    >>> from seld_jax.prediction import PredictionOptions
    >>> PredictionOptions(window=2.0).overlap
    0.0
  """

  window: float | None = None
  overlap: float = 0.0
  threshold: float | None = None


DEFAULT_OPTIONS = PredictionOptions()


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
  """Activity, directions and events of a recording.

  Attributes:
    activity: Activity of each class in [0, 1], float32 with shape
      `[label_frames, classes]`; 10 label frames per second. If a class has
      tracks, that of the most active one.
    doa: Direction of each class, that of its most active track: vectors of any
      length, float32 with shape `[label_frames, classes, 3]`.
    events: The active sources of each label frame, with unit vectors, and
      distances in metres if the network predicts them. A class can have several
      in a frame, with tracks 0, 1, ..., if the output format has tracks.
    outputs: The outputs of the network by name, float32 with shape
      `[label_frames, ...]`: those that `spec.output.predicted` names.

  Example:
    >>> import seld_jax
    >>> prediction = seld_jax.load('demo')(np.full((4, 24000), 1e-4), 24000)
    >>> prediction.activity.shape, prediction.doa.shape
    ((10, 14), (10, 14, 3))
    >>> list(prediction.outputs)
    ['sed', 'doa']
    >>> len(prediction.events.frame)  # nothing is active in silence
    0
  """

  activity: np.ndarray
  doa: np.ndarray
  events: labels.Events
  outputs: Mapping[str, np.ndarray]


class Predictor:
  """A trained network that predicts recordings of any length.

  `seld_jax.load` returns it.

  Attributes:
    spec: Inputs and outputs of the network: classes, format, sample rate,
      output format, ...
    program: Features and network as a pure function of variables, windows of
      audio and their numbers of frames; see `inference.make_audio_program`. If
      the features need the whole recording, the network alone.
    source: The file or folder that was loaded, for messages.
    has_fixed_window: Whether `spec.window` is the only possible window.
    models: The names of the networks that are averaged; here, one.
    average_symmetries: Number of rotations and reflections of a recording over
      which predictions are averaged; here, 1.
    refine_directions: Whether directions are made more exact; here, False (see
      `RefinedPredictor`).

  Example:
    >>> import seld_jax
    >>> predictor = seld_jax.load('demo')
    >>> predictor.window_seconds
    6.0
    >>> audio = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 24000))
    >>> predictor(audio, 24000).activity.shape
    (10, 14)
  """

  refine_directions: bool = False

  def __init__(
    self,
    program: Callable[..., Any],
    variables: Any,
    spec: Spec,
    *,
    source: str,
    has_fixed_window: bool = False,
    make_network: Callable[[], Callable[..., Any]] | None = None,
    extract: Callable[..., Any] | None = None,
    causal: Causal | None = None,
  ):
    """Compiles a program; most users call `seld_jax.load` instead.

    Args:
      program: `program(variables, audio, num_frames)`, see
        `inference.make_audio_program`; with `extract`, it starts from features:
        see `inference.make_feature_program`.
      variables: The first argument of the program.
      spec: Inputs and outputs of the program.
      source: The file or folder of the network, for messages.
      has_fixed_window: Whether the program requires windows of `spec.window`.
      make_network: Makes the network without its features, for `outputs`: a
        function of standardised features. None if only the program is known.
      extract: For features that need the whole recording
        (`not spec.is_framewise`): a pure function from audio with shape
        `[channels, samples]` to features, `[frames, bands, channels]`.
      causal: For a causal network: it then continues from part to part of a
        recording, instead of from windows that start anew.
    """
    self.spec: Spec = spec
    self.source: str = source
    self.models: tuple[str, ...] = (source,)
    self.average_symmetries: int = 1
    self.has_fixed_window: bool = has_fixed_window
    self.program = program
    self._extract = None if extract is None else jax.jit(extract)
    self._logged_rates: set[int] = set()
    self._make_network = make_network
    self._network: Callable[..., Any] | None = None
    on_device = jax.device_put(variables)
    options = compilation.compiler_options()
    self._compiled = functools.partial(
      jax.jit(program, compiler_options=options), on_device
    )
    self._causal = causal
    if causal is not None:
      self._continued = functools.partial(
        jax.jit(
          causal.program, static_argnames='length', compiler_options=options
        ),
        on_device,
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
      audio: Samples in [-1, 1] with shape `[channels, samples]`, in the format
        of the network (`spec.format`, `spec.num_channels`): FOA in ACN order
        with SN3D normalisation, the microphones of an array, or left and right.
        `seld_jax.audio.channels` converts other conventions.
      sample_rate: Sample rate of the audio in Hz. If it is not that of the
        network, the audio is resampled; the logger `seld_jax` reports this once
        for each rate, at level INFO.
      window: Length of the windows of the network in seconds; None for the
        length that it was validated with.
      overlap: Overlap of consecutive windows in seconds.
      threshold: Activity in [0, 1] above which a class is active; None for
        the threshold of the config.
      batch_size: Number of windows that are computed together.

    Returns:
      Activity, directions, events and all outputs.

    Raises:
      InputError: The audio or an option is invalid.
    """
    audio = checked(audio, num_channels=self.spec.num_channels)
    starts = range(0, audio.shape[-1], _BLOCK)
    self._check_threshold(threshold)
    parts, events = [], []
    for frames in self.frames(
      (audio[:, start : start + _BLOCK] for start in starts),
      sample_rate,
      window=window,
      overlap=overlap,
      batch_size=batch_size,
    ):
      events.append(self.events(frames, threshold=threshold))
      # Histograms of onsets would take far more memory than the audio.
      parts.append(dataclasses.replace(frames, onsets=None))
    whole = join_frames(parts)
    return Prediction(
      whole.activity, whole.doa, labels.join_events(events), whole.outputs
    )

  def outputs(self, features: np.ndarray | jax.Array) -> dict[str, np.ndarray]:
    """Computes the outputs of the network for features instead of audio.

    This is the network as in training, without dropout. An export needs the
    code of its network for this, unlike for predictions.

    Args:
      features: Standardised features (see `dataset.standardise`), with shape
        `[batch, frames, mels, channels]`. Frames must be a multiple of
        `spec.pool`, and need not be those of a window.

    Returns:
      All outputs by name after their activation, float32 with shape
      `[batch, label_frames, ...]`: those of `spec.output.activate`.

    Raises:
      InputError: The features have another shape or are not numbers, or this is
        an export whose network this version does not have.

    Example:
      >>> import seld_jax
      >>> predictor = seld_jax.load('demo')
      >>> outputs = predictor.outputs(np.zeros((2, 50, 64, 7), np.float32))
      >>> outputs['doa'].shape, outputs['sed'].shape  # of three tracks
      ((2, 25, 3, 3), (2, 25, 3, 14))
    """
    if self._network is None:
      if self._make_network is None:
        raise InputError(
          f'{self.source} has a program for audio only; load its run directory.'
        )
      self._network = self._make_network()
    return {
      name: np.asarray(array, np.float32)
      for name, array in self._network(features).items()
    }

  def frames(
    self,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 8,
  ) -> Iterator[Frames]:
    """Predicts a recording that need not fit into memory.

    Args:
      blocks: The recording in blocks with shape `[channels, samples]`.
      sample_rate: Sample rate of the blocks in Hz.
      window: Length of the windows of the network in seconds; None for the
        length that it was validated with.
      overlap: Overlap of consecutive windows in seconds.
      batch_size: Number of windows that are computed together.

    Yields:
      The label frames of the recording, in order.

    Raises:
      InputError: The audio or an option is invalid.
    """
    stream = self._start(
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
  ) -> Stream | AveragedStream | RefinedStream:
    """Starts a recording that arrives block by block, e.g. from a microphone.

    Args:
      sample_rate: Sample rate of the blocks in Hz; None for that of the
        network.
      window: Length of the windows of the network in seconds; None for the
        length that it was validated with. A shorter window reduces the latency.
      overlap: Overlap of consecutive windows in seconds.
      batch_size: Number of windows that are computed together. A larger batch
        increases the latency.

    Returns:
      The stream. Its methods `push(block)` and `flush()` return label frames;
      `latency` is their largest delay in seconds.

    Raises:
      InputError: An option is invalid, or the features of the network need the
        whole recording.
    """
    if not self.spec.is_framewise:
      raise InputError(
        f'{self.source} has the features {self.spec.kind}, which depend on the '
        'whole recording before each frame, so that it cannot predict live: '
        'predict complete recordings (python -m seld_jax.predict), or train '
        f'with another --config.features.kind than {self.spec.kind}.'
      )
    stream = self._start(
      sample_rate, window=window, overlap=overlap, batch_size=batch_size
    )
    assert not isinstance(stream, WholeRecording | DirectionStream)
    return stream

  def _start(
    self,
    sample_rate: int | None = None,
    *,
    window: float | None = None,
    overlap: float = 0.0,
    batch_size: int = 1,
  ) -> (
    Stream | WholeRecording | AveragedStream | DirectionStream | RefinedStream
  ):
    """Starts a recording, which is predicted at its end if it must be whole."""
    options = self._stream_options(sample_rate, window, overlap, batch_size)
    if self._causal is not None:
      del options['batch_size']  # a part needs the state after the one before
      return CausalStream(self._continued, self._causal, self.spec, **options)
    if self._extract is None:
      return Stream(self._compiled, self.spec, **options)
    return WholeRecording(self._extract, self._compiled, self.spec, **options)

  def _stream_options(
    self,
    sample_rate: int | None,
    window: float | None,
    overlap: float,
    batch_size: int,
  ) -> dict[str, Any]:
    """Options of a `Stream`, with window and overlap in frames."""
    frames = self.window_frames(window)
    label = self.spec.label_samples / self.spec.sample_rate
    if not math.isfinite(overlap):
      raise InputError(
        f'The overlap must be finite, got --overlap={overlap:g} s.'
      )
    self._log_resampling(sample_rate)
    return {
      'window': frames,
      'overlap': round(overlap / label),
      'sample_rate': sample_rate,
      'batch_size': batch_size,
    }

  def events(
    self, frames: Frames, *, threshold: float | None = None
  ) -> labels.Events:
    """Finds the active sources of label frames.

    Args:
      frames: Label frames of a recording.
      threshold: Activity in [0, 1] above which a class is active; None for
        the threshold of the config.

    Returns:
      The events, as the output format of the network finds them. Their frames
      count from the start of the recording.

    Raises:
      InputError: The threshold is not between 0 and 1.
    """
    self._check_threshold(threshold)
    found = self.spec.events(frames.outputs, threshold=threshold)
    return dataclasses.replace(found, frame=found.frame + frames.first)

  def lines(self, events: labels.Events) -> list[str]:
    """Describes events in words, as the command `predict` prints them.

    Args:
      events: The events of a recording, from a prediction or from `events`.

    Returns:
      A line for each sound, from its start to its end, such as
      ` 12.3-14.1 s  barking dog  left 40 deg, up 5 deg`.

    Example:
      >>> import seld_jax
      >>> from seld_jax import labels
      >>> frame, left = np.arange(3), np.tile([0.0, 1.0, 0.0], (3, 1))
      >>> dog = labels.Events(frame, np.full(3, 3), 0 * frame, left)
      >>> seld_jax.load('demo').lines(dog)
      ['0.0-0.3 s  barking dog  left 90 deg']
    """
    return [*event_list.lines(labels.find_intervals(events), self.spec)]

  def _log_resampling(self, sample_rate: int | None) -> None:
    """Reports each sample rate that is not that of the network once."""
    own = self.spec.sample_rate
    if sample_rate in (None, own) or sample_rate in self._logged_rates:
      return
    self._logged_rates.add(sample_rate)
    _log.info(
      'audio at %d Hz is resampled to the %d Hz of the network',
      sample_rate,
      own,
    )

  @property
  def is_causal(self) -> bool:
    """Whether the network continues from part to part of a recording.

    The length of a part is that of a window without its overlap.
    """
    return self._causal is not None

  @property
  def window_seconds(self) -> float:
    """Default length of a window in seconds."""
    return self.spec.window * self.spec.hop_length / self.spec.sample_rate

  def check(self, options: PredictionOptions) -> None:
    """Raises an InputError if a prediction with these options would.

    Args:
      options: The options to check.

    Raises:
      InputError: An option is invalid.
    """
    self._start(window=options.window, overlap=options.overlap)
    self._check_threshold(options.threshold)

  def _check_threshold(self, value: float | None) -> None:
    """Raises InputError unless events can be found with a threshold."""
    value = self.spec.threshold if value is None else value
    if not 0 < value < 1:
      raise InputError(f'The threshold must be between 0 and 1, got {value:g}.')

  def window_frames(self, seconds: float | None) -> int:
    """Converts the length of a window from seconds to feature frames.

    Args:
      seconds: Length in seconds; it is rounded to label frames. None for the
        default length.

    Returns:
      Number of feature frames.

    Raises:
      InputError: The window is shorter than a label frame or longer than ten
        minutes, or this is an export with another window.
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
      remedy = (
        'leave the window out'
        if self.source == 'demo'
        else 'load the run that was exported, or export it with '
        f'--window={seconds:g}'
      )
      raise InputError(
        f'{self.source} is an export with windows of {own * label:g} s, got '
        f'{seconds:g} s; {remedy}.'
      )
    return span * spec.pool
