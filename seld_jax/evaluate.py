"""Scores of predictions against references, in memory or in folders of CSVs.

python -m seld_jax.evaluate --reference=DIR --predictions=DIR
"""

import json
import os
import pathlib
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import rich.console
from absl import flags

from seld_jax import (
  breakdowns,
  classes,
  commands,
  csv_folders,
  labels,
  metrics,
  score_tables,
)
from seld_jax.breakdowns import BREAKDOWNS, evaluate_predictions
from seld_jax.errors import InputError

__all__ = ['BREAKDOWNS', 'evaluate_folders', 'evaluate_predictions']

# Units of distance in metres.
UNITS = {'m': 1.0, 'cm': 0.01}


def evaluate_folders(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  *,
  edition: str = '2020',
  num_frames: int | str | Mapping[str, int] | None = None,
  audio: str | os.PathLike[str] | None = None,
  csv_edition: str | None = None,
  num_classes: int | None = None,
  class_names: Sequence[str] | None = None,
  missing: str = 'error',
  units: tuple[str, str] | None = None,
  folds: Collection[int] | None = None,
) -> dict[str, Any]:
  """Scores a folder of CSV files against another with the same file names.

  Args:
    reference: Folder of reference files.
    predictions: Folder of a system's files.
    edition: The edition of the challenge whose scores to compute.
    num_frames: Label frames of every recording, or of each by its file's name
      without `.csv`; `'audio'` takes the lengths of the sound files,
      `'last_reference'` ends a recording after the last frame of its reference.
      When None, 600 up to 2021, and an error after.
    audio: Folder of the sound files, for `'audio'`.
    csv_edition: The edition of the files' forms; told by each file when None.
    num_classes: Number of classes, as for `evaluate_predictions`.
    class_names: Their names for the breakdown, or None for their numbers.
    missing: What a reference without predictions is: an `'error'`, or scored
      as an `'empty'` prediction.
    units: Keys of `UNITS`: that of the distances of the reference, and that of
      the predictions; the same one when None.
    folds: Folds to compare, as the names of the files tell them, of both
      folders; all files when None.

  Returns:
    The same as `evaluate_predictions`.

  Raises:
    InputError: A folder has no CSV file, one is missing or too many, or one
      cannot be read; or distances differ as centimetres and metres do.
  """
  files = csv_folders.pair(reference, predictions, missing=missing, folds=folds)
  scales = tuple(UNITS[unit] for unit in units) if units else (1.0, 1.0)

  def read(
    path: pathlib.Path | None, limit: int, scale: float
  ) -> labels.Events:
    if path is None:
      return labels.no_events()
    return labels.read_csv(
      path, edition=csv_edition, num_classes=limit, distance_scale=scale
    )

  names = [name for name, *_ in files]
  limit = num_classes or len(labels.TAU2020_CLASSES)
  references = [read(path, limit, scales[0]) for _, path, _ in files]
  if num_classes is None:
    num_classes = breakdowns.default_num_classes(edition, references)
  predicted = [read(path, num_classes, scales[1]) for *_, path in files]
  if edition == '2024' and units is None:
    csv_folders.check_units(references, predicted)
  rule = None
  if isinstance(num_frames, str):
    rule = num_frames
    if rule == 'audio':
      num_frames = csv_folders.audio_lengths(audio, names)
    elif rule == 'last_reference':
      last = [int(one.frame.max(initial=0)) for one in references]
      num_frames = {n: m + 1 for n, m in zip(names, last, strict=True)}
    else:
      raise InputError(
        "The length of recordings can be a number of frames, 'audio' or "
        f"'last_reference', got {rule!r}."
      )
  result = evaluate_predictions(
    zip(names, references, predicted, strict=True),
    edition=edition,
    num_frames=num_frames,
    num_classes=num_classes,
    class_names=class_names,
  )
  if rule is not None:
    result['length_rule'] = rule
  return result


