"""Predictions of sound files, as CSV files and pictures."""

import dataclasses
import errno
import functools
import logging
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from seld_jax import (
  audio,
  averaging_record,
  figures,
  files,
  labels,
  progress,
)
from seld_jax.audio import channel_checks, channels
from seld_jax.errors import InputError, printable
from seld_jax.prediction.predictor import (
  DEFAULT_OPTIONS,
  PredictionOptions,
  Predictor,
)
from seld_jax.prediction.stream import Frames, Spec

# Seconds of a recording that a picture shows; more would be illegible.
LONGEST_PLOT = 600.0

# Shortest recording in seconds: one label frame.
_SHORTEST = 1 / labels.FRAMES_PER_SECOND

_log = logging.getLogger(__name__)


# errno values of a folder in which the user may not write.
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclasses.dataclass
class Outcome:
  """Result of predicting many recordings.

  Attributes:
    written: The CSV files.
    failures: An error message for each input that was not predicted.
    audio_seconds: Total length of the predicted recordings in seconds.
    seconds: Computing time in seconds, including compilation.
    highest: The highest activity of a class in all of these recordings.
    sources: The sound file of each CSV file in `written`.
    intervals: The sound events of each of them, if asked for.
  """

  written: list[pathlib.Path]
  failures: list[str]
  audio_seconds: float = 0.0
  seconds: float = 0.0
  highest: float = 0.0
  sources: list[pathlib.Path] = dataclasses.field(default_factory=list)
  intervals: list[list[labels.Interval]] = dataclasses.field(
    default_factory=list
  )

  def __str__(self) -> str:
    count = len(self.sources)
    factor = self.audio_seconds / max(self.seconds, 1e-9)
    return (
      f'{count} recording{"s" * (count != 1)}, {self.audio_seconds:.1f} s of '
      f'audio in {self.seconds:.1f} s: {factor:.3g} times real time'
    )


def predict_files(
  predictor: Predictor,
  inputs: Sequence[str | os.PathLike[str]],
  out: str | os.PathLike[str] | None,
  *,
  selection: channels.Selection | None = None,
  options: PredictionOptions = DEFAULT_OPTIONS,
  csv_edition: str | None = None,
  plot: bool = False,
  find_intervals: bool = False,
  spare: pathlib.Path | None = None,
) -> Outcome:
  """Predicts recordings and writes a DCASE CSV file for each.

  Recordings that cannot be read or predicted do not stop the others. The logger
  of this module warns about recordings whose channels probably have another
  order or normalisation. If the predictor averages several predictions,
  `averaging.json` in the folder says which, and `evaluate` shows it.

  Args:
    predictor: From `seld_jax.load`.
    inputs: Sound files and folders; folders are searched recursively.
    out: Folder for the CSV files. A CSV file has the name of its sound file,
      and the same subfolder that the sound file has in the searched folder.
      None: each is written beside its sound file. One that exists already
      stays as it is; this is a failure without `spare`.
    selection: The channels of the sound files to use; None for those of the
      format of the network.
    options: Window, overlap and threshold.
    csv_edition: Edition of the challenge whose form the CSV files have, as for
      `predict_file`.
    plot: Whether to draw each recording, or its first ten minutes, beside its
      CSV file.
    find_intervals: Whether the result has the events with start and end.
    spare: Folder for CSV files that are not kept, of recordings that have a CSV
      file beside them already.

  Returns:
    The written files and the failures.

  Raises:
    InputError: An option is invalid, two recordings would have the same CSV
      file, `out` cannot be written or has another `averaging.json`, or the form
      needs distances and the network predicts none.
  """
  predictor.check(options)
  outcome = Outcome([], [])
  todo = []
  for path, target in find_files(inputs, outcome.failures, beside=out is None):
    try:
      header = audio.info(path)
      _check_header(path, header, selection, predictor.spec)
      if out is None and plot:
        _refuse_existing(target.with_suffix('.png'))
      picture = target.with_suffix('.png')
      if out is None and spare is not None and target.exists():
        _log.warning(
          '%s exists already and stays as it is; --out=FOLDER writes another.',
          printable(target),
        )
        target = spare / f'{len(todo)}.csv'
      elif out is None:
        _refuse_existing(target)
    except InputError as error:
      outcome.failures.append(str(error))
    else:
      folder = pathlib.Path(out or '')
      todo.append((path, folder / target, folder / picture, header))
  folders = {target.parent for _, target, *_ in todo} if out is None else {out}
  for folder in sorted(map(pathlib.Path, folders)):
    _check_writable(folder)
    averaging_record.read(folder)  # refuses a file of another program
  if csv_edition == '2025':
    _check_stereo(predictor)
  if (
    csv_edition is not None
    and csv_edition in labels.EDITIONS
    and predictor.spec.output.distance
    and labels.EDITIONS[csv_edition][0] == 'polar'  # has no distances
  ):
    _log.warning(
      'The network predicts distances, but label files of edition %s have no '
      'column for them: they are left out; --csv_edition=2023 has them.',
      csv_edition,
    )

  def watch(frames: Frames) -> None:
    outcome.highest = max(
      outcome.highest, float(frames.activity.max(initial=0))
    )

  lengths = [header.num_samples / header.sample_rate for *_, header in todo]
  started = time.monotonic()
  with progress.bar(
    'predictions', round(sum(lengths), 1), unit='seconds of audio'
  ) as advance:
    for entry, length in zip(todo, lengths, strict=True):
      path, target, picture, header = entry
      finder = labels.IntervalFinder()
      found: list[labels.Interval] = []

      try:
        events, doubt = predict_file(
          predictor,
          path,
          target,
          keep=LONGEST_PLOT if plot else 0.0,
          selection=selection,
          options=options,
          csv_edition=csv_edition,
          advance=advance,
          watch=watch,
          collect=functools.partial(_collect, finder, found)
          if find_intervals
          else lambda events: None,
        )
        averaging_record.add(
          target.parent if out is None else out,
          target,
          models=predictor.models,
          average_symmetries=predictor.average_symmetries,
        )
        if doubt:
          _log.warning(
            '%s may not have the channels that the network expects: %s',
            printable(path),
            doubt,
          )
        if plot:
          _write_plot(predictor, path, picture, events, header, selection)
      except InputError as error:
        text = str(error)
        if not any(printable(one) in text for one in (path, target)):
          text = f'{path}: {text}'
        outcome.failures.append(text)
      else:
        outcome.written.append(target)
        outcome.sources.append(path)
        outcome.audio_seconds += length
        if find_intervals:
          outcome.intervals.append([*found, *finder.flush()])
  outcome.seconds = time.monotonic() - started
  return outcome


