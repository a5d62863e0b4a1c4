"""Two folders of CSV files to be compared, and the flags that tell how."""

import dataclasses
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from absl import flags

from seld_jax import breakdowns, csv_folders, labels, metrics
from seld_jax.errors import InputError

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
  return Folders(
    edition, names, references, predicted, num_classes, num_frames, rule
  )


def define_folder_flags() -> None:
  """Defines the flags of `folder_options`; only commands may do so."""
  text, choice = flags.DEFINE_string, flags.DEFINE_enum
  text('reference', None, 'Folder of reference CSV files.')
  text('predictions', None, "Folder of a system's CSV files.")
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
  for name in 'reference', 'predictions':
    choice(
      f'{name}_unit',
      None,
      list(UNITS),
      f'Unit of distance in --{name}; state both units, or neither.',
    )


def folder_options() -> dict[str, Any]:
  """The options of `read_folders`, as the flags have them.

  Raises:
    InputError: The flags do not go together.
  """
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
  return {
    'edition': values.edition,
    'num_frames': frames,
    'audio': values.audio,
    'csv_edition': values.csv_edition,
    'num_classes': values.classes,
    'missing': values.missing,
    'units': units,
    'folds': _fold_numbers(values.folds),
  }


def _fold_numbers(texts: Sequence[str] | None) -> list[int] | None:
  """The numbers of --folds."""
  if texts is None:
    return None
  if not texts or not all(text.strip().isdecimal() for text in texts):
    raise InputError(
      f'--folds needs numbers such as 1 or 1,2, got {",".join(texts)!r}.'
    )
  return [int(text) for text in texts]