def main(argv: list[str]) -> None:
  """Prints the scores of a folder of CSV files."""
  commands.refuse_arguments(argv)
  values = flags.FLAGS
  units = None
  if values.reference_unit and values.predictions_unit:
    units = (values.reference_unit, values.predictions_unit)
  elif values.reference_unit or values.predictions_unit:
    raise InputError(
      '--reference_unit and --predictions_unit go together: state both of '
      'them, or neither.'
    )
  frames = values.frames
  if frames is None and values.audio is not None:
    frames = 'audio'
  elif frames is not None and frames.isdecimal():
    frames = int(frames)
  if frames is None and values.edition not in metrics.DEFAULT_NUM_FRAMES:
    raise InputError(
      f'The scores of {values.edition} need the length of recordings: '
      '--frames=N, --frames=audio with --audio=DIR, or --frames=last_reference.'
    )
  result = evaluate_folders(
    values.reference,
    values.predictions,
    edition=values.edition,
    num_frames=frames,
    audio=values.audio,
    csv_edition=values.csv_edition,
    num_classes=values.classes,
    missing=values.missing,
    units=units,
    folds=_fold_numbers(values.folds),
  )
  names = classes.names_of(values.edition, result['num_classes'])
  if names is not None:
    parts = result['per_class'].values()
    result['per_class'] = dict(zip(names, parts, strict=True))
  if values.json:
    unwanted = set(BREAKDOWNS.values()) - {BREAKDOWNS.get(values.per)}
    kept = {key: value for key, value in result.items() if key not in unwanted}
    print(json.dumps(kept, indent=2, allow_nan=False))
    return
  # In a file or pipe there is no width to fit into.
  console = rich.console.Console(width=None if sys.stdout.isatty() else 100)
  console.print(score_tables.table(result))
  if values.per:
    console.print(score_tables.breakdown_table(result, values.per))


def _fold_numbers(texts: Sequence[str] | None) -> list[int] | None:
  """The numbers of --folds."""
  if texts is None:
    return None
  if not texts or not all(text.strip().isdecimal() for text in texts):
    raise InputError(
      f'--folds needs numbers such as 1 or 1,2, got {",".join(texts)!r}.'
    )
  return [int(text) for text in texts]


def _define_flags() -> None:
  """Only for the command: other commands import this module, too."""
  text, choice = flags.DEFINE_string, flags.DEFINE_enum
  text('reference', None, 'Folder of reference CSV files.')
  text('predictions', None, "Folder of a system's CSV files.")
  flags.DEFINE_bool('json', False, 'Print one JSON object instead of a table.')
  choice('edition', '2020', list(metrics.EDITIONS), 'Whose scores to compute.')
  text(
    'frames',
    None,
    'Label frames of a recording, 10 a second: a number, audio (see --audio), '
    'or last_reference (up to the last frame of the reference); when absent, '
    '600 up to edition 2021.',
  )
  text(
    'audio',
    None,
    'Folder of the sound files, which tell the lengths; without --frames it '
    'means --frames=audio.',
  )
  choice(
    'csv_edition',
    None,
    list(labels.EDITIONS),
    'The edition of the form of the files, where a file does not tell.',
  )
  flags.DEFINE_integer(
    'classes',
    None,
    'Number of classes; when absent, those of the edition, or the 14 of 2020 '
    'where the reference names more.',
    lower_bound=1,
  )
  choice(
    'missing',
    'error',
    list(csv_folders.MISSING),
    'What a recording without a file of predictions is.',
  )
  flags.DEFINE_list(
    'folds',
    None,
    'Folds to compare, such as 1 or 1,2, as the names of the files tell them; '
    'all files when absent.',
  )
  choice('per', None, list(BREAKDOWNS), 'Also break the scores down by this.')
  for name in 'reference', 'predictions':
    choice(
      f'{name}_unit',
      None,
      list(UNITS),
      f'Unit of distance in --{name}; state both units, or neither.',
    )


if __name__ == '__main__':
  _define_flags()
  commands.run(main, required=('reference', 'predictions'))
