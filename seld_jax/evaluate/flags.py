"""The flags that select and compare two folders of CSV files.

The commands `evaluate`, `report` and `compare` share them.
"""

import math
from collections.abc import Sequence

from absl import flags

from seld_jax import commands, labels, metrics
from seld_jax.errors import InputError
from seld_jax.evaluate import pairs, run_settings
from seld_jax.evaluate.folders import UNITS, FolderOptions
from seld_jax.evaluate.predictions import check_class_names

# Digits of --frames; Python converts only a limited number.
_MOST_DIGITS = 9


def define_folder_flags(
  values: flags.FlagValues, *, predictions: str = '--predictions'
) -> None:
  """Defines --reference, --predictions and the flags of `folder_options`.

  Args:
    values: The object in which the flags are defined.
    predictions: What the help calls the folder of predictions. Only the default
      is a flag; other commands get folders as arguments.

  Example:
    >>> from absl import flags
    >>> from seld_jax import evaluate
    >>> values = flags.FlagValues()
    >>> evaluate.define_folder_flags(values)
    >>> 'reference' in values
    True
  """
  define = commands.Define(values)
  text, choice = define.string, define.enum
  text('reference', None, 'Folder of the reference CSV files.')
  if predictions == '--predictions':
    about = 'Folder of the CSV files that a system predicted.'
    text('predictions', None, about)
  choice(
    'edition',
    None,
    list(metrics.EDITIONS),
    'Edition of the challenge whose scores are computed. Default: that of the '
    f'run if {predictions} is in a run directory, otherwise 2020.',
  )
  text(
    'frames',
    None,
    'Length of a recording in label frames, 10 per second: a number, audio '
    '(the length of its sound file, see --audio), or last_reference (up to the '
    'last frame of its reference). Default: 600 up to edition 2021, 50 in '
    '2025.',
  )
  text(
    'audio',
    None,
    'Folder of the sound files: a report plays them, and they give the '
    'lengths of the recordings; without --frames it implies --frames=audio.',
  )
  choice(
    'csv_edition',
    None,
    list(labels.EDITIONS),
    'Edition that defines the columns of the CSV files; needed only for files '
    'whose columns are ambiguous.',
  )
  choice(
    'predictions_form',
    None,
    list(labels.FORMS),
    'Form of the predictions; needed only if their columns are ambiguous.',
  )
  define.list(
    'label_hop',
    None,
    'Seconds from one frame of the CSV files to the next, such as 0.02 for '
    'files of 2019 with frames of 20 ms. Two numbers, such as 0.1,0.02, belong '
    'to the reference and to the predictions. Default: 0.1 (0.02 for '
    'seld_jax.evaluate --edition=2019 --as_published).',
  )
  define.integer(
    'classes',
    None,
    f'Number of classes. Default: that of the run if {predictions} is in a run '
    'directory, otherwise that of the edition, or the 14 of 2020 if the '
    'reference has a higher class number.',
    lower_bound=1,
    upper_bound=10_000,
  )
  define.list(
    'class_names',
    None,
    'Names of the classes in the order of their numbers, such as '
    'speech,door,keys: for tables, and for CSV files that have names. Default: '
    'those of the run that wrote the predictions, otherwise those of the '
    'edition.',
  )
  choice(
    'missing',
    None,
    list(pairs.MISSING),
    'What to do if a recording has no file of predictions: stop with an error, '
    'score it as an empty prediction, or leave it out. Default: error '
    '(leave_out for seld_jax.evaluate --as_published from 2020 on).',
  )
  define.list(
    'folds',
    None,
    'Folds to compare, such as 1 or 1,2; file names begin with their fold. '
    'Default: all files.',
  )
  for name, folder in (
    ('reference', '--reference'),
    ('predictions', predictions),
  ):
    choice(
      f'{name}_unit',
      None,
      list(UNITS),
      f'Unit of the distances in {folder}; state both units, or neither. Those '
      'of a run directory are known.',
    )