def predict_file(
  predictor: Predictor,
  path: str | os.PathLike[str],
  target: str | os.PathLike[str],
  *,
  selection: channels.Selection | None = None,
  options: PredictionOptions = DEFAULT_OPTIONS,
  csv_edition: str | None = None,
  keep: float = 0.0,
  advance: Callable[[float], None] = lambda seconds: None,
  watch: Callable[[Frames], None] = lambda frames: None,
  collect: Callable[[labels.Events], None] = lambda events: None,
) -> tuple[labels.Events, str | None]:
  """Predicts one recording, which need not fit into memory.

  Args:
    predictor: From `seld_jax.load`.
    path: The sound file.
    target: The CSV file to write.
    selection: The channels of the sound file to use; None for those of the
      format of the network.
    options: Window, overlap and threshold.
    csv_edition: Edition of the challenge whose form the CSV file has, as for
      `labels.write_csv`. None: 2023, with distances in centimetres, if the
      network predicts distances, else 2020. The forms of 2020 to 2022 have no
      distances; that of 2025 has azimuths in front alone, and `onscreen` 0.
    keep: Seconds from the start whose events are returned.
    advance: Called with the length in seconds of each block that was predicted.
    watch: Called with the label frames of each part of the recording.
    collect: Called with the events of each part.

  Returns:
    The events of the first `keep` seconds, and a reason why the channels are
    probably not those that the network expects, or None.

  Raises:
    InputError: The sound file cannot be read completely or cannot be used, or
      the CSV file cannot be written.
  """
  header = audio.info(path)
  chosen = _check_header(path, header, selection, predictor.spec)
  rate, size = header.sample_rate, predictor.spec.num_channels
  sums = np.zeros((3, size, size))
  kept: list[labels.Events] = []

  def blocks() -> Iterator[np.ndarray]:
    for block in audio.blocks(path, header=header, raw=True):
      taken = channels.select(block, chosen)
      sums[:] += channel_checks.moments(taken, sample_rate=rate)
      yield taken
      advance(block.shape[-1] / rate)

  def parts() -> Iterator[labels.Events]:
    for frames in predictor.frames(
      blocks(), rate, window=options.window, overlap=options.overlap
    ):
      watch(frames)
      events = predictor.events(frames, threshold=options.threshold)
      collect(events)
      if frames.first < keep * labels.FRAMES_PER_SECOND:
        kept.append(events)
      yield events

  labels.write_csv_parts(
    target,
    parts(),
    edition=csv_edition,
    class_names=predictor.spec.classes,
    distance_scale=None,
  )
  events = labels.join_events(kept)
  return events, channel_checks.find_mismatch(
    sums, format=predictor.spec.format
  )


def _check_stereo(predictor: Predictor) -> None:
  """Tells what files of 2025 lack, or refuses to write them.

  Raises:
    InputError: The network predicts no distances.
  """
  if not predictor.spec.output.distance:
    raise InputError(
      'Files of edition 2025 need a distance in each row, but the network '
      'predicts none; choose another --csv_edition, such as 2020.'
    )
  _log.warning(
    'The network does not predict what is on screen: the column onscreen of '
    'edition 2025 is 0 in all rows.'
  )
  if predictor.spec.format != 'stereo':
    _log.warning(
      'The network is of format %s, but files of edition 2025 have no '
      'elevations and no azimuths behind the listener: elevations are left '
      'out, and azimuths are folded to the front; --csv_edition=2023 has both.',
      predictor.spec.format,
    )


