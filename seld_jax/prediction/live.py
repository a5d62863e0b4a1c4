"""Live: audio as it comes, from a file or a microphone, and what is heard."""

import contextlib
import importlib
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import rich.console
import rich.live
import rich.table

from seld_jax import audio, geometry, labels
from seld_jax.audio import channels
from seld_jax.errors import InputError
from seld_jax.prediction.predictor import Predictor
from seld_jax.prediction.stream import Frames

# Seconds of audio in a block.
_BLOCK = 0.1
# Seconds of sound that may wait for the network before some is dropped.
_LONGEST_QUEUE = 10.0
# Label frames of a line: of more, only what sounds most of the time is seen.
_TOGETHER = 5
# From the front to the left, as azimuth counts.
_ARROWS = '↑↖←↙↓↘→↗'
_BAR = 20


def watch(
  predictor: Predictor,
  blocks: Iterable[np.ndarray],
  sample_rate: int,
  *,
  window: float | None = None,
  overlap: float = 0.0,
  threshold: float | None = None,
  console: rich.console.Console | None = None,
) -> int:
  """Shows what sounds while it comes: a table on a terminal, lines elsewhere.

  What is left when the blocks end comes at once, and is shown in lines.

  Args:
    predictor: From `seld_jax.load`.
    blocks: Blocks with shape `[4, samples]`, given as they are recorded.
    sample_rate: Samples a second.
    window: Seconds that the network sees at once; None: as it was validated.
    overlap: Seconds that a window shares with the next.
    threshold: A class sounds where its activity is greater; None: that of the
      config.
    console: Where to show it.

  Returns:
    How many label frames there were.

  Raises:
    InputError: The audio or an option cannot be used.
  """
  console = console or rich.console.Console(highlight=False)
  predictor.check(window=window, overlap=overlap, threshold=threshold)
  threshold = predictor.spec.threshold if threshold is None else threshold
  stream = predictor.stream(sample_rate, window=window, overlap=overlap)
  classes = predictor.spec.classes
  console.print(
    f'{predictor.source}: what is shown was heard up to {stream.latency:.1f} s '
    'before',
    highlight=False,
  )
  if note := predictor.resampling(sample_rate):
    console.print(note, highlight=False)

  def show_lines(frames: Frames) -> None:
    for piece in _pieces(frames):
      text = line(piece, classes, threshold=threshold)
      console.print(text, highlight=False)

  count = 0
  display = rich.live.Live(console=console, auto_refresh=False)
  with display if console.is_terminal else contextlib.nullcontext():
    for block in blocks:
      frames = stream.push(block)
      count += len(frames)
      if len(frames) and console.is_terminal:
        shown = table(frames, classes, threshold=threshold)
        display.update(shown, refresh=True)
      elif len(frames):
        show_lines(frames)
  frames = stream.flush()
  show_lines(frames)
  return count + len(frames)


def table(
  frames: Frames, classes: Sequence[str], *, threshold: float
) -> rich.table.Table:
  """What sounds in label frames, one row for each class that does.

  Args:
    frames: Label frames that follow each other.
    classes: Name of each class.
    threshold: A class sounds where its activity is greater.

  Returns:
    A table with activity, azimuth, elevation and an arrow seen from above.
  """
  end = (frames.first + len(frames)) / labels.FRAMES_PER_SECOND
  result = rich.table.Table(title=f'at {end:.1f} s', min_width=60)
  for name in 'class', 'activity', '', 'azimuth', 'elevation':
    result.add_column(name)
  for name, activity, azimuth, elevation in _sounding(
    frames, classes, threshold
  ):
    result.add_row(
      name,
      '█' * round(activity * _BAR) + '░' * (_BAR - round(activity * _BAR)),
      _ARROWS[round(azimuth / 45) % 8],
      f'{azimuth:.0f}°',
      f'{elevation:.0f}°',
    )
  return result


