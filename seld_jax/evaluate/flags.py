"""The flags that say which CSV files are compared, and how."""

import functools
from collections.abc import Sequence
from typing import Any

from absl import flags

from seld_jax import labels, metrics
from seld_jax.errors import InputError
from seld_jax.evaluate import pairs
from seld_jax.evaluate.folders import UNITS


def define_folder_flags(values: flags.FlagValues) -> None:
  """Defines the flags of `folder_options`."""
  text, choice = (
    functools.partial(define, flag_values=values)
    for define in (flags.DEFINE_string, flags.DEFINE_enum)
  )
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
    flag_values=values,
  )
  choice(
    'missing',
    'error',
    list(pairs.MISSING),
    'What a recording without a file of predictions is.',
  )
  flags.DEFINE_list(
    'folds',
    None,
    'Folds to compare, such as 1 or 1,2, as the names of the files tell them; '
    'all files when absent.',
    flag_values=values,
  )
  for name in 'reference', 'predictions':
    choice(
      f'{name}_unit',
      None,
      list(UNITS),
      f'Unit of distance in --{name}; state both units, or neither.',
    )


def folder_options(values: flags.FlagValues) -> dict[str, Any]:
  """The options of `read_folders`, as the flags have them.

  Raises:
    InputError: The flags do not go together.
  """
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
