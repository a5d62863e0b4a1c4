"""Scores of a folder of CSV files against another."""

import dataclasses
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from seld_jax import labels
from seld_jax.errors import InputError
from seld_jax.evaluate import breakdowns, pairs
from seld_jax.evaluate.breakdowns import evaluate_predictions

# Units of distance in metres.
UNITS = {'m': 1.0, 'cm': 0.01}


@dataclasses.dataclass(frozen=True)
class Folders:
  """What two folders of CSV files with the same names hold.

  Attributes:
    edition: The edition of the challenge whose scores count.
    names: Name of each recording.
    references: Events of the reference of each.
    predictions: Events of the system of each.
    num_classes: Number of classes.
    num_frames: Label frames of every recording, or by name; None for the
      length that the edition has.
    length_rule: How lengths were told, where a rule did.
  """

  edition: str
  names: list[str]
  references: list[labels.Events]
  predictions: list[labels.Events]
  num_classes: int
  num_frames: int | Mapping[str, int] | None
  length_rule: str | None


def read_folders(
  reference: str | os.PathLike[str],
  predictions: str | os.PathLike[str],
  *,
  edition: str = '2020',
  num_frames: int | str | Mapping[str, int] | None = None,
  audio: str | os.PathLike[str] | None = None,
  csv_edition: str | None = None,
  num_classes: int | None = None,
  missing: str = 'error',
  units: tuple[str, str] | None = None,
  folds: Collection[int] | None = None,
) -> Folders:
  """Reads what `evaluate.evaluate_folders` scores, with its arguments.

  Raises:
    InputError: A folder has no CSV file, one is missing or too many, or one
      cannot be read; distances differ as centimetres and metres do; or lengths
      cannot be told.
  """
  files = pairs.pair(reference, predictions, missing=missing, folds=folds)
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
    pairs.check_units(references, predicted)
  rule = None
  if isinstance(num_frames, str):
    rule = num_frames
    if rule == 'audio':
      num_frames = pairs.audio_lengths(audio, names)
    elif rule == 'last_reference':
      last = [int(one.frame.max(initial=0)) for one in references]
      num_frames = {n: m + 1 for n, m in zip(names, last, strict=True)}
    else:
      raise InputError(
        "The length of recordings can be a number of frames, 'audio' or "
        f"'last_reference', got {rule!r}."
      )
  return Folders(
    edition, names, references, predicted, num_classes, num_frames, rule
  )


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
  found = read_folders(
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
  found: Folders, *, class_names: Sequence[str] | None = None
) -> dict[str, Any]:
  """Scores what `read_folders` read, as `evaluate_folders` does."""
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
