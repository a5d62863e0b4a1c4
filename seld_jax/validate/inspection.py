"""Runs all checks on all recordings of a dataset."""

import collections
import concurrent.futures
import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

from seld_jax import dataset, labels, progress
from seld_jax.errors import InputError
from seld_jax.validate import alignment, checks, measurement, whole_set

FORMATS = ('foa', 'mic', 'stereo')
_FOLDERS = 'foa_dev/*.wav, mic_dev/*.wav or stereo_dev/*.wav'
SPLITS = ('dev', 'eval')
# For each name of a recording and its label file (None without labels), the
# sound files and their formats.
_Jobs = dict[tuple[str, pathlib.Path | None], dict[pathlib.Path, str]]


@dataclasses.dataclass(frozen=True)
class Report:
  """The result of `validate`.

  Attributes:
    num_files: Number of sound files checked.
    num_labels: Number of label files checked.
    readings: Number of FOA recordings whose labels fit each key of `READINGS`;
      the key None counts those that do not determine it alone.
    findings: All problems, errors first.
    folds: The folds in the file names that every trainable format has.
    notes: Sentences on what the labels and the sound of all recordings
      together determine, and what they do not.

  Example:
    >>> from seld_jax import validate
    >>> validate.Report(num_files=8, num_labels=4, readings={}, findings=[])
    Report(num_files=8, num_labels=4, readings={}, findings=[], folds=(),
    notes=())
  """

  num_files: int
  num_labels: int
  readings: dict[str | None, int]
  findings: list[checks.Finding]
  folds: tuple[int, ...] = ()
  notes: tuple[str, ...] = ()

  @property
  def num_errors(self) -> int:
    """Number of findings that must be fixed before training."""
    return sum(finding.level == 'error' for finding in self.findings)