def folder_options(
  values: flags.FlagValues, *, predictions: str | None = None
) -> FolderOptions:
  """The options of `read_folders` from the flags of `define_folder_flags`.

  Args:
    values: The parsed flags.
    predictions: The folder of predictions; None for that of --predictions.

  Returns:
    The options.

  Raises:
    InputError: A flag that another one needs is missing, or --folds has
      something other than numbers.

  Example:
    >>> from absl import flags
    >>> from seld_jax import evaluate
    >>> values = flags.FlagValues()
    >>> evaluate.define_folder_flags(values)
    >>> _ = values(['evaluate', '--edition=2022', '--frames=300', '--folds=1'])
    >>> options = evaluate.folder_options(values)
    >>> options.num_frames, options.folds
    (300, [1])
  """
  units = None
  if values.reference_unit and values.predictions_unit:
    units = (values.reference_unit, values.predictions_unit)
  elif values.reference_unit or values.predictions_unit:
    raise InputError(
      '--reference_unit and --predictions_unit belong together: state both of '
      'them, or neither.'
    )
  if predictions is None:
    predictions = values.predictions
  run = None
  if predictions is not None:
    run = run_settings.settings_of_run(predictions)
  edition = values.edition or (run.edition if run else '2020')
  form = values.predictions_form
  if run and form is None and values.csv_edition is None:
    form = run.form
  # Predictions of a run have the unit of their form, however small they are.
  if run and run.form and units is None and form == run.form:
    units = (run.label_unit, None)
  frames = values.frames
  if frames is None and values.audio is not None:
    frames = 'audio'
  elif frames is not None and frames.isdecimal():
    if len(frames) > _MOST_DIGITS:
      raise InputError(
        f'--frames must be a number of up to {_MOST_DIGITS} digits, got '
        f'{len(frames)} digits.'
      )
    frames = int(frames)
  # Only the command evaluate has this flag.
  as_published = 'as_published' in values and values.as_published
  if (
    frames is None
    and edition not in metrics.DEFAULT_NUM_FRAMES
    and not as_published
  ):
    raise InputError(
      f'The scores of {edition} need the length of recordings: '
      '--frames=N, --frames=audio with --audio=DIR, or --frames=last_reference.'
    )
  return FolderOptions(
    edition=edition,
    num_frames=frames,
    audio=values.audio,
    csv_edition=values.csv_edition,
    num_classes=values.classes,
    class_names=_class_names(values, run),
    missing=values.missing,
    units=units,
    folds=_fold_numbers(values.folds),
    label_hop=_label_hops(values.label_hop),
    predictions_form=form,
    as_published=as_published,
    classless='classless' in values and values.classless,
  )


def _class_names(
  values: flags.FlagValues, run: run_settings.RunSettings | None
) -> tuple[str, ...] | None:
  """The names of --class_names, or else those of a run."""
  names = values.class_names
  check_class_names(names or ())
  if names and values.classes not in (None, len(names)):
    raise InputError(
      f'--class_names has {len(names)} names, but --classes is '
      f'{values.classes}: leave out --classes.'
    )
  if not names and run and values.classes in (None, len(run.class_names)):
    names = run.class_names
  return tuple(names) if names else None


def _label_hops(
  texts: Sequence[str] | None,
) -> float | tuple[float, float] | None:
  """The seconds of --label_hop: of both folders, or of each of them."""
  if texts is None:
    return None
  try:
    hops = [float(text) for text in texts]
  except ValueError:
    hops = []
  if len(hops) not in (1, 2) or not all(0 < hop < math.inf for hop in hops):
    raise InputError(
      '--label_hop needs the seconds of a frame, such as 0.02, or two numbers '
      f'such as 0.1,0.02, got {",".join(texts)!r}.'
    )
  return hops[0] if len(hops) == 1 else (hops[0], hops[1])


def _fold_numbers(texts: Sequence[str] | None) -> list[int] | None:
  """The numbers of --folds."""
  if texts is None:
    return None
  if not texts or not all(
    text.strip().isdecimal() and len(text) <= _MOST_DIGITS for text in texts
  ):
    raise InputError(
      f'--folds needs numbers such as 1 or 1,2, got {",".join(texts)[:40]!r}.'
    )
  return [int(text) for text in texts]
