"""Live predictions in the terminal, from a microphone or a sound file."""

import collections
import contextlib
import dataclasses
import importlib
import logging
import math
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import rich.console
import rich.live
import rich.table
import rich.text

from seld_jax import audio, geometry, labels
from seld_jax.audio import channel_checks, channels
from seld_jax.errors import InputError
from seld_jax.prediction.predictor import (
  DEFAULT_OPTIONS,
  PredictionOptions,
  Predictor,
)
from seld_jax.prediction.refined_stream import refine
from seld_jax.prediction.stream import Frames, Spec

# Length of a block in seconds.
_BLOCK = 0.1
# Seconds of audio that can wait for the network before the oldest is dropped.
_LONGEST_QUEUE = 10.0
# Label frames per line. In longer lines, short sounds would not be shown.
_FRAMES_PER_LINE = 5
# Arrows for azimuth 0, 45, ..., counter-clockwise from the front.
_ARROWS = '↑↖←↙↓↘→↗'
# Characters of a full bar of activity.
_BAR = 20
# Seconds without audio after which the input may have ended.
_LONGEST_SILENCE = 1.0
# Seconds between two warnings about lost audio.
_PAUSE_OF_WARNINGS = 10.0
# Seconds of the input that are checked for wrong channels.
_CHECKED = 10.0

_log = logging.getLogger(__name__)


def overlap_for(update: float, *, window: float, spec: Spec) -> float:
  """The overlap of windows with which there are results every `update` s.

  Args:
    update: Time between two results in seconds.
    window: Length of a window in seconds. It is rounded to label frames, as
      that of a stream.
    spec: The label frames of the network.

  Returns:
    The overlap in seconds, less than the rounded window; 0 if the window is
    shorter than the time between two results.
  """
  label = spec.label_samples / spec.sample_rate
  return max(0.0, max(1, round(window / label)) * label - update)


def watch(
  predictor: Predictor,
  blocks: Iterable[np.ndarray],
  sample_rate: int,
  *,
  options: PredictionOptions = DEFAULT_OPTIONS,
  console: rich.console.Console | None = None,
) -> int:
  """Shows the active sources while audio arrives.

  A terminal shows a table, other outputs get lines. The label frames that
  remain after the last block arrive together and are always shown in lines.

  Args:
    predictor: From `seld_jax.load`.
    blocks: Blocks with shape `[channels, samples]`, each available when it was
      recorded.
    sample_rate: Sample rate of the blocks in Hz.
    options: Window, overlap and threshold.
    console: The output; None for standard output.

  Returns:
    The number of label frames.

  Raises:
    InputError: The audio or an option is invalid.
  """
  console = console or rich.console.Console(highlight=False)
  threshold = options.threshold
  # A stream has other defaults than a prediction, and checks the rest.
  predictor.check(PredictionOptions(threshold=threshold))
  stream = predictor.stream(
    sample_rate, window=options.window, overlap=options.overlap
  )
  console.print(
    f'{predictor.source}: sounds are shown up to {stream.latency:.1f} s after '
    'they occur',
    highlight=False,
    markup=False,
    soft_wrap=True,
  )

  def show_lines(frames: Frames) -> None:
    for piece in _pieces(frames):
      text = line(piece, predictor.spec, threshold=threshold)
      console.print(text, highlight=False, markup=False, soft_wrap=True)

  count = 0
  display = rich.live.Live(console=console, auto_refresh=False)
  with display if console.is_terminal else contextlib.nullcontext():
    for block in blocks:
      frames = stream.push(block)
      count += len(frames)
      if len(frames) and console.is_terminal:
        shown = table(frames, predictor.spec, threshold=threshold)
        display.update(shown, refresh=True)
      elif len(frames):
        show_lines(frames)
  frames = stream.flush()
  show_lines(frames)
  return count + len(frames)


