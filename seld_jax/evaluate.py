"""Scores of predictions against references, in memory or in folders of CSVs.

python -m seld_jax.evaluate --reference=DIR --predictions=DIR
"""

import dataclasses
import json
import os
import pathlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import rich.console
import rich.table
from absl import flags

from seld_jax import commands, labels, metrics
from seld_jax.errors import InputError

# What the command can break scores down by, and where the result has it.
BREAKDOWNS = {
  'class': 'per_class',
  'overlap': 'per_overlap',
  'room': 'per_room',
  'fold': 'per_fold',
}

# What to do about a recording without a file of predictions.
MISSING = ('error', 'empty')

# Rooms are numbered anew in every fold.
_NAME = re.compile(
  r'(?P<fold>fold\d+)_(?P<room>room\d+)_mix\d+_(?P<overlap>ov\d+)'
)

_ANGLES = ('LE_CD',)


def evaluate_predictions(
  recordings: Iterable[tuple[str, labels.Events, labels.Events]],
  *,
  edition: str = '2020',
  num_frames: int | Mapping[str, int] = 600,
  num_classes: int = 14,
  class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
  """Scores a system on some recordings.

  Args:
    recordings: Name, reference and prediction of each recording. Names such as
      `fold1_room2_mix003_ov1` tell its fold, room and overlap.
    edition: The edition of the challenge whose scores to compute.
    num_frames: Label frames of every recording, or of each by its name.
    num_classes: Number of classes.
    class_names: Their names for the breakdown, or None for their numbers.

  Returns:
    A dictionary that JSON can hold: `edition`, `recordings` (their number),
    `num_frames` (shortest and longest where they differ), each score by name,
    `intervals` (low and high end at 95% of each score, None for a single
    recording), and the breakdowns `per_class`, `per_overlap`, `per_room` (of
    a fold) and `per_fold`: by name, the scores and `reference_segments`, the
    seconds that have the class in the reference summed over classes; without
    any, the scores are None. Recordings whose name tells nothing are left to
    the group `other`, or to none where no name does.

  Raises:
    InputError: There are no recordings, one has no length, or its events are
      out of range.
  """
  if class_names is not None and len(class_names) != num_classes:
    raise InputError(
      f'{num_classes} classes need as many names, got {len(class_names)}.'
    )
  names, lengths, counts = [], [], []
  for name, reference, prediction in recordings:
    length = _length(num_frames, name)
    try:
      one = metrics.counts(
        reference,
        prediction,
        edition=edition,
        num_frames=length,
        num_classes=num_classes,
      )
    except InputError as error:
      raise InputError(f'{name}: {error}') from error
    names.append(name)
    lengths.append(length)
    counts.append(one)
  if not counts:
    raise InputError('There are no recordings to score.')

  total = metrics.merge(counts)
  shortest, longest = min(lengths), max(lengths)
  result: dict[str, Any] = {
    'edition': edition,
    'recordings': len(counts),
    'num_frames': shortest if shortest == longest else [shortest, longest],
    **dataclasses.asdict(metrics.scores(total)),
    'intervals': {
      name: None if np.isnan(interval).any() else list(interval)
      for name, interval in metrics.jackknife(counts).items()
    },
    'per_class': {
      str(index if class_names is None else class_names[index]): _part(
        metrics.of_class(total, index)
      )
      for index in range(num_classes)
    },
  }
  for kind in ('overlap', 'room', 'fold'):
    result[BREAKDOWNS[kind]] = _groups(names, counts, kind)
  return result


def evaluate_folders(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  *,
  edition: str = '2020',
  num_frames: int | Mapping[str, int] = 600,
  num_classes: int = 14,
  class_names: Sequence[str] | None = None,
  missing: str = 'error',
) -> dict[str, Any]:
  """Scores a folder of CSV files against another with the same file names.

  Args:
    reference: Folder of reference files.
    predictions: Folder of a system's files.
    edition: The edition of the challenge whose scores to compute.
    num_frames: Label frames of every recording, or of each by its file's name
      without `.csv`.
    num_classes: Number of classes.
    class_names: Their names for the breakdown, or None for their numbers.
    missing: What a reference without predictions is: an `'error'`, or scored
      as an `'empty'` prediction.

  Returns:
    The same as `evaluate_predictions`.

  Raises:
    InputError: A folder has no CSV file, one is missing or too many, or one
      cannot be read.
  """
  if missing not in MISSING:
    raise InputError(
      f'A missing file can be {" or ".join(map(repr, MISSING))}, '
      f'got {missing!r}.'
    )
  expected, found = _csv_files(reference), _csv_files(predictions)
  if not expected:
    raise InputError(f'{reference} holds no CSV files.')
  if lost := sorted(expected.keys() - found.keys()):
    if not found:
      raise InputError(f'{predictions} holds no CSV files.')
    if missing == 'error':
      raise InputError(
        f'{predictions} lacks {lost[0]}.csv{_others(lost)}, which {reference} '
        'has; --missing=empty scores it as no prediction.'
      )
  if extra := sorted(found.keys() - expected.keys()):
    raise InputError(
      f'{predictions} has {extra[0]}.csv{_others(extra)}, but {reference} has '
      'no such file.'
    )

  def read(path: pathlib.Path | None) -> labels.Events:
    if path is None:
      return labels.no_events()
    return labels.read_csv(path, num_classes=num_classes)

  return evaluate_predictions(
    ((name, read(expected[name]), read(found.get(name))) for name in expected),
    edition=edition,
    num_frames=num_frames,
    num_classes=num_classes,
    class_names=class_names,
  )


def table(result: Mapping[str, Any]) -> rich.table.Table:
  """The scores of a result and their intervals."""
  frames = result['num_frames']
  if isinstance(frames, list):
    frames = ' to '.join(map(str, frames))
  shown = rich.table.Table(
    title=f'DCASE {result["edition"]}, {result["recordings"]} recordings of '
    f'{frames} frames',
    caption='LR_CD: the F-score published in 2020',
  )
  shown.add_column('score')
  shown.add_column('value', justify='right')
  shown.add_column('95% interval', justify='right')
  for name, interval in result['intervals'].items():
    ends = '-'
    if interval is not None:
      ends = ' to '.join(_number(name, end) for end in interval)
    shown.add_row(name, _number(name, result[name]), ends)
  return shown


def breakdown_table(result: Mapping[str, Any], kind: str) -> rich.table.Table:
  """The scores of a result by one of `BREAKDOWNS`."""
  names = list(result['intervals'])
  shown = rich.table.Table(title=f'By {kind}')
  shown.add_column(kind, no_wrap=True)
  for name in (*names, 'segments'):
    shown.add_column(name, justify='right')
  for group, part in result[BREAKDOWNS[kind]].items():
    shown.add_row(
      group,
      *(_number(name, part[name]) for name in names),
      str(part['reference_segments']),
    )
  return shown


def _length(num_frames: int | Mapping[str, int], name: str) -> int:
  if not isinstance(num_frames, Mapping):
    return num_frames
  if name not in num_frames:
    raise InputError(f'The number of frames of {name} is not given.')
  return num_frames[name]


def _part(counts: metrics.Counts) -> dict[str, Any]:
  segments = int(counts.reference.sum())
  scores = dataclasses.asdict(metrics.scores(counts))
  if not segments:
    scores = dict.fromkeys(scores)
  return {**scores, 'reference_segments': segments}


def _groups(
  names: Sequence[str], counts: Sequence[metrics.Counts], kind: str
) -> dict[str, dict[str, Any]]:
  """Scores of the recordings that share what their names tell."""
  groups: dict[str, list[metrics.Counts]] = {}
  for name, one in zip(names, counts, strict=True):
    match = _NAME.fullmatch(name)
    group = 'other'
    if match:
      group = match[kind]
      if kind == 'room':
        group = f'{match["fold"]}_{group}'
    groups.setdefault(group, []).append(one)
  if list(groups) == ['other']:
    return {}
  return {
    group: _part(metrics.merge(groups[group])) for group in sorted(groups)
  }


def _csv_files(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path]:
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(
      f'{folder} is not a folder, but one of CSV files is needed.'
    )
  return {path.stem: path for path in sorted(folder.glob('*.csv'))}


def _others(names: Sequence[str]) -> str:
  more = len(names) - 1
  return f' and {more} more file{"s" * (more > 1)}' if more else ''


def _number(name: str, value: float | None) -> str:
  if value is None:
    return '-'
  if name in _ANGLES:
    return f'{value:.1f}°'
  return f'{value:.3f}' if abs(value) < 1000 else f'{value:.2g}'


def main(argv: list[str]) -> None:
  """Prints the scores of a folder of CSV files."""
  commands.refuse_arguments(argv)
  values = flags.FLAGS
  num_classes = len(labels.TAU2020_CLASSES)
  result = evaluate_folders(
    values.reference,
    values.predictions,
    num_frames=values.frames,
    num_classes=num_classes,
    class_names=labels.TAU2020_CLASSES,
    missing=values.missing,
  )
  if values.json:
    unwanted = set(BREAKDOWNS.values()) - {BREAKDOWNS.get(values.per)}
    kept = {key: value for key, value in result.items() if key not in unwanted}
    print(json.dumps(kept, indent=2, allow_nan=False))
    return
  # In a file or pipe there is no width to fit into.
  console = rich.console.Console(width=None if sys.stdout.isatty() else 100)
  console.print(table(result))
  if values.per:
    console.print(breakdown_table(result, values.per))


def _define_flags() -> None:
  """Only for the command: other commands import this module, too."""
  flags.DEFINE_string('reference', None, 'Folder of reference CSV files.')
  flags.DEFINE_string('predictions', None, "Folder of a system's CSV files.")
  flags.DEFINE_bool('json', False, 'Print one JSON object instead of a table.')
  flags.DEFINE_integer(
    'frames', 600, 'Label frames of a recording, 10 a second.', lower_bound=1
  )
  flags.DEFINE_enum(
    'missing',
    'error',
    list(MISSING),
    'What a recording without a file of predictions is.',
  )
  flags.DEFINE_enum(
    'per', None, list(BREAKDOWNS), 'Also break the scores down by this.'
  )


if __name__ == '__main__':
  _define_flags()
  commands.run(main, required=('reference', 'predictions'))
