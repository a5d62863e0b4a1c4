"""Scores of predictions against references, in memory or in folders of CSVs.

python -m seld_jax.evaluate --reference=DIR --predictions=DIR
"""

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import rich.console
from absl import flags

from seld_jax import classes, commands, folders, score_tables
from seld_jax.breakdowns import BREAKDOWNS, evaluate_predictions
from seld_jax.folders import UNITS

__all__ = [
  'BREAKDOWNS',
  'UNITS',
  'evaluate_folders',
  'evaluate_predictions',
  'score_folders',
]


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
  found = folders.read_folders(
    reference,
    predictions,
    edition=edition,
    num_frames=num_frames,
    audio=audio,
    csv_edition=csv_edition,
    num_classes=num_classes,
    missing=missing,
    units=units,
    folds=folds,
  )
  return score_folders(found, class_names=class_names)


def score_folders(
  found: folders.Folders, *, class_names: Sequence[str] | None = None
) -> dict[str, Any]:
  """Scores what `folders.read_folders` read, as `evaluate_folders` does."""
  result = evaluate_predictions(
    zip(found.names, found.references, found.predictions, strict=True),
    edition=found.edition,
    num_frames=found.num_frames,
    num_classes=found.num_classes,
    class_names=class_names,
  )
  if found.length_rule is not None:
    result['length_rule'] = found.length_rule
  return result


def main(argv: list[str]) -> None:
  """Prints the scores of a folder of CSV files."""
  commands.refuse_arguments(argv)
  values = flags.FLAGS
  result = evaluate_folders(
    values.reference, values.predictions, **folders.folder_options()
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


if __name__ == '__main__':
  folders.define_folder_flags()
  flags.adopt_module_key_flags(folders)
  flags.DEFINE_bool('json', False, 'Print one JSON object instead of a table.')
  per = 'Also break the scores down by this.'
  flags.DEFINE_enum('per', None, list(BREAKDOWNS), per)
  commands.run(main, required=('reference', 'predictions'))