def table(
  frames: Frames, spec: Spec, *, threshold: float | None = None
) -> rich.table.Table:
  """Makes a table with a row for each source that is active for half a second.

  Args:
    frames: Consecutive label frames. Of a source, the half second counts in
      which it is most active.
    spec: The classes and the output format of the network.
    threshold: Mean activity in [0, 1] above which a source is active; None for
      the thresholds of the network.

  Returns:
    A table with class, activity of the class, an arrow that shows the azimuth
    from above, with the front at the top, azimuth and elevation in degrees (no
    elevation if directions are on the horizon), and the distance in metres if
    the network predicts it.
  """
  end = (frames.first + len(frames)) / labels.FRAMES_PER_SECOND
  result = rich.table.Table(title=f'at {end:.1f} s', min_width=60)
  names = ['class', 'activity', '', 'azimuth']
  names += ['elevation'] * (spec.output.axes == 3)
  for name in names + ['distance'] * spec.output.distance:
    result.add_column(name)
  for name, activity, arrow, *place in _most_active(frames, spec, threshold):
    filled = round(activity * _BAR)
    bar = '█' * filled + '░' * (_BAR - filled)
    # A text, because brackets in a name are no markup.
    result.add_row(rich.text.Text(name), bar, arrow, *place)
  return result


def line(frames: Frames, spec: Spec, *, threshold: float | None = None) -> str:
  """Makes a line of text with the sources that `table` shows.

  Args:
    frames: Consecutive label frames.
    spec: The classes and the output format of the network.
    threshold: Mean activity in [0, 1] above which a source is active; None for
      the thresholds of the network.

  Returns:
    The end of the frames in seconds, then name, arrow, azimuth and elevation in
    degrees, and the distance in metres of each active source, as in the table.
  """
  end = (frames.first + len(frames)) / labels.FRAMES_PER_SECOND
  parts = [
    ' '.join([name, *place])
    for name, _, *place in _active(frames, spec, threshold)
  ]
  return f'{end:7.1f} s  {", ".join(parts) or "-"}'


def with_check(
  blocks: Iterable[np.ndarray], sample_rate: int, *, format: str
) -> Iterator[np.ndarray]:
  """Yields blocks, and warns once if their channels are not as expected.

  The first ten seconds decide, or all of a shorter recording.

  Args:
    blocks: Blocks with shape `[channels, samples]`.
    sample_rate: Sample rate of the blocks in Hz.
    format: Input format of the network, `'foa'`, `'mic'` or `'stereo'`.

  Yields:
    The blocks.
  """
  sums, left = np.zeros(()), round(_CHECKED * sample_rate)

  def check() -> None:
    if sums.ndim and (
      doubt := channel_checks.find_mismatch(sums, format=format)
    ):
      _log.warning(
        'The input may not have the channels that the network expects: %s',
        doubt,
      )

  for block in blocks:
    if left > 0:
      sums = sums + channel_checks.moments(block, sample_rate=sample_rate)
      left -= block.shape[-1]
      if left <= 0:
        check()
    yield block
  if left > 0:
    check()


def play(
  path: str,
  *,
  selection: channels.Selection = channels.STANDARD,
  speed: float = 1.0,
  sleep: Callable[[float], None] = time.sleep,
  clock: Callable[[], float] = time.monotonic,
) -> Iterator[np.ndarray]:
  """Yields the blocks of a sound file as if they were recorded now.

  Args:
    path: The sound file.
    selection: The channels of the file to use.
    speed: Speed as a factor; 2 is twice as fast.
    sleep: Function that waits for a number of seconds.
    clock: Function that returns the time in seconds.

  Yields:
    Blocks with shape `[channels, samples]`, each at the time when it would have
    been recorded completely.

  Raises:
    InputError: The file cannot be read, or does not have the channels.
  """
  header = audio.info(path)
  selection = channels.for_file(selection, header, name=path)
  size = max(1, round(_BLOCK * header.sample_rate))
  started, done = clock(), 0
  for block in audio.blocks(path, num_samples=size, header=header, raw=True):
    done += block.shape[-1]
    wait = started + done / header.sample_rate / speed - clock()
    if wait > 0:
      sleep(wait)
    yield channels.select(block, selection)


