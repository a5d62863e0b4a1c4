"""Predictions of sound files, and what to do with those that are none."""

import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from seld_jax import audio, figures, files, labels, progress
from seld_jax.audio import channels
from seld_jax.errors import InputError
from seld_jax.prediction.predictor import Predictor

# What is looked for in folders.
SUFFIXES = ('.wav', '.flac', '.ogg')

# Pictures show no more of a recording: nothing could be told apart in them.
LONGEST_PLOT = 600.0

# Shorter than one label frame, nothing can be said.
_SHORTEST = 1 / labels.FRAMES_PER_SECOND


@dataclasses.dataclass
class Outcome:
  """How the predictions of many recordings went.

  Attributes:
    written: The CSV files.
    failures: A sentence for each input that could not be predicted.
    audio_seconds: Length of all that was predicted.
    seconds: How long that took, compilation included.
  """

  written: list[pathlib.Path]
  failures: list[str]
  audio_seconds: float = 0.0
  seconds: float = 0.0

  def __str__(self) -> str:
    count = len(self.written)
    factor = self.audio_seconds / max(self.seconds, 1e-9)
    return (
      f'{count} recording{"s" * (count != 1)}, {self.audio_seconds:.1f} s of '
      f'audio in {self.seconds:.1f} s: {factor:.3g} times real time'
    )