def validate(
  root: str | os.PathLike[str],
  *,
  sample_rate: int = 24000,
  num_classes: int = 14,
  class_names: Sequence[str] | None = None,
  csv_edition: str | None = None,
  label_hop: float | None = None,
  num_workers: int | None = None,
  num_channels: int = 0,
  distance_scale: float | None = None,
  needs_distances: bool = False,
) -> Report:
  """Checks a dataset in any layout that `dataset.find_recordings` knows.

  Args:
    root: Folder of the dataset.
    sample_rate: Sample rate that the audio must have, in Hz.
    num_classes: Number of classes; class indices must be smaller.
    class_names: Class names by index, for label files that hold names; None for
      those of the form, see `labels.read_csv`.
    csv_edition: Edition that defines the columns of the label files, as for
      `labels.read_csv`; None to recognise it from each file.
    label_hop: Seconds from one frame of the label files to the next; None for
      0.1.
    num_workers: Number of recordings checked at the same time; None for the
      number of CPU cores.
    num_channels: Number of microphones of the format `'mic'`; 0 for four.
    distance_scale: Metres in a unit of the distances in the label files; None
      for that of the form of each file.
    needs_distances: Whether the networks predict distances, so that training
      stops without them.

  Returns:
    All findings, and the numbers of files and readings.

  Raises:
    InputError: The folder does not exist, or it holds no audio.

  Example:
    >>> from seld_jax import audio, labels, validate
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal((4, 48000))
    >>> noise[1:] /= np.sqrt(3)  # diffuse, as W, Y, Z, X with SN3D
    >>> for name in 'fold1_room1_mix001_ov1', 'fold2_room1_mix001_ov1':
    ...   audio.write(f'data/foa_dev/{name}.wav', noise)
    ...   labels.write_csv(f'data/metadata_dev/{name}.csv', labels.no_events())
    >>> report = validate.validate('data')
    >>> report.findings, report.folds
    ([], (1, 2))
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise InputError(
      f'{root} is not a folder, but the folder of a dataset is needed.'
    )
  jobs, formats, findings = _list_files(root)
  num_files = sum(len(sounds) for sounds in jobs.values())
  if not num_files:
    if findings:
      return Report(0, 0, {}, findings)
    raise InputError(f'{root} holds no audio: expected {_FOLDERS} in it.')
  folds_of_formats = []
  for format in formats:
    more, folds = _check_trainable(root, format, findings)
    findings += more
    folds_of_formats.append(folds)
  if not formats and not any(one.check == 'recordings' for one in findings):
    text = (
      f'there is nothing to train on: expected {_FOLDERS}, with labels in '
      'metadata_dev/*.csv'
    )
    findings.append(checks.Finding('recordings', 'error', str(root), text))

  check = functools.partial(
    _check_recording,
    sample_rate=sample_rate,
    num_classes=num_classes,
    class_names=class_names,
    csv_edition=csv_edition,
    label_hop=label_hop,
    num_channels=num_channels,
    distance_scale=distance_scale,
  )
  sounds: list[whole_set.Sound] = []
  labelled: dict[pathlib.Path, labels.Events] = {}
  with (
    progress.bar('recordings', len(jobs), unit='recordings') as advance,
    concurrent.futures.ThreadPoolExecutor(
      num_workers or os.cpu_count() or 1
    ) as pool,
  ):
    futures = [
      pool.submit(check, path, files) for (_, path), files in jobs.items()
    ]
    paths = dict(zip(futures, [path for _, path in jobs], strict=True))
    try:
      for future in concurrent.futures.as_completed(futures):
        more, found, events = future.result()
        sounds += more
        if (path := paths[future]) is not None and events is not None:
          labelled[path] = events
        findings += found
        advance()
    except BaseException:
      pool.shutdown(cancel_futures=True)
      raise
  sounds.sort(key=lambda one: one.path)
  findings += checks.check_distances(
    dict(sorted(labelled.items())), needed=needs_distances
  )
  readings = collections.Counter(
    one.reading for one in sounds if one.format == 'foa'
  )
  notes = []
  for format in FORMATS:
    some = [one for one in sounds if one.format == format]
    wrong = whole_set.check_channels(some, format=format)
    found, text = whole_set.check_agreement(
      some,
      format=format,
      is_comparable=all(one.level != 'error' for one in wrong),
    )
    findings += wrong + found
    notes += [text] if text else []
  scenes = root / 'scenes.csv'
  if scenes.is_file():
    findings += checks.check_folds(scenes)
  findings.sort(key=lambda one: (one.level, one.file, one.text))
  num_labels = len({path for _, path in jobs if path is not None})
  folds = set.intersection(*folds_of_formats) if formats else set()
  return Report(
    num_files,
    num_labels,
    dict(readings),
    findings,
    tuple(sorted(folds)),
    tuple(notes),
  )


def _check_recording(
  path: pathlib.Path | None,
  sounds: dict[pathlib.Path, str],
  *,
  sample_rate: int,
  num_classes: int,
  class_names: Sequence[str] | None,
  csv_edition: str | None,
  label_hop: float | None,
  num_channels: int,
  distance_scale: float | None,
) -> tuple[list[whole_set.Sound], list[checks.Finding], labels.Events | None]:
  """Checks a label file (or None) and the sound files that belong to it.

  Returns:
    What the checks of the whole set need of each sound file, the findings, and
    the events.
  """
  events, findings = None, []
  if path is not None:
    events, findings = checks.check_labels(
      path,
      num_classes=num_classes,
      class_names=class_names,
      edition=csv_edition,
      label_hop=label_hop,
      distance_scale=distance_scale,
    )
  checked = []
  for file, format in sounds.items():
    measured, found = checks.check_audio(
      file,
      events,
      format=format,
      sample_rate=sample_rate,
      label_hop=label_hop,
      num_channels=num_channels if format == 'mic' else 0,
    )
    findings = findings + found
    if format == 'stereo' and path is not None and events is not None:
      findings = findings + checks.check_front(path, events)
    checked.append(_sound(file, format, measured, events))
  return checked, findings, events


def _sound(
  file: pathlib.Path,
  format: str,
  measured: measurement.Measured | None,
  events: labels.Events | None,
) -> whole_set.Sound:
  """Keeps only what the checks of the whole set need."""
  if measured is None or events is None or measured.intensity is None:
    return whole_set.Sound(
      file, format, None if measured is None else measured.moments
    )
  assert measured.power is not None  # they belong together
  evidence = alignment.collect(events, measured.intensity, measured.power)
  if format == 'stereo':  # one recording has too few sounds
    return whole_set.Sound(file, format, measured.moments, evidence)
  decision = alignment.decide([evidence], is_set=False)
  return whole_set.Sound(file, format, measured.moments, evidence, decision)


def _list_files(
  root: pathlib.Path,
) -> tuple[_Jobs, list[str], list[checks.Finding]]:
  """Lists the files to check.

  Returns:
    The files; the formats that have audio to train on; and findings, mostly
    about files without their counterpart.
  """
  jobs: _Jobs = {}
  formats: list[str] = []
  findings: list[checks.Finding] = []
  # Audio that is listed for two formats is one finding.
  unlabelled: dict[checks.Finding, None] = {}
  refused: dict[str, checks.Finding] = {}
  # Scenes with one folder each need only one of the formats.
  optional: dict[str, checks.Finding] = {}
  for split in SPLITS:
    for format in FORMATS:
      if (split, format) == ('dev', 'stereo') and not _has_folder(root, format):
        continue  # generated scenes are recordings of arrays
      try:
        pairs = dataset.list_pairs(root, format=format, split=split)
      except InputError as error:
        text = str(error).rstrip('.')
        has_folder = split == 'eval' or _has_folder(root, format)
        group = refused if has_folder else optional
        group[text] = checks.Finding('recordings', 'error', str(root), text)
        continue
      there = any(pair.audio is not None for pair in pairs)
      if there and split == 'dev':
        formats.append(format)
      for pair in pairs:
        sounds = jobs.setdefault((pair.name, pair.labels), {})
        if pair.audio is not None:
          # A scene with one microphone lists its audio for both formats; the
          # format that is part of its name counts.
          if pair.audio not in sounds or format in pair.audio.stem.lower():
            sounds[pair.audio] = format
        elif there:
          text = f'its sound file {pair.missing} is missing'
          found = checks.Finding('pairs', 'error', str(pair.labels), text)
          findings.append(found)
        if pair.labels is None and split == 'dev':
          text = f'its label file {pair.missing} is missing'
          found = checks.Finding('pairs', 'error', str(pair.audio), text)
          unlabelled[found] = None
  if not formats:
    refused |= optional
  return jobs, formats, [*findings, *unlabelled, *refused.values()]


def _has_folder(root: pathlib.Path, format: str) -> bool:
  """Whether a folder holds the audio of a format to train on."""
  return any((root / name).is_dir() for name in (f'{format}_dev', format))


def _check_trainable(
  root: pathlib.Path, format: str, findings: Sequence[checks.Finding]
) -> tuple[list[checks.Finding], set[int]]:
  """Finds further problems that would stop training.

  Args:
    root: Folder of the dataset.
    format: `'foa'`, `'mic'` or `'stereo'`.
    findings: The problems that are known so far.

  Returns:
    Further findings, and the folds that the file names contain.
  """
  try:
    found = dataset.find_recordings(root, format=format)
  except InputError as error:
    text = str(error).rstrip('.')
    known = [one.file for one in findings if one.check == 'pairs']
    if text.startswith(tuple(known)):
      return [], set()
    return [checks.Finding('recordings', 'error', str(root), text)], set()
  folds = {one.fold for one in found if one.fold is not None}
  lost = [one for one in found if one.fold is None]
  if not lost:
    return [], folds
  level = 'error' if len(lost) == len(found) else 'warning'
  text = (
    f'{len(lost)} of {len(found)} {format} recordings have names without a '
    f'fold, such as {lost[0].name}: names like fold1_room1_mix001_ov1 are '
    'needed'
  )
  return [checks.Finding('recordings', level, str(root), text)], folds