def line(frames: Frames, classes: Sequence[str], *, threshold: float) -> str:
  """What `table` shows, on one line."""
  end = (frames.first + len(frames)) / labels.FRAMES_PER_SECOND
  parts = [
    f'{name} {_ARROWS[round(azimuth / 45) % 8]} {azimuth:.0f}° {elevation:.0f}°'
    for name, _, azimuth, elevation in _sounding(frames, classes, threshold)
  ]
  return f'{end:7.1f} s  {", ".join(parts) or "-"}'


def play(
  path: str,
  *,
  selection: channels.Selection = channels.STANDARD,
  speed: float = 1.0,
  sleep: Callable[[float], None] = time.sleep,
  clock: Callable[[], float] = time.monotonic,
) -> Iterator[np.ndarray]:
  """Gives a sound file at the speed at which it would be recorded.

  Args:
    path: The sound file.
    selection: Which of its channels are heard.
    speed: 2 is twice as fast.
    sleep: Waits so many seconds.
    clock: Tells the time in seconds.

  Yields:
    Blocks with shape `[4, samples]`.

  Raises:
    InputError: The file cannot be read, or has other channels.
  """
  header = audio.info(path)
  channels.check(header.num_channels, selection, name=path)
  size = max(1, round(_BLOCK * header.sample_rate))
  started, done = clock(), 0
  for block in audio.blocks(path, num_samples=size):
    done += block.shape[-1]
    wait = started + done / header.sample_rate / speed - clock()
    if wait > 0:
      sleep(wait)
    yield channels.select(block, selection)


def microphone(
  device: str | None, *, selection: channels.Selection = channels.STANDARD
) -> tuple[int, Iterator[np.ndarray]]:
  """Opens an input of the machine.

  Args:
    device: Its number, or a part of its name; None: the default one.
    selection: Which of its channels are heard.

  Returns:
    Samples a second, and an iterator over blocks with shape `[4, samples]`
    which does not end.

  Raises:
    InputError: sounddevice is not installed, or there is no such input.
  """
  try:
    sounddevice = importlib.import_module('sounddevice')
  except (ImportError, OSError) as error:
    raise InputError(
      'Listening to a microphone needs sounddevice and PortAudio (pip install '
      f"'.[listen]'): {error}."
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
    raise InputError(
      f'--device: {needed} channels cannot be had from '
      f'{device or "the default input"}: {error}.'
    ) from error
  return rate, _record(sounddevice, chosen, rate, selection)


def _record(
  sounddevice: Any,
  device: Any,
  rate: int,
  selection: channels.Selection,
) -> Iterator[np.ndarray]:
  size = round(_BLOCK * rate)
  waiting: queue.Queue[np.ndarray] = queue.Queue(round(_LONGEST_QUEUE / _BLOCK))

  def receive(block, *_):
    if waiting.full():  # the network is too slow: the oldest sound is lost
      waiting.get_nowait()
    waiting.put_nowait(block.T.copy())

  with sounddevice.InputStream(
    device=device,
    channels=selection.num_channels,
    samplerate=rate,
    blocksize=size,
    dtype='float32',
    callback=receive,
  ):
    while True:
      yield channels.select(waiting.get(), selection)


def _pieces(frames: Frames) -> Iterator[Frames]:
  for start in range(0, len(frames), _TOGETHER):
    part = slice(start, start + _TOGETHER)
    yield Frames(frames.first + start, frames.activity[part], frames.doa[part])


def _sounding(
  frames: Frames, classes: Sequence[str], threshold: float
) -> list[tuple[str, float, float, float]]:
  """Class, activity, azimuth and elevation of what sounds in most frames."""
  activity = frames.activity.mean(axis=0)
  found = []
  for index in map(int, np.flatnonzero(activity > threshold)):
    weighted = frames.activity[:, index, None] * frames.doa[:, index]
    azimuth, elevation = geometry.to_polar(weighted.sum(axis=0))
    found.append(
      (classes[index], float(activity[index]), float(azimuth), float(elevation))
    )
  return found