def predict_files(
  predictor: Predictor,
  inputs: Sequence[str | os.PathLike[str]],
  out: str | os.PathLike[str],
  *,
  selection: channels.Selection = channels.STANDARD,
  window: float | None = None,
  overlap: float = 0.0,
  threshold: float | None = None,
  plot: bool = False,
  say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> Outcome:
  """Writes a DCASE CSV file for each recording.

  What cannot be read is noted, and the others are predicted all the same.

  Args:
    predictor: From `seld_jax.load`.
    inputs: Sound files, and folders of them, searched with all that is below.
    out: Folder for the CSV files: the name of the sound file, below its place
      in the folder that was searched.
    selection: Which channels of the files are heard.
    window: Seconds that the network sees at once; None: as it was validated.
    overlap: Seconds that a window shares with the next.
    threshold: A class sounds where its activity is greater; None: that of the
      config.
    plot: Draw each recording, or its first ten minutes, beside its CSV file.
    say: Called with each line that a user should know.

  Returns:
    What was written and what failed.

  Raises:
    InputError: An option cannot be used, two recordings would have one name,
      or `out` cannot be written.
  """
  predictor.check(window=window, overlap=overlap, threshold=threshold)
  outcome = Outcome([], [])
  todo = []
  for path, target in find_files(inputs, outcome.failures):
    try:
      header = audio.info(path)
      _check_header(path, header, selection)
    except InputError as error:
      outcome.failures.append(str(error))
    else:
      todo.append((path, pathlib.Path(out) / target, header))
  _check_writable(pathlib.Path(out))
  lengths = [header.num_samples / header.sample_rate for *_, header in todo]
  rates = {header.sample_rate for *_, header in todo}
  for note in filter(None, map(predictor.resampling, sorted(rates))):
    say(f'recordings of {note}')
  started = time.monotonic()
  with progress.bar(
    'predictions', round(sum(lengths), 1), unit='seconds of audio'
  ) as advance:
    for (path, target, header), length in zip(todo, lengths, strict=True):
      try:
        events, warning = predict_file(
          predictor,
          path,
          target,
          keep=LONGEST_PLOT if plot else 0.0,
          selection=selection,
          window=window,
          overlap=overlap,
          threshold=threshold,
          advance=advance,
        )
        if warning:
          say(f'warning: {path} may not be what the network hears: {warning}')
        if plot:
          _write_plot(predictor, path, target, events, header, selection)
      except InputError as error:
        text = str(error)
        if str(path) not in text and str(target) not in text:
          text = f'{path}: {text}'
        outcome.failures.append(text)
      else:
        outcome.written.append(target)
        outcome.audio_seconds += length
  outcome.seconds = time.monotonic() - started
  return outcome


def predict_file(
  predictor: Predictor,
  path: str | os.PathLike[str],
  target: str | os.PathLike[str],
  *,
  selection: channels.Selection = channels.STANDARD,
  window: float | None = None,
  overlap: float = 0.0,
  threshold: float | None = None,
  keep: float = 0.0,
  advance: Callable[[float], None] = lambda seconds: None,
) -> tuple[labels.Events, str | None]:
  """Predicts one recording of any length, reading and writing it bit by bit.

  Args:
    predictor: From `seld_jax.load`.
    path: The sound file.
    target: The CSV file to write.
    selection: As in `predict_files`, like the options that follow.
    window: Seconds that the network sees at once.
    overlap: Seconds that a window shares with the next.
    threshold: A class sounds where its activity is greater.
    keep: How many seconds of events are returned.
    advance: Called with the seconds of audio that were done.

  Returns:
    The events of the first seconds, and why the channels of the recording are
    probably not those of the network, or None.

  Raises:
    InputError: The file cannot be read to its end, or not be used; or the CSV
      file cannot be written.
  """
  header = audio.info(path)
  _check_header(path, header, selection)
  rate = header.sample_rate
  sums = np.zeros((2, 4, 4))
  kept = [labels.no_events()]

  def blocks() -> Iterator[np.ndarray]:
    for block in audio.blocks(path):
      four = channels.select(block, selection)
      sums[:] += channels.moments(four, sample_rate=rate)
      yield four
      advance(block.shape[-1] / rate)

  def parts() -> Iterator[labels.Events]:
    for frames in predictor.frames(
      blocks(), rate, window=window, overlap=overlap
    ):
      events = predictor.events(frames, threshold=threshold)
      if frames.first < keep * labels.FRAMES_PER_SECOND:
        kept.append(events)
      yield events

  labels.write_csv_parts(target, parts())
  columns = ('frame', 'class_index', 'track', 'xyz')
  events = labels.Events(
    *(np.concatenate([getattr(part, of) for part in kept]) for of in columns)
  )
  return events, channels.find_mismatch(sums, format=predictor.spec.format)


def find_files(
  inputs: Sequence[str | os.PathLike[str]], failures: list[str]
) -> list[tuple[pathlib.Path, pathlib.Path]]:
  """The sound files of inputs, each with the name of its CSV file.

  Args:
    inputs: Files and folders.
    failures: Takes a sentence for each input that is neither.

  Returns:
    Pairs of sound file and relative path of the CSV file.

  Raises:
    InputError: Two sound files would be written to one CSV file.
  """
  found: dict[pathlib.Path, pathlib.Path] = {}
  for given in map(pathlib.Path, inputs):
    pairs = [(given, pathlib.Path(f'{given.stem}.csv'))]
    try:
      is_folder = given.is_dir()
    except OSError as error:
      failures.append(f'{given} cannot be read: {error.strerror}.')
      continue
    if is_folder and not os.access(given, os.R_OK | os.X_OK):
      failures.append(f'{given} cannot be read: permission denied.')
      continue
    if is_folder:
      pairs = [
        (path, path.relative_to(given).with_suffix('.csv'))
        for path in sorted(given.rglob('[!.]*'))
        if path.suffix.lower() in SUFFIXES
      ]
      if not pairs:
        failures.append(
          f'{given} holds no sound files ({", ".join(SUFFIXES)}).'
        )
    for path, target in pairs:
      other = found.setdefault(target, path)
      if other != path:
        raise InputError(
          f'{other} and {path} would both be written to {target}; predict them '
          'into two folders.'
        )
  return [(path, target) for target, path in found.items()]


def _check_header(
  path: str | os.PathLike[str],
  header: audio.AudioInfo,
  selection: channels.Selection,
) -> None:
  channels.check(header.num_channels, selection, name=str(path))
  seconds = header.num_samples / max(header.sample_rate, 1)
  if seconds < _SHORTEST:
    raise InputError(
      f'{path} lasts {seconds * 1000:.3g} ms, but at least '
      f'{_SHORTEST * 1000:g} ms are needed.'
    )


def _check_writable(out: pathlib.Path) -> None:
  """Refuses a folder before hours are spent on what cannot be written to it."""
  if os.path.isfile(out):
    raise InputError(f'{out} is a file, but a folder is needed.')
  path = out / '.writable'
  files.write_text(path, '')
  path.unlink()


def _write_plot(
  predictor: Predictor,
  path: pathlib.Path,
  target: pathlib.Path,
  events: labels.Events,
  header: audio.AudioInfo,
  selection: channels.Selection,
) -> None:
  rate = header.sample_rate
  shown = min(header.num_samples, round(LONGEST_PLOT * rate))
  first, count = [], 0
  for block in audio.blocks(path):
    first.append(channels.select(block, selection)[:1])
    count += block.shape[-1]
    if count >= shown:
      break
  num_frames = max(1, labels.count_frames(shown, rate))
  visible = events.frame < num_frames
  figure = figures.plot_tracks(
    labels.Events(
      events.frame[visible],
      events.class_index[visible],
      events.track[visible],
      events.xyz[visible],
    ),
    None,
    classes=predictor.spec.classes,
    num_frames=num_frames,
    audio=np.concatenate(first, axis=-1)[:, :shown],
    sample_rate=rate,
  )
  with files.atomic(target.with_suffix('.png')) as temporary:
    temporary.write_bytes(figures.to_png(figure))