def microphone(
  device: str | None, *, selection: channels.Selection = channels.STANDARD
) -> tuple[int, Iterator[np.ndarray]]:
  """Opens an audio input of this computer.

  Args:
    device: Number of the input or a part of its name; None for the default
      input.
    selection: The channels of the input to use.

  Returns:
    The sample rate in Hz, and an iterator over blocks with shape
    `[channels, samples]`. It raises InputError if the input cannot be opened,
    or when it ends. It warns if audio is lost.

  Raises:
    InputError: The package sounddevice is not installed, or there is no such
      input with enough channels.
  """
  try:
    sounddevice = importlib.import_module('sounddevice')
  except (ImportError, OSError) as error:
    raise InputError(
      'A microphone needs the package sounddevice and PortAudio (pip install '
      f'sounddevice): {error}.'
    ) from error
  chosen = int(device) if device and device.isdigit() else device
  needed = selection.num_channels
  try:
    about: Any = sounddevice.query_devices(chosen, 'input')
    rate = int(about['default_samplerate'])
    sounddevice.check_input_settings(
      device=chosen, channels=needed, samplerate=rate
    )
  except (sounddevice.PortAudioError, ValueError) as error:
    raise InputError(_cannot_record(needed, device, error)) from error
  return rate, _record(sounddevice, chosen, rate, selection)


def _cannot_record(
  needed: int, device: str | int | None, error: Exception
) -> str:
  """The message about an input that cannot be opened."""
  return (
    f'--device: cannot record {needed} channels from '
    f'{"the default input" if device is None else device}: {error}.'
  )


def _record(
  sounddevice: Any,
  device: str | int | None,
  rate: int,
  selection: channels.Selection,
) -> Iterator[np.ndarray]:
  """Yields blocks of an input until it ends."""
  size = round(_BLOCK * rate)
  waiting: queue.Queue[np.ndarray] = queue.Queue(round(_LONGEST_QUEUE / _BLOCK))
  # Blocks that were dropped here, and how often the computer lost samples.
  lost: collections.Counter[str] = collections.Counter()

  def receive(block, count, times, status):
    del count, times
    lost['overflows'] += bool(status and status.input_overflow)
    if waiting.full():  # The network is too slow: drop the oldest block.
      waiting.get_nowait()
      lost['blocks'] += 1
    waiting.put_nowait(block.T.copy())

  with contextlib.ExitStack() as stack:
    try:
      stream = stack.enter_context(
        sounddevice.InputStream(
          device=device,
          channels=selection.num_channels,
          samplerate=rate,
          blocksize=size,
          dtype='float32',
          callback=receive,
        )
      )
    except (sounddevice.PortAudioError, ValueError) as error:
      text = _cannot_record(selection.num_channels, device, error)
      raise InputError(text) from error
    told = -math.inf
    while True:
      try:
        block = waiting.get(timeout=_LONGEST_SILENCE)
      except queue.Empty:
        if stream.active:
          continue
        raise InputError(
          'The audio input has ended: check that it is connected, and start '
          'again.'
        ) from None
      if lost.total() and time.monotonic() > told + _PAUSE_OF_WARNINGS:
        _warn_of_losses(lost)
        lost.clear()
        told = time.monotonic()
      yield channels.select(block, selection)


def _warn_of_losses(lost: Mapping[str, int]) -> None:
  """Says how much audio was lost since the last warning, and why."""
  if lost['blocks']:
    _log.warning(
      '%.1f s of audio were lost, because the network is slower than sound; '
      'the times that are shown leave them out. A smaller --overlap, no '
      '--average_symmetries, --norefine_directions or a smaller network is '
      'faster.',
      lost['blocks'] * _BLOCK,
    )
  if lost['overflows']:
    _log.warning(
      'The audio input lost samples %d times: the computer is busy with other '
      'programs.',
      lost['overflows'],
    )


def _pieces(frames: Frames) -> Iterator[Frames]:
  """Divides label frames into those of one line each."""
  for start in range(0, len(frames), _FRAMES_PER_LINE):
    yield frames.part(start, start + _FRAMES_PER_LINE)