def find_files(
  inputs: Sequence[str | os.PathLike[str]],
  failures: list[str],
  *,
  beside: bool = False,
) -> list[tuple[pathlib.Path, pathlib.Path]]:
  """Finds sound files and the names of their CSV files.

  Args:
    inputs: Sound files and folders; folders are searched recursively.
    failures: A list; an error message is added for each folder that cannot be
      read or has no sound files.
    beside: Whether the CSV files lie beside the sound files.

  Returns:
    Pairs of a sound file and the path of its CSV file: relative to a folder of
    CSV files, unless they lie beside the sound files.

  Raises:
    InputError: Two sound files would have the same CSV file.
  """
  found: dict[pathlib.Path, pathlib.Path] = {}
  for given in map(pathlib.Path, inputs):
    pairs = [(given, pathlib.Path(f'{given.stem}.csv'))]
    try:
      is_folder = given.is_dir()
    except OSError as error:
      failures.append(f'{printable(given)} cannot be read: {error.strerror}.')
      continue
    if is_folder:
      try:
        listed = audio.list_files(given)
      except InputError as error:
        failures.append(str(error))
        continue
      pairs = [
        (path, path.relative_to(given).with_suffix('.csv')) for path in listed
      ]
      if not pairs:
        failures.append(
          f'{printable(given)} has no sound files '
          f'({", ".join(audio.SUFFIXES)}).'
        )
    for path, target in pairs:
      if beside:
        target = path.with_suffix('.csv')
      other = found.setdefault(target, path)
      if other != path:
        raise InputError(
          f'{other} and {path} would both be written to {target}; predict them '
          'into two folders (--out).'
        )
  return [(path, target) for target, path in found.items()]


def _collect(
  finder: labels.IntervalFinder,
  found: list[labels.Interval],
  events: labels.Events,
) -> None:
  found += finder.push(events)


def _refuse_existing(target: pathlib.Path) -> None:
  """Refuses to replace a file that the user has not named.

  Raises:
    InputError: The file exists.
  """
  if target.exists():
    raise InputError(
      f'{printable(target)} exists already and was not replaced; give --out, '
      f'the folder to write to (--out={printable(target.parent)} replaces it).'
    )


def _check_header(
  path: str | os.PathLike[str],
  header: audio.AudioInfo,
  selection: channels.Selection | None,
  spec: Spec,
) -> channels.Selection:
  """Refuses a file that cannot be predicted; returns its channels to use."""
  seconds = header.num_samples / header.sample_rate
  if seconds < _SHORTEST:
    raise InputError(
      f'{path} lasts {seconds * 1000:.6g} ms, but at least '
      f'{_SHORTEST * 1000:g} ms are needed.'
    )
  if selection is None or selection == channels.STANDARD:
    selection = channels.by_name(
      format=spec.format, num_channels=spec.num_channels
    )
  return channels.for_file(selection, header, name=str(path))


def _check_writable(out: pathlib.Path) -> None:
  """Raises an InputError before hours of work if `out` cannot be written."""
  if os.path.isfile(out):
    raise InputError(
      f'{out} is a file, but a folder is needed; choose another --out.'
    )
  path = out / '.writable'
  try:
    with files.atomic(path, durable=False):
      pass
  except InputError as error:
    cause = error.__cause__
    if not isinstance(cause, OSError) or cause.errno not in _READ_ONLY:
      raise
    raise InputError(
      f'Label files cannot be written into the folder {out}: {cause.strerror}; '
      'name another folder with --out.'
    ) from error
  # Another command may be doing the same.
  path.unlink(missing_ok=True)


def _write_plot(
  predictor: Predictor,
  path: pathlib.Path,
  target: pathlib.Path,
  events: labels.Events,
  header: audio.AudioInfo,
  selection: channels.Selection | None,
) -> None:
  spec = predictor.spec
  chosen = _check_header(path, header, selection, spec)
  rate = header.sample_rate
  shown = min(header.num_samples, round(LONGEST_PLOT * rate))
  first, count = [], 0
  for block in audio.blocks(path, header=header, raw=True):
    first.append(channels.select(block, chosen)[:1])
    count += block.shape[-1]
    if count >= shown:
      break
  num_frames = max(1, labels.count_frames(shown, rate))
  visible = events.frame < num_frames
  figure = figures.plot_tracks(
    labels.choose_rows(events, visible),
    None,
    classes=spec.classes,
    num_frames=num_frames,
    frontal=spec.is_frontal,
    audio=np.concatenate(first, axis=-1)[:, :shown],
    sample_rate=rate,
  )
  with files.atomic(target.with_suffix('.png')) as temporary:
    temporary.write_bytes(figures.to_png(figure))
