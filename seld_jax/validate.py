"""Looks through a dataset before anyone trains on it.

python -m seld_jax.validate --root=DIR

The exit status is 0 when training can start.
"""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import sys

import rich.console
import rich.table
from absl import flags

from seld_jax import checks, commands, labels, progress
from seld_jax.errors import InputError

FORMATS = ('foa', 'mic')
SPLITS = ('dev', 'eval')
_SUFFIXES = ('.wav', '.flac')


@dataclasses.dataclass(frozen=True)
class Report:
  """What was found in a dataset.

  Attributes:
    num_files: Sound files looked through.
    num_labels: Label files looked through.
    readings: How often the labels fit each key of `checks.READINGS`; the key
      None stands for recordings that tell too little.
    findings: What is wrong, errors first.
  """

  num_files: int
  num_labels: int
  readings: dict[str | None, int]
  findings: list[checks.Finding]

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
    root: Folder that holds `foa_dev`, `mic_dev`, `metadata_dev` and the same
      with `_eval`, or those of them that there are; files may lie in folders
      within. `foa` or `mic` with `labels` or `metadata` will do, too.
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
  jobs: dict[tuple[str, str], list[tuple[str, pathlib.Path]]] = {}
  csvs: dict[tuple[str, str], pathlib.Path] = {}
  for split in SPLITS:
    for path in sorted(_label_folder(root, split).rglob('*.csv')):
      csvs[split, path.stem] = path
      jobs[split, path.stem] = []
    for format in FORMATS:
      for path in sorted(_audio_folder(root, format, split).rglob('*')):
        if path.suffix.lower() in _SUFFIXES and path.name[0] != '.':
          jobs.setdefault((split, path.stem), []).append((format, path))
  num_files = sum(map(len, jobs.values()))
  if not num_files:
    raise InputError(
      f'{root} holds no audio: expected foa_dev/*.wav or mic_dev/*.wav in it.'
    )
  formats = {
    (split, format) for (split, _), found in jobs.items() for format, _ in found
  }

  def work(
    key: tuple[str, str],
  ) -> tuple[list[str | None], list[checks.Finding]]:
    split, name = key
    events, found = None, []
    path = csvs.get(key)
    if path is not None:
      events, found = checks.check_labels(
        path, num_classes=num_classes, edition=csv_edition
      )
      for format in FORMATS:
        if (split, format) in formats and format not in dict(jobs[key]):
          text = f'it has no audio {format}_{split}/{name}.wav'
          found.append(checks.Finding('pairs', 'error', str(path), text))
    elif split == 'dev':
      missing = f'it has no labels metadata_{split}/{name}.csv'
      for _, sound in jobs[key]:
        found.append(checks.Finding('pairs', 'error', str(sound), missing))
    readings = []
    for format, sound in jobs[key]:
      reading, more = checks.check_audio(
        sound, events, format=format, sample_rate=sample_rate
      )
      found = found + more
      if format == 'foa':
        readings.append(reading)
    return readings, found

  readings: collections.Counter[str | None] = collections.Counter()
  findings: list[checks.Finding] = []
  with (
    progress.bar('recordings', len(jobs), unit='recordings') as advance,
    concurrent.futures.ThreadPoolExecutor(
      num_workers or os.cpu_count() or 1
    ) as pool,
  ):
    futures = [pool.submit(work, key) for key in jobs]
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
  return Report(num_files, len(csvs), dict(readings), findings)


def table(report: Report) -> rich.table.Table:
  """How many findings each check has."""
  shown = rich.table.Table(
    title=f'{report.num_files} sound files, {report.num_labels} label files'
  )
  shown.add_column('check')
  shown.add_column('errors', justify='right')
  shown.add_column('warnings', justify='right')
  counts = collections.Counter((f.check, f.level) for f in report.findings)
  for name, text in checks.CHECKS.items():
    errors, warnings = counts[name, 'error'], counts[name, 'warning']
    shown.add_row(text, str(errors or '-'), str(warnings or '-'))
  return shown


def _audio_folder(root: pathlib.Path, format: str, split: str) -> pathlib.Path:
  """As published, or by the name of the format alone, as others have it."""
  published = root / f'{format}_{split}'
  if split == 'dev' and not published.is_dir():
    return root / format
  return published


def _label_folder(root: pathlib.Path, split: str) -> pathlib.Path:
  """As published, or as SpatialScaper or the generator of 2022 have it."""
  published = root / f'metadata_{split}'
  if split == 'dev' and not published.is_dir():
    for other in root / 'labels', root / 'metadata', root.parent / 'metadata':
      if other.is_dir() and any((root / name).is_dir() for name in FORMATS):
        return other
  return published


def main(argv: list[str]) -> None:
  """Prints what is wrong with a dataset; exits with 1 on errors."""
  commands.refuse_arguments(argv)
  values = flags.FLAGS
  report = validate(
    values.root,
    sample_rate=values.sample_rate,
    num_classes=values.classes,
    csv_edition=values.csv_edition,
  )
  # In a file or pipe there is no width to fit into.
  console = rich.console.Console(width=None if sys.stdout.isatty() else 100)
  console.print(table(report))
  for finding in report.findings:
    print(f'{finding.level}: {finding.file}: {finding.text}')
  for reading, number in sorted(
    report.readings.items(), key=lambda item: -item[1]
  ):
    text = reading or 'too little to tell azimuth sign and channel order'
    print(f'{number} FOA recordings: {text}')
  if report.num_errors:
    plural = 's' * (report.num_errors > 1)
    print(f'Training cannot start: {report.num_errors} error{plural} to mend.')
    sys.exit(1)
  print('Training can start.')


def _define_flags() -> None:
  flags.DEFINE_string('root', None, 'Folder of the dataset.')
  flags.DEFINE_integer('sample_rate', 24000, 'What the audio must have, in Hz.')
  flags.DEFINE_integer('classes', 14, 'Number of classes.', lower_bound=1)
  flags.DEFINE_enum(
    'csv_edition',
    None,
    list(labels.EDITIONS),
    'The edition of the form of the label files, where a file does not tell.',
  )


if __name__ == '__main__':
  _define_flags()
  commands.run(main, required=('root',))