def _most_active(
  frames: Frames, spec: Spec, threshold: float | None
) -> list[tuple[str, float, *tuple[str, ...]]]:
  """Each source of `_active` in any line, where it is most active."""
  best: dict[tuple[str, int], tuple[str, float, *tuple[str, ...]]] = {}
  for piece in _pieces(frames):
    seen: collections.Counter[str] = collections.Counter()
    for source in _active(piece, spec, threshold):
      name, activity, *_ = source
      key = name, seen[name]  # sources of a class by their order
      seen[name] += 1
      if key not in best or activity > best[key][1]:
        best[key] = source
  return list(best.values())


def _active(
  frames: Frames, spec: Spec, threshold: float | None
) -> list[tuple[str, float, *tuple[str, ...]]]:
  """Class, activity, arrow, and place in words of each source."""
  mean = _mean_frame(frames.outputs, spec)
  activity = np.clip(spec.output.activity(mean)[0], 0, 1)
  events = spec.events(mean, threshold=threshold)
  if frames.onsets is not None:
    onsets = frames.onsets.mean(axis=0, keepdims=True)
    one = dataclasses.replace(frames.part(0, 1), first=0, onsets=onsets)
    events = dataclasses.replace(events, xyz=refine(events, one))
  azimuth, elevation = geometry.to_polar(events.xyz)
  places = [
    (_ARROWS[round(a / 45) % 8], *(f'{round(x) + 0:.0f}°' for x in (a, e)))
    for a, e in zip(azimuth, elevation, strict=True)
  ]
  if spec.output.axes == 2:
    places = [place[:2] for place in places]
  if events.distance is not None:
    places = [
      (*place, f'{distance:.1f} m')
      for place, distance in zip(places, events.distance, strict=True)
    ]
  return [
    (spec.classes[index], float(activity[index]), *place)
    for index, place in zip(map(int, events.class_index), places, strict=True)
  ]


def _mean_frame(
  outputs: Mapping[str, np.ndarray], spec: Spec
) -> dict[str, np.ndarray]:
  """The mean of some label frames, as outputs with one label frame.

  Directions and distances are weighted by activity, because those of silence
  mean nothing. Tracks are first put into the order of the frames before.
  """
  format = spec.output
  if format.num_tracks > 1:
    outputs = _in_order(outputs, spec)
  if 'accdoa' in outputs:  # the norm of a vector is its activity
    coupled = outputs['accdoa']
    vectors = coupled[..., : format.axes]
    parts = [vectors.mean(axis=0, keepdims=True)]
    if format.distance:
      weight = np.linalg.norm(vectors, axis=-1, keepdims=True)
      parts.append(_weighted_mean(coupled[..., format.axes :], weight))
    return {'accdoa': np.concatenate(parts, axis=-1)}
  sed, doa = outputs['sed'], outputs['doa']
  weight = sed if sed.shape == doa.shape[:-1] else sed.max(axis=-1)
  mean = {
    'sed': sed.mean(axis=0, keepdims=True),
    'doa': _weighted_mean(doa, weight[..., None]),
  }
  if format.distance:
    mean['distance'] = _weighted_mean(outputs['distance'], weight)
  return mean


def _weighted_mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
  total = np.maximum(weight.sum(axis=0, keepdims=True), 1e-30)
  return (values * weight).sum(axis=0, keepdims=True) / total


def _in_order(
  outputs: Mapping[str, np.ndarray], spec: Spec
) -> dict[str, np.ndarray]:
  """Puts the tracks of each frame into the order of the mean of those before.

  Networks may give a source to another track in the next frame.
  """
  ordered = {name: array.copy() for name, array in outputs.items()}
  for frame in range(1, len(next(iter(ordered.values())))):
    ours, before = {}, {}
    for name, array in ordered.items():
      ours[name] = array[frame : frame + 1]
      before[name] = array[:frame].mean(axis=0, keepdims=True)
    for name, array in spec.output.match(ours, before).items():
      ordered[name][frame] = array[0]
  return ordered
