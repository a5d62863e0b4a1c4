"""Finds what is wrong with a dataset."""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Sequence

from seld_jax import dataset, progress
from seld_jax.errors import InputError
from seld_jax.validate import checks

FORMATS = ('foa', 'mic')
SPLITS = ('dev', 'eval')
# The sound files of each name and label file, with their format.
_Jobs = dict[tuple[str, pathlib.Path | None], dict[pathlib.Path, str]]


@dataclasses.dataclass(frozen=True)
class Report:
  """What was found in a dataset.

  Attributes:
    num_files: Sound files looked through.
    num_labels: Label files looked through.
    readings: How often the labels fit each key of `checks.READINGS`; the key
      None stands for recordings that tell too little.
    findings: What is wrong, errors first.
    folds: Those that names tell of every format that can be trained on.
  """

  num_files: int
  num_labels: int
  readings: dict[str | None, int]
  findings: list[checks.Finding]
  folds: tuple[int, ...] = ()

  @property
  def num_errors(self) -> int:
    """Findings that must be mended before training."""
    return sum(finding.level == 'error' for finding in self.findings)


def validate(
  root: str | os.PathLike[str],
  *,
  sample_rate: int = 24000,
  num_classes: int = 14,
  csv_edition: str | None = None,
  num_workers: int | None = None,
) -> Report:
  """Looks through a dataset in the layout of TAU-NIGENS 2020, or near it.

  Args:
    root: Folder of any layout that `dataset.find_recordings` knows.
    sample_rate: What the audio must have, in Hz.
    num_classes: Classes must be below this.
    csv_edition: As `edition` of `labels.read_csv`.
    num_workers: Recordings looked through at a time; None for one a core.

  Returns:
    What was found.

  Raises:
    InputError: There is no audio.
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise InputError(f'{root} is not a folder, but a dataset is needed.')
  jobs, formats, findings = _look(root)
  num_files = sum(len(sounds) for sounds in jobs.values())
  if not num_files:
    if findings:
      return Report(0, 0, {}, findings)
    raise InputError(
      f'{root} holds no audio: expected foa_dev/*.wav or mic_dev/*.wav in it.'
    )
  folds_of_formats = []
  for format in formats:
    more, folds = _refused(root, format, findings)
    findings += more
    folds_of_formats.append(folds)
  if not formats:
    text = 'there is nothing to train on: expected foa_dev/*.wav or '
    text += 'mic_dev/*.wav, with labels in metadata_dev/*.csv'
    findings.append(checks.Finding('recordings', 'error', str(root), text))

  def work(
    path: pathlib.Path | None, sounds: dict[pathlib.Path, str]
  ) -> tuple[list[str | None], list[checks.Finding]]:
    events, found = None, []
    if path is not None:
      events, found = checks.check_labels(
        path, num_classes=num_classes, edition=csv_edition
      )
    readings = []
    for sound, format in sounds.items():
      reading, more = checks.check_audio(
        sound, events, format=format, sample_rate=sample_rate
      )
      found = found + more
      if format == 'foa':
        readings.append(reading)
    return readings, found

  readings: collections.Counter[str | None] = collections.Counter()
  with (
    progress.bar('recordings', len(jobs), unit='recordings') as advance,
    concurrent.futures.ThreadPoolExecutor(
      num_workers or os.cpu_count() or 1
    ) as pool,
  ):
    futures = [
      pool.submit(work, path, sounds) for (_, path), sounds in jobs.items()
    ]
    try:
      for future in concurrent.futures.as_completed(futures):
        fits, found = future.result()
        readings.update(fits)
        findings += found
        advance()
    except BaseException:
      pool.shutdown(cancel_futures=True)
      raise
  scenes = root / 'scenes.csv'
  if scenes.is_file():
    findings += checks.check_folds(scenes)
  findings.sort(key=lambda one: (one.level, one.file, one.text))
  num_labels = len({path for _, path in jobs if path is not None})
  folds = set.intersection(*folds_of_formats) if formats else set()
  return Report(
    num_files, num_labels, dict(readings), findings, tuple(sorted(folds))
  )


def _look(
  root: pathlib.Path,
) -> tuple[_Jobs, list[str], list[checks.Finding]]:
  """What there is to look through, formats to train on, what has no partner."""
  jobs: _Jobs = {}
  formats: list[str] = []
  findings: list[checks.Finding] = []
  refused: dict[str, checks.Finding] = {}
  for split in SPLITS:
    for format in FORMATS:
      try:
        pairs = dataset.list_pairs(root, format=format, split=split)
      except InputError as error:
        text = str(error).rstrip('.')
        refused[text] = checks.Finding('recordings', 'error', str(root), text)
        continue
      there = any(pair.audio is not None for pair in pairs)
      if there and split == 'dev':
        formats.append(format)
      for pair in pairs:
        sounds = jobs.setdefault((pair.name, pair.labels), {})
        if pair.audio is not None:
          # A scene's only microphone is that of both formats, unless its name
          # tells.
          if pair.audio not in sounds or format in pair.audio.stem.lower():
            sounds[pair.audio] = format
        elif there:
          text = f'it has no audio {pair.missing}'
          found = checks.Finding('pairs', 'error', str(pair.labels), text)
          findings.append(found)
        if pair.labels is None and split == 'dev':
          text = f'it has no labels {pair.missing}'
          found = checks.Finding('pairs', 'error', str(pair.audio), text)
          if found not in findings:
            findings.append(found)
  # Scenes for another format than that of the microphones are no mistake.
  return jobs, formats, findings + ([] if formats else list(refused.values()))


def _refused(
  root: pathlib.Path, format: str, findings: Sequence[checks.Finding]
) -> tuple[list[checks.Finding], set[int]]:
  """Why training would refuse these but for what is known; and their folds."""
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
    f'{len(lost)} of {len(found)} {format} recordings have names that tell no '
    f'fold, such as {lost[0].name}: names like fold1_room1_mix001_ov1 are '
    'needed'
  )
  return [checks.Finding('recordings', level, str(root), text)], folds
